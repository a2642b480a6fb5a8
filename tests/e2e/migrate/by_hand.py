"""What is done by hand: to a schema, one change for each engine, whose context tells what must be named and changes it
back; and to migration files.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from minio import Minio
from minio.commonconfig import ENABLED
from minio.versioningconfig import SUSPENDED, VersioningConfig

from tests.e2e import clients
from tests.e2e.migrate.karen import NAME


@contextmanager
def postgres(env: Mapping[str, str]) -> Iterator[list[str]]:
    with clients.postgres(env) as connection:
        connection.execute("DROP INDEX e2e_notes_body_idx")
        connection.execute("ALTER TABLE e2e_notes ADD COLUMN by_hand integer")
        try:
            yield ["index e2e_notes.e2e_notes_body_idx was dropped", "column e2e_notes.by_hand was added"]
        finally:
            connection.execute("ALTER TABLE e2e_notes DROP COLUMN by_hand")
            connection.execute("CREATE INDEX e2e_notes_body_idx ON e2e_notes (body)")


@contextmanager
def duckdb(env: Mapping[str, str]) -> Iterator[list[str]]:
    with clients.duckdb_file(env) as file:
        file.execute("DROP INDEX user_roles_user_id_idx")
    try:
        yield ["user_roles_user_id_idx was dropped"]
    finally:
        with clients.duckdb_file(env) as file:
            file.execute("CREATE INDEX user_roles_user_id_idx ON user_roles (user_id)")


@contextmanager
def elasticsearch(env: Mapping[str, str]) -> Iterator[list[str]]:
    client = clients.elasticsearch(env)
    client.indices.delete_alias(index="ai_karen_e2e_v001", name="ai_karen_e2e")
    try:
        yield ["alias ai_karen_e2e"]
    finally:
        client.indices.put_alias(index="ai_karen_e2e_v001", name="ai_karen_e2e", is_write_index=True)
        client.close()


@contextmanager
def milvus(env: Mapping[str, str]) -> Iterator[list[str]]:
    client = clients.milvus(env)
    (name,) = [one for one in client.list_collections() if one.startswith("persona_embeddings_v")]
    client.drop_alias("persona_embeddings")
    try:
        yield ["alias persona_embeddings was dropped"]
    finally:
        client.create_alias(name, "persona_embeddings")
        client.close()


@contextmanager
def minio(env: Mapping[str, str]) -> Iterator[list[str]]:
    address = f"{env['MINIO_HOST']}:{env['MINIO_PORT']}"
    client = Minio(address, env["MINIO_ACCESS_KEY"], env["MINIO_SECRET_KEY"], secure=False)
    client.set_bucket_versioning("raw-documents", VersioningConfig(SUSPENDED))
    try:
        yield ["bucket raw-documents was changed"]
    finally:
        client.set_bucket_versioning("raw-documents", VersioningConfig(ENABLED))


CHANGES: Mapping[str, Callable[[Mapping[str, str]], AbstractContextManager[list[str]]]] = {
    "postgres": postgres,
    "duckdb": duckdb,
    "elasticsearch": elasticsearch,
    "milvus": milvus,
    "minio": minio,
}


def deleted(path: Path) -> None:
    """The file and its way back go."""
    path.unlink()
    path.with_name(f"{path.stem}.down{path.suffix}").unlink()


def renamed(path: Path) -> None:
    """The file and its way back get another name."""
    for one in path.parent.glob(f"{path.stem}.*"):
        one.rename(one.with_name(one.name.replace(NAME, "other")))


def reordered(path: Path) -> None:
    """The last two change their places."""
    first, last = sorted({one.name.partition(".")[0] for one in path.parent.iterdir()})[-2:]
    for old, new in ((first, last[:3] + first[3:]), (last, first[:3] + last[3:])):
        for one in path.parent.glob(f"{old}.*"):
            one.rename(one.with_name(one.name.replace(old, new)))


def duplicate(path: Path) -> None:
    """The last number is there twice."""
    path.with_name(f"{path.name[:3]}_twice{path.suffix}").write_bytes(path.read_bytes())


def gap(path: Path) -> None:
    """A file that comes after one that is not there."""
    path.with_name(f"{int(path.name[:3]) + 2:03}_late{path.suffix}").write_bytes(path.read_bytes())
