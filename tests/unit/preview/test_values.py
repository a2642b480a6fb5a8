"""What differs is shown as a reader can compare it; secrets and identifiers are not shown."""

from typing import Any

import pytest

from ops.cli.preview.review import review
from ops.cli.preview.risk import Risk
from policy.graph import CONTAINER, IMAGE, UNKNOWN
from tests.unit.preview.steps import DATA, SECRETS, document, state, step

HASH, ID = "sha256:" + 64 * "b", 64 * "c"


def details(old: dict[str, Any], new: dict[str, Any], *others: dict[str, Any], **more: Any) -> list[str]:
    """Return what is told below the line of a container that is made anew."""
    changed = step(
        "replace", state(CONTAINER, "redis-container", **old), state(CONTAINER, "redis-container", **new), **more
    )
    [entry] = review("test", document(changed, *others)).groups[Risk.RESTART]
    return list(entry.details)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({}, {"memory": 96}, ["`memory`: `64` → `96`"]),
        ({"readOnly": True}, {"readOnly": False}, ["`readOnly`: `true` → `false`"]),
        ({"user": "1:1"}, {}, ["`user`: `1:1` → `nothing`"]),
        ({"command": ["s", "--size", "1"]}, {"command": ["s", "--size", "2"]}, ["`command.2 (--size)`: `1` → `2`"]),
        ({"envs": ["B=1"]}, {"envs": ["A=x=y", "B=1"]}, ["`envs.A`: `nothing` → `x=y`"]),
        (
            {"ports": [{"internal": 1, "external": 5}, {"internal": 2, "external": 6}]},
            {"ports": [{"internal": 2, "external": 7}]},
            ["`ports.1.external`: `5` → `nothing`", "`ports.2.external`: `6` → `7`"],
        ),
        ({"volumes": [DATA, SECRETS]}, {"volumes": [SECRETS, DATA], "cpus": "1"}, ["`cpus`: `nothing` → `1`"]),
        ({"hostname": "`a`\n b"}, {"hostname": "c" * 90}, [f"`hostname`: `'a' b` → `{'c' * 80}…`"]),
    ],
)
def test_a_value_is_shown_with_the_way_to_it(old: dict[str, Any], new: dict[str, Any], told: list[str]) -> None:
    assert details(old, new) == told


@pytest.mark.parametrize("other", [HASH, ID, UNKNOWN, "00a1b2c3d4e5", "5c8a0a3e-9f0e-4c84-9d1c-0d1bd6e5b2a1"])
def test_identifiers_and_what_is_not_known_yet_are_left_out(other: str) -> None:
    assert details({"cpus": "1"}, {"image": other, "cpus": "2"}) == ["`cpus`: `1` → `2`"]


def test_a_long_number_is_no_identifier() -> None:
    assert details({"shmSize": 1}, {"shmSize": 1099511627776}) == ["`shmSize`: `1` → `1099511627776`"]


def test_an_image_is_told_by_its_name() -> None:
    image = step(
        "replace", state(IMAGE, "redis-image", name="redis:8.0.2"), state(IMAGE, "redis-image", name="redis:8.0.3")
    )
    told = details({}, {"image": HASH, "memory": 96}, image)
    assert told == ["`image`: `redis:8.0.2` → `redis:8.0.3`", "`memory`: `64` → `96`"]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ({"envs": "[secret]"}, {"envs": ["A=1"]}, ["`envs` changes"]),
        ({"envs": ["PASSWORD=one"]}, {"envs": ["PASSWORD=two"]}, ["`envs.PASSWORD` changes"]),
        ({"command": ["s", "--requirepass", "one"]}, {"command": ["s", "--requirepass", "two"]}, ["`command.2 (--requirepass)` changes"]),
        ({"labels": [{"label": "a.token", "value": "one"}]}, {"labels": [{"label": "a.token", "value": "two"}]}, ["`labels.a.token.value` changes"]),
    ],
)  # fmt: skip
def test_no_secret_is_shown_marked_or_not(old: dict[str, Any], new: dict[str, Any], told: list[str]) -> None:
    assert details(old, new) == told


def test_what_a_provider_says_of_secrets_is_told() -> None:
    assert details({"envs": "[secret]"}, {"envs": "[secret]"}, replaceReasons=["envs"]) == ["`envs` changes"]


def test_of_many_differences_the_first_are_told_and_the_others_counted() -> None:
    told = details({"envs": []}, {"envs": [f"A{number:02}=1" for number in range(20)]})
    assert len(told) == 9
    assert told[-1] == "and 12 more"
