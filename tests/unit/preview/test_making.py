"""What becomes of what the Pulumi commands print, and of their failures; the commands are real processes that print what a test says."""

import json
import subprocess
import sys
from typing import Any

import pytest

from ops.cli.errors import NotAsked
from ops.cli.preview import making
from tests.unit.preview.steps import document

SECRET = {
    "4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270",
    "plaintext": json.dumps("canary-of-state"),
}
EXPORTED = json.dumps({"deployment": {"resources": [{"outputs": {"result": SECRET}}]}})
CONFIGURED = json.dumps({"ai-karen-db:alertWebhook": {"value": "canary-of-config", "secret": True}})
FAILED = json.dumps(document(told=(("error", "error: no"),)))


@pytest.fixture
def printed(monkeypatch: pytest.MonkeyPatch) -> dict[str, tuple[str, str, int]]:
    """What each command prints to standard output and error, and its exit code."""
    said = {"preview": (json.dumps(document()), "", 0), "stack": (EXPORTED, "", 0), "config": (CONFIGURED, "", 0)}

    def start(_: str, *arguments: str) -> "subprocess.Popen[str]":
        output, errors, code = said[arguments[0]]
        program = "import sys; print(sys.argv[1]); print(sys.argv[2], file=sys.stderr); sys.exit(int(sys.argv[3]))"
        command = [sys.executable, "-c", program, output, errors, str(code)]
        return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    monkeypatch.setattr(making, "start", start)
    monkeypatch.setattr(making, "ensure_comparable", lambda _: None)
    return said


def test_a_document_comes_with_what_masks_the_secrets_of_state_and_configuration(printed: dict[str, Any]) -> None:
    told, mask = making.make("test")
    assert told == document()
    assert mask("canary-of-state, canary-of-config") == "[secret], [secret]"


def test_a_failure_that_says_why_is_a_document(printed: dict[str, Any]) -> None:
    printed["preview"] = (FAILED, "", 1)
    assert making.make("test")[0] == json.loads(FAILED)


@pytest.mark.parametrize("output", ["", "no document", json.dumps(document())])
def test_a_failure_that_does_not_say_why_is_no_preview(printed: dict[str, Any], output: str) -> None:
    printed["preview"] = (output, "error: the passphrase is not canary-of-config", 255)
    with pytest.raises(NotAsked) as caught:
        making.make("test")
    assert str(caught.value) == "Pulumi made no preview of test. error: the passphrase is not [secret]"


@pytest.mark.parametrize("command", ["stack", "config"])
def test_without_the_secrets_there_is_no_mask_and_so_no_preview(printed: dict[str, Any], command: str) -> None:
    printed[command] = ("", "error: incorrect passphrase", 255)
    with pytest.raises(NotAsked, match=r"so none could be masked\. error: incorrect passphrase"):
        making.make("test")
