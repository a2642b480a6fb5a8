"""`karen certificates`, and what status and doctor tell of certificates: before they expire, with the command that renews."""

import base64
import json
import os
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from components.settings import Settings
from init.resources.certificate import CertificateProvider
from ops.cli.app import app
from ops.cli.certificates import expiring
from ops.cli.doctor import certificates as checks
from ops.cli.doctor.model import Patient
from ops.cli.errors import Refused
from ops.cli.recorded import Recorded
from ops.cli.rotate import updating

SEED = base64.b64encode(os.urandom(32)).decode()
TYPE = "pulumi-python:dynamic/karen:Certificate"


def state(**days: float) -> list[dict[str, Any]]:
    """Return what Pulumi has recorded of certificates that expire in so many days."""
    found = []
    for service, left in days.items():
        names = [] if service == "authority" else [service]
        given = {"stack": "dev", "service": service, "seed": SEED, "names": names, "days": left, "path": ""}
        urn = f"urn:pulumi:dev::ai-karen-db::{TYPE}::{service}-certificate"
        found.append({"type": TYPE, "urn": urn, "outputs": CertificateProvider().create(given).outs})
    return found


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    monkeypatch.setattr(expiring, "resources", lambda stack: found)
    monkeypatch.setattr(Recorded, "read", classmethod(lambda cls, stack: Recorded(stack, {}, None)))
    return found


def run(*arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["certificates", *arguments])
    assert result.exit_code == code, result.output
    return result.output


def findings(settings: dict[str, str], there: list[dict[str, Any]]) -> list[tuple[str, str, str]]:
    patient = Patient("dev", None)
    patient.settings = Settings.parse(settings)
    patient.recorded = {"resources": [{"type": "pulumi:pulumi:Stack"}, *there]}
    return [(one.status, one.message, one.fix) for one in checks.expiry(patient)]


def test_what_expires_is_told_before_with_what_renews_it(recorded: list[dict[str, Any]]) -> None:
    recorded += state(redis=29.5, postgres=6.5, milvus=-0.01, minio=364.5, authority=3650)
    wrong = {one.service: one for one in expiring.conditions(expiring.certificates("prod"), "prod")}
    assert {name: one.severity for name, one in wrong.items()} == {
        "redis": "warning",
        "postgres": "critical",
        "milvus": "critical",
    }
    day = (datetime.now(UTC) + timedelta(days=29.5)).strftime("%Y-%m-%d")
    assert wrong["redis"].summary == f"the certificate of redis expires on {day}"
    assert "has expired" in wrong["milvus"].summary
    assert {one.fix for one in wrong.values()} == {"./karen certificates renew --stack prod"}


def test_an_authority_is_renewed_by_an_update(recorded: list[dict[str, Any]]) -> None:
    recorded += state(authority=20)
    (wrong,) = expiring.conditions(expiring.certificates("dev"), "dev")
    assert (wrong.summary.startswith("the certificate of the authority"), wrong.fix) == (True, "make up STACK=dev")


def test_show_tells_all_and_fails_where_one_expires_soon(recorded: list[dict[str, Any]]) -> None:
    recorded += state(authority=3650, redis=300)
    document = json.loads(run("show", "--json"))
    assert [(one["service"], one["days"]) for one in document["certificates"]] == [("authority", 3649), ("redis", 299)]
    recorded += state(postgres=3)
    assert "critical: the certificate of postgres expires on" in run("show", code=1)


def test_the_authority_is_printed_alone(recorded: list[dict[str, Any]]) -> None:
    recorded += state(authority=3650, redis=300)
    assert run("authority") == recorded[0]["outputs"]["certificate"]


@pytest.mark.usefixtures("recorded")
@pytest.mark.parametrize("command", ["show", "authority", "renew"])
def test_without_certificates_it_is_said_how_to_get_some(command: str) -> None:
    assert "Fix: pulumi config set ai-karen-db:tls true --stack dev" in run(command, code=2)


def test_only_what_has_a_certificate_is_renewed(recorded: list[dict[str, Any]]) -> None:
    recorded += state(authority=3650, redis=300, postgres=300)
    assert "'authority' has no certificate; allowed: all, postgres, redis" in run("renew", "authority", code=2)


def test_the_doctor_tells_what_expires_and_what_is_in_the_open(recorded: list[dict[str, Any]]) -> None:
    production = {"mode": "production"}
    assert findings(production, []) == [("warning", "connections are not encrypted yet", "make up STACK=dev")]
    assert findings({}, [])[0][0] == "ok"
    ((status, message, fix),) = findings({**production, "tls": "false"}, [])
    assert (status, message) == ("warning", "connections are not encrypted (tls is false)")
    assert fix.startswith("pulumi config rm ai-karen-db:tls")
    recorded += state(authority=3650, redis=300)
    assert findings(production, recorded)[0][:2] == ("ok", f"the next to expire is that of redis, on {_day(300)}")
    recorded += state(postgres=20, minio=2)
    assert [(one[0], one[2]) for one in findings(production, recorded)] == [
        ("problem", "./karen certificates renew --stack dev"),
        ("warning", "./karen certificates renew --stack dev"),
    ]


@pytest.mark.parametrize(
    ("steps", "waiting"),
    [
        ([("replace", "container:Container", "redis", ["labels"])], ""),
        ([("replace", "container:Container", "redis", ["labels", "command"])], "redis"),
        ([("create", "volume:Volume", "data", [])], "data"),
        ([("same", "container:Container", "redis", ["command"])], ""),
    ],
)
def test_a_renewal_brings_nothing_else_along(
    monkeypatch: pytest.MonkeyPatch, steps: list[tuple[str, str, str, list[str]]], waiting: str
) -> None:
    document = [
        {"op": op, "urn": f"urn:pulumi:dev::p::docker:index/{kind}::{name}", "diffReasons": reasons}
        for op, kind, name, reasons in steps
    ]
    monkeypatch.setattr(updating, "start", lambda *_: None)
    monkeypatch.setattr(updating, "finish", lambda _: json.dumps({"steps": document}))
    if not waiting:
        updating.ensure_nothing_else("dev", but="labels")
        return
    with pytest.raises(Refused, match=f"Other changes wait for an update: {waiting}"):
        updating.ensure_nothing_else("dev", but="labels")


@pytest.mark.parametrize(
    ("name", "reasons", "waits"),
    [
        ("relay-container", ["labels"], False),
        ("relay-container", ["labels", "image"], True),
        ("redis-container", ["labels"], True),
    ],
)
def test_a_rotation_brings_the_relay_along_to_which_its_passwords_are_told(
    monkeypatch: pytest.MonkeyPatch, name: str, reasons: list[str], *, waits: bool
) -> None:
    step = {"op": "replace", "urn": f"urn:pulumi:dev::p::docker:index/container:Container::{name}"}
    monkeypatch.setattr(updating, "start", lambda *_: None)
    monkeypatch.setattr(updating, "finish", lambda _: json.dumps({"steps": [{**step, "diffReasons": reasons}]}))
    if waits:
        with pytest.raises(Refused, match=name):
            updating.ensure_nothing_else("dev")
    else:
        updating.ensure_nothing_else("dev")


def _day(days: float) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).strftime("%Y-%m-%d")
