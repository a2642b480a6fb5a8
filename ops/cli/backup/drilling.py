"""`backup drill`: a set restored into a throw-away stack of its own, compared, searched, timed, and taken away again.

Which engines that stack has, the set says: with its place and its identity, nothing else of the stack that made it is needed.
"""

import time
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from components.images import version
from components.machine import image_source
from components.rules import camel
from ops.backups import drills, jobs, throwaway
from ops.backups.reporting import Reporter, reporter
from ops.backups.stack import StackBackups
from ops.backups.steps import Steps
from ops.cli.backup.asked import Asked
from ops.cli.backup.asking import described, failures
from ops.cli.backup.choosing import Chosen, choose
from ops.cli.backup.places import Place, place
from ops.cli.backup.versions import differences
from ops.cli.errors import DONE, NotAsked
from ops.cli.printer import Printer
from ops.pulumi import PulumiError

# What a stack may leave out; PostgreSQL and DuckDB are always there.
_OPTIONAL = ("redis", "elasticsearch", "milvus", "minio")
_SERVERS = ("postgres", *_OPTIONAL)
_REGISTRY = "registry"
# The engine's own network, which leads outside, and on which nothing of a stack has a name.
_BRIDGE = "bridge"


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
    for difference in result["differences"]:
        printer.say(difference)
    probes = ", ".join(f"{name} {told}" for name, told in result["probes"].items())
    told = f"{result['set']} comes back whole in {result['rto_seconds']:.0f} s (RTO), {document['rpo_seconds']} s old (RPO)"
    printer.end(f"Done: {told}; {probes}.", document)
    return DONE


def _carried_out(stack: str, found: Place, wanted: str, shown: Reporter) -> dict[str, Any]:
    """Restore into a stack of its own, and return what was seen there."""
    began = time.monotonic()
    manifest = _manifest(stack, found, wanted, shown)
    settings = _settings(stack, manifest["engines"])
    source = settings.get("imageSource", _REGISTRY)
    # What the images tell is enough to refuse a set before there is a stack for it.
    differences(manifest, manifest["engines"], {name: version(name, source) for name in _SERVERS})
    try:
        with throwaway.throwaway(settings, shown.tell) as name:
            into = described(name)
            asked = Asked(stack=stack, into=name, wanted=manifest["id"])
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
                "differences": list(chosen.differences),
                "rto_seconds": round(rto, 1),
                "point": min(chosen.points.values()),
                "probes": probes["probes"],
            }
    except PulumiError as error:
        raise NotAsked(f"The throw-away stack did not come up: {error}") from None


def _manifest(stack: str, found: Place, wanted: str, shown: Reporter) -> Mapping[str, Any]:
    """Return what a set tells of itself, from a job of no stack."""
    from components.context import TOOLBOX_USER
    from ops.cli.migrate import pins
    from ops.cli.migrate.asking import toolbox_image

    beside = StackBackups(
        stack=stack, image=toolbox_image(stack, pins.configuration(stack)), network=_BRIDGE if found.outside else "", outside="",
        user=TOOLBOX_USER, volumes={}, configuration={}, servers={}, identity="", public="",
    )  # fmt: skip
    request, foreign = {**found.request, "set": wanted}, found.foreign(TOOLBOX_USER)
    answer = jobs.ask(beside, "find", request, shown, volumes=found.volumes, reads_all=foreign)
    manifest: Mapping[str, Any] = answer["manifest"]
    return manifest


def _settings(stack: str, engines: Collection[str]) -> dict[str, str]:
    """Return the settings of a throw-away stack: these engines, the stack's sizes where they are known here, and nothing else of it."""
    from ops.cli.migrate import pins

    own: Mapping[str, Any] = pins.readable(pins.configuration(stack))
    kept = {key: str(value) for key, value in own.items() if key.endswith(("Memory", "Heap", "Cpus", "Connections"))}
    # Milvus keeps its segments in MinIO.
    needed = {*engines, "minio"} if "milvus" in engines else set(engines)
    kept |= {camel(f"enable_{name}"): str(name in needed).lower() for name in _OPTIONAL}
    # What a set has still to deliver is no part of it, and would be one more than was counted.
    kept["enableRelay"] = "false"
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
        foreign=found.foreign,
        alone=True,
    )
