"""How far a stack's audit record goes, remembered in PostgreSQL: rows are added here, and never changed."""

from collections.abc import Mapping
from typing import Any

from psycopg import errors

from init.engines.base import required
from init.engines.postgres_connection import ANCHORS, Connection, connect
from init.protocol import Failure
from init.runner.coordinator import Coordinator

_PATIENCE_SECONDS = 5.0
_NEWEST = 20
_ADD = f"""
    INSERT INTO {ANCHORS} (stack, record, number, head) VALUES (%(stack)s, %(record)s, %(number)s, %(head)s)
    ON CONFLICT DO NOTHING"""  # noqa: S608 - our own constant
_READ = f"""
    SELECT record, number, head, anchored_at FROM {ANCHORS} WHERE stack = %s
    ORDER BY anchored_at DESC, number DESC LIMIT %s"""  # noqa: S608 - our own constant


def act(request: Mapping[str, Any]) -> dict[str, Any]:
    """Add the `anchor` of a request (`record`, `number`, `head`) and return the newest `anchors`; without one return all."""
    stack, given = required(request, "stack", str), request.get("anchor")
    with connect(required(request, "connection", dict), application="ai-karen audit", seconds=_PATIENCE_SECONDS) as one:
        if given is not None:
            add(one, stack, given)
        return {"anchors": newest(one, stack, _NEWEST if given is not None else None)}


def add(connection: Connection, stack: str, anchor: Mapping[str, Any]) -> None:
    """Add an anchor; one of the same number stays as it is, whatever it says."""
    values = {"stack": stack, "record": required(anchor, "record", str), "head": required(anchor, "head", str)}
    number = required(anchor, "number", int)
    Coordinator(connection).prepare()
    connection.execute(_ADD.encode(), {**values, "number": number})


def newest(connection: Connection, stack: str, most: int | None = None) -> list[dict[str, Any]]:
    """Return what is remembered of a stack's record, the newest first, all of it without `most`; [] before there is anything."""
    try:
        rows = connection.execute(_READ.encode(), [stack, most]).fetchall()
    except errors.UndefinedTable:
        return []
    keys = ("record", "number", "head")
    return [{**dict(zip(keys, row[:3], strict=True)), "anchored_at": row[3].isoformat()} for row in rows]


def last(connection: Mapping[str, Any], stack: str) -> dict[str, Any] | None:
    """Return the newest anchor of a stack, None if there is none or PostgreSQL does not tell."""
    try:
        with connect(connection, application="ai-karen audit", seconds=_PATIENCE_SECONDS) as opened:
            found = newest(opened, stack, 1)
    except (Failure, errors.Error):
        return None
    return {key: found[0][key] for key in ("record", "number", "head")} if found else None
