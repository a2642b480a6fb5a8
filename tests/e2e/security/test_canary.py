"""No secret of a production stack is in what others see of its containers and files; what is planted in each place is found there."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker.models.containers import Container

from backup.configuration import TARGET
from bootstrap import places
from ops.audit import keys
from tests.e2e.operate.test_servers import document
from tests.e2e.security.canaries import Canary
from tests.e2e.security.conftest import KNOWN, SERVICES, Secured
from tests.e2e.security.planting import archive, directory, files, inspected, planted, processes
from tests.e2e.security.telling import karen

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
_METRICS = "import urllib.request as u; print(u.urlopen('http://127.0.0.1:{port}/metrics').read().decode())"
_PORTS = {"monitor": 9464, "relay": 9465}
_PARTS = ("audit", "data", "drills", "generation", "image-source", "pulumi", "restores")


@pytest.fixture(scope="module")
def plant(secured: Secured) -> Iterator[Container]:
    with planted(secured.engine, secured.live.name, KNOWN) as container:
        yield container


@pytest.mark.parametrize("kind", ["container", "image", "volume", "network"])
def test_inspect_tells_none(secured: Secured, canary: Canary, plant: Container, kind: str) -> None:
    found = inspected(secured.engine)[kind]
    assert canary.leaks(found) == {}
    assert any("planted" in name for name in canary.controls(found))


def test_no_process_has_one_in_its_arguments_or_its_environment(
    secured: Secured, canary: Canary, plant: Container
) -> None:
    ours = {
        number for service in SERVICES for (number,) in secured.container(service).top(ps_args="-eo pid")["Processes"]
    }
    for found in processes(secured.engine):
        unread = [process for process, content in found.items() if content == b"not to be read"]
        # Some of the host's own processes show theirs to nobody.
        assert ours.isdisjoint(process.split()[0] for process in unread)
        assert ours & {process.split()[0] for process in found}
        assert canary.leaks(found) == {}
        assert any("python" in process for process in canary.controls(found))


def test_no_log_of_a_container_has_one(secured: Secured, canary: Canary, plant: Container) -> None:
    listed = secured.engine.containers.list(all=True, filters={"label": f"com.ai-karen.stack={secured.live.name}"})
    found = {str(one.name): one.logs() for one in listed}
    assert canary.leaks(found) == {}
    assert plant.name in canary.controls(found)


def test_the_monitor_and_the_relay_tell_none(secured: Secured, canary: Canary) -> None:
    container = secured.container("monitor")
    metrics = {
        f"metrics of {service}": secured.sh(service, f'/opt/venv/bin/python -c "{_METRICS.format(port=port)}"')[
            1
        ].encode()
        for service, port in _PORTS.items()
    }
    container.put_archive("/operations", archive("planted", KNOWN))
    found = {**metrics, "documents": directory(container, "/operations")}
    secured.sh("monitor", "rm /operations/planted")
    assert canary.leaks(found) == {}
    assert canary.controls(found) == {"documents"}
    # Metrics tell the names of services, which are found there.
    assert Canary({}, control="elasticsearch").controls(found) == set(found)


def test_a_set_tells_none_where_it_is_not_encrypted(secured: Secured, canary: Canary) -> None:
    made = document(secured.live, "backup", "create")["set"]["id"]
    container = secured.container("backups")
    container.put_archive(TARGET, archive("planted", KNOWN))
    found = {
        "manifest": karen(secured, "backup", "show", made, "--json"),
        "target": directory(container, TARGET),
    }
    secured.sh("backups", f"rm {TARGET}/planted")
    assert canary.leaks(found) == {}
    assert canary.controls(found) >= {"target"}
    assert Canary({}, control=made).controls(found) == set(found)


def test_files_of_the_machine_have_none_but_the_key_that_only_its_user_reads(secured: Secured, canary: Canary) -> None:
    """State, its backups and history, logs, audit record, leases: all that was written since the stack is there."""
    home, stack, settings = places.home(), secured.live.name, secured.live.file
    mark = home / "data" / stack / "planted"
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.write_text(KNOWN)
    state = home / "state" / ".pulumi"
    found = files(*(home / part for part in _PARTS), state, since=secured.began)
    found |= {str(settings): settings.read_bytes()}
    key = keys.path(stack)
    assert canary.leaks(found) in ({}, {str(key): canary.found(key.read_bytes())})
    assert key.stat().st_mode & 0o077 == 0
    kept = [state / kind / places.PROJECT / stack for kind in ("history", "backups")]
    controls = canary.controls(found)
    for place in (mark, settings, Path(f"{state}/stacks/{places.PROJECT}/{stack}.json"), *kept):
        assert any(path.startswith(str(place)) for path in controls), place
    mark.unlink()
