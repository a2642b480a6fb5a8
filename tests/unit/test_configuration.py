"""`./karen config` and its page tell every setting, as the model has it."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from bootstrap import places
from components.reference import entries
from components.settings import Settings
from ops.cli.app import app
from ops.cli.config import page

# Whatever there is.
FREE = (
    "duckdbHostDirectory", "alertWebhook", "alertMailUser", "alertMailPassword", "backupEndpoint", "backupAccessKey",
    "backupSecretKey", "postgresPassword", "redisPassword", "elasticsearchPassword", "milvusPassword", "minioPassword",
    "passwordSerials", "dataVolumes", "tls",
)  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["config", *arguments], env={"COLUMNS": "200", "NO_COLOR": "1"})


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with a stack's configuration, on a machine that nothing was probed on."""
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    monkeypatch.setenv("KAREN_HOME", str(tmp_path / "home"))
    (tmp_path / "Pulumi.dev.yaml").write_text(
        "config:\n  ai-karen-db:redisMemory: 64m\n  ai-karen-db:mode: development\n"
    )
    return tmp_path


def test_the_page_is_as_the_settings_are() -> None:
    written = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    assert written == page(), "Fix: make docs"


def test_every_setting_has_a_sentence_a_default_and_what_is_allowed() -> None:
    assert [one.field for one in entries()] == list(Settings.model_fields)
    for one in entries():
        assert one.about, one.key
        assert one.key in FREE or (one.allowed and one.default) or (one.allowed and one.key.startswith("alert")), (
            one.key
        )
        values = {one.key: one.default} if one.default else {}
        assert Settings.parse(values) == Settings(), one.key


def test_a_value_is_told_with_where_it_comes_from(checkout: Path) -> None:
    told = {one["key"]: one for one in json.loads(run("--json").stdout)["settings"]}
    assert (told["redisMemory"]["value"], told["redisMemory"]["source"]) == ("64m", "Pulumi.dev.yaml")
    assert (told["postgresPort"]["value"], told["postgresPort"]["source"]) == ("5432", "default")
    (checkout / "home" / "image-source").mkdir(parents=True)
    (checkout / "home" / "image-source" / "dev").write_text("build\n")
    assert "this machine, probed" in run("imageSource").stdout
    assert "lower-case letters" in run().stdout


def test_what_is_wrong_is_told_and_decides_the_exit_code(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text("config:\n  ai-karen-db:redisMemory: 1\n  ai-karen-db:postgresPrt: 1\n")
    result = run()
    assert result.exit_code == 1
    assert "ai-karen-db:postgresPrt is not a setting. Did you mean ai-karen-db:postgresPort?" in result.stdout
    assert result.stdout.endswith("2 to be corrected.\n")
    assert run("postgresPrt").exit_code == 2


def test_a_secret_is_shown_to_nobody(checkout: Path) -> None:
    file = checkout / "Pulumi.dev.yaml"
    file.write_text("config:\n  ai-karen-db:alertWebhook: https://example.org/token-of-mine\n")
    assert "token-of-mine" not in run().stdout
    file.write_text("config:\n  ai-karen-db:alertWebhook: ftp://token-of-mine\n")
    refused = run()
    assert refused.exit_code == 1
    assert "token-of-mine" not in refused.stdout
    assert "alertWebhook is no http:// or https:// address" in refused.stdout
    file.write_text("config:\n  ai-karen-db:alertWebhook:\n    secure: v1:abc\n")
    assert run().exit_code == 0


def test_a_mail_needs_a_sender_and_recipients(checkout: Path) -> None:
    (checkout / "Pulumi.dev.yaml").write_text(
        "config:\n  ai-karen-db:alertMailServer: mail:25\n  ai-karen-db:alertMailUser: karen\n"
    )
    told = run().stdout
    for text in ("alertMailFrom is not set", "alertMailTo is not set", "one is set without the other"):
        assert text in told
