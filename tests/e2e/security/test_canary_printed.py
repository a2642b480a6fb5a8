"""No secret of a production stack is in what is printed about it: previews, updates, logs, outputs, errors, tracebacks, reports."""

import json
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import docker
import pytest
from docker.errors import APIError

from bootstrap import places
from components.exceptions import exempt
from init.resources.job import JOB_LABEL, STACK_LABEL
from tests.e2e.security.canaries import Canary
from tests.e2e.security.conftest import GIVEN, KNOWN, Secured
from tests.e2e.security.telling import about_to_change, karen, pulumi, said

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# A fault in the program itself, where it knows every secret: what is printed then is the interpreter's.
_FAULT = """
from init.resources import job
def run(self, request, *others, **more):
    password = request["coordination"]["password"]
    raise RuntimeError(f"{len(password)} characters, of {KNOWN}")
job.Job.run = run
from ops.cli.app import main
main(["migrate", "status", "--stack", STACK])
"""
_ASK = "psql -qAtX -U karen_administrator -d postgres"


def test_previews_of_a_change_tell_none(secured: Secured, canary: Canary) -> None:
    with about_to_change(secured):
        printed = {
            "pulumi preview --diff": pulumi(secured, "preview", "--diff", "-v2", "--logtostderr"),
            "pulumi preview --json": pulumi(secured, "preview", "--json"),
            "pulumi config": pulumi(secured, "config"),
            "pulumi config --json": pulumi(secured, "config", "--json"),
        }
        reviewed = {form: karen(secured, "preview", form) for form in ("--markdown", "--json")}
        most = {level: pulumi(secured, "preview", level, "--logtostderr") for level in ("-v3", "-v9")}
    assert canary.leaks(printed | reviewed) == {}
    assert canary.controls(printed) == set(printed)
    assert Canary({}, control="backups").controls(reviewed) == set(reviewed)
    # What the same search finds in Pulumi's own trace is the one thing that is listed.
    assert set(canary.leaks(most)) == (set(most) if exempt("secrets in logs", "pulumi -v3") else set())


def test_an_update_and_its_jobs_tell_none(secured: Secured, canary: Canary) -> None:
    with watched_jobs(secured.live.name) as jobs:
        secured.live.pulumi("config", "set", "monitoringInterval", "6")
        done = secured.live.pulumi("up", "--yes", "--skip-preview", "--diff", "-v2", "--logtostderr")
    printed = {"standard output": done.stdout.encode(), "log": done.stderr.encode()}
    assert canary.leaks(printed | jobs) == {}
    assert "standard output" in canary.controls(printed)
    assert Canary({}, control='"level":"INFO"').controls(printed) == {"log"}
    # A job is known by what it is to do, which is in the same place.
    assert Canary({}, control="files-monitor").controls(jobs)


@contextmanager
def watched_jobs(stack: str) -> Iterator[dict[str, bytes]]:
    """Note what the engine tells of a stack's jobs from their start to their end, their processes included."""
    api = docker.from_env().api
    seen: dict[str, bytes] = {}

    def look(job: str) -> None:
        with suppress(APIError):
            seen[job] = json.dumps(api.inspect_container(job)).encode()
            while True:
                seen[job] += json.dumps(api.top(job, "-ef")).encode()
                time.sleep(0.05)

    labels = [f"{STACK_LABEL}={stack}", JOB_LABEL]
    started = api.events(decode=True, filters={"type": "container", "event": "start", "label": labels})
    # Jobs are short, and some run at the same time: whoever asks for the running ones in turn may miss one.
    with ThreadPoolExecutor(16) as pool:
        following = pool.submit(lambda: [pool.submit(look, one["id"]) for one in started])
        try:
            yield seen
        finally:
            started.close()
            looks = following.result()
    for one in looks:
        one.result()
    api.close()


def test_what_is_told_about_the_stack_has_none(secured: Secured, canary: Canary) -> None:
    printed = {
        "pulumi stack output": pulumi(secured, "stack", "output"),
        "pulumi stack output --json": pulumi(secured, "stack", "output", "--json"),
        "pulumi stack export": pulumi(secured, "stack", "export"),
        "pulumi stack history": pulumi(secured, "stack", "history", "--json"),
        "karen config": karen(secured, "config", "--json"),
    }
    assert canary.leaks(printed) == {}
    assert canary.controls(printed) == set(printed)
    # Where secrets are asked for, the same search finds them.
    assert Canary(GIVEN).found(pulumi(secured, "stack", "output", "--json", "--show-secrets"))


@contextmanager
def another_password(secured: Secured) -> Iterator[None]:
    """Have PostgreSQL not let in its administrator for a while; what it keeps of the password is put back."""
    name = "karen_administrator"
    code, kept = secured.sh("postgres", f"{_ASK} -c \"SELECT rolpassword FROM pg_authid WHERE rolname = '{name}'\"")
    assert (code, kept[:14]) == (0, "SCRAM-SHA-256$")
    assert secured.sh("postgres", f"{_ASK} -c \"ALTER ROLE {name} PASSWORD 'another one'\"")[0] == 0
    try:
        yield
    finally:
        back = f"{_ASK} <<'end'\nALTER ROLE {name} PASSWORD '{kept}';\nend"
        assert secured.sh("postgres", back)[0] == 0


def test_errors_tracebacks_and_reports_tell_none(secured: Secured, canary: Canary, tmp_path: Path) -> None:
    data = tmp_path / f"{KNOWN}.csv"
    data.write_text("id\n")
    with another_password(secured):
        printed = {
            "wrong password": karen(secured, "migrate", "status"),
            "wrong password, doctor": karen(secured, "doctor", "--json"),
            "wrong password, load": karen(secured, "load", "postgres", KNOWN, str(data)),
        }
    karen(secured, "stop", "redis")
    printed["stopped server"] = karen(secured, "health", "--json")
    karen(secured, "start", "redis")
    printed["no engine"] = karen(secured, "migrate", "status", DOCKER_HOST="tcp://127.0.0.1:9")
    fault = f"KNOWN, STACK = {KNOWN!r}, {secured.live.name!r}\n{_FAULT}"
    printed["traceback"] = said(secured, sys.executable, "-c", fault, PYTHONPATH=str(places.CHECKOUT))
    printed["audit"] = karen(secured, "audit", "export")
    assert canary.leaks(printed) == {}
    assert all(printed.values())
    assert b"Traceback" in printed["traceback"]
    assert canary.controls(printed) >= {"traceback", "audit"}
    about = Canary({}, control="postgres").controls(printed)
    assert about >= {"wrong password", "wrong password, doctor"}
    assert Canary({}, control="container engine").controls(printed) >= {"no engine"}
    assert "stopped server" in Canary({}, control='"redis"').controls(printed)
