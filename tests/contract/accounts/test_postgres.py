"""PostgreSQL's users: what each may do, whose the tables are, and that any password opens."""

from collections.abc import Iterator, Mapping
from typing import Any

import psycopg
import pytest
from psycopg import errors

from init.engines import load
from init.protocol import Failure
from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]
APPLICATION = {"name": "postgres-application", "user": "app", "password": "application-1", "rights": "read-write"}
READER = {"name": "postgres-reader", "user": "reader", "password": "reader-1", "rights": "read-only"}


@pytest.fixture(scope="module")
def connection() -> Iterator[dict[str, Any]]:
    with Contract.session("accounts-postgres") as contract:
        host = contract.address("postgres")
        yield {"host": host, "port": 5432, "user": "karen", "password": PASSWORD, "database": "karen"}


@pytest.fixture
def administrator(connection: Mapping[str, Any]) -> Iterator[Any]:
    """A database with tables as migrations make them, and the ledger."""
    driver: Any = load("postgres")
    driver.connect(connection)
    one = driver.connection
    one.execute(
        "DROP SCHEMA IF EXISTS other CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public AUTHORIZATION pg_database_owner"
    )
    one.execute("GRANT USAGE ON SCHEMA public TO PUBLIC")
    one.execute(
        "CREATE TABLE migration_history (n int); CREATE TABLE notes (id int GENERATED ALWAYS AS IDENTITY, text text)"
    )
    one.execute("CREATE VIEW seen AS SELECT * FROM notes; CREATE SCHEMA other; CREATE TABLE other.parts (id serial)")
    one.execute("CREATE TYPE mood AS ENUM ('calm'); CREATE FUNCTION two() RETURNS int LANGUAGE sql AS 'SELECT 2'")
    yield driver
    driver.close()


def logged_in(connection: Mapping[str, Any], account: Mapping[str, Any], **other: Any) -> "psycopg.Connection[Any]":
    given = {"host": connection["host"], "dbname": connection["database"], "autocommit": True, "connect_timeout": 5}
    return psycopg.connect(**{**given, "user": account["user"], "password": account["password"], **other})


def test_an_application_reads_and_writes_rows_and_nothing_else(administrator: Any, connection: dict[str, Any]) -> None:
    administrator.grant([APPLICATION, READER])
    with logged_in(connection, APPLICATION) as one:
        one.execute(
            "INSERT INTO notes (text) VALUES ('a'); UPDATE notes SET text = 'b'; INSERT INTO other.parts DEFAULT VALUES"
        )
        assert one.execute("SELECT text, two() FROM seen").fetchall() == [("b", 2)]
        assert one.execute("SELECT count(*) FROM migration_history").fetchone() == (0,)
        one.execute("CREATE TEMPORARY TABLE scratch (n int); DELETE FROM notes")
        for refused in (
            "CREATE TABLE own (n int)", "DROP TABLE notes", "ALTER TABLE notes ADD COLUMN n int", "TRUNCATE notes",
            "INSERT INTO migration_history VALUES (1)", "DELETE FROM migration_history", "CREATE SCHEMA own",
            "SET ROLE karen_owner", "ALTER ROLE app SUPERUSER", "CREATE ROLE another", "SELECT * FROM pg_authid",
            "COPY notes TO PROGRAM 'cat'", "ALTER SYSTEM SET work_mem = '1MB'", "CREATE DATABASE own",
        ):  # fmt: skip
            with pytest.raises(errors.InsufficientPrivilege):
                one.execute(refused.encode())


def test_a_reader_only_reads(administrator: Any, connection: dict[str, Any]) -> None:
    administrator.grant([APPLICATION, READER])
    with logged_in(connection, READER) as one:
        assert one.execute("SELECT count(*) FROM notes").fetchone() == (0,)
        for refused in (
            "INSERT INTO notes (text) VALUES ('a')",
            "DELETE FROM other.parts",
            "CREATE TEMPORARY TABLE t (n int)",
        ):
            with pytest.raises((errors.InsufficientPrivilege, errors.ReadOnlySqlTransaction)):
                one.execute(refused.encode())
            one.execute("SET default_transaction_read_only = off")
            with pytest.raises(errors.InsufficientPrivilege):
                one.execute(refused.encode())


def test_neither_gets_into_another_database(administrator: Any, connection: dict[str, Any]) -> None:
    administrator.grant([APPLICATION, READER])
    for account in (APPLICATION, READER):
        for database in ("postgres", "template1"):
            with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
                logged_in(connection, account, dbname=database)


def test_what_comes_later_may_be_used_at_once_and_is_owned_after_the_next_run(
    administrator: Any, connection: dict[str, Any]
) -> None:
    administrator.grant([APPLICATION, READER])
    administrator.connection.execute("CREATE TABLE later (id int GENERATED ALWAYS AS IDENTITY, n int)")
    with logged_in(connection, APPLICATION) as one:
        one.execute("INSERT INTO later (n) VALUES (1)")
    administrator.grant([APPLICATION, READER])
    owners = (
        "SELECT DISTINCT pg_get_userbyid(relowner) FROM pg_class WHERE relname IN ('notes', 'seen', 'parts', 'later')"
    )
    assert administrator.connection.execute(owners).fetchall() == [("karen_owner",)]
    ledger = "SELECT pg_get_userbyid(relowner) FROM pg_class WHERE relname = 'migration_history'"
    assert administrator.connection.execute(ledger).fetchone() == ("karen",)


def test_in_development_an_application_makes_tables_which_belong_to_the_owner(
    administrator: Any, connection: dict[str, Any]
) -> None:
    owner = {**APPLICATION, "rights": "owner"}
    administrator.grant([owner, READER])
    with logged_in(connection, owner) as one:
        one.execute("CREATE TABLE own (n int); ALTER TABLE notes ADD COLUMN n int; DROP TABLE other.parts")
        assert one.execute("SELECT tableowner FROM pg_tables WHERE tablename = 'own'").fetchone() == ("karen_owner",)
        with pytest.raises(errors.InsufficientPrivilege):
            one.execute("CREATE ROLE another")
    with logged_in(connection, READER) as one:
        assert one.execute("SELECT count(*) FROM own").fetchone() == (0,)
    administrator.grant([APPLICATION, READER])
    with logged_in(connection, APPLICATION) as one, pytest.raises(errors.InsufficientPrivilege):
        one.execute("DROP TABLE own")


def test_powers_that_somebody_gave_are_taken_back(administrator: Any, connection: dict[str, Any]) -> None:
    administrator.grant([APPLICATION])
    administrator.connection.execute(
        "ALTER ROLE app SUPERUSER CREATEROLE; GRANT karen_owner TO app; ALTER ROLE app PASSWORD NULL"
    )
    administrator.grant([APPLICATION])
    with logged_in(connection, APPLICATION) as one, pytest.raises(errors.InsufficientPrivilege):
        one.execute("DROP TABLE notes")


@pytest.mark.parametrize("password", ALL)
def test_any_password_opens_and_is_changed(administrator: Any, connection: dict[str, Any], password: str) -> None:
    administrator.grant([{**APPLICATION, "password": password}])
    with logged_in(connection, {**APPLICATION, "password": password}):
        pass
    before = administrator.connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
    administrator.grant([{**APPLICATION, "password": password}])
    after = administrator.connection.execute("SELECT rolpassword FROM pg_authid WHERE rolname = 'app'").fetchone()
    assert before == after, "a password that is right is not set again"
    with pytest.raises(psycopg.OperationalError, match="authentication failed"):
        logged_in(connection, {**APPLICATION, "password": password + "x"})


def test_a_rotation_may_be_cut_off_anywhere_and_repeated(administrator: Any, connection: dict[str, Any]) -> None:
    """Administrator and application: nothing changed yet, one of them, both; the former is refused at the end."""
    administrator.grant([APPLICATION])
    boss = {"name": "postgres-administrator", "user": "karen", "rights": "administrator", "former_password": PASSWORD}
    accounts = [
        {**boss, "password": "administrator-2"},
        {**APPLICATION, "password": "application-2", "former_password": "application-1"},
    ]
    request = {"engine": "postgres", "connection": connection, "accounts": accounts}
    now = {**connection, "password": "administrator-2"}
    try:
        assert change({**request, "accounts": accounts[:1]})["changed"] == ["postgres-administrator"]
        assert change(request)["changed"] == ["postgres-application"]
        assert change(request)["changed"] == []
        told = [{**one, "former_user": one["user"]} for one in accounts]
        assert refuse({**request, "connection": now, "accounts": told})["refused"] == [one["name"] for one in accounts]
        with pytest.raises(Failure, match="app is still let in"):
            refuse({**request, "connection": now, "accounts": [{**told[1], "former_password": "application-2"}]})
    finally:
        # Both at once: who is asked for a password with each request has to use the next one in between.
        back = [{**one, "password": one["former_password"], "former_password": one["password"]} for one in accounts]
        assert change({**request, "connection": now, "accounts": back})["changed"] == [one["name"] for one in back]


def test_an_initialization_during_a_rotation_leaves_what_the_server_has(
    administrator: Any, connection: dict[str, Any]
) -> None:
    both = {**APPLICATION, "next_password": "application-2"}
    administrator.grant([APPLICATION])
    for password in ("application-1", "application-2"):
        administrator.change({**APPLICATION, "password": password}, "")
        administrator.grant([both])
        logged_in(connection, {**APPLICATION, "password": password}).close()
