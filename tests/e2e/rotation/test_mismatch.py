"""A volume of another password than Pulumi has is named before its container is replaced."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager

import docker
import pytest
import redis
from psycopg import sql

from components.naming import STACK_LABEL
from tests.e2e import clients
from tests.e2e.live import SMALL, LiveStack
from tests.e2e.rotation.rotating import containers, lets_in

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]


def removed(live: LiveStack) -> None:
    """Remove the stack's containers and networks; its volumes stay."""
    client = docker.from_env()
    try:
        for container in client.containers.list(all=True, filters={"label": f"{STACK_LABEL}={live.name}"}):
            container.remove(force=True)
        for network in client.networks.list(filters={"label": f"{STACK_LABEL}={live.name}"}):
            network.remove()
    finally:
        client.close()


def test_a_serial_that_was_raised_by_hand_is_named_before_anything_is_replaced(live: LiveStack) -> None:
    before, name = containers(live), "postgres-administrator"
    serials = live.pulumi("config", "get", "ai-karen-db:passwordSerials", check=False).stdout.strip()
    numbers = {name: 1} | {key: int(number) for key, number in (one.split("=") for one in serials.split())}
    raised = " ".join(f"{key}={number + (key == name)}" for key, number in numbers.items())
    live.pulumi("config", "set", "ai-karen-db:passwordSerials", raised)
    live.pulumi("config", "set", "ai-karen-db:postgresMemory", "320m")
    try:
        failed = live.up(check=False)
        assert failed.returncode != 0
        assert f"the volume ai-karen-{live.name}-postgres-data were made with another password" in failed.stdout
        assert containers(live) == before
    finally:
        live.pulumi(
            "config",
            *(["set", "ai-karen-db:passwordSerials", serials] if serials else ["rm", "ai-karen-db:passwordSerials"]),
        )
        live.pulumi("config", "set", "ai-karen-db:postgresMemory", SMALL["postgresMemory"])
        live.up()
    assert lets_in(live.variables()) == {"postgres": True, "redis": True}


@contextmanager
def changed_in_postgres(administrators: Mapping[str, str]) -> Iterator[None]:
    change = "ALTER ROLE karen_administrator PASSWORD {}"
    with clients.postgres(administrators) as connection:
        connection.execute(sql.SQL(change).format("changed by hand"))
        try:
            yield
        finally:
            connection.execute(sql.SQL(change).format(administrators["POSTGRES_PASSWORD"]))


@contextmanager
def changed_in_redis(administrators: Mapping[str, str]) -> Iterator[None]:
    user, password = administrators["REDIS_USER"], administrators["REDIS_PASSWORD"]
    place = (administrators["REDIS_HOST"], int(administrators["REDIS_PORT"]))
    with redis.Redis(*place, username=user, password=password, single_connection_client=True) as connection:
        connection.acl_setuser(user, enabled=True, reset_passwords=True, passwords=["+changed by hand"])
        try:
            yield
        finally:
            # A change of passwords leaves who is connected connected.
            connection.acl_setuser(user, enabled=True, reset_passwords=True, passwords=[f"+{password}"])


@pytest.mark.parametrize(("service", "changed"), [("postgres", changed_in_postgres), ("redis", changed_in_redis)])
def test_a_password_that_was_changed_by_hand_is_named_before_the_container_is_replaced(
    live: LiveStack, service: str, changed: Callable[[Mapping[str, str]], AbstractContextManager[None]]
) -> None:
    """The server runs, with another password than Pulumi has; a change wants another container."""
    before, memory = containers(live), f"ai-karen-db:{service}Memory"
    try:
        with changed(live.administrators()):
            live.pulumi("config", "set", memory, "320m")
            failed = live.up(check=False)
            assert failed.returncode != 0
            assert f"{service} does not let in with the password that Pulumi has" in failed.stdout
            assert f"ai-karen-{live.name}-{service}-data" in failed.stdout
            assert containers(live) == before
    finally:
        live.pulumi("config", "set", memory, SMALL[f"{service}Memory"])
        live.up()
    assert containers(live) == before


def test_a_state_that_was_lost_is_named_before_a_container_is_made(live: LiveStack) -> None:
    """The most frequent complaint about such stacks: volumes of one state, passwords of the next."""
    exported = live.pulumi("stack", "export", "--show-secrets").stdout
    removed(live)
    try:
        live.pulumi("stack", "rm", "--yes", "--force", "--preserve-config")
        live.pulumi("stack", "init", "--no-select")
        failed = live.up(check=False)
        assert failed.returncode != 0
        assert f"the volume ai-karen-{live.name}-postgres-data were made with another password" in failed.stdout
        assert live.container("postgres") not in live.on_engine()["container"]
    finally:
        removed(live)
        state = live.file.with_suffix(".exported")
        state.write_text(exported)
        live.pulumi("stack", "import", "--file", str(state))
        state.unlink()
        live.up("--refresh")
    assert lets_in(live.variables()) == {"postgres": True, "redis": True}
