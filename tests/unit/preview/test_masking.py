"""Whatever a program does with a secret, a preview does not print it; with a positive control for each place."""

import json

import pytest

from ops.cli.preview import render
from ops.cli.preview.masking import Mask, secrets_of
from ops.cli.preview.review import review
from policy.graph import CONTAINER
from policy.rules.secrets import is_sensitive
from tests.unit.preview.steps import document, state, step

SIGNED = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270"}
CANARY = 'canary/7"+x'


def deployment(**outputs: object) -> dict[str, object]:
    return {"version": 3, "deployment": {"resources": [{"outputs": outputs}]}}


def secret(value: object) -> dict[str, str]:
    return {**SIGNED, "plaintext": json.dumps(value)}


def test_secrets_are_texts_and_passwords_within_documents() -> None:
    found = secrets_of(
        deployment(
            result=secret("generated-1"),
            connection=secret({"host": "postgres", "user": "karen_user", "password": "generated-2"}),
            engines={"redis": {"password": secret("generated-3"), "host": "redis"}},
            accounts=[{"app_password": secret("generated-4")}],
            operations=secret(
                {
                    "backups": {"identity": "AGE-SECRET-KEY-1QQ", "recipient": "age1"},
                    "mail": {"host": "mail.example.org"},
                }
            ),
            short=secret("prod"),
            encrypted={**SIGNED, "ciphertext": "v1:abc"},
            token="not marked",
        ),
        {
            "ai-karen-db:alertWebhook": {"value": "https://hook/1", "secret": True},
            "ai-karen-db:mailPassword": {"value": "hunter2", "secret": True},
            "ai-karen-db:pin": {"value": "123", "secret": True},
            "x": {"value": "public", "secret": False},
        },
    )
    assert found == {
        "generated-1",
        "generated-2",
        "generated-3",
        "generated-4",
        "AGE-SECRET-KEY-1QQ",
        "https://hook/1",
        "hunter2",
    }


@pytest.mark.parametrize(
    "written", [CANARY, f"redis://:{'canary%2F7%22%2Bx'}@redis", json.dumps({"a": CANARY}), f"x{CANARY}y"]
)
def test_a_secret_is_replaced_however_it_is_written(written: str) -> None:
    assert "canary" in written
    assert "canary" not in Mask([CANARY])(written)
    assert "[secret]" in Mask([CANARY])(written)


def test_a_secret_that_is_a_part_of_another_leaves_nothing_of_it() -> None:
    assert Mask(["generated", "generated-1"])("a generated-1 b") == "a [secret] b"
    assert Mask([""])("words stay") == "words stay"


def test_the_machine_s_own_place_is_not_told() -> None:
    assert Mask(home="/home/somebody/karen")("/home/somebody/karen/state") == "$KAREN_HOME/state"


def test_a_secret_that_the_program_did_not_mark_is_masked_wherever_it_is_told() -> None:
    changed = step(
        "replace",
        state(CONTAINER, "redis-container", hostname="a"),
        state(CONTAINER, "redis-container", hostname=CANARY, command=[CANARY]),
    )
    found = review("test", document(changed, told=(("info", f"redis: connected with {CANARY}"),)))
    refused = review("test", document(told=(("error", f"error: redis refuses {CANARY}"),)))
    for printed in (render.markdown(found), render.text(found), render.markdown(refused)):
        assert "canary" in printed
        assert "canary" not in Mask([CANARY])(printed)
    assert "canary" in json.dumps(found.document())
    assert "canary" not in json.dumps(Mask([CANARY]).everywhere(found.document()))


@pytest.mark.parametrize(
    "password",
    ["canary`s-password", "canary  with-two-spaces", "canary\nin-lines", "canary```fence", "c" * 75 + "anary" * 4],
    ids=["backtick", "spaces", "lines", "fence", "longer than what is shown"],
)
def test_a_secret_is_masked_before_what_has_it_is_cut_or_written_otherwise(password: str) -> None:
    mask = Mask([password])
    changed = step(
        "replace",
        state(CONTAINER, "redis-container", hostname="a"),
        state(
            CONTAINER,
            "redis-container",
            hostname=password,
            domainname=f"x{password}",
            command=["s", f"--a {password}", password],
        ),
    )
    told = document(changed, told=(("info", f"redis: connected with {password}"),))
    refused = document(told=(("error", f"error: redis refuses {password}"),))
    for one in (told, refused):
        found = review("test", mask.preview(one), declared=one)
        for printed in (render.markdown(found), render.text(found), json.dumps(found.document())):
            assert "[secret]" in mask(printed)
            assert not any(part in mask(printed) for part in (password[:10], password[-10:]))


def test_a_value_that_is_cut_shows_no_part_of_a_secret() -> None:
    value = f"{'x' * 70}generated-secret-of-24-chars"
    one = document(
        step("replace", state(CONTAINER, "redis-container"), state(CONTAINER, "redis-container", hostname=value))
    )
    mask = Mask(["generated-secret-of-24-chars"])
    assert "generated-" in mask(render.markdown(review("test", one)))
    assert "generated-" not in mask(render.markdown(review("test", mask.preview(one), declared=one)))


def test_rules_and_what_differs_are_judged_on_what_is_not_masked() -> None:
    before, after = "canary-number-1", "canary-number-2"
    one = document(
        step(
            "update",
            state(CONTAINER, "redis-container", hostname=before, volumes=[]),
            state(CONTAINER, "redis-container", hostname=after, volumes=[{"hostPath": "/canary-number-2"}]),
        )
    )
    mask = Mask([before, after])
    found = review("test", mask.preview(one), declared=one)
    assert "hostname" in render.text(found)
    assert "mounts the host's /canary-number-2" in {broken.what for broken in found.violations}
    assert "canary" not in mask(render.markdown(found))


@pytest.mark.parametrize(
    "name", ["AWS_SECRET_ACCESS_KEY", "MINIO_SECRETACCESSKEY", "secret_key", "SECRETKEY", "secret"]
)
def test_a_name_of_a_secret_is_known(name: str) -> None:
    assert is_sensitive(name)


def test_a_migration_whose_name_has_a_secret_is_at_risk_all_the_same() -> None:
    one = document(told=(("warning", "postgres: migration 004_canary_x is pending, and may remove data"),))
    found = review("test", Mask(["canary"]).preview(one), declared=one)
    assert "1 data at risk" in render.summary(found)
