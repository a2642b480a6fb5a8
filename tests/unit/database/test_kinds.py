"""Kinds of errors, where the server's answer alone decides; servers of their own say the rest in the contract tests."""

from typing import Any

import grpc
import psycopg
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from elasticsearch import ApiError
from pymilvus import MilvusException

from database import errors
from database.resilience import elasticsearch, milvus, postgres


@pytest.mark.parametrize(
    ("state", "text", "kind"),
    [
        ("40001", "could not serialize access", errors.SerializationFailed),
        ("40P01", "deadlock detected", errors.SerializationFailed),
        ("57P01", "terminating connection due to administrator command", errors.Unavailable),
        ("57P03", "the database system is starting up", errors.Unavailable),
        ("53300", "sorry, too many clients already", errors.Unavailable),
        ("42501", "permission denied for table memory", errors.PermissionDenied),
        ("22001", "value too long for type character varying(64)", errors.TooLarge),
        ("22P02", "invalid input syntax for type json", errors.BadDocument),
        ("22P02", "invalid input syntax for type integer", errors.InvalidInput),
        ("22P05", "unsupported Unicode escape sequence: \\u0000 cannot be converted to text", errors.BadDocument),
        ("22000", "expected 384 dimensions, not 3", errors.DimensionMismatch),
        ("XX000", "something else", errors.DatabaseError),
    ],
)
def test_a_state_of_sql_has_its_kind(state: str, text: str, kind: type[errors.DatabaseError]) -> None:
    try:
        error = psycopg.errors.lookup(state)(text)
    except KeyError:
        error = psycopg.Error(text)
    error.sqlstate = state
    assert type(postgres.classify(error, "try")) is kind


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('FATAL:  password authentication failed for user "karen_user"', errors.AuthenticationFailed),
        ('FATAL:  database "nothing" does not exist', errors.MissingObject),
        ("FATAL:  sorry, too many clients already", errors.Unavailable),
        ("Connection refused", errors.Unavailable),
    ],
)
def test_a_refused_connection_has_its_kind(text: str, kind: type[errors.DatabaseError]) -> None:
    assert type(postgres.classify(psycopg.OperationalError(text), "open")) is kind


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (101, "collection not loaded", errors.Unavailable),
        (100, "collection not found", errors.MissingObject),
        (1, "can't find collection", errors.MissingObject),
        (1, "auth check failure, please check username and password are correct", errors.AuthenticationFailed),
        (1, "the length(3) of float data should divide the dim(384)", errors.DimensionMismatch),
        (1, "vector dimension mismatch", errors.DimensionMismatch),
        (1100, "Invalid collection name: a; drop", errors.InvalidInput),
        (1100, "the length (17) of 0th string exceeds max length (16): invalid parameter", errors.TooLarge),
        (65535, "failed to get field schema by name: fieldName(nothing) not found", errors.MissingObject),
        (65535, "cannot parse expression: json ==== 1, error: line 1:5 extraneous input", errors.InvalidInput),
        (1, "length of varchar field text exceeds max length, row number: 0, max length: 64", errors.TooLarge),
        (8, "rate limit exceeded", errors.Unavailable),
        (2, "Fail connecting to server on 127.0.0.1:1", errors.Unavailable),
    ],
)
def test_a_code_of_milvus_has_its_kind(code: int, text: str, kind: type[errors.DatabaseError]) -> None:
    assert type(milvus.classify(MilvusException(code=code, message=text), "try")) is kind


def test_an_error_that_is_its_own_cause_is_no_trap() -> None:
    error = MilvusException(code=grpc.StatusCode.UNAVAILABLE, message="gone")
    error.__cause__ = error
    assert type(milvus.classify(error, "try")) is errors.Unavailable


def answered(status: int, body: Any) -> ApiError:
    node = NodeConfig(scheme="http", host="localhost", port=9200)
    return ApiError("refused", ApiResponseMeta(status, "1.1", HttpHeaders(), 0.1, node), body)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, {}, errors.AuthenticationFailed),
        (403, {}, errors.PermissionDenied),
        (404, {"error": {"type": "index_not_found_exception", "reason": "no such index [x]"}}, errors.MissingObject),
        (409, {}, errors.Conflict),
        (413, "", errors.TooLarge),
        (429, {}, errors.Unavailable),
        (503, {}, errors.Unavailable),
        (400, {"error": {"type": "document_parsing_exception", "reason": "[1:2] failed"}}, errors.BadDocument),
        (400, {"error": {"type": "parsing_exception", "reason": "unknown query"}}, errors.InvalidInput),
    ],
)
def test_a_status_of_elasticsearch_has_its_kind(status: int, body: Any, kind: type[errors.DatabaseError]) -> None:
    assert type(elasticsearch.classify(answered(status, body), "try")) is kind


def test_the_innermost_reason_is_told() -> None:
    cause = {"type": "illegal_argument_exception", "reason": "a different number of dimensions [3] than [384]"}
    body = {"error": {"type": "document_parsing_exception", "reason": "[1:2] failed", "caused_by": cause}}
    error = elasticsearch.classify(answered(400, body), "try")
    assert isinstance(error, errors.DimensionMismatch)
    assert error.message == cause["reason"]


@pytest.mark.parametrize("module", [postgres, milvus, elasticsearch])
def test_what_is_not_the_engine_s_is_nobody_s(module: Any) -> None:
    assert module.classify(KeyError("mine"), "try") is None
