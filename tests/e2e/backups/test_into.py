"""A set put into another stack: masked before anybody can look, open to that stack's passwords and to no others."""

from pathlib import Path

import psycopg
import pytest

from tests.e2e import clients
from tests.e2e.backups.samples import document, karen
from tests.e2e.backups.small import Small
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(400)]
ONLY = ("--only", "postgres", "--only", "redis", "--only", "duckdb")


def test_another_stack_gets_it_masked_and_keeps_its_own_names_and_passwords(
    stack: LiveStack, small: Small, tmp_path: Path
) -> None:
    other, source, mask = small.live, stack.variables(), tmp_path / "mask.sql"
    with clients.postgres(stack.administrators()) as postgres:
        postgres.execute("INSERT INTO profiles (user_id) VALUES ('secret person')")
        postgres.execute("CREATE ROLE reader LOGIN PASSWORD 'of the source'")
    clients.redis_client(source).set("carried", "over")
    made = document(stack, "backup", "create", *ONLY, "--only", "elasticsearch")["set"]["id"]
    with clients.postgres(stack.administrators()) as postgres:
        postgres.execute("DROP ROLE reader")
    restore = ("backup", "restore", made, "--into", other.name, "--confirm", other.name)
    assert "has no elasticsearch" in karen(stack, *restore, code=1).stderr
    mask.write_text("UPDATE profiles SET user_id = 'masked'; SELECT nonsense;")
    assert "--only" in karen(stack, *restore, "--mask", str(mask), code=1).stderr
    assert "mask was refused" in karen(stack, *restore, *ONLY, "--mask", str(mask), code=1).stderr
    with clients.postgres(other.variables()) as postgres:
        assert postgres.execute("SELECT count(*) FROM profiles").fetchone() == (0,)
    mask.write_text("UPDATE profiles SET user_id = 'masked';")
    karen(stack, *restore, *ONLY, "--mask", str(mask))
    env = other.variables()
    with clients.postgres(env) as postgres:
        names = postgres.execute("SELECT session_user, current_database()").fetchone()
        assert names == ("other_user", "other_db")
        assert postgres.execute("SELECT DISTINCT user_id FROM profiles").fetchall() == [("masked",)]
    with clients.postgres(other.administrators()) as postgres:
        passwords = "SELECT rolname FROM pg_authid WHERE rolpassword IS NOT NULL ORDER BY 1"
        assert postgres.execute(passwords).fetchall() == [("karen_administrator",), ("karen_reader",), ("other_user",)]
    assert clients.redis_client(env).get("carried")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(env["DATABASE_URL"], password=source["POSTGRES_PASSWORD"])
    karen(other, "migrate", "verify")
