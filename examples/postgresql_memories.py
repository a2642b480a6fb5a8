"""Memories in PostgreSQL with plain psycopg: upserted on their vector, read back by user."""

import json
import os
import time
import uuid
from typing import Any

import psycopg
from dotenv import load_dotenv
from psycopg.rows import dict_row

UPSERT = """
    INSERT INTO memory (vector_id, tenant_id, user_id, session_id, query, result, timestamp)
    VALUES (%(vector_id)s, 'example', %(user)s, %(session)s, %(query)s, %(result)s, %(timestamp)s)
    ON CONFLICT (vector_id) DO UPDATE SET result = EXCLUDED.result
"""


def connect() -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(
        host=os.environ["POSTGRES_HOST"],
        port=os.environ["POSTGRES_PORT"],
        dbname=os.environ["POSTGRES_DB"],
        user=os.environ["POSTGRES_USER"],
        password=os.environ["POSTGRES_PASSWORD"],
        connect_timeout=5,
        row_factory=dict_row,
    )


def main() -> None:
    load_dotenv()
    user = f"user-{uuid.uuid4().hex}"
    row = {"vector_id": uuid.uuid4().int % 2**62, "user": user, "session": "monday", "timestamp": int(time.time())}
    with connect() as connection:
        with connection.transaction():
            for answer in ("On the sofa.", "On the windowsill."):
                written = {**row, "query": "Where does the cat sleep?", "result": json.dumps({"answer": answer})}
                connection.execute(UPSERT, written)
        print("wrote a memory, and its answer once more")
        for found in connection.execute("SELECT query, result FROM memory WHERE user_id = %s", [user]):
            print(f"{found['query']} {json.loads(found['result'])['answer']}")
        removed = connection.execute("DELETE FROM memory WHERE user_id = %s", [user]).rowcount
        print(f"removed {removed} row")


if __name__ == "__main__":
    main()
