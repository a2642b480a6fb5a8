"""What an error of a store means for who asked."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from init.engines.base import first_line
from init.protocol import Failure

if TYPE_CHECKING:
    from botocore.model import OperationModel

_FULL = {"XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "QuotaExceeded", "InsufficientStorage", "507"}
_REFUSED = {"InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "401"}
_FORBIDDEN = {"AccessDenied", "AllAccessDisabled", "403"}
_MISSING = {"NoSuchKey", "404"}
_ATTEMPTS, _AGAIN_SECONDS = 5, 0.2


class Trouble:
    """Turns errors of one target into failures that name it, never a key."""

    def __init__(self, target: str) -> None:
        self.target = target

    @contextmanager
    def explained(self, path: str) -> Iterator[None]:
        """Raise whatever a store or the way there does not allow as `Failure`."""
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        try:
            yield
        except ClientError as error:
            raise self._answered(path, code_of(error), str(error)) from None
        except (BotoCoreError, HTTPError, OSError) as error:
            message = f"{self.target}: not reachable, or cut off: {first_line(error)}"
            raise Failure("TargetFailed", message, "start it, or correct its endpoint") from None

    def _answered(self, path: str, code: str, message: str) -> Failure:
        where = f"{self.target}: {path}" if path else self.target
        if _is_full(code, message):
            fix = "make room there (./karen backup prune), or give it another target"
            return Failure("TargetFull", f"{where}: the store is full ({code})", fix)
        if code in _REFUSED:
            return Failure("TargetFailed", f"{self.target}: the keys are refused ({code})", "correct the target's keys")
        if code in _FORBIDDEN:
            fix = "give the target's key the right to list, read, write and delete there"
            return Failure("TargetFailed", f"{where}: not allowed ({code})", fix)
        if code == "NoSuchBucket":
            return Failure("TargetFailed", f"{self.target}: there is no such bucket", "make it, or correct its name")
        if code in _MISSING:
            return Failure(
                "NotFound", f"{where}: there is no such file", "name one that is there (./karen backup list)"
            )
        return Failure("TargetFailed", f"{where}: {message}", "look at the store's log, and try again")


def seconds_until_again(
    *, attempts: int, operation: "OperationModel", response: tuple[Any, dict[str, Any]] | None = None, **_: object
) -> float | None:
    """Return after how many seconds a part is sent again, or None: the client decides; ClientError where the store is full.

    A full MinIO that is asked again may say that there is no such upload, and that alone. It may also say so at once:
    where a part's last bytes found no room, what it looks for is gone (minio/minio, `xlStorage.RenamePart`).
    """
    from botocore.exceptions import ClientError

    answer: Any = response[1] if response else {}
    told = answer.get("Error", {})
    if _is_full(str(told.get("Code", "")), str(told.get("Message", ""))):
        raise ClientError(answer, operation.name)
    doubted = (operation.name, told.get("Code")) == ("UploadPart", "NoSuchUpload")
    return _AGAIN_SECONDS if doubted and attempts < _ATTEMPTS else None


def _is_full(code: str, message: str) -> bool:
    # MinIO may also answer with an internal error, and its cause.
    return code in _FULL or "no space left on device" in message


def code_of(error: Exception) -> str:
    """Return the code of an answer, such as `NoSuchKey`."""
    answer = getattr(error, "response", {})
    return str(answer.get("Error", {}).get("Code", ""))
