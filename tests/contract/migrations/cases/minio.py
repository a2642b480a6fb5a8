"""MinIO under the migration contract."""

import io
from collections.abc import Callable, Mapping
from typing import Any

from minio import Minio
from minio.commonconfig import ENABLED, Filter
from minio.deleteobjects import DeleteObject
from minio.lifecycleconfig import Expiration, LifecycleConfig, NoncurrentVersionExpiration, Rule
from minio.versioningconfig import SUSPENDED, VersioningConfig

from init.engines.minio_buckets import MILVUS
from tests.contract.migrations import case
from tests.contract.migrations.case import Tampering
from tests.contract.servers import PASSWORD

_LEDGER = "ai-karen-migrations"
_BUCKET = '{{"name": "{}", "about": "", "versioning": false, "lifecycle": []}}'


def _rules(**days: int) -> Callable[[Minio], None]:
    """Return what gives the bucket of reviews these rules: drafts that expire after so many days."""
    rules = [
        Rule(ENABLED, rule_id=name, rule_filter=Filter(prefix="drafts/"), expiration=Expiration(days=count))
        for name, count in days.items()
    ]
    return lambda client: client.set_bucket_lifecycle("reviews", LifecycleConfig(rules))


def _keep_versions_longer(client: Minio) -> None:
    kept = NoncurrentVersionExpiration(noncurrent_days=70)
    rule = Rule(ENABLED, rule_id="old", rule_filter=Filter(prefix=""), noncurrent_version_expiration=kept)
    client.set_bucket_lifecycle("books", LifecycleConfig([rule]))


class Case(case.Case):
    """MinIO; a change by hand is a function of a client."""

    engine = "minio"
    services = ("minio",)
    # No bucket may have such a name.
    failing = f'{{"buckets": [{_BUCKET.format("half-made")}, {_BUCKET.format("Wrong_Name")}]}}'
    own = staticmethod(lambda client: client.make_bucket("applications"))
    tamperings = (
        Tampering("bucket dropped", lambda client: client.remove_bucket("readers"), "bucket readers was dropped"),
        Tampering(
            "versioning suspended",
            lambda client: client.set_bucket_versioning("books", VersioningConfig(SUSPENDED)),
            "bucket books was changed",
        ),
        Tampering(
            "rules dropped", lambda client: client.delete_bucket_lifecycle("reviews"), "rule reviews.new was dropped"
        ),
        Tampering("rule changed", _rules(new=30), "rule reviews.new was changed"),
        Tampering("rule added", _rules(new=3, stray=4), "rule reviews.stray was added"),
        Tampering("versions kept longer", _keep_versions_longer, "rule books.old was changed"),
    )

    @property
    def connection(self) -> dict[str, Any]:
        address = self.contract.address("minio")
        return {"endpoint": f"http://{address}:9000", "access_key": "karen-storage", "secret_key": PASSWORD}

    def wipe(self) -> None:
        client = self._client()
        for bucket in self._buckets():
            listed = client.list_objects(bucket, recursive=True, include_version=True)
            doomed = [DeleteObject(str(one.object_name), one.version_id) for one in listed]
            assert list(client.remove_objects(bucket, doomed)) == []
            client.remove_bucket(bucket)

    def change(self, change: Any) -> None:
        change(self._client())

    def forget(self) -> None:
        self._client().remove_object(_LEDGER, "ledger.json")

    def fill(self) -> None:
        self._client().put_object("books", "one", io.BytesIO(b"title"), 5)

    def data(self) -> Any:
        return self._objects("books")

    def contents(self) -> Mapping[str, Any]:
        client = self._client()
        return {
            bucket: (client.get_bucket_versioning(bucket).status, self._objects(bucket)) for bucket in self._buckets()
        }

    def _buckets(self) -> list[str]:
        """Return every bucket but Milvus' own: the shared Milvus ends itself when that is gone."""
        return [bucket.name for bucket in self._client().list_buckets() if bucket.name != MILVUS]

    def _objects(self, bucket: str) -> list[Any]:
        listed = self._client().list_objects(bucket, recursive=True, include_version=True)
        return [(one.object_name, one.version_id, one.etag, one.last_modified) for one in listed]

    def _client(self) -> Minio:
        address = self.connection["endpoint"].removeprefix("http://")
        return Minio(address, access_key="karen-storage", secret_key=PASSWORD, secure=False, region="us-east-1")
