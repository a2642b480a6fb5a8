"""What refuses, in a preview, to have a server with data made anew."""

from typing import Any

from pulumi.runtime.rpc import UNKNOWN

from init.resources.replacement import ReplacementProvider

BEFORE = {"image": "a", "cpus": "b", "command": "c"}


def failures(
    after: dict[str, str], *, allowed: bool = False, before: dict[str, str] | None = None, service: str = "postgres"
) -> list[str]:
    olds: dict[str, Any] = {"definition": BEFORE if before is None else before}
    found = ReplacementProvider().check(
        olds, {"stack": "prod", "service": service, "definition": after, "allowed": allowed}
    )
    return [one.reason for one in found.failures]


def test_another_definition_is_refused_with_what_changed_and_how_it_is_allowed() -> None:
    (reason,) = failures({**BEFORE, "image": "x", "cpus": "y"})
    assert "postgres stops meanwhile: cpus, image changed. Nothing was touched." in reason
    assert "pulumi config set ai-karen-db:allowReplacing postgres --stack prod" in reason


def test_what_goes_with_another_server_is_said() -> None:
    (reason,) = failures({**BEFORE, "image": "x"}, service="etcd")
    assert "etcd stops meanwhile, and Milvus with it: image changed." in reason


def test_the_same_definition_an_allowed_one_and_the_first_one_are_not() -> None:
    assert failures(BEFORE) == []
    assert failures({**BEFORE, "image": "x"}, allowed=True) == []
    assert failures(BEFORE, before={}) == []


def test_what_is_not_known_yet_and_what_only_one_release_knows_refuses_nothing() -> None:
    assert failures({**BEFORE, "command": UNKNOWN}) == []
    assert failures({**BEFORE, "new": "d"}) == []
    assert failures({"image": "a", "cpus": "b"}) == []


def test_to_allow_it_and_to_take_that_back_is_no_change() -> None:
    props = {"stack": "prod", "service": "postgres", "definition": BEFORE}
    diff = ReplacementProvider().diff("id", {**props, "allowed": True}, {**props, "allowed": False})
    assert not diff.changes
    assert ReplacementProvider().diff("id", props, {**props, "definition": {**BEFORE, "image": "x"}}).changes
