"""Accounts in the graph: who is told what, and that a password in use is never replaced by the next one."""

import json
from typing import Any

import pytest

from components.serials import NAMES, Serial, parse, show
from tests.unit.graph import Graph, build

Built = tuple[Graph, dict[str, Any]]


@pytest.fixture(scope="module")
def production() -> Built:
    return build("prod", mode="production")


def passwords(graph: Graph) -> dict[str, str]:
    """Return the serial of each generated password, by its resource's name."""
    return {name: inputs["keepers"]["serial"] for name, inputs in graph.of(":RandomPassword").items()}


def files(graph: Graph, service: str) -> dict[str, Any]:
    return graph.of(":SecretFiles")[f"{service}-secret-files"]


def test_an_application_is_told_of_no_administrator(production: Built) -> None:
    found = production[1]["outputs"]["env"]["network"]
    assert "administrator" not in json.dumps(found)
    assert (found["POSTGRES_USER"], found["ELASTICSEARCH_USER"]) == ("karen_user", "karen_user")
    assert found["MINIO_ACCESS_KEY"] == "karen_application"
    assert found["POSTGRES_PASSWORD"] == "generated-postgres-application-password"
    assert found["REDIS_PASSWORD"] == "generated-redis-application-password"
    for user in ("karen_administrator", "elastic", "root", "karen_minio"):
        assert user not in found.values()


def test_readers_have_users_of_their_own(production: Built) -> None:
    found = production[1]["outputs"]["env"]["network"]
    readers = {"POSTGRES": "karen_reader", "REDIS": "reader", "ELASTICSEARCH": "karen_reader"}
    assert {service: found[f"{service}_READER"] for service in readers} == readers
    for service in readers:
        assert found[f"{service}_READER_PASSWORD"] == f"generated-{service.lower()}-reader-password"
    for service in ("postgres", "elasticsearch"):
        accounts = production[0].of(":Initialization")[f"{service}-initialization"]["accounts"]["value"]
        assert [(one["user"], one["rights"]) for one in accounts] == [
            ("karen_user", "read-write"),
            ("karen_reader", "read-only"),
        ]


def test_monitor_and_backups_log_into_redis_as_themselves() -> None:
    graph, found = build("prod", mode="production", enableMonitoring="true", enableBackups="true")
    told = {
        "monitor": json.loads(files(graph, "monitor")["files"]["value"]["monitor.json"])["engines"],
        "backups": json.loads(files(graph, "backups")["files"]["value"]["backup.json"])["engines"],
    }
    for service, engines in told.items():
        login = (service, f"generated-redis-{service}-password")
        assert (engines["redis"]["username"], engines["redis"]["password"]) == login
        assert engines["redis"]["host"] == "redis"
        assert (engines["postgres"]["user"], engines["elasticsearch"]["user"]) == ("karen_administrator", "elastic")
    operations = found["outputs"]["operations"]
    assert operations["backups"]["configuration"]["engines"]["redis"]["username"] == "backups"
    assert operations["verification"]["engines"]["redis"]["username"] == "administrator"
    environment = json.dumps(found["outputs"]["env"]["network"])
    assert "redis-monitor" not in environment
    assert "redis-backups" not in environment


def test_every_password_is_one_of_the_list(production: Built) -> None:
    assert passwords(production[0]) == {f"{name}-password": "1" for name in NAMES}


def test_milvus_has_a_user_of_its_own_in_minio(production: Built) -> None:
    text = files(production[0], "milvus")["files"]["value"]["milvus.sed"]
    assert text.splitlines() == [
        's/^  accessKeyID: .*/  accessKeyID: "milvus-storage-1"/',
        's/^  secretAccessKey: .*/  secretAccessKey: "generated-minio-storage-password"/',
    ]
    accounts = production[0].of(":Access")["minio-storage-access"]["accounts"]["value"]
    assert [(one["user"], one["rights"]) for one in accounts] == [("milvus-storage-1", "storage")]


def test_redis_begins_with_hashes_on_its_data_volume(production: Built) -> None:
    found = files(production[0], "redis")
    assert list(found["seeds"]["value"]) == ["users.acl"]
    access_list = found["seeds"]["value"]["users.acl"]
    assert "generated" not in access_list
    assert [line.split()[1] for line in access_list.splitlines()] == [
        "administrator",
        "default",
        "reader",
        "monitor",
        "backups",
    ]
    assert found["files"]["value"]["redis.conf"] == "aclfile /data/users.acl\n"
    assert found["passwords"]["value"] == ["generated-redis-administrator-password"]


@pytest.mark.parametrize(
    ("serial", "slots"),
    [("2+", {"": "3", "-even": "2"}), ("3-", {"": "3", "-even": "2"}), ("3", {"": "3", "-even": "2"})],
)
def test_two_slots_take_turns(serial: str, slots: dict[str, str]) -> None:
    graph, found = build("prod", mode="production", passwordSerials=f"redis-application={serial}")
    known = passwords(graph)
    assert {end: known[f"redis-application-password{end}"] for end in slots} == slots
    (one,) = [
        one for one in found["outputs"]["operations"]["credentials"]["redis"] if one["name"] == "redis-application"
    ]
    third, second = "generated-redis-application-password", "generated-redis-application-password-even"
    assert (one["password"], one["other"]) == ((second, third) if serial == "2+" else (third, second))
    assert found["outputs"]["env"]["network"]["REDIS_PASSWORD"] == one["password"]


def test_during_a_rotation_files_and_proof_have_both_administrators_passwords() -> None:
    graph, _ = build("dev", passwordSerials="elasticsearch-administrator=1+")
    found = files(graph, "elasticsearch")
    name = "generated-elasticsearch-administrator-password"
    assert found["passwords"]["value"] == [name, f"{name}-even"]
    assert found["files"]["value"]["curl.conf"] == f'user = "elastic:{name}"\n'
    assert found["files"]["value"]["curl.next.conf"] == f'user = "elastic:{name}-even"\n'
    assert found["files"]["value"]["elastic_password"] == name


def test_a_server_that_reads_a_password_at_its_start_is_another_container_then() -> None:
    def label(service: str, serials: str) -> str:
        graph, _ = build("dev", passwordSerials=serials)
        labels = {one["label"]: one["value"] for one in graph.of(":Container")[f"{service}-container"]["labels"]}
        return str(labels["com.ai-karen.password-serial"])

    assert [label("minio", text) for text in ("", "minio-administrator=1+", "minio-administrator=2-")] == [
        "1",
        "1",
        "2",
    ]
    assert [label("milvus", text) for text in ("", "minio-storage=1+", "minio-storage=2")] == ["1", "1", "2"]
    graph, _ = build("dev", passwordSerials="minio-storage=2")
    assert "milvus-storage-2" in files(graph, "milvus")["files"]["value"]["milvus.sed"]


def test_a_password_of_ones_own_is_the_applications_and_secret() -> None:
    graph, found = build("dev", redisPassword="my own: p@ss/word")
    env = found["outputs"]["env"]["network"]
    assert env["REDIS_PASSWORD"] == "my own: p@ss/word"
    assert env["REDIS_URL"] == "redis://:my%20own%3A%20p%40ss%2Fword@redis:6379/0"
    accounts = graph.of(":Initialization")["redis-initialization"]["accounts"]["value"]
    assert (accounts[0]["user"], accounts[0]["password"]) == ("default", "my own: p@ss/word")
    for one in graph.registered:
        if one.typ.endswith(":Container"):
            assert "my own" not in repr(one.inputs)


def test_serials_are_read_as_they_are_written() -> None:
    text = "milvus-application=12 redis-administrator=1+ redis-application=2-"
    assert show(parse(text)) == text
    assert show({"redis-application": Serial()}) == ""
    assert parse("redis-application=1") == {"redis-application": Serial(1)}


def test_a_login_is_tried_again_for_another_container_and_for_another_password() -> None:
    def logins(**settings: str) -> dict[str, dict[str, Any]]:
        return build("dev", **settings)[0].of(":Login")

    first, larger = logins(), logins(postgresMemory="768m")
    rotated = logins(passwordSerials="postgres-administrator=2")
    assert set(first) == {f"{service}-login" for service in ("postgres", "redis", "elasticsearch", "milvus")}
    changed = {name for name in first if first[name]["definition"] != larger[name]["definition"]}
    assert changed == {"postgres-login"}
    assert {name for name in first if first[name]["definition"] != rotated[name]["definition"]} == set()
    assert first["postgres-login"]["connection"] != rotated["postgres-login"]["connection"]
