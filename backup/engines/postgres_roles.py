"""Making a recovered server the target's: its superuser's name and password, its database's name, and nobody else's password."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg import errors, sql

from backup.engines.base import Task
from backup.engines.postgres_session import databases, session
from init.engines.base import first_line
from init.engines.postgres_accounts import ROLES
from init.protocol import Failure

_STEWARD = "karen_recovery"
_MAINTENANCE = "template1"
_LOGINS = """
    SELECT rolname, EXISTS (
        SELECT FROM pg_auth_members WHERE member = one.oid AND pg_get_userbyid(roleid) = ANY (%s))
    FROM pg_authid AS one WHERE rolpassword IS NOT NULL AND rolname <> %s ORDER BY 1"""
_MAPPINGS = """
    SELECT srvname, usename, option.name FROM pg_user_mappings CROSS JOIN LATERAL (
        SELECT split_part(one, '=', 1) AS name FROM unnest(umoptions) AS one) AS option
    WHERE option.name ~ 'password|secret|key|token'"""


@contextmanager
def steward(source: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Provide a superuser of our own, for none can rename itself. Failure `RecoveredBefore` where one is there already."""
    try:
        with session(source) as opened:
            opened.execute(sql.SQL("CREATE ROLE {} SUPERUSER LOGIN").format(sql.Identifier(_STEWARD)))
    except errors.DuplicateObject:
        raise Failure(
            "RecoveredBefore",
            "postgres: an earlier recovery of this data was cut off",
            "restore again, from the beginning",
        ) from None
    yield {**source, "user": _STEWARD}


def adopt(trusted: Mapping[str, Any], source: Mapping[str, Any], target: Mapping[str, Any], task: Task) -> None:
    """Give the source's database and superuser the target's names, and take every other role's password."""
    with session(trusted, _MAINTENANCE) as opened:
        names = databases(opened)
        try:
            _rename(opened, "DATABASE", source["database"], target["database"])
            _rename(opened, "ROLE", source["user"], target["user"])
        except (errors.DuplicateDatabase, errors.DuplicateObject) as error:
            raise Failure(
                "Conflict",
                f"postgres: {first_line(error)}: the set has another one of the target's name",
                "restore into a stack whose postgresUser and postgresDb are the source's",
            ) from None
        with opened.transaction():
            for role, ours in opened.execute(_LOGINS, [list(ROLES), target["user"]]).fetchall():
                opened.execute(sql.SQL("ALTER ROLE {} PASSWORD NULL").format(sql.Identifier(role)))
                # Initialization gives the target's applications theirs.
                if not ours:
                    task.progress(f"the role {role} has no password any more: ALTER ROLE {role} PASSWORD …")
    for name in names:
        renamed = target["database"] if name == source["database"] else name
        forget_mappings(trusted, renamed, task)


def hand_over(trusted: Mapping[str, Any], target: Mapping[str, Any], password: str) -> None:
    """Set the target's password, which reaches the server as a verifier only, and remove the superuser of our own."""
    with session(trusted, _MAINTENANCE) as opened:
        verifier = opened.pgconn.encrypt_password(password.encode(), target["user"].encode(), b"scram-sha-256").decode()
        opened.execute(
            sql.SQL("ALTER ROLE {} SUPERUSER LOGIN CONNECTION LIMIT -1 PASSWORD {} VALID UNTIL 'infinity'").format(
                sql.Identifier(target["user"]), sql.Literal(verifier)
            )
        )
    with session(target) as opened:
        for name in databases(opened):
            with session(target, name) as inside:
                # What a mask has made belongs to who asked for it.
                inside.execute(
                    sql.SQL("REASSIGN OWNED BY {} TO {}").format(
                        sql.Identifier(_STEWARD), sql.Identifier(target["user"])
                    )
                )
        opened.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(_STEWARD)))


def _rename(opened: psycopg.Connection[Any], kind: str, old: str, new: str) -> None:
    if old != new:
        rename = sql.SQL("ALTER {} {} RENAME TO {}")
        opened.execute(rename.format(sql.SQL(kind), sql.Identifier(old), sql.Identifier(new)))


def forget_mappings(trusted: Mapping[str, Any], database: str, task: Task) -> None:
    """Remove the passwords with which the source's databases log in elsewhere."""
    with session(trusted, database) as opened:
        for server, user, option in opened.execute(_MAPPINGS.encode()).fetchall():
            who = sql.SQL("PUBLIC") if user == "public" else sql.Identifier(user)
            change = sql.SQL("ALTER USER MAPPING FOR {} SERVER {} OPTIONS (DROP {})")
            opened.execute(change.format(who, sql.Identifier(server), sql.Identifier(option)))
            task.progress(f"the {option} of {user} for the server {server} in {database} is removed")
