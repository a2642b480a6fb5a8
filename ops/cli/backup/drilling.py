"""`backup drill`: a set restored into a throw-away stack of its own, compared, searched, timed, and taken away again."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from components.machine import image_source
from components.rules import camel
from ops.backups import drills, jobs, throwaway
from ops.backups.reporting import Reporter, reporter
from ops.backups.steps import Steps
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import described, failures
from ops.cli.backup.choosing import Chosen, choose
from ops.cli.backup.places import Place, place
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.pulumi import PulumiError

# What a stack may leave out; PostgreSQL and DuckDB are always there.
_OPTIONAL = ("redis", "elasticsearch", "milvus", "minio")


def drill(printer: Printer, wanted: str, *, identity: Path | None, target: str | None) -> int:
    """Carry one out and keep its result; exit 1 with what is wrong if the set does not come back whole."""
    for name in throwaway.left():
        printer.progress(f"removing {name}, which an earlier drill has left")
        throwaway.erase(name)
    found = place(printer.stack, target=target, identity=identity)
    began = time.time()
    try:
        with reporter(quiet=printer.as_json) as shown, failures():
            result = _carried_out(printer.stack, found, wanted, shown)
    except Exception as error:
        drills.write(printer.stack, {"good": False, "ended": time.time(), "error": str(error)})
        raise
    # From here back to the newest thing that is in the set: what would be lost, had the machine gone now.
    document = {
        "good": True,
        "began": began,
        "ended": time.time(),
        "rpo_seconds": round(began - result.pop("point")),
        **result,
    }
    drills.write(printer.stack, document)
    probes = ", ".join(f"{name} {told}" for name, told in result["probes"].items())
    told = f"{result['set']} comes back whole in {result['rto_seconds']:.0f} s (RTO), {document['rpo_seconds']} s old (RPO)"
    printer.end(f"Done: {told}; {probes}.", document)
    return DONE


def _carried_out(stack: str, found: Place, wanted: str, shown: Reporter) -> dict[str, Any]:
    """Restore into a stack of its own, and return what was seen there."""
    began = time.monotonic()
    try:
        with throwaway.throwaway(_settings(stack), shown.tell) as name:
            into = described(name)
            asked = Asked(stack=stack, into=name, wanted=wanted)
            chosen = choose(into, found, asked, shown)
            steps = _steps(into, found, chosen, shown)
            for engine in chosen.engines:
                steps.load(engine, chosen.manifests[engine], found.identity)
                steps.exchange(engine)
                steps.finish(engine)
            rto = time.monotonic() - began
            probes = jobs.ask(into, "probe", {"engines": dict(into.engines), "names": list(chosen.engines)}, shown)
            return {
                "set": chosen.newest,
                "engines": list(chosen.engines),
                "rto_seconds": round(rto, 1),
                "point": min(chosen.points.values()),
                "probes": probes["probes"],
            }
    except PulumiError as error:
        raise NotAsked(f"The throw-away stack did not come up: {error}") from None


def _settings(stack: str) -> dict[str, str]:
    """Return the settings of a throw-away stack: this stack's sizes where they are known, nothing that is told to the outside."""
    from ops.cli.migrate import pins

    own: Mapping[str, Any] = pins.readable(pins.configuration(stack))
    kept = {key: str(value) for key, value in own.items() if key.endswith(("Memory", "Heap", "Cpus", "Connections"))}
    kept |= {
        camel(f"enable_{name}"): str(own[key]).lower() for name in _OPTIONAL if (key := camel(f"enable_{name}")) in own
    }
    source = str(own.get("imageSource") or image_source(stack) or "")
    return {**kept, **({"imageSource": source} if source else {})}


def _steps(into: Any, found: Place, chosen: Chosen, shown: Reporter) -> Steps:
    return Steps(
        into=into,
        reporter=shown,
        taken={name: chosen.manifests[name]["engines"][name]["taken"] for name in chosen.engines},
        sets={name: chosen.manifests[name]["id"] for name in chosen.engines},
        source=found.request,
        volumes=found.volumes,
        outside=found.outside,
        alone=True,
    )
