"""A program for a container on a network of the stack: everything that somebody without a password may try, and what came of it."""

PROGRAM = """
import json, socket, ssl, sys, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor

import psycopg, redis
from pymilvus import MilvusClient

WRONG = "not-the-password"
# Where the certificate of the stack's authority is, if connections are encrypted.
CA = sys.argv[1]
TLS = ssl.create_default_context(cafile=CA) if CA else None
S = "s" if CA else ""
def http(url, method="GET", headers=None, body=None):
    request = urllib.request.Request(url, method=method, headers=headers or {}, data=body)
    return urllib.request.urlopen(request, timeout=5, context=TLS).status
def postgres(user, database, **more):
    with psycopg.connect(host="postgres", user=user, dbname=database, connect_timeout=5, **more) as connection:
        return connection.execute("SELECT 1").fetchone()
def line(host, port, sent):
    with socket.create_connection((host, port), timeout=5) as plain:
        connection = TLS.wrap_socket(plain, server_hostname=host) if TLS else plain
        connection.sendall(sent)
        told = connection.recv(200)
    if not told or told.startswith(b"-NOAUTH") or told.startswith(b"-WRONGPASS"):
        raise PermissionError(told)
    return told.decode(errors="replace")
def milvus(token, call):
    trusted = {"server_pem_path": CA} if CA else {}
    client = MilvusClient(uri=f"http{S}://milvus:19530", token=token, timeout=5, **trusted)
    return call(client)
JSON = {"Content-Type": "application/json"}
LOGIN = json.dumps({"accessKey": "minioadmin", "secretKey": "minioadmin"}).encode()
USERS = ("postgres", "karen_administrator", "karen_user", "karen_reader", "karen_owner", "nobody")
TRIED = {
    **{f"postgres {user} {mode}": lambda user=user, mode=mode: postgres(user, "postgres", sslmode=mode)
       for user in USERS for mode in ("disable", "prefer")},
    **{f"postgres {user} {WRONG}": lambda user=user: postgres(user, "ai_karen", password=WRONG) for user in USERS},
    "postgres replication": lambda: postgres("karen_administrator", "postgres", replication="database"),
    **{f"redis {command}": lambda command=command: line("redis", 6379, command.encode() + b"\\r\\n")
       for command in ("PING", "INFO", "GET x", "SET x y", "HELLO 3", "CONFIG GET *", "ACL LIST", "AUTH default x", "AUTH reader x", "AUTH backups x", "SUBSCRIBE x", "MONITOR")},
    **{f"elasticsearch {path}": lambda path=path: http(f"http{S}://elasticsearch:9200{path}")
       for path in ("/", "/_search", "/_cluster/health", "/_nodes", "/_cat/indices", "/_security/_authenticate", "/_snapshot", "/_license",
                    "/_security/user", "/_ssl/certificates", "/ai_karen_documents/_search", "/_nodes/hot_threads")},
    "elasticsearch writes": lambda: http(f"http{S}://elasticsearch:9200/x/_doc", "POST", JSON, b"{}"),
    "elasticsearch elastic:changeme": lambda: http(f"http{S}://elasticsearch:9200/", headers={"Authorization": "Basic ZWxhc3RpYzpjaGFuZ2VtZQ=="}),
    "elasticsearch transport": lambda: socket.create_connection(("elasticsearch", 9300), timeout=5),
    **{f"milvus {what} {token or 'nobody'}": lambda token=token, call=call: milvus(token, call)
       for token in ("", "root:Milvus", f"root:{WRONG}", "milvus_user:")
       for what, call in (("lists", lambda client: client.list_collections()),)},
    **{f"milvus {path}": lambda path=path: http(f"http{S}://milvus:19530{path}")
       for path in ("/v1/vector/collections", "/v2/vectordb/collections/list", "/api/v1/collections")},
    **{f"milvus management {path}": lambda path=path: http(f"http://milvus:9091{path}")
       for path in ("/healthz", "/metrics", "/expr?auth=by-dev&code=param", "/api/v1/collections", "/log/level")},
    **{f"minio {path}": lambda path=path: http(f"http{S}://minio:9000{path}")
       for path in ("/", "/milvus-data/", "/milvus-data/?list-type=2", "/raw-documents", "/minio/admin/v3/info", "/minio/v2/metrics/cluster",
                    "/minio/v2/metrics/node", "/minio/v2/metrics/bucket", "/minio/prometheus/metrics", "/minio/metrics/v3", "/.minio.sys/config/config.json")},
    "minio writes": lambda: http(f"http{S}://minio:9000/milvus-data/x", "PUT", {}, b"x"),
    "minio makes a bucket": lambda: http(f"http{S}://minio:9000/made", "PUT", {}, b""),
    **{f"minio console {path}": lambda path=path: http(f"http{S}://minio:9001{path}")
       for path in ("/api/v1/buckets", "/api/v1/session", "/api/v1/admin/info", "/api/v1/users", "/api/v1/buckets/milvus-data/objects")},
    "minio console minioadmin": lambda: http(f"http{S}://minio:9001/api/v1/login", "POST", JSON, LOGIN),
    **{f"{name} {port}": lambda name=name, port=port: socket.create_connection((name, port), timeout=5)
       for name, port in (("etcd", 2379), ("etcd", 2380), ("storage", 9000), ("vectors", 19530), ("vectors", 9091))},
}
def tried(name):
    try:
        return f"let in: {TRIED[name]()}"
    except urllib.error.HTTPError as error:
        return f"refused {error.code}"
    except Exception as error:
        return f"refused {type(error).__name__}"
with ThreadPoolExecutor(max_workers=8) as pool:
    print(json.dumps(dict(zip(TRIED, pool.map(tried, TRIED)))))
"""
# What of Milvus answers at the port of its metrics, at which it asks nobody for a password.
ANSWERED = {
    "/healthz", "/metrics", "/metrics_default", "/log/level", "/eventlog", "/expr",
    "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/symbol", "/debug/pprof/goroutine", "/debug/pprof/heap", "/debug/pprof/allocs",
    "/debug/pprof/block", "/debug/pprof/mutex", "/debug/pprof/threadcreate", "/debug/pprof/profile?seconds=1", "/debug/pprof/trace?seconds=1",
    "/debug/vars", "/debug/events", "/debug/requests",
}  # fmt: skip
# What other versions of it have there, or this one with other settings.
ABSENT = {
    "/", "/api/v1/health", "/api/v1/collections", "/api/v1/credential", "/api/v1/credential/users", "/api/v1/entities", "/api/v1/search",
    "/static/", "/static/index.html", "/webui/", "/livez", "/_cluster/info", "/_cluster/configs", "/_cluster/clients", "/_rc/tasks",
    "/_hook/configs", "/_qc/dist", "/_dc/segments", "/_telemetry", "/management/stop", "/management/check/ready",
    "/management/datacoord/garbage_collection/pause", "/management/datacoord/garbage_collection/resume", "/management/proxy/listners/pause",
    "/management/rootcoord/ddl/connection", "/management/querycoord/balance/suspend", "/management/querycoord/node/list",
    "/management/config/alter", "/management/wal/alter", "/log", "/eventlog/", "/expr/", "/jmx", "/jeprof/start", "/jeprof/stop", "/stop",
}  # fmt: skip
PATHS = """
import json, sys, urllib.error, urllib.request
from concurrent.futures import ThreadPoolExecutor
def status(path):
    try:
        return urllib.request.urlopen(f"http://{sys.argv[1]}:9091{path}", timeout=20).status
    except urllib.error.HTTPError as error:
        return error.code
paths = json.loads(sys.argv[2])
with ThreadPoolExecutor(max_workers=8) as pool:
    print(json.dumps(dict(zip(paths, pool.map(status, paths)))))
"""
# etcd's own requests, which it answers to whoever is on its network.
ETCD = """
import json, ssl, sys, urllib.request
TLS = ssl.create_default_context(cafile=sys.argv[1]) if sys.argv[1] else None
address = f"http{'s' if TLS else ''}://etcd:2379/v3/kv/range"
body = json.dumps({"key": "AA==", "range_end": "AA==", "count_only": True}).encode()
found = json.load(urllib.request.urlopen(urllib.request.Request(address, data=body), timeout=5, context=TLS))
print(json.dumps(int(found["count"])))
"""
