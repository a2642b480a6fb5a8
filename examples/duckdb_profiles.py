"""Profiles in DuckDB with its plain client: replaced as JSON, their history kept, asked with SQL."""

import json
import os
import time
import uuid

import duckdb
from dotenv import load_dotenv


def change(connection: duckdb.DuckDBPyConnection, user: str, profile: dict[str, str], field: str, new: str) -> None:
    """Replace a profile with one that has a field changed, and record that in its history."""
    old, profile[field] = profile.get(field), new
    connection.execute("INSERT OR REPLACE INTO profiles VALUES (?, ?, now())", [user, json.dumps(profile)])
    connection.execute(
        "INSERT INTO profile_history (user_id, timestamp, field, old, new) VALUES (?, ?, ?, ?, ?)",
        [user, time.time(), field, json.dumps(old), json.dumps(new)],
    )


def main() -> None:
    load_dotenv()
    user = f"user-{uuid.uuid4().hex}"
    profile: dict[str, str] = {}
    # The file takes one writing process at a time: it is closed as soon as it is not needed.
    with duckdb.connect(os.environ["DUCKDB_PATH"]) as connection:
        for language in ("English", "German"):
            change(connection, user, profile, "language", language)
        print(f"wrote the profile {json.dumps(profile)}")
        rows = connection.execute("SELECT id, old, new FROM profile_history WHERE user_id = ? ORDER BY id", [user])
        changes = rows.fetchall()
        print(f"history: {', '.join(f'{old} -> {new}' for _, old, new in changes)}")
        print(f"numbered by itself: {len({number for number, _, _ in changes}) == len(changes)}")
        connection.execute("DELETE FROM profile_history WHERE user_id = ?", [user])
        connection.execute("DELETE FROM profiles WHERE user_id = ?", [user])
        print("removed both")


if __name__ == "__main__":
    main()
