"""The proxy in front of the engine's socket is declared as it is promised."""

import re
import socket
from pathlib import Path
from typing import Any

import pulumi
import pytest

from components import preflight
from components.context import Context
from components.engine_access import configuration
from components.engine_proxy import EngineProxy
from components.naming import Naming
from components.settings import Settings
from tests.unit.graph import Graph, record


def declared(stack: str = "dev", **values: str) -> Graph:
    settings = Settings.parse({"imageSource": "build", **values})
    network = pulumi.Output.from_input("network")
    context = Context(settings=settings, naming=Naming(stack=stack), network=network, backend=network)
    return record(lambda: EngineProxy(["postgres", "redis"], context=context), stack=stack)


@pytest.fixture(scope="module")
def inputs() -> dict[str, Any]:
    return declared().of(":Container")["proxy-container"]


def test_the_proxy_has_no_rights_no_network_and_no_place_to_write(inputs: dict[str, Any]) -> None:
    assert inputs["name"] == "ai-karen-dev-proxy"
    assert inputs["user"] == "0:0"
    assert inputs["capabilities"] == {"drops": ["ALL"]}
    assert inputs["securityOpts"] == ["no-new-privileges:true"]
    assert inputs["readOnly"] is True
    assert inputs["networkMode"] == "none"
    assert not inputs.get("ports")
    assert inputs["memory"] == inputs["memorySwap"] == 64
    assert inputs["restart"] == "always"
    assert inputs["logOpts"] == {"max-size": "10m", "max-file": "3"}
    assert {label["label"]: label["value"] for label in inputs["labels"]} == {
        "com.ai-karen.project": "ai-karen-db",
        "com.ai-karen.stack": "dev",
        "com.ai-karen.service": "proxy",
    }


def test_it_has_its_volume_and_the_engine_s_socket_and_nothing_else(inputs: dict[str, Any]) -> None:
    assert inputs["volumes"] == [{"containerPath": "/run/engine", "volumeName": "ai-karen-dev-engine-socket"}]
    assert inputs["mounts"] == [
        {"type": "bind", "source": "/var/run/docker.sock", "target": "/run/host/engine.sock", "readOnly": True}
    ]
    other = declared(engineSocket="/run/user/1000/docker.sock").of(":Container")["proxy-container"]
    assert other["mounts"][0]["source"] == "/run/user/1000/docker.sock"


def test_stacks_share_neither_container_nor_volume() -> None:
    graphs = [declared(stack) for stack in ("dev", "dev-2")]
    names = [{one["name"] for kind in (":Container", ":Volume") for one in graph.of(kind).values()} for graph in graphs]
    assert not names[0] & names[1]
    assert all(len(one) == 2 for one in names)


def patterns(text: str) -> dict[str, str]:
    """Return the regular expressions of a configuration by the name of their rule."""
    return dict(re.findall(r"^ +acl (\w+) url -m reg '(.*)'$", text, re.MULTILINE))


def test_every_rule_for_a_path_begins_at_its_begin_and_ends_at_its_end(inputs: dict[str, Any]) -> None:
    [text] = inputs["command"]
    found = patterns(text)
    assert set(found) == {"ping", "version", "inspect", "stats", "start", "stop"}
    assert all(one.startswith("^(/v1") and one.endswith("$") for one in found.values())


def test_containers_are_those_of_the_stack_by_their_whole_names(inputs: dict[str, Any]) -> None:
    inspect = re.compile(patterns(inputs["command"][0])["inspect"])
    assert inspect.search("/v1.41/containers/ai-karen-dev-postgres/json")
    assert inspect.search("/containers/ai-karen-dev-redis/json")
    for name in ("ai-karen-dev-2-postgres", "ai-karen-dev-postgres-2", "ai-karen-dev-milvus", "ai-karen-dev-proxy", ""):
        assert not inspect.search(f"/containers/{name}/json"), name


def test_a_name_is_no_pattern() -> None:
    stop = re.compile(patterns(configuration(["a.b"], listen="/l", engine="/e"))["stop"])
    assert stop.search("/containers/a.b/stop?t=60")
    assert not stop.search("/containers/axb/stop?t=60")


def test_without_a_container_there_is_no_configuration() -> None:
    with pytest.raises(ValueError, match="at least one container"):
        configuration([], listen="/l", engine="/e")


def test_the_preflight_wants_the_engine_s_socket_for_monitoring_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DOCKER_HOST", raising=False)
    path = tmp_path / "engine.sock"
    without = Settings.parse({"engineSocket": str(path)})
    settings = without.model_copy(update={"enable_monitoring": True})
    assert not list(preflight._engine_socket(without))
    [problem] = preflight._engine_socket(settings)
    assert f"ai-karen-db:engineSocket is '{path}'" in problem
    assert "Fix: pulumi config set ai-karen-db:engineSocket" in problem
    path.mkdir()
    assert list(preflight._engine_socket(settings))
    path.rmdir()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        assert not list(preflight._engine_socket(settings))
    path.unlink()
    monkeypatch.setenv("DOCKER_HOST", "ssh://elsewhere")
    assert not list(preflight._engine_socket(settings))
