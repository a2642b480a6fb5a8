"""MinIO's users: an application's buckets and no others, Milvus' bucket alone, and secret keys that change."""

import io
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from minio import Minio, MinioAdmin
from minio.credentials.providers import StaticProvider
from minio.error import MinioAdminException, S3Error

from init.engines import load
from init.rotating import change, refuse
from tests.contract.accounts.passwords import ALL
from tests.contract.containers import Contract
from tests.contract.servers import PASSWORD

pytestmark = [pytest.mark.contract, pytest.mark.timeout(120)]
APPLICATION = {"name": "minio-application", "user": "application", "password": "application-1", "rights": "buckets"}
STORAGE = {"name": "minio-storage", "user": "milvus-storage-1", "password": "storage-key-1", "rights": "storage"}


@pytest.fixture(scope="module")
def connection() -> Iterator[dict[str, str]]:
    with Contract.session("accounts-minio") as contract:
        address = contract.address("minio")
        yield {"endpoint": f"http://{address}:9000", "access_key": "karen-storage", "secret_key": PASSWORD}


@pytest.fixture
def administrator(connection: dict[str, str]) -> Iterator[Any]:
    """A server with two buckets of an application, the ledger's and Milvus'."""
    driver: Any = load("minio")
    driver.connect(connection)
    root = opened(connection, {"user": connection["access_key"], "password": connection["secret_key"]})
    for bucket in ("documents", "pictures", "ai-karen-migrations", "milvus-data"):
        if not root.bucket_exists(bucket):
            root.make_bucket(bucket)
        put(root, bucket)
    yield driver
    driver.close()


def opened(connection: dict[str, str], account: dict[str, str]) -> Minio:
    host = urlsplit(connection["endpoint"]).netloc
    return Minio(host, account["user"], account["password"], secure=False, region="us-east-1")


def put(client: Minio, bucket: str) -> None:
    client.put_object(bucket, "an object", io.BytesIO(b"abc"), 3)


def refused(connection: dict[str, str], account: dict[str, str], bucket: str) -> None:
    """Neither read, nor written, nor listed, nor removed."""
    client = opened(connection, account)
    for attempt in (
        lambda: put(client, bucket),
        lambda: client.get_object(bucket, "an object"),
        lambda: list(client.list_objects(bucket)),
        lambda: client.remove_object(bucket, "an object"),
        lambda: client.remove_bucket(bucket),
    ):
        with pytest.raises(S3Error, match="Access Denied"):
            attempt()


def test_an_application_has_its_buckets_and_nothing_else(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([APPLICATION, STORAGE])
    client = opened(connection, APPLICATION)
    for bucket in ("documents", "pictures"):
        put(client, bucket)
        assert client.get_object(bucket, "an object").read() == b"abc"
        assert [one.object_name for one in client.list_objects(bucket)] == ["an object"]
        client.remove_object(bucket, "an object")
        with pytest.raises(S3Error, match="Access Denied"):
            client.delete_bucket_lifecycle(bucket)
    assert {bucket.name for bucket in client.list_buckets()} == {"documents", "pictures"}
    for bucket in ("ai-karen-migrations", "milvus-data"):
        refused(connection, APPLICATION, bucket)
    with pytest.raises(S3Error, match="Access Denied"):
        client.make_bucket("own-bucket")
    host = urlsplit(connection["endpoint"]).netloc
    admin = MinioAdmin(
        endpoint=host, credentials=StaticProvider(APPLICATION["user"], APPLICATION["password"]), secure=False
    )
    with pytest.raises(MinioAdminException, match="403"):
        admin.user_list()


def test_milvus_has_its_bucket_alone_and_may_make_it(administrator: Any, connection: dict[str, str]) -> None:
    administrator.grant([STORAGE])
    client = opened(connection, STORAGE)
    client.remove_object("milvus-data", "an object")
    client.remove_bucket("milvus-data")
    client.make_bucket("milvus-data")
    put(client, "milvus-data")
    for bucket in ("documents", "ai-karen-migrations"):
        refused(connection, STORAGE, bucket)


def test_in_development_an_application_makes_buckets_but_has_neither_ledger_nor_milvus(
    administrator: Any, connection: dict[str, str]
) -> None:
    account = {**APPLICATION, "rights": "owner"}
    administrator.grant([account])
    client = opened(connection, account)
    client.make_bucket("own-bucket")
    put(client, "own-bucket")
    client.remove_object("own-bucket", "an object")
    client.remove_bucket("own-bucket")
    for bucket in ("ai-karen-migrations", "milvus-data"):
        refused(connection, account, bucket)


@pytest.mark.parametrize("password", ALL)
def test_any_secret_key_opens(administrator: Any, connection: dict[str, str], password: str) -> None:
    administrator.grant([{**APPLICATION, "password": password}])
    assert opened(connection, {**APPLICATION, "password": password}).bucket_exists("documents")
    with pytest.raises(S3Error):
        opened(connection, {**APPLICATION, "password": password + "x"}).list_buckets()


def test_a_rotation_of_both_may_be_repeated_and_leaves_milvus_its_last_user_until_the_end(
    administrator: Any, connection: dict[str, str]
) -> None:
    administrator.grant([APPLICATION, STORAGE])
    administrator.retire("milvus-storage-2")
    following = {**STORAGE, "user": "milvus-storage-2", "password": "storage-key-2", "former_password": "storage-key-1"}
    account = {**APPLICATION, "password": "application-2", "former_password": "application-1"}
    boss = {"name": "minio-administrator", "user": "karen-storage", "password": "not yet", "rights": "administrator",
            "former_password": PASSWORD, "fixed": True}  # fmt: skip
    request = {"engine": "minio", "connection": connection, "accounts": [boss, account, following]}
    assert change(request)["changed"] == ["minio-storage", "minio-application"]
    assert change(request)["changed"] == []
    for one in (STORAGE, following):
        assert opened(connection, one).bucket_exists("milvus-data")
    told = [{**account, "former_user": "application"}, {**following, "former_user": "milvus-storage-1"}]
    for _ in range(2):
        refuse({**request, "accounts": told})
    assert opened(connection, following).bucket_exists("milvus-data")
    with pytest.raises(S3Error):
        opened(connection, STORAGE).list_buckets()


def test_an_initialization_during_a_rotation_leaves_what_the_server_has(
    administrator: Any, connection: dict[str, str]
) -> None:
    administrator.grant([APPLICATION])
    for password in ("application-1", "application-2"):
        administrator.change({**APPLICATION, "password": password}, "")
        administrator.grant([{**APPLICATION, "next_password": "application-2"}])
        assert opened(connection, {**APPLICATION, "password": password}).bucket_exists("documents")
