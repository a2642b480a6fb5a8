"""PostgreSQL's users. Three roles that nobody logs in as own what migrations make, write rows, and read them; users are members.

So a restore into a stack whose users have other names needs no change: what is granted is granted to the roles.
"""

import base64
import hashlib
import hmac
from collections.abc import Iterator

from psycopg import sql

from init.engines.base import Accounts, log, passwords, required
from init.engines.postgres_connection import OURS, Connection
from init.protocol import Failure

OWNER, READ_WRITE, READ_ONLY = "karen_owner", "karen_read_write", "karen_read_only"
_ROLES = {"owner": OWNER, "read-write": READ_WRITE, "read-only": READ_ONLY}
ROLES = tuple(_ROLES.values())
_POWERLESS = "NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS"
_KINDS = "CASE relkind WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW' WHEN 'S' THEN 'SEQUENCE' WHEN 'f' THEN 'FOREIGN TABLE' ELSE 'TABLE' END"
_OF_EXTENSION = "EXISTS (SELECT FROM pg_depend WHERE objid = one.oid AND deptype = 'e')"
_OWN_SCHEMA = "nspname <> 'information_schema' AND nspname !~ '^pg_'"
# What the administrator has made, except the ledger; a column's sequence goes with its table.
_TO_BE_OWNED = f"""
    SELECT format('ALTER %%s %%I.%%I OWNER TO {OWNER}', {_KINDS}, nspname, relname)
    FROM pg_class AS one JOIN pg_namespace ON pg_namespace.oid = relnamespace
    WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND relowner = current_user::regrole AND {_OWN_SCHEMA}
      AND NOT (nspname = 'public' AND relname = ANY (%(ledger)s)) AND NOT {_OF_EXTENSION}
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = one.oid AND classid = 'pg_class'::regclass
                      AND refclassid = 'pg_class'::regclass AND deptype IN ('a', 'i') AND relkind = 'S')
    UNION ALL
    SELECT format('ALTER ROUTINE %%s OWNER TO {OWNER}', one.oid::regprocedure)
    FROM pg_proc AS one JOIN pg_namespace ON pg_namespace.oid = pronamespace
    WHERE proowner = current_user::regrole AND {_OWN_SCHEMA} AND NOT {_OF_EXTENSION}
    UNION ALL
    SELECT format('ALTER TYPE %%I.%%I OWNER TO {OWNER}', nspname, typname)
    FROM pg_type AS one JOIN pg_namespace ON pg_namespace.oid = typnamespace
    WHERE typowner = current_user::regrole AND {_OWN_SCHEMA} AND NOT {_OF_EXTENSION}
      AND (typtype IN ('e', 'd', 'r') OR (typtype = 'c' AND (SELECT relkind FROM pg_class WHERE oid = typrelid) = 'c'))
    UNION ALL
    SELECT format('ALTER SCHEMA %%I OWNER TO {OWNER}', nspname)
    FROM pg_namespace AS one WHERE nspowner = current_user::regrole AND {_OWN_SCHEMA} AND NOT {_OF_EXTENSION}
    UNION ALL
    SELECT format('ALTER DATABASE %%I OWNER TO {OWNER}', datname)
    FROM pg_database WHERE datname = current_database() AND datdba <> '{OWNER}'::regrole"""  # noqa: S608 - our own constants
_SCHEMAS = f"SELECT nspname FROM pg_namespace AS one WHERE {_OWN_SCHEMA} AND NOT {_OF_EXTENSION}"  # noqa: S608
# With these nobody but the administrator gets into the databases that any cluster has.
_CLOSED = (
    "SELECT datname FROM pg_database WHERE datallowconn AND datname IN ('postgres', 'template1', current_database())"
)
_VERIFIER = "SELECT rolpassword FROM pg_authid WHERE rolname = %s"
_MEMBERSHIPS = "SELECT pg_get_userbyid(roleid) FROM pg_auth_members WHERE member = %s::regrole"


def grant(connection: Connection, accounts: Accounts) -> None:
    """Make the roles and the users, in one transaction; a user's sessions stay."""
    wanted = [(required(one, "user", str), required(one, "rights", str), passwords(one)) for one in accounts]
    if not wanted:
        return
    with connection.transaction():
        for role in ROLES:
            _make(connection, role)
            connection.execute(sql.SQL(f"ALTER ROLE {{}} NOLOGIN {_POWERLESS}").format(sql.Identifier(role)))
        for (change,) in connection.execute(_TO_BE_OWNED.encode(), {"ledger": list(OURS)}).fetchall():
            connection.execute(change.encode())
        for statement in _privileges(connection):
            connection.execute(statement)
        for user, rights, _ in wanted:
            _user(connection, user, rights)
        for user, _, accepted in wanted:
            if _set(connection, user, *accepted):
                log("postgres", f"gave {user} its password")


def change(connection: Connection, user: str, password: str) -> None:
    """Let a user in with this password from now on; who is connected stays."""
    _set(connection, user, password)


def lets_in(verifier: str | None, password: str) -> bool:
    """Whether a password is the one that a verifier was made of (RFC 5802; ASCII needs no preparation)."""
    parts = (verifier or "").replace(":", "$").split("$")
    if len(parts) != 5 or parts[0] != "SCRAM-SHA-256":
        return False
    _, iterations, salt, stored, _ = parts
    salted = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(iterations))
    key = hmac.digest(salted, b"Client Key", "sha256")
    return hmac.compare_digest(hashlib.sha256(key).digest(), base64.b64decode(stored))


def _make(connection: Connection, role: str) -> None:
    if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [role]).fetchone() is None:
        connection.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(role)))


def _set(connection: Connection, user: str, password: str, *also: str) -> bool:
    """Set a password unless it, or one `also` accepted, is the user's; the server is sent, and may log, a verifier only."""
    row = connection.execute(_VERIFIER, [user]).fetchone()
    if row is not None and any(lets_in(row[0], one) for one in (password, *also)):
        return False
    verifier = connection.pgconn.encrypt_password(password.encode(), user.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(user), sql.Literal(verifier)))
    return True


def _user(connection: Connection, user: str, rights: str) -> None:
    """Make a user what it is to be, a member of one role; an owner acts as that role, so that what it makes is the role's."""
    role = _ROLES.get(rights)
    if role is None or user == connection.info.user:
        told = f"postgres: rights of {user} are {rights!r}; allowed: {', '.join(_ROLES)}, for another than the administrator"
        raise Failure("BadRequest", told, "correct the request")
    _make(connection, user)
    name, group = sql.Identifier(user), sql.Identifier(role)
    connection.execute(
        sql.SQL(f"ALTER ROLE {{}} LOGIN INHERIT {_POWERLESS} CONNECTION LIMIT -1 VALID UNTIL 'infinity'").format(name)
    )
    for (other,) in connection.execute(_MEMBERSHIPS, [user]).fetchall():
        if other in ROLES and other != role:
            connection.execute(sql.SQL("REVOKE {} FROM {}").format(sql.Identifier(other), name))
    connection.execute(sql.SQL("GRANT {} TO {}").format(group, name))
    settings = {
        "role": OWNER if rights == "owner" else None,
        "default_transaction_read_only": "on" if rights == "read-only" else None,
    }
    for setting, value in settings.items():
        change = "RESET {}" if value is None else "SET {} = {}"
        arguments = [sql.Identifier(setting), *([] if value is None else [sql.Literal(value)])]
        connection.execute(sql.SQL("ALTER ROLE {} " + change).format(name, *arguments))


def _privileges(connection: Connection) -> Iterator[sql.Composed]:
    """Yield what lets the roles use what is there, and what will be."""
    read, write, administrator = (sql.Identifier(one) for one in (READ_ONLY, READ_WRITE, connection.info.user))
    yield sql.SQL("GRANT {} TO {}").format(read, write)
    yield sql.SQL("GRANT {} TO {}").format(write, sql.Identifier(OWNER))
    for (name,) in connection.execute(_CLOSED).fetchall():
        yield sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name))
    database = sql.Identifier(connection.info.dbname)
    yield sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(database, read)
    yield sql.SQL("GRANT TEMPORARY ON DATABASE {} TO {}").format(database, write)
    for (name,) in connection.execute(_SCHEMAS.encode()).fetchall():
        schema = sql.Identifier(name)
        yield sql.SQL("GRANT USAGE ON SCHEMA {} TO {}").format(schema, read)
        yield sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA {} TO {}").format(schema, read)
        yield sql.SQL("GRANT INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {} TO {}").format(schema, write)
        yield sql.SQL("GRANT SELECT ON ALL SEQUENCES IN SCHEMA {} TO {}").format(schema, read)
        yield sql.SQL("GRANT USAGE, UPDATE ON ALL SEQUENCES IN SCHEMA {} TO {}").format(schema, write)
    for makers in (sql.Identifier(OWNER), administrator):
        defaults = sql.SQL("ALTER DEFAULT PRIVILEGES FOR ROLE {} ").format(makers)
        for text, role in (
            ("GRANT USAGE ON SCHEMAS TO {}", read),
            ("GRANT SELECT ON TABLES TO {}", read),
            ("GRANT INSERT, UPDATE, DELETE ON TABLES TO {}", write),
            ("GRANT SELECT ON SEQUENCES TO {}", read),
            ("GRANT USAGE, UPDATE ON SEQUENCES TO {}", write),
        ):
            yield defaults + sql.SQL(text).format(role)
    # The ledger says what initialization did; nobody else does.
    for table in OURS:
        present = connection.execute("SELECT to_regclass(%s)", [f"public.{table}"]).fetchone()
        if present != (None,):
            yield sql.SQL("REVOKE INSERT, UPDATE, DELETE ON public.{} FROM {}").format(sql.Identifier(table), write)
