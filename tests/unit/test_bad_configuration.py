"""Every setting refuses what it cannot use, naming key, value and fix, before anything is made."""

import pytest
from pydantic.alias_generators import to_camel

from components.settings import SECRET, Settings, SettingsError

MEMORY = [
    "postgresMemory",
    "redisMemory",
    "elasticsearchMemory",
    "elasticsearchHeap",
    "etcdMemory",
    "minioMemory",
    "milvusMemory",
    "monitoringMemory",
    "backupMemory",
    "relayMemory",
    "walKeepSize",
]
PORTS = [
    "postgresPort",
    "redisPort",
    "elasticsearchPort",
    "minioPort",
    "minioConsolePort",
    "milvusPort",
    "monitoringPort",
    "relayPort",
]
FLAGS = [
    *("enableRedis", "enableElasticsearch", "enableMinio", "enableMilvus"),
    *("enableMonitoring", "enableBackups", "enableRelay"),
]
CPUS = [
    "postgresCpus",
    "redisCpus",
    "elasticsearchCpus",
    "etcdCpus",
    "minioCpus",
    "milvusCpus",
    "monitoringCpus",
    "backupCpus",
    "relayCpus",
]
VERSIONS = [f"{engine}SchemaVersion" for engine in ("postgres", "duckdb", "elasticsearch", "milvus", "minio")]

PASSWORDS = ["postgresPassword", "redisPassword", "elasticsearchPassword", "milvusPassword", "minioPassword"]
KEYS = {"backupAccessKey": "k", "backupSecretKey": "s"}

# (class of error, key, configuration, what the message must say besides the key)
BAD = [
    *[("not a size", key, {key: "lots"}, "512m") for key in MEMORY],
    *[("size without a unit", key, {key: "1024"}, "512m") for key in MEMORY],
    *[("below what the server starts with", key, {key: "8m"}, "below") for key in MEMORY if key != "elasticsearchHeap"],
    *[("not a number", key, {key: "http"}, "integer") for key in PORTS],
    *[("privileged port", key, {key: "80"}, "1024") for key in PORTS],
    *[("port out of range", key, {key: "70000"}, "65535") for key in PORTS],
    *[("not a flag", key, {key: "perhaps"}, "boolean") for key in FLAGS],
    *[("no processor", key, {key: "0"}, "0.1") for key in CPUS],
    *[("no version", key, {key: "1"}, "pattern") for key in VERSIONS],
    ("unknown key", "postgresPrt", {"postgresPrt": "5432"}, "postgresPort"),
    ("unknown key", "colour", {"colour": "blue"}, "Known keys"),
    ("not one of", "mode", {"mode": "staging"}, "production"),
    ("not one of", "imageSource", {"imageSource": "cloud"}, "registry"),
    ("not one of", "redisEvictionPolicy", {"redisEvictionPolicy": "random"}, "noeviction"),
    ("not a flag", "redisAppendOnly", {"redisAppendOnly": "often"}, "boolean"),
    ("not a flag", "tls", {"tls": "verify-full"}, "boolean"),
    ("malformed name", "postgresDb", {"postgresDb": "Ai Karen"}, "pattern"),
    ("malformed name", "postgresUser", {"postgresUser": "karen;drop"}, "pattern"),
    ("malformed name", "minioUser", {"minioUser": "ab"}, "pattern"),
    ("malformed name", "milvusUser", {"milvusUser": "1st"}, "pattern"),
    ("malformed path", "duckdbPath", {"duckdbPath": "relative.db"}, "pattern"),
    ("malformed path", "duckdbPath", {"duckdbPath": "/data/../etc/x.db"}, "pattern"),
    ("malformed path", "duckdbPath", {"duckdbPath": "/x.db"}, "directory"),
    ("malformed path", "duckdbBackupPath", {"duckdbBackupPath": "/elsewhere"}, "beside"),
    ("malformed path", "duckdbHostDirectory", {"duckdbHostDirectory": "relative"}, "absolute"),
    ("mode", "duckdbHostDirectory", {"mode": "production", "duckdbHostDirectory": "/srv"}, "development only"),
    ("malformed path", "engineSocket", {"engineSocket": "docker.sock"}, "pattern"),
    ("malformed path", "engineSocket", {"engineSocket": "unix:///var/run/docker.sock"}, "pattern"),
    ("too few", "postgresMaxConnections", {"postgresMaxConnections": "1"}, "10"),
    ("more than fits", "postgresMaxConnections", {"postgresMaxConnections": "5000"}, "postgresMemory"),
    ("heap above the limit", "elasticsearchHeap", {"elasticsearchHeap": "2g", "elasticsearchMemory": "2g"}, "elasticsearchMemory"),
    ("heap too small", "elasticsearchHeap", {"elasticsearchHeap": "32m"}, "128m"),
    ("two services on one port", "redisPort", {"redisPort": "5432"}, "postgresPort"),
    ("two services on one port", "monitoringPort", {"enableMonitoring": "true", "monitoringPort": "5432"}, "postgresPort"),
    ("disabled dependency", "enableMinio", {"enableMinio": "false"}, "enableMilvus"),
    ("too often", "monitoringInterval", {"monitoringInterval": "1"}, "2"),
    ("no address", "alertWebhook", {"alertWebhook": "ftp://example.org/hook"}, "https://"),
    ("no address", "alertWebhook", {"alertWebhook": "https://"}, "https://"),
    ("no address", "alertWebhook", {"alertWebhook": "https://example.org:99999/"}, "https://"),
    ("in the open", "alertMailSecurity", {"alertMailSecurity": "none", "alertMailUser": "a", "alertMailPassword": "b"}, "tls"),
    ("not ASCII", "alertMailPassword", {"alertMailUser": "karen", "alertMailPassword": "pä"}, "ASCII"),
    ("no address", "alertMailServer", {"alertMailServer": "mail.example.org"}, "pattern"),
    ("no address", "alertMailFrom", {"alertMailFrom": "karen"}, "pattern"),
    ("no address", "alertMailTo", {"alertMailTo": "one@example.org;two"}, "pattern"),
    ("not one of", "alertMailSecurity", {"alertMailSecurity": "ssl"}, "starttls"),
    ("one without the other", "alertMailUser", {"alertMailUser": "karen"}, "without the other"),
    ("one without the other", "alertMailPassword", {"alertMailPassword": "x"}, "without the other"),
    ("no target", "backupTarget", {"backupTarget": "backups"}, "an absolute directory"),
    ("no target", "backupTarget", {"backupTarget": "/srv/../etc"}, "an absolute directory"),
    ("no target", "backupTarget", {"backupTarget": "s3://B"}, "3 to 63 lower-case"),
    ("no target", "backupTarget", {"backupTarget": "s3://bucket/../x", **KEYS}, "between slashes"),
    ("bucket without keys", "backupAccessKey", {"backupTarget": "s3://bucket"}, "is not set"),
    ("bucket without keys", "backupSecretKey", {"backupTarget": "s3://bucket", "backupAccessKey": "k"}, "is not set"),
    ("one without the other", "backupSecretKey", {"backupSecretKey": "s"}, "which needs none"),
    ("no address", "backupEndpoint", {"backupTarget": "s3://bucket", **KEYS, "backupEndpoint": "minio:9000"}, "https://"),
    ("one without the other", "backupEndpoint", {"backupEndpoint": "https://minio.example.org"}, "only a bucket"),
    ("malformed name", "backupRegion", {"backupRegion": "eu west"}, "pattern"),
    ("no schedule", "backupSchedule", {"backupSchedule": "daily"}, "has 1 fields"),
    ("no schedule", "backupSchedule", {"backupSchedule": "0 2 30 2 *"}, "Bad day-of-month"),
    ("no schedule", "backupSchedule", {"backupSchedule": "0 25 * * *"}, "Bad hour"),
    ("nothing kept", "backupKeep", {"backupKeep": "daily"}, "with = and a number"),
    ("nothing kept", "backupKeep", {"backupKeep": "daily=0"}, "nothing is kept"),
    ("nothing kept", "backupKeep", {"backupKeep": "daily=7,daily=8"}, "twice"),
    *[
        ("no engine", "restoreDamaged", {"enableBackups": "true", "restoreDamaged": named}, "allowed: none, or duckdb, redis")
        for named in ("etcd", "redis,oracle", "redis,", "none,redis", "", "redis duckdb", "Redis")
    ],
    ("disabled dependency", "restoreDamaged", {"restoreDamaged": "redis"}, "enableBackups is false"),
    ("malformed name", "postgresReader", {"postgresReader": "Reader"}, "pattern"),
    ("malformed name", "elasticsearchUser", {"elasticsearchUser": "a b"}, "pattern"),
    ("malformed name", "elasticsearchReader", {"elasticsearchReader": "a b"}, "pattern"),
    ("malformed name", "minioApplicationUser", {"minioApplicationUser": "ab"}, "pattern"),
    ("an administrator's name", "postgresUser", {"postgresUser": "karen_administrator"}, "any but postgres"),
    ("an administrator's name", "postgresReader", {"postgresReader": "pg_monitor"}, "any but postgres"),
    ("an administrator's name", "elasticsearchUser", {"elasticsearchUser": "elastic"}, "any but elastic"),
    ("an administrator's name", "elasticsearchReader", {"elasticsearchReader": "elastic"}, "any but elastic"),
    ("an administrator's name", "milvusUser", {"milvusUser": "root"}, "any but root"),
    ("an administrator's name", "minioUser", {"minioUser": "milvus-storage-1"}, "any but milvus-storage-1"),
    ("one user for two", "postgresReader", {"postgresReader": "karen_user"}, "postgresUser is the same"),
    ("one user for two", "elasticsearchReader", {"elasticsearchReader": "karen_user"}, "elasticsearchUser is the same"),
    ("one user for two", "minioApplicationUser", {"minioApplicationUser": "karen_minio"}, "minioUser is the same"),
    *[("password too short", key, {key: "7 chars"}, "7 characters") for key in PASSWORDS],
    *[("password too long", key, {key: "x" * 73}, "73 characters") for key in PASSWORDS],
    *[("password not of ASCII", key, {key: "pässword"}, "printable ASCII") for key in PASSWORDS],
    *[("password with a line break", key, {key: "two\nlines"}, "printable ASCII") for key in PASSWORDS],
    ("no serials", "passwordSerials", {"passwordSerials": "postgres-application"}, "name=number"),
    ("no serials", "passwordSerials", {"passwordSerials": "postgres=2"}, "names: postgres-administrator"),
    ("no serials", "passwordSerials", {"passwordSerials": "redis-application=0"}, "name=number"),
    ("no serials", "passwordSerials", {"passwordSerials": "redis-application=2 redis-application=3+"}, "twice"),
    ("no serials", "dataVolumes", {"dataVolumes": "postgres"}, "name=number"),
    ("no serials", "dataVolumes", {"dataVolumes": "milvus=2"}, "names: postgres, redis, elasticsearch"),
    *[("no server with data", "allowReplacing", {"allowReplacing": named}, "allowed: none, or postgres, redis") for named in ("monitor", "", "all", "postgres,")],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "key", "values", "said"), BAD, ids=[f"{kind}-{key}" for kind, key, _, _ in BAD])
def test_a_bad_value_is_refused_with_key_value_and_fix(kind: str, key: str, values: dict[str, str], said: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.parse(values)
    message = str(error.value)
    assert f"ai-karen-db:{key}" in message
    assert said in message
    assert "Fix:" in message
    assert "nothing was changed" in message


@pytest.mark.parametrize(
    ("key", "value"), [(key, values[key]) for kind, key, values, _ in BAD if kind != "unknown key" and values.get(key)]
)
def test_a_bad_value_is_told_unless_it_is_secret(key: str, value: str) -> None:
    with pytest.raises(SettingsError) as error:
        Settings.parse({**next(values for _, one, values, _ in BAD if one == key and values.get(key) == value)})
    if key not in {to_camel(name) for name in SECRET}:
        assert value in str(error.value)
    elif len(value) > len("https://"):
        # Less than that is in the sentence anyway.
        assert value not in str(error.value)


def test_a_password_is_not_told_when_it_is_refused() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.parse({"postgresPassword": "s3cret"})
    assert "s3cret" not in str(error.value)


@pytest.mark.parametrize(
    "password", ["".join(map(chr, range(32, 104))), "".join(map(chr, range(104, 127))), " 8 chars"]
)
def test_every_printable_password_of_8_to_72_characters_is_accepted(password: str) -> None:
    found = Settings.parse({"redisPassword": password}).redis_password
    assert found is not None
    assert found.get_secret_value() == password


def test_every_setting_has_a_bad_value_here() -> None:
    assert {to_camel(field) for field in Settings.model_fields} <= {key for _, key, _, _ in BAD}


def test_at_least_forty_cases_of_thirty_classes_are_told_apart() -> None:
    """`make bench` has each of them refused by a real preview, and measures it."""
    assert len({kind for kind, _, _, _ in BAD}) >= 30
    assert len({(kind, key) for kind, key, _, _ in BAD}) >= 40


def test_several_problems_are_told_at_once() -> None:
    with pytest.raises(SettingsError) as error:
        Settings.parse({"postgresPort": "x", "mode": "y", "unknown": "z"})
    assert len(error.value.problems) == 3
