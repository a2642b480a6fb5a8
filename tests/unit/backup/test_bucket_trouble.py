"""Which answers of a store are doubted; what MinIO answers when it is full depends on which of its threads is first."""

from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from backup.targets.bucket_trouble import seconds_until_again

_FORGOTTEN = {"Code": "NoSuchUpload", "Message": "The specified multipart upload does not exist."}
_NO_ROOM = {"Code": "InternalError", "Message": "please try again.: cause(no space left on device)"}


def asked(error: dict[str, str] | None, *, name: str = "UploadPart", attempts: int = 1) -> float | None:
    operation: Any = SimpleNamespace(name=name)
    return seconds_until_again(
        attempts=attempts,
        operation=operation,
        response=(None, {"Error": error} if error else {}),
        caught_exception=None,
    )


@pytest.mark.parametrize("error", [_NO_ROOM, {"Code": "XMinioStorageFull", "Message": ""}])
def test_a_full_store_is_asked_once(error: dict[str, str]) -> None:
    with pytest.raises(ClientError):
        asked(error)


def test_a_part_whose_upload_is_forgotten_is_sent_again_a_few_times() -> None:
    waits = [asked(_FORGOTTEN, attempts=attempt) for attempt in range(1, 7)]
    assert (all(waits[:4]), waits[4:]) == (True, [None, None])
    assert asked(_FORGOTTEN, name="CompleteMultipartUpload") is None


def test_everything_else_is_the_clients_to_decide() -> None:
    assert asked(None) is None
    assert asked({"Code": "SlowDown", "Message": ""}) is None
    operation: Any = SimpleNamespace(name="UploadPart")
    assert seconds_until_again(attempts=1, operation=operation, caught_exception=OSError()) is None
