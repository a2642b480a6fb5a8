"""What a database itself is made with, which its dump does not say: encoding, locale, owner, privileges, settings."""

from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg import sql

from backup.engines.base import Task
from backup.engines.postgres_logical_names import MAINTENANCE
from backup.engines.postgres_session import session, value
from init.engines.base import first_line
from init.engines.postgres_connection import Connection

# As a document, for the names of columns differ between versions.
_FACTS = """
    SELECT to_jsonb(one) || jsonb_build_object('encoding', pg_encoding_to_char(encoding), 'owner', pg_get_userbyid(datdba))
    FROM pg_database AS one WHERE datname = %s"""
_SETTINGS = """
    SELECT coalesce(jsonb_agg(one), '[]') FROM pg_db_role_setting CROSS JOIN LATERAL unnest(setconfig) AS one
    WHERE setrole = 0 AND setdatabase = (SELECT oid FROM pg_database WHERE datname = %s)"""
_ACCESS = """
    SELECT CASE WHEN datacl IS NULL THEN NULL ELSE (
        SELECT coalesce(jsonb_agg(jsonb_build_array(CASE grantee WHEN 0 THEN NULL ELSE pg_get_userbyid(grantee) END, privilege_type)), '[]')
        FROM aclexplode(datacl) WHERE grantee <> datdba) END
    FROM pg_database WHERE datname = %s"""
_FILES = """
    SELECT oid, oid::regclass::text, pg_relation_filenode(oid) FROM pg_class
    WHERE relkind = 'r' AND relpersistence = 'p' AND relnamespace >= 16384 OR relkind = 'r' AND relnamespace = 'public'::regnamespace"""
_PROVIDERS = {"i": ("icu", "ICU_LOCALE"), "b": ("builtin", "BUILTIN_LOCALE")}
# Their values are lists of names, quoted already.
_LISTS = ("search_path", "temp_tablespaces", "local_preload_libraries", "session_preload_libraries")


def described(opened: Connection, name: str) -> dict[str, Any]:
    """Return what a database is made with, as JSON has it."""
    facts = value(opened, _FACTS, name)
    return {
        "owner": facts["owner"],
        "encoding": facts["encoding"],
        "collate": facts["datcollate"],
        "ctype": facts["datctype"],
        "provider": facts.get("datlocprovider", "c"),
        "locale": facts.get("datlocale") or facts.get("daticulocale"),
        "settings": value(opened, _SETTINGS, name),
        "access": value(opened, _ACCESS, name),
    }


def create(connection: Mapping[str, Any], name: str, facts: Mapping[str, Any], superuser: str, task: Task) -> None:
    """Make an empty database like the one that was taken; a setting that this server does not know is told."""
    statement = sql.SQL("CREATE DATABASE {} TEMPLATE template0 ENCODING {} LC_COLLATE {} LC_CTYPE {}").format(
        sql.Identifier(name), *(sql.Literal(facts[key]) for key in ("encoding", "collate", "ctype"))
    )
    if facts["provider"] in _PROVIDERS:
        provider, option = _PROVIDERS[facts["provider"]]
        locale = sql.Literal(facts["locale"])
        statement += sql.SQL(f" LOCALE_PROVIDER {provider} {option} ").format() + locale
    with session(connection, MAINTENANCE) as opened:
        opened.execute(statement)
        if facts["owner"] != superuser:
            _do(opened, "ALTER DATABASE {} OWNER TO {}", name, sql.Identifier(facts["owner"]))
        if facts["access"] is not None:
            _do(opened, "REVOKE ALL ON DATABASE {} FROM {}", name, sql.SQL("PUBLIC"))
            for grantee, privilege in facts["access"]:
                who = sql.SQL("PUBLIC") if grantee is None else sql.Identifier(grantee)
                _do(opened, f"GRANT {privilege} ON DATABASE {{}} TO {{}}", name, who)
        for setting in facts["settings"]:
            try:
                _do(opened, "ALTER DATABASE {} SET {} TO {}", name, *assigned(setting))
            except psycopg.Error as error:
                key = setting.partition("=")[0]
                task.progress(f"the setting {key} of the database is left out: {first_line(error)}")


def assigned(setting: str) -> tuple[sql.Identifier, sql.Composable]:
    """Return the name and the value of a setting as the catalogues have it (`search_path=public, "$user"`)."""
    key, _, text = setting.partition("=")
    value = sql.SQL(text.replace("{", "{{").replace("}", "}}")).format() if key in _LISTS else sql.Literal(text)
    return sql.Identifier(*key.split(".")), value


def rewritten(opened: Connection) -> dict[int, tuple[str, int]]:
    """Return each table's number, with its name and the number of its file, which is another one once it is written anew."""
    return {oid: (name, file) for oid, name, file in opened.execute(_FILES.encode()).fetchall()}


def _do(opened: Connection, statement: str, name: str, *more: sql.Composable) -> None:
    opened.execute(sql.SQL(statement).format(sql.Identifier(name), *more))
