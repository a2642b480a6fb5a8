"""The roles that dumps speak of: made without a password where they are missing; the source's superuser becomes the target's."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import psycopg
from psycopg import errors, sql

from backup.engines.base import Task
from backup.engines.postgres_logical_databases import assigned
from backup.engines.postgres_logical_names import MAINTENANCE
from backup.engines.postgres_session import session
from init.engines.base import first_line
from init.engines.postgres_connection import Connection
from init.protocol import Failure

# What a role carries until its restore is finished.
_MARK = "ai-karen: made by a restore that is not finished"
_ROLES = """
    SELECT rolname, rolinherit, ARRAY(
        SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = one.oid ORDER BY 1),
        jsonb_build_object('SUPERUSER', rolsuper, 'CREATEDB', rolcreatedb, 'CREATEROLE', rolcreaterole, 'LOGIN', rolcanlogin,
            'REPLICATION', rolreplication, 'BYPASSRLS', rolbypassrls),
        rolconnlimit, rolvaliduntil::text, rolpassword,
        ARRAY(SELECT pg_get_userbyid(roleid)::text FROM pg_auth_members WHERE member = one.oid AND admin_option ORDER BY 1),
        (SELECT coalesce(jsonb_agg(jsonb_build_array(datname, text) ORDER BY datname, place), '[]')
            FROM pg_db_role_setting LEFT JOIN pg_database AS own ON own.oid = setdatabase
                CROSS JOIN LATERAL unnest(setconfig) WITH ORDINALITY AS set (text, place)
            WHERE setrole = one.oid AND (setdatabase = 0 OR datname IS NOT NULL))
    FROM pg_authid AS one WHERE rolname !~ '^pg_' ORDER BY 1"""
_MARKED = "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = %s ORDER BY 1"
_MAPPINGS = "SELECT srvname, umoptions FROM pg_user_mappings WHERE usename = %s AND srvname IS NOT NULL"
_DEFAULTS = """
    SELECT defaclobjtype::text, nspname, CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END, privilege_type, is_grantable
    FROM pg_default_acl LEFT JOIN pg_namespace AS ns ON ns.oid = defaclnamespace CROSS JOIN LATERAL aclexplode(defaclacl)
    WHERE defaclrole = (SELECT oid FROM pg_roles WHERE rolname = %s) AND grantee <> defaclrole"""
_KINDS = {"r": "TABLES", "S": "SEQUENCES", "f": "FUNCTIONS", "T": "TYPES", "n": "SCHEMAS"}


def listed(opened: Connection) -> list[dict[str, Any]]:
    """Return the roles: `name`, `inherit`, what each is a member `of`, and what it may do and logs in with, as a hash; what it may
    have others be members of (`gives`), and its `settings`, each with the database that it is for, or None.
    """
    keys = ("name", "inherit", "of", "rights", "connections", "until", "password", "gives", "settings")
    return [dict(zip(keys, row, strict=True)) for row in opened.execute(_ROLES.encode()).fetchall()]


def create(connection: Mapping[str, Any], roles: Sequence[Mapping[str, Any]], superuser: str, task: Task) -> None:
    """Make the roles that are missing; those that are there stay as they are. Only with `logins` of the connection, as in an upgrade
    of the very server, they may what they could, and log in; otherwise none can.

    The source's superuser is made until its objects are the target's user's; Failure `Conflict` where the target has another role of
    this name.
    """
    with session(connection, MAINTENANCE) as opened, opened.transaction():
        there = {name for (name,) in opened.execute("SELECT rolname FROM pg_roles").fetchall()}
        if superuser != connection["user"] and superuser in there - set(_marked(opened)):
            raise Failure(
                "Conflict",
                f"postgres: the target has a role {superuser}, which is the source's superuser",
                f"ALTER ROLE {superuser} RENAME TO …, or restore into a stack whose postgresUser is {superuser}",
            )
        missing = [role for role in roles if role["name"] not in there]
        for role in missing:
            name, inherit = sql.Identifier(role["name"]), sql.SQL("INHERIT" if role["inherit"] else "NOINHERIT")
            # Event triggers and wrappers of foreign data belong to superusers only.
            power = sql.SQL("SUPERUSER" if role["name"] == superuser else "NOSUPERUSER")
            opened.execute(sql.SQL("CREATE ROLE {} NOLOGIN {} {}").format(name, inherit, power))
            opened.execute(sql.SQL("COMMENT ON ROLE {} IS {}").format(name, sql.Literal(_MARK)))
            if connection.get("logins"):
                opened.execute(_as_it_was(role))
                _settle(opened, role, None, sql.SQL(""), task)
            elif role["name"] != superuser:
                told = f"the role {role['name']} is made, and cannot log in: ALTER ROLE {role['name']} LOGIN PASSWORD …"
                task.progress(told)
        for role in missing:
            for group in _groups(role, superuser, connection["user"]):
                gives = connection.get("logins") and group in role["gives"]
                opened.execute(
                    sql.SQL("GRANT {} TO {}{}").format(
                        sql.Identifier(group),
                        sql.Identifier(role["name"]),
                        sql.SQL(" WITH ADMIN OPTION" if gives else ""),
                    )
                )


def settle(
    connection: Mapping[str, Any], roles: Sequence[Mapping[str, Any]], database: str, beside: str, task: Task
) -> None:
    """Give roles, in what was loaded `beside` a database, the settings that they had in that; only with `logins` of the connection."""
    if not connection.get("logins"):
        return
    with session(connection, MAINTENANCE) as opened, opened.transaction():
        for role in roles:
            _settle(opened, role, database, sql.SQL(" IN DATABASE {}").format(sql.Identifier(beside)), task)


def _settle(
    opened: Connection, role: Mapping[str, Any], database: str | None, where: sql.Composable, task: Task
) -> None:
    for text in (one for of, one in role["settings"] if of == database):
        key, to = assigned(text)
        change = sql.SQL("ALTER ROLE {}{} SET {} TO {}").format(sql.Identifier(role["name"]), where, key, to)
        try:
            with opened.transaction():
                opened.execute(change)
        except psycopg.Error as error:
            task.progress(f"a setting of the role {role['name']} is left out: {first_line(error)}")


def _as_it_was(role: Mapping[str, Any]) -> sql.Composed:
    rights = " ".join(right if has else f"NO{right}" for right, has in role["rights"].items())
    until = sql.SQL("VALID UNTIL {}").format(sql.Literal(role["until"])) if role["until"] else sql.SQL("")
    return sql.SQL("ALTER ROLE {} {} CONNECTION LIMIT {} {} PASSWORD {}").format(
        sql.Identifier(role["name"]),
        sql.SQL(rights),
        sql.Literal(role["connections"]),
        until,
        sql.Literal(role["password"]),
    )


def adopt(connection: Mapping[str, Any], superuser: str) -> None:
    """Give what the source's superuser has in the connection's database to the target's user."""
    if superuser == connection["user"]:
        return
    old, new = sql.Identifier(superuser), sql.Identifier(connection["user"])
    with session(connection) as opened, opened.transaction():
        for change in (*_defaults(opened, superuser, new), *_mappings(opened, superuser, new)):
            opened.execute(change)
        opened.execute(sql.SQL("REASSIGN OWNED BY {} TO {}").format(old, new))
        opened.execute(sql.SQL("DROP OWNED BY {}").format(old))


def keep(connection: Mapping[str, Any], superuser: str, task: Task) -> None:
    """Keep the roles that were made, except the source's superuser, which has nothing left."""
    with session(connection, MAINTENANCE) as opened:
        for name in _marked(opened):
            if name == superuser:
                opened.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))
                task.progress(f"what was {name}'s is {connection['user']}'s")
            else:
                opened.execute(sql.SQL("COMMENT ON ROLE {} IS NULL").format(sql.Identifier(name)))


def discard(connection: Mapping[str, Any]) -> None:
    """Remove the roles that were made, as far as nothing is theirs."""
    with session(connection, MAINTENANCE) as opened:
        for name in _marked(opened):
            with suppress(errors.DependentObjectsStillExist):
                opened.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def _groups(role: Mapping[str, Any], *superusers: str) -> list[str]:
    """Return what a role is to be a member of: never of a superuser."""
    return [] if role["name"] in superusers else [one for one in role["of"] if one not in superusers]


def _marked(opened: Connection) -> list[str]:
    return [name for (name,) in opened.execute(_MARKED, [_MARK]).fetchall()]


def _defaults(opened: Connection, superuser: str, new: sql.Identifier) -> list[sql.Composed]:
    """Return what gives the privileges on whatever the old one would make to those on what the new one makes."""
    changes = []
    for kind, schema, grantee, privilege, grantable in opened.execute(_DEFAULTS, [superuser]).fetchall():
        if kind not in _KINDS:
            continue
        changes.append(
            sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {}{} GRANT {} ON {} TO {}{}").format(
                new,
                sql.SQL(" IN SCHEMA {}").format(sql.Identifier(schema)) if schema else sql.SQL(""),
                sql.SQL(privilege),
                sql.SQL(_KINDS[kind]),
                sql.Identifier(grantee) if grantee else sql.SQL("PUBLIC"),
                sql.SQL(" WITH GRANT OPTION" if grantable else ""),
            )
        )
    return changes


def _mappings(opened: Connection, superuser: str, new: sql.Identifier) -> list[sql.Composed]:
    """Return what lets the new one use other servers as the old one did; passwords are gone before."""
    changes = []
    for server, options in opened.execute(_MAPPINGS, [superuser]).fetchall():
        pairs = [one.partition("=") for one in options or ()]
        given = [sql.SQL("{} {}").format(sql.Identifier(key), sql.Literal(text)) for key, _, text in pairs]
        change = sql.SQL("CREATE USER MAPPING IF NOT EXISTS FOR {} SERVER {}").format(new, sql.Identifier(server))
        changes.append(change + sql.SQL(" OPTIONS ({})").format(sql.SQL(", ").join(given)) if given else change)
    return changes
