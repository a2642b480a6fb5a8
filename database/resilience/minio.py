"""MinIO's errors, by S3's codes: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html."""

from minio.error import InvalidResponseError, MinioException, S3Error, ServerError
from urllib3 import exceptions

from database import errors
from database.errors import DatabaseError
from database.resilience.kinds import first_line, raised_in

ENGINE = "minio"
Kind = tuple[type[DatabaseError], str]
_UP: Kind = (errors.Unavailable, "see that MinIO is up and reachable: ./karen status")
_LOGIN: Kind = (
    errors.AuthenticationFailed,
    "correct MINIO_ACCESS_KEY and MINIO_SECRET_KEY, or read a new file: make env",
)
_MISSING: Kind = (errors.MissingObject, "correct the name, or apply the migrations: ./karen migrate up minio")
_CONFLICT: Kind = (errors.Conflict, "read what is there, and decide again")
_LARGE: Kind = (errors.TooLarge, "send it in parts")
_INPUT: Kind = (errors.InvalidInput, "correct the request")
_CODES: dict[str, Kind] = {
    **dict.fromkeys(("NoSuchBucket", "NoSuchKey", "NoSuchVersion", "NoSuchUpload"), _MISSING),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidTokenId", "AuthorizationHeaderMalformed"), _LOGIN
    ),
    **dict.fromkeys(
        ("SlowDown", "ServiceUnavailable", "InternalError", "XMinioServerNotInitialized", "RequestTimeout"), _UP
    ),
    **dict.fromkeys(
        ("PreconditionFailed", "BucketAlreadyExists", "BucketAlreadyOwnedByYou", "BucketNotEmpty"), _CONFLICT
    ),
    **dict.fromkeys(("EntityTooLarge", "KeyTooLongError", "MetadataTooLarge"), _LARGE),
    **dict.fromkeys(("MalformedPolicy", "MalformedXML"), (errors.BadDocument, "send a valid document")),
    "AccessDenied": (errors.PermissionDenied, "use a bucket that the key may: docs/accounts.md"),
    "XMinioStorageFull": (DatabaseError, "give MinIO more disk"),
}


def classify(error: BaseException, operation: str) -> DatabaseError | None:
    """Return what an exception of the client, or of its connections, means; None for any other."""
    if isinstance(error, S3Error):
        kind, fix = _CODES.get(error.code or "", _INPUT)
        return kind(first_line(error.message or error.code), ENGINE, operation, fix)
    if isinstance(error, ServerError | InvalidResponseError):
        return errors.Unavailable(first_line(error), ENGINE, operation, _UP[1])
    if isinstance(error, exceptions.HTTPError):
        return _of_connection(error, operation)
    # The client checks names before it sends anything.
    if isinstance(error, MinioException) or (isinstance(error, ValueError | TypeError) and raised_in(error, "minio")):
        return errors.InvalidInput(first_line(error), ENGINE, operation, _INPUT[1])
    return None


def _of_connection(error: exceptions.HTTPError, operation: str) -> DatabaseError:
    reason = error.reason if isinstance(error, exceptions.MaxRetryError) and error.reason else error
    if isinstance(reason, exceptions.EmptyPoolError):
        return errors.PoolExhausted("every connection is in use", ENGINE, operation, "raise MINIO_POOL_MAX")
    if isinstance(reason, exceptions.ReadTimeoutError):
        return errors.OperationTimeout("no answer in time", ENGINE, operation, "raise MINIO_TIMEOUT")
    return errors.Unavailable(first_line(reason), ENGINE, operation, _UP[1])
