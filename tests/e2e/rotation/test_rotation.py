"""Rotations of a live stack: nothing lost, nobody refused for long, and finished by the same command wherever they were cut off."""

import time
from pathlib import Path

import docker
import pytest

from ops.cli.rotate import configured
from tests.e2e import clients
from tests.e2e.backups.samples import document, karen
from tests.e2e.live import LiveStack
from tests.e2e.rotation.rotating import STEPS, Client, containers, into_postgres, into_redis, killed_at, lets_in, told

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
_LONGEST_SECONDS = 10.0
_ROUNDS = 20
PRINTABLE = "".join(map(chr, range(32, 127)))


# Once in every run, all engines are rotated under load: tests/e2e/security.
@pytest.mark.full
@pytest.mark.timeout(2400)
def test_rotations_under_load_lose_nothing_and_refuse_nobody_for_long(live: LiveStack, file: Path) -> None:
    with clients.postgres(live.variables()) as connection:
        connection.execute("DROP TABLE IF EXISTS rotated; CREATE TABLE rotated (number int PRIMARY KEY)")
    clients.redis_client(live.variables()).flushall()
    running = [Client("postgres", file, into_postgres), Client("redis", file, into_redis)]
    before, seen = containers(live), []
    with running[0].working(), running[1].working():
        for _ in range(_ROUNDS):
            seen.append(told(file))
            done = document(live, "rotate", "all", "--yes", "--env-file", str(file))
            assert len(done["rotated"]) == 8
    for one in running:
        print(f"{one.name}: {len(one.acknowledged)} records, refused for {one.longest:.2f} s at most")
        assert one.longest <= _LONGEST_SECONDS, one.name
        assert len(one.acknowledged) > 10 * _ROUNDS
    env = live.variables()
    with clients.postgres(env) as connection:
        rows = {row[0] for row in connection.execute("SELECT number FROM rotated").fetchall()}
    assert set(running[0].acknowledged) <= rows
    keys = {
        int(str(key).partition(":")[2]) for key in clients.redis_client(env).scan_iter(match="rotated:*", count=1000)
    }
    assert set(running[1].acknowledged) <= keys
    for former in seen:
        assert lets_in(former) == {"postgres": False, "redis": False}
    assert lets_in(told(file)) == {"postgres": True, "redis": True}
    assert containers(live) == before
    live.pulumi("preview", "--refresh", "--expect-no-changes")


# A small stack is at its last step for 2 s, in half of which its end is noted.
_LATER = {step: (0.0, 0.5, 1.0) if step == "refuse:" else (0.0, 1.5, 3.0) for step in STEPS}
_IN_EVERY_RUN = {("server:", 0.0), ("commit:", 0.0)}
_KILLS = [
    pytest.param(step, later, marks=() if (step, later) in _IN_EVERY_RUN else pytest.mark.full)
    for step, moments in _LATER.items()
    for later in moments
]


@pytest.mark.parametrize(("step", "later"), _KILLS)
def test_killed_at_any_step_the_same_command_finishes_it(live: LiveStack, file: Path, step: str, later: float) -> None:
    former = live.variables()
    killed_at(live, file, step, later=later)
    # Nothing is left to take up where the end was noted already, as it may be some time after the last step has begun.
    begun = configured.unfinished(live.name)
    assert begun or (step == "refuse:" and later)
    client = docker.from_env()
    try:
        # A server that is started again between two steps knows what it was told.
        for service in ("redis", "postgres"):
            client.containers.get(live.container(service)).restart()
    finally:
        client.close()
    time.sleep(3)
    assert document(live, "rotate", "all", "--yes", "--env-file", str(file))["resumed"] is bool(begun)
    assert lets_in(live.variables()) == {"postgres": True, "redis": True}
    assert lets_in(told(file)) == {"postgres": True, "redis": True}
    assert lets_in(former) == {"postgres": False, "redis": False}
    live.pulumi("preview", "--refresh", "--expect-no-changes")


def test_an_update_between_two_steps_does_no_harm(live: LiveStack, file: Path) -> None:
    killed_at(live, file, "server:", later=0.0)
    time.sleep(3)
    # As `make up` does, which takes up what was cut off.
    live.pulumi("cancel", "--yes", check=False)
    live.up("--refresh")
    assert document(live, "rotate", "redis", "--yes", "--env-file", str(file))["resumed"] is True
    assert lets_in(live.variables()) == {"postgres": True, "redis": True}


@pytest.mark.parametrize(
    "password", [PRINTABLE[:72], *(pytest.param(one, marks=pytest.mark.full) for one in (PRINTABLE[23:], "8 chars!"))]
)
def test_a_password_of_ones_own_may_have_any_printable_character(live: LiveStack, file: Path, password: str) -> None:
    """It is the application's once it is rotated to, and a generated one again when it is taken out."""
    former = live.variables()
    own = ("rotate", "all", "--application", "--yes", "--env-file", str(file))
    for service in ("postgres", "redis"):
        live.pulumi("config", "set", "--secret", f"ai-karen-db:{service}Password", password)
    # The relay, which is made anew with what it is given, would have Redis' before Redis.
    refused = karen(live, "rotate", "postgres", "--yes", code=1).stderr
    assert (
        f"does not have yet: redis-application. Nothing was changed. Fix: ./karen rotate redis --stack {live.name}"
        in refused
    )
    assert {"postgres-application", "redis-application"} <= set(document(live, *own)["rotated"])
    found = told(file)
    assert found["POSTGRES_PASSWORD"] == found["REDIS_PASSWORD"] == password
    assert lets_in(found) == {"postgres": True, "redis": True}
    assert lets_in(former) == {"postgres": False, "redis": False}
    # It stays; the reader's is generated.
    again = document(live, "rotate", "redis", "--application", "--yes", "--env-file", str(file))
    assert again["rotated"] == ["redis-reader"]
    assert told(file)["REDIS_PASSWORD"] == password
    for service in ("postgres", "redis"):
        live.pulumi("config", "rm", f"ai-karen-db:{service}Password")
    document(live, *own)
    assert lets_in(found) == {"postgres": False, "redis": False}
    assert lets_in(live.variables()) == {"postgres": True, "redis": True}


def test_other_changes_are_not_brought_along(live: LiveStack) -> None:
    serials = live.pulumi("config", "get", "ai-karen-db:passwordSerials", check=False).stdout
    live.pulumi("config", "set", "ai-karen-db:redisMemory", "96m")
    try:
        refused = karen(live, "rotate", "postgres", "--yes", code=1).stderr
        assert "Other changes wait for an update: redis-container" in refused
        assert f"Fix: make up STACK={live.name}" in refused
        assert live.pulumi("config", "get", "ai-karen-db:passwordSerials", check=False).stdout == serials
    finally:
        live.pulumi("config", "set", "ai-karen-db:redisMemory", live.settings["redisMemory"])
