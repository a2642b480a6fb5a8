"""Where backups go, as a stack's configuration says it: the stack's own volume, a directory of the engine's host, or a bucket."""

import re
from dataclasses import dataclass

VOLUME = "volume"
_SCHEME = "s3://"
_DIRECTORY = re.compile(r"^(/(?!\.{1,2}(/|$))[^/\0:]+)+$")
_BUCKET = re.compile(r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$")
_PREFIX = re.compile(r"^([A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*)?$")


@dataclass(frozen=True, kw_only=True)
class BackupTarget:
    """One of the three: `directory` is absolute, `prefix` is within `bucket`; all are empty for the volume."""

    directory: str = ""
    bucket: str = ""
    prefix: str = ""

    @classmethod
    def parse(cls, text: str) -> "BackupTarget":
        """Build one from `volume`, `/directory` or `s3://bucket/prefix`; ValueError says what is allowed."""
        if text == VOLUME:
            return cls()
        if text.startswith(_SCHEME):
            bucket, _, prefix = text.removeprefix(_SCHEME).rstrip("/").partition("/")
            if not _BUCKET.match(bucket):
                raise ValueError("a bucket's name has 3 to 63 lower-case letters, digits, dots and dashes")
            if not _PREFIX.match(prefix):
                raise ValueError(
                    "what follows the bucket has letters, digits, dots, dashes and underscores between slashes"
                )
            return cls(bucket=bucket, prefix=prefix)
        if not _DIRECTORY.match(text):
            raise ValueError("allowed: volume, an absolute directory of the engine's host, or s3://bucket/prefix")
        return cls(directory=text)
