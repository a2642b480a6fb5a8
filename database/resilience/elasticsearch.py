"""Elasticsearch's errors, by the answer's status and the exception that the server names."""

from collections.abc import Mapping
from typing import Any

from elasticsearch import ApiError, ConnectionTimeout, SerializationError, TransportError
from elasticsearch.helpers import BulkIndexError

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line

ENGINE = "elasticsearch"
Kind = tuple[type[DatabaseError], str]
_UP = "see that Elasticsearch is up and reachable: ./karen status"
_DOCUMENT: Kind = (errors.BadDocument, "send a document that fits the index' mapping")
_INPUT: Kind = (errors.InvalidInput, "correct the request")
_STATUSES: dict[int, Kind] = {
    400: _INPUT,
    401: (
        errors.AuthenticationFailed,
        "correct ELASTICSEARCH_USER and ELASTICSEARCH_PASSWORD, or read a new file: make env",
    ),
    403: (errors.PermissionDenied, "use a user who may: docs/accounts.md"),
    404: (errors.MissingObject, "correct the name, or apply the migrations: ./karen migrate up elasticsearch"),
    405: _INPUT,
    406: _INPUT,
    408: (errors.OperationTimeout, "ask for less at once, or raise ELASTICSEARCH_TIMEOUT"),
    409: (errors.Conflict, "read what is there, and decide again"),
    413: (errors.TooLarge, "split the document, or send fewer at once"),
    429: (errors.Unavailable, "send less at once: the server's queues are full"),
    502: (errors.Unavailable, _UP),
    503: (errors.Unavailable, _UP),
    504: (errors.Unavailable, _UP),
}
_PARSING = ("mapper_parsing_exception", "document_parsing_exception", "strict_dynamic_mapping_exception")


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of the client means; None for any other."""
    if isinstance(error, ApiError):
        kind, fix = _by_status(error.meta.status, str(error.body))
        return kind(_reason(error.body) or first_line(error.message), ENGINE, operation, fix)
    if isinstance(error, BulkIndexError):
        return _of_many(error, operation)
    if isinstance(error, SerializationError):
        return errors.BadDocument(first_line(error.message), ENGINE, operation, "send what JSON can hold")
    if isinstance(error, ConnectionTimeout):
        kind, fix = _STATUSES[408]
        return kind(first_line(error.message), ENGINE, operation, fix)
    if isinstance(error, TransportError):
        return errors.Unavailable(first_line(error.message), ENGINE, operation, _UP)
    return None


def _of_many(error: BulkIndexError, operation: str) -> DatabaseError:
    """Return what the first refused document of a bulk request means."""
    result: Mapping[str, Any] = next(iter(error.errors[0].values())) if error.errors else {}
    kind, fix = _by_status(int(result.get("status", 500)), str(result.get("error", "")))
    reason = _reason({"error": result.get("error")}) or first_line(error)
    return kind(f"{len(error.errors)} documents were refused, the first: {reason}", ENGINE, operation, fix)


def _by_status(status: int, body: str) -> Kind:
    if status == 400 and "number of dimensions" in body:
        return errors.DimensionMismatch, "send vectors of the field's dimensions"
    if status == 400 and any(name in body for name in _PARSING):
        return _DOCUMENT
    if status == 400 and "immense term" in body:
        return errors.TooLarge, "shorten the field"
    return _STATUSES.get(status, (DatabaseError, "see the server's log: ./karen logs elasticsearch"))


def _reason(body: Any) -> str:
    """Return what the server gives as its reason: the innermost, which is the most exact."""
    found = body.get("error") if isinstance(body, Mapping) else None
    reason = ""
    while isinstance(found, Mapping):
        reason = str(found.get("reason") or reason)
        found = found.get("caused_by")
    return first_line(reason) if reason else ""
