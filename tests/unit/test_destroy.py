"""`./karen destroy`: what goes and what stays, of a stack that is only told of."""

from types import SimpleNamespace
from typing import Any

import docker
import pytest

from components.naming import PROJECT
from ops.cli import destroying
from ops.cli.destroying import _goes, going
from ops.cli.errors import Refused
from tests.unit.graph import build


@pytest.mark.parametrize("mode", ["development", "production"])
def test_volumes_passwords_and_keys_stay_and_everything_else_goes(mode: str) -> None:
    graph, _ = build("prod", mode=mode, enableMonitoring="true", enableBackups="true")
    declared: list[dict[str, Any]] = [
        {
            "type": one.typ,
            "custom": not one.typ.startswith("karen:"),
            "urn": f"urn:pulumi:prod::{PROJECT}::{one.typ}::{one.name}",
        }
        for one in graph.registered
    ]
    kept = {one["type"].rpartition(":")[2] for one in declared if one["custom"] and not _goes(one)}
    assert (
        {"Volume", "RandomPassword", "RandomBytes"}
        <= kept
        <= {"Volume", "RandomPassword", "RandomBytes", "HostDirectory", "Certificate"}
    )
    gone = {one["type"].rpartition(":")[2] for one in declared if _goes(one)}
    assert {"Container", "Network", "Initialization", "SecretFiles"} <= gone
    if mode == "production":
        assert {
            one["urn"].rpartition("::")[2] for one in declared if not _goes(one) and one["custom"]
        } >= graph.protected


def test_a_component_goes_with_all_its_parts() -> None:
    def one(name: str, kind: str, parent: str = "") -> dict[str, Any]:
        return {"urn": name, "type": kind, "parent": parent, "custom": not kind.startswith(("karen:", "pulumi:pulumi"))}

    stack = [
        one("stack", "pulumi:pulumi:Stack"),
        one("provider", "pulumi:providers:docker"),
        one("milvus", "karen:database:Milvus", "stack"),
        one("volume", "docker:index/volume:Volume", "milvus"),
        one("server", "karen:container:DatabaseContainer", "milvus"),
        one("container", "docker:index/container:Container", "server"),
        one("empty", "karen:database:Redis", "stack"),
    ]
    assert going(stack) == ["server", "container"]


@pytest.mark.parametrize("others", [{}, {"x": {"Name": "shop"}, "y": {"Name": "cart"}}])
def test_an_application_on_a_network_is_named_before_anything_is_removed(
    others: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    networks = {"n": {"Name": "ai-karen-db-prod", "Containers": {"a": {"Name": "ai-karen-prod-redis"}, **others}}}
    api = SimpleNamespace(
        containers=lambda **_: [{"Id": "a"}], networks=lambda **_: [{"Id": "n"}], inspect_network=networks.__getitem__
    )
    monkeypatch.setattr(docker, "from_env", lambda: SimpleNamespace(api=api, close=lambda: None))
    if not others:
        destroying._ensure_left("prod")
        return
    with pytest.raises(Refused) as refused:
        destroying._ensure_left("prod")
    assert "prod: cart on ai-karen-db-prod, shop on ai-karen-db-prod. Nothing was touched." in str(refused.value)
    assert str(refused.value).endswith("Fix: docker stop cart shop")
