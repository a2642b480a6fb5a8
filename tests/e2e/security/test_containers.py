"""Containers of a production stack, as the engine runs them: docker-bench-security's rules, and what a process in one can do."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from docker.errors import NotFound
from docker.models.containers import Container
from tenacity import Retrying, stop_after_delay, wait_fixed

from components.exceptions import EXEMPTIONS, exempt
from components.images import reference
from init.resources.confinement import NO_RESOLVER, OPEN_FILES
from init.resources.job import JOB_LABEL, Job, JobSpec
from tests.e2e.backups.samples import karen
from tests.e2e.live import healthy
from tests.e2e.security.bench_rules import RULES
from tests.e2e.security.conftest import DATABASES, SERVICES, Secured

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
JOB = "job *"
IMAGES = {**dict.fromkeys(("monitor", "backups", "relay", JOB), "toolbox"), "gateway": "proxy"}
# The kernel's limit, by either version of control groups.
_PROCESSES = "cat /sys/fs/cgroup/pids/pids.max 2> /dev/null || cat /sys/fs/cgroup/pids.max"


@pytest.fixture(scope="module")
def facts(secured: Secured) -> Mapping[str, Any]:
    """What the engine tells of every container of the stack, a job among them."""
    found = {service: looked_at(secured, service) for service in SERVICES}
    with job(secured) as container:
        return {**found, JOB: looked_at(secured, JOB, container)}


def looked_at(secured: Secured, service: str, container: Container | None = None) -> dict[str, Any]:
    """Return what the engine tells of a container, of what is executed in it now, and of the image that it should have."""
    attrs: dict[str, Any] = (container or secured.container(service)).attrs
    executed = []
    for one in attrs["ExecIDs"] or ():
        # What has ended meanwhile is not there.
        with suppress(NotFound):
            executed.append(secured.engine.api.exec_inspect(one))
    name = reference(IMAGES.get(service, service), "build")
    return {**attrs, "Executed": executed, "Reference": name, "Current": secured.engine.images.get(name).id}


@contextmanager
def job(secured: Secured) -> Iterator[Container]:
    """Provide a job that waits for its request."""
    spec = JobSpec(
        stack=secured.live.name,
        name="looked-at",
        image=reference("toolbox", "build"),
        user="10001:10001",
        network=secured.naming.network,
        others=(secured.naming.backend,),
    )
    with Job(spec):
        [one] = secured.engine.containers.list(filters={"label": f"{JOB_LABEL}=looked-at"})
        yield one


def test_every_container_of_the_stack_is_looked_at(secured: Secured) -> None:
    assert set(secured.live.on_engine()["container"]) == {secured.live.container(service) for service in SERVICES}


@pytest.mark.parametrize("rule", RULES)
def test_docker_bench_warns_of_nothing_that_is_not_listed(facts: Mapping[str, Any], rule: str) -> None:
    warned = {service: told for service, one in facts.items() if (told := RULES[rule](one))}
    assert {service: told for service, told in warned.items() if exempt(rule, service) is None} == {}
    for line in EXEMPTIONS:
        # What is listed and not needed any more is taken out of the list.
        if line.rule == rule and not line.of_host:
            assert any(line.covers(rule, service) for service in warned), line


def test_all_of_section_5_is_looked_at() -> None:
    assert {*RULES, "5.6"} == {"swarm", *(f"5.{number}" for number in range(1, 32))}


def test_a_command_with_more_rights_is_seen(secured: Secured, facts: Mapping[str, Any]) -> None:
    """The control of 5.22 and 5.23, which are mostly about nothing; the command is never begun."""
    container = secured.container("redis")
    secured.engine.api.exec_create(container.id, ["planted"], privileged=True, user="0")
    found = looked_at(secured, "redis")
    assert [bool(RULES[rule](found)) for rule in ("5.22", "5.23")] == [True, True]
    assert [bool(RULES[rule](facts["redis"])) for rule in ("5.22", "5.23")] == [False, False]


def test_a_job_asks_nobody_for_names_outside(facts: Mapping[str, Any]) -> None:
    assert facts[JOB]["HostConfig"]["Dns"] == [NO_RESOLVER]


@pytest.mark.parametrize("service", SERVICES)
def test_no_server_is_an_ssh_server_s_host(secured: Secured, service: str) -> None:
    """5.6, with the engine's own look at the processes."""
    processes = secured.container(service).top(ps_args="-eo pid,comm")["Processes"]
    assert processes
    assert not [one for one in processes if "sshd" in " ".join(one)]


@pytest.mark.parametrize("service", SERVICES)
def test_nobody_in_it_can_write_to_the_root_directory_or_gain_a_right(secured: Secured, service: str) -> None:
    assert secured.container(service).attrs["HostConfig"]["ReadonlyRootfs"] is True
    for directory in ("/", "/etc", "/usr/bin", "/opt"):
        code, told = secured.sh(service, f"touch {directory}/written")
        assert code != 0
        assert "Read-only file system" in told, (directory, told)
    _, status = secured.sh(service, "cat /proc/1/status")
    found = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    assert {found[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}
    assert (found["NoNewPrivs"], found["Seccomp"]) == ("1", "2")
    assert (found["Uid"].split()[0] == "0") == (exempt("user", service) is not None and service == "proxy")


@pytest.mark.parametrize("service", SERVICES)
def test_a_secret_is_a_file_that_its_server_alone_reads(secured: Secured, service: str) -> None:
    _, found = secured.sh(service, "id -u; find /run/secrets -type f -exec stat -c '%a %u' {} + 2> /dev/null")
    user, *files = found.splitlines()
    assert set(files) <= {f"400 {user}"}
    # The proxy and the gateway are told nothing.
    assert bool(files) == (service not in ("proxy", "gateway"))


@pytest.mark.parametrize("service", SERVICES)
def test_what_is_in_memory_runs_nothing(secured: Secured, service: str) -> None:
    places = secured.container(service).attrs["HostConfig"].get("Tmpfs") or {}
    for place in places:
        code, told = secured.sh(
            service, f"cd {place} && printf '#!/bin/sh\\n' > it && chmod 700 it && ./it; e=$?; rm it; exit $e"
        )
        assert (code, "denied" in told) == (126, True), (place, told)


@pytest.mark.parametrize("service", SERVICES)
def test_the_limits_are_the_kernel_s(secured: Secured, service: str) -> None:
    limit = secured.container(service).attrs["HostConfig"]["PidsLimit"]
    assert secured.sh(service, _PROCESSES) == (0, str(limit))
    _, found = secured.sh(service, "ulimit -n; ulimit -Hn; ulimit -c")
    assert found.split() == [str(OPEN_FILES), str(OPEN_FILES), "0"]


def test_all_come_back_when_all_are_restarted(secured: Secured) -> None:
    """What is in memory is empty then, so that each has to make there again what it needs; limits stay."""
    limits = {service: secured.container(service).attrs["HostConfig"]["PidsLimit"] for service in DATABASES}

    def restart(service: str) -> None:
        secured.container(service).restart(timeout=60)
        healthy(secured.live.container(service), within=150)

    with ThreadPoolExecutor(max_workers=len(DATABASES)) as pool:
        list(pool.map(restart, DATABASES))
    for service, limit in limits.items():
        assert secured.sh(service, _PROCESSES) == (0, str(limit)), service
    # And whoever watches them sees that they do.
    for attempt in Retrying(stop=stop_after_delay(60), wait=wait_fixed(1), reraise=True):
        with attempt:
            karen(secured.live, "status")
