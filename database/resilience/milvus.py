"""Milvus' errors, by its own codes (pkg/util/merr of 2.3) and gRPC's."""

import re
from collections.abc import Iterator

import grpc
from pymilvus import exceptions

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line

ENGINE = "milvus"
NOT_LOADED = 101
Kind = tuple[type[DatabaseError], str]
_UP: Kind = (errors.Unavailable, "see that Milvus is up and reachable: ./karen status")
_LOGIN: Kind = (errors.AuthenticationFailed, "correct MILVUS_USER and MILVUS_PASSWORD, or read a new file: make env")
_RIGHTS: Kind = (errors.PermissionDenied, "use a user who may: docs/accounts.md")
_MISSING: Kind = (errors.MissingObject, "correct the name, or apply the migrations: ./karen migrate up milvus")
_SLOW: Kind = (errors.OperationTimeout, "ask for less at once, or raise MILVUS_TIMEOUT")
_INPUT: Kind = (errors.InvalidInput, "correct the request")
_LARGE: Kind = (errors.TooLarge, "send fewer rows at once, or shorter fields")
_CODES: dict[int, Kind] = {
    **dict.fromkeys(
        (1, 2, 4, 8, 12, 53, 101, 103, 106, 201, 202, 400, 401, 500, 501, 503, 600, 601, 602, *range(901, 907), 10000),
        _UP,
    ),
    **dict.fromkeys((100, 200, 700, 800, 1600, 1700), _MISSING),
    **dict.fromkeys((3, 7), (DatabaseError, "give Milvus more memory or disk: milvusMemory")),
    9: (errors.PermissionDenied, "the server refuses writes: see its quota"),
    1100: _INPUT,
    1101: _INPUT,
    1102: _LARGE,
    1400: _LOGIN,
    1401: _RIGHTS,
    10001: _SLOW,
}
_STATUSES: dict[grpc.StatusCode, Kind] = {
    grpc.StatusCode.UNAVAILABLE: _UP,
    grpc.StatusCode.CANCELLED: _UP,
    grpc.StatusCode.DEADLINE_EXCEEDED: _SLOW,
    grpc.StatusCode.UNAUTHENTICATED: _LOGIN,
    grpc.StatusCode.PERMISSION_DENIED: _RIGHTS,
    grpc.StatusCode.RESOURCE_EXHAUSTED: _LARGE,
    grpc.StatusCode.INVALID_ARGUMENT: _INPUT,
    grpc.StatusCode.UNIMPLEMENTED: (errors.InvalidInput, "use what this version of the server knows"),
}
# Codes that say too little, and what the texts say then; in this order.
_VAGUE = (1, 2, 1100)
_TEXTS: tuple[tuple[re.Pattern[str], Kind], ...] = (
    (re.compile(r"auth check failure|unauthenticated|invalid (user|credential)", re.IGNORECASE), _LOGIN),
    (re.compile(r"permission deny|permission_denied|privilege", re.IGNORECASE), _RIGHTS),
    (re.compile(r"cannot parse expression", re.IGNORECASE), _INPUT),
    (
        re.compile(
            r"collection not (found|exist)|can't find collection|index not found|"
            r"field(Name)?\b.* not (found|exist)",
            re.IGNORECASE,
        ),
        _MISSING,
    ),
    (re.compile(r"not (fully )?loaded|not ready|no available|channel .*not available", re.IGNORECASE), _UP),
    (
        re.compile(r"dim(ension)?s?\b|vector .*(size|length)|length.*float data", re.IGNORECASE),
        (errors.DimensionMismatch, "send vectors of the collection's dimensions"),
    ),
    (re.compile(r"max_?length|exceeds? (the )?max|larger than max|too (large|long)", re.IGNORECASE), _LARGE),
    (re.compile(r"\bjson\b", re.IGNORECASE), (errors.BadDocument, "send valid JSON")),
    (re.compile(r"retry timeout|deadline exceeded", re.IGNORECASE), _SLOW),
    (re.compile(r"fail connecting|unavailable|connection refused|channel is closed", re.IGNORECASE), _UP),
)


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of pymilvus or gRPC means; None for any other."""
    if not isinstance(error, exceptions.MilvusException | grpc.RpcError):
        return None
    kind, fix = _kind(error)
    return kind(_text(error), ENGINE, operation, fix)


def is_not_loaded(error: BaseException) -> bool:
    """Whether a collection has to be loaded before it can be searched, as after a restart; then nothing was done."""
    return isinstance(error, exceptions.MilvusException) and (
        error.code == NOT_LOADED or "collection not loaded" in str(error.message)
    )


def _kind(error: BaseException) -> Kind:
    for cause in _causes(error):
        if isinstance(cause, grpc.RpcError) and callable(getattr(cause, "code", None)):
            refused = _STATUSES.get(cause.code())
            if refused in (_LOGIN, _RIGHTS):
                return refused
    texts = " ".join(str(getattr(cause, "message", cause)) for cause in _causes(error))
    if (code := _code(error)) in _CODES and code not in _VAGUE:
        return _CODES[code]
    told = next((kind for pattern, kind in _TEXTS if pattern.search(texts)), None)
    if told:
        return told
    status = next((_STATUSES.get(_status(cause)) for cause in _causes(error) if _status(cause) in _STATUSES), None)
    if isinstance(error, exceptions.ParamError | exceptions.DataNotMatchException):
        return _INPUT
    return status or _CODES.get(code) or (DatabaseError, "see the server's log: ./karen logs milvus")


def _code(error: BaseException) -> int:
    code = getattr(error, "code", None)
    return int(code) if isinstance(code, int) else -1


def _status(error: BaseException) -> grpc.StatusCode | None:
    code = getattr(error, "code", None)
    found = code() if callable(code) else code
    return found if isinstance(found, grpc.StatusCode) else None


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Go through an error and what it came from, each once: pymilvus makes errors that are their own cause."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        yield cause
        cause = cause.__cause__ or cause.__context__


def _text(error: BaseException) -> str:
    if isinstance(error, grpc.RpcError) and callable(getattr(error, "details", None)):
        return first_line(error.details())
    return first_line(getattr(error, "message", error))
