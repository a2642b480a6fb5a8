"""How the image contract runs each server: what a component hands to it, and what it must do then."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

# Every character that has broken a shell, an URL or a quoted string before.
PASSWORD = """p@ss:/#w$rd"x\\y'z %&;!"""
SECRETS = "/run/secrets"
# Where Elasticsearch may write snapshots.
STAGING = "/usr/share/elasticsearch/staging"
_REDIS_HASH = hashlib.sha256(PASSWORD.encode()).hexdigest()
_CURL_PASSWORD = PASSWORD.replace("\\", "\\\\").replace('"', '\\"')
# In Milvus 2.3.5 the first user and its password are fixed.
_MILVUS = "curl -fsS -m 5 http://127.0.0.1:19530/v1/vector/collections -H 'Authorization: Bearer root:{}'"
_MINIO = "curl -fsS -o /dev/null --aws-sigv4 aws:amz:us-east-1:s3 {} http://127.0.0.1:9000/"
_ELASTICSEARCH = "curl -fsS -o /dev/null {} http://127.0.0.1:9200/_cluster/health"
_POSTGRES = 'PGPASSWORD="{}" psql -h 127.0.0.1 -U karen -d karen -tAc "select 1"'


@dataclass(frozen=True, kw_only=True)
class Server:
    """One service: its definition, its checks, and its limits. `login` and `refused` are shell commands inside it."""

    service: str
    user: str
    data_path: str
    ports: Sequence[int]
    health: Sequence[str]
    # What a command prints first, or what stands in the log.
    version: Sequence[str] = ()
    version_prefix: str = ""
    version_log: str = ""
    command: Sequence[str] = ()
    entrypoint: Sequence[str] = ()
    scratch: Mapping[str, str] = field(default_factory=dict)
    # What others find it as besides its own name.
    aliases: Sequence[str] = ()
    # What the server writes from then on.
    seeds: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[str, str] = field(default_factory=dict)
    needs: Sequence[str] = ()
    login: str = ""
    refused: Sequence[str] = ()
    loopback_ports: Sequence[int] = ()
    memory: str = "512m"
    stop_signal: str = "SIGTERM"
    grace_seconds: int = 30
    # 143 is how a Java virtual machine that was asked to end, and did so in order, reports it.
    exit_codes: Sequence[int] = (0,)
    start_seconds: int = 60
    size_megabytes: int = 240


SERVERS = {
    server.service: server
    for server in (
        Server(
            service="elasticsearch",
            user="1000:1000",
            data_path="/usr/share/elasticsearch/data",
            ports=(9200,),
            loopback_ports=(9300,),
            version=(
                "sh",
                "-c",
                "curl -fsS -K /run/secrets/curl.conf http://127.0.0.1:9200/ | grep -o '9[.][0-9.]*' | head -1",
            ),
            version_prefix="9.4",
            health=(
                "curl",
                "-fsS",
                "-K",
                f"{SECRETS}/curl.conf",
                "http://127.0.0.1:9200/_cluster/health?wait_for_status=yellow",
            ),
            environment={
                "cluster.name": "contract",
                "discovery.type": "single-node",
                "http.host": "0.0.0.0",
                "transport.host": "127.0.0.1",
                "path.repo": STAGING,
                "xpack.security.enabled": "true",
                "xpack.security.http.ssl.enabled": "false",
                "xpack.security.transport.ssl.enabled": "false",
                "ELASTIC_PASSWORD_FILE": f"{SECRETS}/elastic_password",
                "ES_JAVA_OPTS": "-Xms512m -Xmx512m -XX:TieredStopAtLevel=1",
            },
            secrets={"elastic_password": PASSWORD, "curl.conf": f'user = "elastic:{_CURL_PASSWORD}"\n'},
            login=_ELASTICSEARCH.format(f"-K {SECRETS}/curl.conf"),
            refused=(_ELASTICSEARCH.format("-u elastic:wrong"), _ELASTICSEARCH.format("")),
            memory="1g",
            grace_seconds=60,
            exit_codes=(0, 143),
            start_seconds=180,
            size_megabytes=380,
        ),
        Server(
            service="postgres",
            user="999:999",
            data_path="/var/lib/postgresql/data",
            ports=(5432,),
            version=("postgres", "--version"),
            version_prefix="postgres (PostgreSQL) 17.",
            health=("pg_isready", "-q", "-h", "127.0.0.1", "-U", "karen", "-d", "karen"),
            command=("postgres", "-c", "max_connections=50"),
            environment={
                "POSTGRES_DB": "karen",
                "POSTGRES_USER": "karen",
                "POSTGRES_PASSWORD_FILE": f"{SECRETS}/postgres_password",
                "POSTGRES_INITDB_ARGS": "--auth-host=scram-sha-256 --data-checksums",
                "PGDATA": "/var/lib/postgresql/data/pgdata",
            },
            secrets={"postgres_password": PASSWORD},
            login=_POSTGRES.format(f"$(cat {SECRETS}/postgres_password)"),
            refused=(_POSTGRES.format("wrong"), _POSTGRES.format("")),
            stop_signal="SIGINT",
        ),
        Server(
            service="redis",
            user="999:999",
            data_path="/data",
            ports=(6379,),
            version=("redis-server", "--version"),
            version_prefix="Redis server v=8.",
            health=("sh", "-c", f'REDISCLI_AUTH="$(cat {SECRETS}/password)" redis-cli ping | grep -qx PONG'),
            command=("redis-server", f"{SECRETS}/redis.conf", "--dir", "/data", "--appendonly", "yes"),
            secrets={
                "redis.conf": f"aclfile {SECRETS}/users.acl\n",
                "users.acl": f"user default on #{_REDIS_HASH} ~* &* +@all\n",
                "password": PASSWORD,
            },
            login=f'REDISCLI_AUTH="$(cat {SECRETS}/password)" redis-cli ping | grep -qx PONG',
            refused=("REDISCLI_AUTH=wrong redis-cli ping | grep -qx PONG", "redis-cli ping | grep -qx PONG"),
            size_megabytes=100,
        ),
        Server(
            service="etcd",
            user="1001:1001",
            data_path="/etcd",
            ports=(2379,),
            version=("etcd", "--version"),
            version_prefix="etcd Version: 3.5.",
            health=("etcdctl", "--endpoints=http://127.0.0.1:2379", "endpoint", "health"),
            command=(
                *("etcd", "--data-dir", "/etcd", "--listen-client-urls", "http://0.0.0.0:2379"),
                *("--advertise-client-urls", "http://etcd:2379"),
            ),
            size_megabytes=160,
        ),
        Server(
            service="minio",
            user="1001:1001",
            data_path="/data",
            ports=(9000, 9001),
            version=("minio", "--version"),
            version_prefix="minio version ",
            health=("curl", "-fsS", "http://127.0.0.1:9000/minio/health/live"),
            command=("server", "/data", "--console-address", ":9001"),
            environment={
                "MINIO_ROOT_USER_FILE": f"{SECRETS}/minio_user",
                "MINIO_ROOT_PASSWORD_FILE": f"{SECRETS}/minio_password",
            },
            secrets={
                "minio_user": "karen-storage",
                "minio_password": PASSWORD,
                "curl.conf": f'user = "karen-storage:{_CURL_PASSWORD}"\n',
            },
            login=_MINIO.format(f"-K {SECRETS}/curl.conf"),
            refused=(_MINIO.format("-u karen-storage:wrong-password"), _MINIO.format("-u minioadmin:minioadmin")),
        ),
        Server(
            service="milvus",
            user="1001:1001",
            data_path="/var/lib/milvus",
            ports=(19530, 9091),
            version_log="Version:   v2.3.5",
            health=("curl", "-fsS", "http://127.0.0.1:9091/healthz"),
            command=(
                *("sh", "-c"),
                f". {SECRETS}/milvus.env; export MINIO_ACCESSKEYID MINIO_SECRETACCESSKEY; exec milvus run standalone",
            ),
            environment={
                "ETCD_ENDPOINTS": "etcd:2379",
                "MINIO_ADDRESS": "minio:9000",
                "MINIO_BUCKETNAME": "milvus-data",
                "COMMON_SECURITY_AUTHORIZATIONENABLED": "true",
            },
            secrets={
                "milvus.env": "MINIO_ACCESSKEYID=karen-storage\n"
                "MINIO_SECRETACCESSKEY='" + PASSWORD.replace("'", "'\\''") + "'\n"
            },
            needs=("etcd", "minio"),
            login=_MILVUS.format("Milvus") + " | grep -q '\"code\":200'",
            refused=(_MILVUS.format("wrong") + " | grep -q '\"code\":200'",),
            memory="1g",
            start_seconds=120,
            size_megabytes=380,
        ),
    )
}
