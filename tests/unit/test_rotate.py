"""`./karen rotate`: what an application's file is told, how far a rotation has come, and what is refused."""

import base64
import hashlib
import hmac
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from bootstrap import places
from components.serials import PASSWORDS as SERIALS
from components.serials import Serial
from components.urls import database_url
from init.engines.postgres_accounts import lets_in
from init.resources.initialization import checksums
from ops import up
from ops.cli.app import app
from ops.cli.errors import NotAsked, Refused
from ops.cli.recorded import Record, Recorded
from ops.cli.rotate import configured, told_to, updating
from ops.cli.rotate.accounts import Account, Told
from ops.cli.rotate.environment import replaced

PASSWORDS = st.text(alphabet=[chr(code) for code in range(32, 127)], min_size=8, max_size=72)
ENVIRONMENT = {
    "POSTGRES_PASSWORD": "old", "DATABASE_URL": database_url("postgresql", "karen_user", "o:l@d/", "postgres", 5432, "ai_karen"),
    "POSTGRES_USER": "karen_user", "REDIS_PASSWORD": "old", "REDIS_URL": database_url("redis", "", "old", "redis", 6379, "0"),
}  # fmt: skip


def run(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["rotate", *arguments], env={"COLUMNS": "200"})


@given(PASSWORDS)
@settings(max_examples=200)
def test_a_file_has_the_next_passwords_in_urls_as_well(password: str) -> None:
    found = replaced(
        ENVIRONMENT, {"postgres-application": password, "redis-application": password, "postgres-administrator": "x"}
    )
    assert set(found) == set(ENVIRONMENT)
    assert found["POSTGRES_PASSWORD"] == found["REDIS_PASSWORD"] == password
    assert found["POSTGRES_USER"] == "karen_user"
    for variable, rest in (("DATABASE_URL", "@postgres:5432/ai_karen"), ("REDIS_URL", "@redis:6379/0")):
        parts = urlsplit(found[variable])
        assert unquote(parts.password or "") == password
        assert found[variable].endswith(rest)


def test_each_password_of_a_file_is_replaced() -> None:
    readers = {f"{service}-reader": "new" for service in ("postgres", "redis", "elasticsearch")}
    assert replaced({}, readers) == {
        "POSTGRES_READER_PASSWORD": "new",
        "REDIS_READER_PASSWORD": "new",
        "ELASTICSEARCH_READER_PASSWORD": "new",
    }
    assert replaced({}, {"redis-monitor": "new", "redis-backups": "new"}) == {}


def told_of(*names: str) -> Told:
    """Return what Pulumi tells of a stack that has these accounts."""
    fields: dict[str, Any] = {
        "user": "",
        "rights": "",
        "password": "",
        "generated": "",
        "other": None,
        "other_user": "",
    }
    accounts = {name: Account(service=name.partition("-")[0], name=name, serial=Serial(), **fields) for name in names}
    return Told(accounts, {"stack": "test", "engines": {"redis": {}}}, {})


def test_what_no_application_is_given_is_left_out_if_asked() -> None:
    told = told_of(*SERIALS["redis"])
    assert told.names("redis", application=False) == list(SERIALS["redis"])
    assert told.names("redis", application=True) == ["redis-application", "redis-reader"]


def test_accounts_that_the_stack_does_not_have_yet_are_named() -> None:
    with pytest.raises(NotAsked, match=r"no password redis-reader, .*redis-backups of test\. Fix: make up STACK=test"):
        told_of("redis-administrator", "redis-application").names("redis", application=False)


def verifier(password: str) -> str:
    """Return what PostgreSQL keeps of a password (RFC 5803)."""
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), b"salt", 4096)
    keys = (
        hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest(),
        hmac.digest(salted, b"Server Key", "sha256"),
    )
    salt, stored, server = (base64.b64encode(part).decode() for part in (b"salt", *keys))
    return f"SCRAM-SHA-256$4096:{salt}${stored}:{server}"


def test_a_verifier_is_of_its_password_alone() -> None:
    assert lets_in(verifier("one password"), "one password")
    assert not lets_in(verifier("one password"), "another password")
    assert not lets_in("md5abcdef", "one password")
    assert not lets_in(None, "")


def test_the_configuration_notes_how_far_it_has_come(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written by Pulumi itself; here its file is, so that each step is seen."""
    file = tmp_path / "Pulumi.test.yaml"
    file.write_text("config: {}\n")
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)

    def pulumi(stack: str, *arguments: str) -> str:
        (action, verb, key, *value) = arguments
        assert (action, stack) == ("config", "test")
        # `redis-application=1+` alone looks like a secret to Pulumi.
        assert verb == "rm" or value[1:] == ["--plaintext"]
        document = yaml.safe_load(file.read_text())
        document["config"].pop(key, None)
        document["config"].update({key: value[0]} if verb == "set" else {})
        file.write_text(yaml.safe_dump(document))
        return ""

    monkeypatch.setattr(configured, "run", pulumi)
    told = []
    steps: list[Callable[[], None]] = [
        lambda: configured.begin("test", ["redis-application", "redis-administrator"]),
        lambda: configured.commit("test"),
        lambda: configured.end("test", ["redis-administrator"]),
        lambda: configured.end("test", ["redis-application"]),
        lambda: configured.write("test", {}),
    ]
    for step in steps:
        step()
        told.append(yaml.safe_load(file.read_text())["config"].get("ai-karen-db:passwordSerials"))
    assert told == [
        "redis-administrator=1+ redis-application=1+", "redis-administrator=2- redis-application=2-",
        "redis-administrator=2 redis-application=2-", "redis-administrator=2 redis-application=2", None,
    ]  # fmt: skip


def test_the_command_has_help_and_refuses_what_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    help_text = run("--help")
    assert help_text.exit_code == 0
    assert "./karen rotate postgres" in help_text.output
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    wrong = run("redis", "--from", "elsewhere", "--stack", "test-none")
    assert wrong.exit_code == 2
    assert "allowed: host, network" in wrong.output


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(places, "CHECKOUT", tmp_path)
    return tmp_path


def configure(checkout: Path, **settings: str) -> None:
    document = {"config": {f"ai-karen-db:{key}": value for key, value in settings.items()}}
    (checkout / "Pulumi.test.yaml").write_text(yaml.safe_dump(document))


def test_a_file_that_cannot_be_replaced_is_named_before_anything_is_changed(checkout: Path) -> None:
    configure(checkout)
    for file in (checkout / "absent" / ".env", checkout, Path("/proc/self/.env")):
        with pytest.raises(NotAsked, match=r"--env-file is .*cannot be replaced.*Fix: "):
            told_to.ensure("test", [checkout / ".env", file], "host")
    told_to.ensure("test", [checkout / ".env"], "host")


def test_production_has_no_variables_for_this_host(checkout: Path) -> None:
    configure(checkout, mode="production")
    with pytest.raises(NotAsked, match="Fix: add --from network"):
        told_to.ensure("test", [checkout / ".env"], "host")
    told_to.ensure("test", [checkout / ".env"], "network")
    told_to.ensure("test", [], "host")


def test_a_file_keeps_its_mode_and_a_failure_says_what_the_server_has(checkout: Path) -> None:
    file = checkout / "app.env"
    told_to.tell([file], {"ONE": "new"})
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o600, "ONE='new'\n")
    file.chmod(0o640)
    told_to.tell([file], {"ONE": "newer"})
    assert (file.stat().st_mode & 0o777, file.read_text()) == (0o640, "ONE='newer'\n")
    with pytest.raises(Refused, match=r"the server has the next password already.*Fix: "):
        told_to.tell([checkout / "absent" / "app.env"], {"ONE": "new"})


def recorded(target: str = "", **changes: str) -> Recorded:
    applied = {**checksums("postgres", target), **changes}
    return Recorded("test", {"postgres": Record("postgres", "", {"migrations": applied, "target": target})}, None)


def test_pending_migrations_are_not_brought_along(checkout: Path) -> None:
    configure(checkout)
    updating.ensure_no_migrations(recorded())
    for other in (recorded("001"), recorded(**{"003_edited": "another checksum"})):
        with pytest.raises(Refused, match=r"Migrations of postgres are pending.*Fix: ./karen migrate plan"):
            updating.ensure_no_migrations(other)
    configure(checkout, postgresSchemaVersion="001")
    updating.ensure_no_migrations(recorded("001"))
    with pytest.raises(Refused, match="postgres"):
        updating.ensure_no_migrations(recorded())


def test_make_up_leaves_a_half_changed_administrator_to_the_rotation(checkout: Path) -> None:
    configure(checkout, passwordSerials="postgres-application=1+ redis-administrator=2")
    up.ensure_finished("test")
    configure(checkout, passwordSerials="postgres-administrator=1+")
    with pytest.raises(Refused, match=r"was cut off: postgres-administrator.*Fix: ./karen rotate all --stack test"):
        up.ensure_finished("test")
