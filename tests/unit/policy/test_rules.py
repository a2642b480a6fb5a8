"""Each rule finds the resource that breaks it, says what and how to mend it, and leaves alone what keeps it."""

from dataclasses import dataclass, replace
from typing import Any

import pytest

from policy.check import violations
from policy.graph import (
    BYTES,
    CONTAINER,
    IMAGE,
    INITIALIZATION,
    NETWORK,
    PASSWORD,
    PROCESS_LIMIT,
    SECRET_FILES,
    UNKNOWN,
    VOLUME,
    Graph,
)
from policy.rules import RULES
from tests.unit.policy.resources import GOOD, LABELS, SECRET, around, resource

_SOCKET = {"type": "bind", "source": "/run/user/1000/engine", "target": "/run/host/engine.sock"}
_OF_OTHERS = [{"label": key, "value": value if key.endswith("stack") else "other"} for key, value in LABELS.items()]


@dataclass(frozen=True, kw_only=True)
class Broken:
    """One way to break a rule: inputs that a good resource has otherwise, and what is said of it."""

    rule: str
    kind: str = CONTAINER
    changes: dict[str, Any]
    told: str
    protected: bool = True


def broken(rule: str, told: str, kind: str = CONTAINER, *, protected: bool = True, **changes: Any) -> Broken:
    return Broken(rule=rule, kind=kind, changes=changes, told=told, protected=protected)


def health(**changes: Any) -> dict[str, Any]:
    return {**GOOD[CONTAINER]["healthcheck"], **changes}


def volume(name: str | None, path: str, **more: Any) -> dict[str, Any]:
    return {"volumeName": name, "containerPath": path, **more}


def bind(directory: str) -> dict[str, str]:
    return {"type": "none", "o": "bind", "device": directory}


CASES = [
    broken("memory limit", "has no memory limit", memory=None, memorySwap=None),
    broken("memory limit", "may swap", memorySwap=-1),
    broken("processor limit", "has no limit of processor time", cpus=None),
    broken("process limit", "has no limit of processes", PROCESS_LIMIT, limit=0),
    broken("process limit", "has no limit of processes", PROCESS_LIMIT, service="other"),
    broken("open files", "has no limit of open files", ulimits=[{"name": "core", "hard": 0}]),
    broken("health check", "has no health check", healthcheck=None),
    broken("health check", "has no health check", healthcheck=health(tests=["NONE"])),
    broken("health check", "leaves interval, retries of its health", healthcheck=health(interval=None, retries=None)),
    broken("restart policy", "has the restart policy always", restart="always"),
    broken("restart policy", "has the restart policy no", restart=None),
    broken("log rotation", "does not log to rotated files", logDriver=None),
    broken("log rotation", "has a log that is never rotated", logOpts={"max-size": "10m"}),
    broken("user", "runs as root", user="0:0"),
    broken("user", "runs as root", user="00:0"),
    broken("user", "runs as root", user="+0"),
    broken("user", "runs as the user of its image", user=None),
    broken("dropped capabilities", "keeps capabilities", capabilities={"drops": ["NET_RAW"]}),
    broken("capabilities", "is given SYS_ADMIN", capabilities={"drops": ["ALL"], "adds": ["SYS_ADMIN"]}),
    broken("new privileges", "may gain privileges", securityOpts=["no-new-privileges:false"]),
    broken("namespaces", "is privileged", privileged=True),
    broken("namespaces", "has devices of the host", devices=[{"hostPath": "/dev/sda"}]),
    broken("namespaces", "has the pidMode host", pidMode="host"),
    broken("namespaces", "has the networkMode container:x", networkMode="container:x"),
    broken("namespaces", "has the cgroupnsMode host", cgroupnsMode="host"),
    broken("namespaces", "has the graphics processors of the host", gpus="all"),
    broken("namespaces", "is in the groups docker as well", groupAdds=["docker"]),
    broken("profiles", "has seccomp", securityOpts=["no-new-privileges:true", "seccomp:unconfined"]),
    broken("read-only root", "has a root file system that it may write to", readOnly=None),
    broken("engine socket", "mounts the socket /var/run/docker.sock", volumes=[{"hostPath": "/var/run/docker.sock"}]),
    broken("engine socket", "mounts the socket /run/user/1000/engine", mounts=[_SOCKET]),
    broken("engine socket", "mounts /var/run, in which there are sockets", VOLUME, driverOpts=bind("/var/run")),
    broken("engine socket", "mounts /run/../, in which there are sockets", volumes=[{"hostPath": "/run/../"}]),
    broken("host paths", "mounts the host's /var/run", VOLUME, driverOpts=bind("/var/run")),
    broken("host paths", "mounts the host's etc", VOLUME, driverOpts=bind("etc")),
    broken("host paths", "mounts the host's /dev/sda1", VOLUME, driverOpts={"type": "ext4", "device": "/dev/sda1"}),
    broken("host paths", "mounts the host's /etc", VOLUME, driverOpts={"type": "overlay", "device": "x", "o": "lowerdir=/etc"}),
    broken("host paths", "mounts the host's /etc", mounts=[{"type": "bind", "source": "/etc", "target": "/etc"}]),
    broken("published ports", "publishes 6379", ports=[{"internal": 6379, "external": 6379, "ip": "127.0.0.1"}]),
    broken("published ports", "publishes every port of its image", publishAllPorts=True),
    broken("loopback ports", "publishes 1 on 0.0.0.0", ports=[{"internal": 1, "external": 1, "ip": "0.0.0.0"}]),
    broken("internal networks", "leads outside", NETWORK, internal=False),
    broken("own network", "is on the engine's default bridge", networksAdvanced=[]),
    broken("own network", "is on the engine's default bridge", networksAdvanced=[{"name": "bridge"}]),
    broken("egress", "is on ai-karen-db-prod, which leads outside", NETWORK, internal=None),
    broken("egress", "is on bridge, which leads outside", networksAdvanced=[{"name": "bridge"}]),
    broken("egress", "is on company-lan, which leads outside", networksAdvanced=[{"name": "company-lan"}]),
    broken("egress", "is on company-lan, which leads outside", networkMode="company-lan"),
    broken("resolver", "asks the host's resolver", dns=None),
    broken("encrypted connections", "has no certificate", labels=[{"label": key, "value": value} for key, value in LABELS.items()]),
    broken("image tag", "is redis:latest, which names no version", IMAGE, name="redis:latest"),
    broken("image tag", "names no version", IMAGE, name=f"localhost:5000/redis@sha256:{64 * 'a'}"),
    broken("image digest", "is redis:8.0.2, pinned by its tag only", IMAGE, name="redis:8.0.2"),
    broken("image digest", "pinned by its tag only", IMAGE, name="ai-karen-db/redis:8.0"),
    broken("protection", "is not protected", VOLUME, protected=False),
    broken("protection", "is not protected", PASSWORD, protected=False),
    broken("protection", "is not protected", BYTES, protected=False),
    broken("labels", "lacks the label com.ai-karen.stack", VOLUME, labels=[x for x in _OF_OTHERS if "stack" not in x["label"]]),
    broken("labels", "lacks the label", NETWORK, labels=None),
    broken("declared volumes", "mounts other at /data", volumes=[volume("other", "/data")]),
    broken("declared volumes", "mounts an anonymous volume at /data", volumes=[volume(None, "/data")]),
    broken("declared volumes", "mounts other at /data", mounts=[{"type": "volume", "source": "other", "target": "/data"}]),
    broken("declared volumes", "mounts an anonymous volume at /data", mounts=[{"type": "volume", "target": "/data"}]),
    broken("secrets volume", "may write to its secrets", volumes=[], mounts=[{"type": "volume", "source": "secrets", "target": "/s"}]),
    broken("secrets volume", "mounts the secrets of redis", volumes=[], labels=_OF_OTHERS, mounts=[{"type": "volume", "source": "secrets", "target": "/s", "readOnly": True}]),
    broken("secrets volume", "may write to its secrets", volumes=[volume("secrets", "/run/secrets")]),
    broken("secrets volume", "mounts the secrets of redis", labels=_OF_OTHERS),
    broken("marked secrets", "has envs.0 in clear", envs=["REDIS_PASSWORD=fJ2-a9Kd"]),
    broken("marked secrets", "has files.redis_password in clear", SECRET_FILES, files={"redis_password": "fJ2-a9Kd"}),
    broken("marked secrets", "has connection.password in clear", INITIALIZATION, connection={"password": "fJ2-a9Kd"}),
    broken("shown secrets", "has a secret in its envs", envs=[{**SECRET, "value": "A=fJ2-a9Kd"}]),
    broken("shown secrets", "has a secret in its command", command={**SECRET, "value": ["--requirepass", "fJ2-a9Kd"]}),
    broken("shown secrets", "has a secret in its labels", labels="[secret]"),
    broken("default passwords", "has a well-known password as envs.0", envs=["POSTGRES_PASSWORD=secure_password"]),
    broken("default passwords", "as connection.password", INITIALIZATION, connection={**SECRET, "value": {"password": "minioadmin"}}),
    broken("generated passwords", "has 12 characters", PASSWORD, length=12),
    broken("generated passwords", "has 16 bytes", BYTES, length=16),
    broken("generated passwords", "has no serial", PASSWORD, keepers=None),
]  # fmt: skip


def found(graph: Graph) -> list[tuple[str, str]]:
    return [(one.rule.name, one.what) for one in violations(graph, exemptions=())]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.rule}: {case.told}")
def test_what_breaks_a_rule_is_told_with_its_name_and_the_fix(case: Broken) -> None:
    graph = around(resource(case.kind, protected=case.protected, **case.changes))
    [violation] = [
        one for one in violations(graph, exemptions=()) if one.rule.name == case.rule and case.told in one.what
    ]
    assert f"breaks {case.rule!r}: it {violation.what}. " in str(violation)
    assert ". Fix: " in str(violation)


@pytest.mark.parametrize("kind", GOOD)
def test_what_keeps_every_rule_is_left_alone(kind: str) -> None:
    assert found(around(resource(kind))) == []


def test_every_rule_has_a_name_of_its_own_a_reason_a_fix_and_a_case() -> None:
    assert len(RULES) >= 15
    assert len({one.name for one in RULES}) == len(RULES)
    assert {one.name for one in RULES} == {case.rule for case in CASES}
    for one in RULES:
        assert one.reason.endswith("."), one.name
        assert one.fix.endswith("."), one.name
        assert set(one.of) <= set(GOOD), one.name


def test_development_may_publish_on_loopback_and_lead_outside_and_protects_nothing() -> None:
    ports = [{"internal": 6379, "external": 6379, "ip": "127.0.0.1"}]
    for one in (
        resource(CONTAINER, ports=ports, dns=None),
        resource(NETWORK, internal=False),
        resource(VOLUME, protected=False),
    ):
        assert found(around(one, production=False)) == []


@pytest.mark.parametrize("name", sorted(GOOD[CONTAINER]))
def test_what_is_known_only_after_the_update_breaks_nothing(name: str) -> None:
    one = resource(CONTAINER)
    assert found(around(replace(one, declared={**one.declared, name: UNKNOWN}))) == []


@pytest.mark.parametrize("mode", [None, "bridge", "none"])
def test_a_container_on_declared_internal_networks_alone_does_not_lead_outside(mode: str | None) -> None:
    assert found(around(resource(CONTAINER, networkMode=mode))) == []


def test_memory_is_neither_a_volume_nor_a_path_of_the_host() -> None:
    mounts = [
        {"type": "tmpfs", "target": "/tmp"},
        {"type": "volume", "source": "data", "target": "/x"},
        {"type": "volume", "source": "secrets", "target": "/s", "readOnly": True},
    ]
    assert found(around(resource(CONTAINER, mounts=mounts))) == []
    memory = {"type": "tmpfs", "device": "tmpfs", "o": "size=64m"}
    assert found(around(resource(VOLUME, driverOpts=memory))) == []


@pytest.mark.parametrize(
    ("kind", "unknown", "changes", "rule"),
    [
        (VOLUME, "name", {"volumes": [volume("other", "/data")]}, "declared volumes"),
        (NETWORK, "name", {"networksAdvanced": [{"name": "company-lan"}]}, "egress"),
        (NETWORK, "internal", {"networksAdvanced": [{"name": "company-lan"}]}, "egress"),
    ],
)
def test_what_is_not_known_of_another_resource_does_not_switch_a_rule_off(
    kind: str, unknown: str, changes: dict[str, Any], rule: str
) -> None:
    one = around(resource(CONTAINER, **changes))
    other = resource(kind)
    extra = replace(other, name="another", declared={**other.declared, unknown: UNKNOWN})
    graph = Graph(production=True, resources=[*one.resources, extra])
    assert rule in {name for name, _ in found(graph)}
