"""A MinIO with one bucket for sets."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from backup.targets.bucket import Place
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD, SERVERS

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

BUCKET = "backups"


@contextmanager
def served(session: str, *, disk: str = "") -> Iterator[Place]:
    """Provide a bucket on a server of its own; `disk` is the size of a small one in memory."""
    with Contract.session(session) as contract:
        if disk:
            owner = SERVERS["minio"].user.partition(":")[0]
            contract.client.volumes.create(
                f"{contract.name}-minio-data",
                labels=contract.labels,
                driver_opts={"type": "tmpfs", "device": "tmpfs", "o": f"size={disk},uid={owner}"},
            )
        endpoint = f"http://{contract.address('minio')}:9000"
        place = Place(endpoint=endpoint, bucket=BUCKET, access_key="karen-storage", secret_key=PASSWORD)
        client(place).create_bucket(Bucket=BUCKET)
        yield place


def client(place: Place) -> "S3Client":
    """Return a client as an application has it."""
    return boto3.client(
        "s3",
        endpoint_url=place.endpoint,
        aws_access_key_id=place.access_key,
        aws_secret_access_key=place.secret_key,
        region_name="us-east-1",
        config=Config(s3={"addressing_style": "path"}),
    )
