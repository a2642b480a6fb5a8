"""Requests that the proxy in front of the engine must not let through, as raw bytes."""

import json

from components.images import reference
from tests.contract.containers import SOURCE
from tests.contract.engine_proxy.restricted import FOREIGN, SERVER, UNLISTED

C = f"/containers/{SERVER}"
# What the engine would take as the definition of a container that owns the host.
_HOST = {"Privileged": True, "Binds": ["/:/host"]}
_CREATE = json.dumps(
    {
        "Image": reference("base", SOURCE),
        "Labels": {"com.ai-karen.test": "ai-karen-contract-restricted"},
        "HostConfig": _HOST,
    }
)
_EXEC = json.dumps({"Cmd": ["touch", "/made"], "Privileged": True})
_START = json.dumps(_HOST)


def request(line: str, *headers: str, body: str = "", version: str = "HTTP/1.1") -> bytes:
    """Return a request as it goes over the socket, with the length of its body where it has one."""
    length = ["Content-Type: application/json", f"Content-Length: {len(body)}"] if body else []
    return "\r\n".join([f"{line} {version}", "Host: engine", *length, *headers, "", body]).encode("latin-1")


def chunked(line: str, body: str) -> bytes:
    """Return a request with its body in one chunk."""
    return request(line, "Transfer-Encoding: chunked", "Content-Type: application/json") + (
        f"{len(body):x}\r\n{body}\r\n0\r\n\r\n".encode()
    )


_LINES = {
    "what is there": [
        "GET /containers/json", "GET /containers/json?all=1", "GET /v1.41/containers/json", "GET /info", "GET /events",
        "GET /system/df", "GET /images/json", "GET /volumes", "GET /networks", "GET /networks/host", "GET /nodes",
        "GET /services", "GET /tasks", "GET /secrets", "GET /configs", "GET /plugins", "GET /swarm", "GET /distribution/x/json",
        f"GET /images/{SERVER}/json", f"GET /volumes/{SERVER}", f"GET /exec/{SERVER}/json", "GET /", "GET /containers", "GET /metrics",
    ],
    "a server's contents": [
        f"GET {C}/logs?stdout=1", f"GET {C}/top", f"GET {C}/changes", f"GET {C}/export", f"GET {C}/archive?path=/etc",
        f"HEAD {C}/archive?path=/etc", f"GET {C}/attach/ws", f"GET {C}", f"GET {C}/json?size=1", f"GET {C}/start", f"HEAD {C}/json",
        f"HEAD {C}/stats",
    ],
    "a server's fate": [
        f"POST {C}/kill", f"POST {C}/kill?signal=KILL", f"DELETE {C}", f"DELETE {C}?force=1&v=1", f"POST {C}/pause",
        f"POST {C}/unpause", f"POST {C}/rename?name=ai-karen-contract-restricted-mine", f"POST {C}/wait", f"POST {C}/resize?h=1&w=1",
        f"POST {C}/json", f"POST {C}/stats", f"DELETE {C}/json", f"PUT {C}/restart", f"PATCH {C}/stop", f"OPTIONS {C}/stop",
        f"TRACE {C}/stop", f"POST {C}/attach?stream=1&stdin=1", f"POST {C}/exec", "POST /containers/prune", "POST /session",
        "POST /grpc", "POST /images/prune", "POST /volumes/prune", "POST /networks/prune", "POST /build", "POST /auth",
        f"POST /commit?container={SERVER}", "POST /images/create?fromImage=redis", "DELETE /volumes/x", "POST /_ping",
        "HEAD /_ping", "POST /version", "DELETE /version",
    ],
    "another container": [
        *(
            f"{method} /containers/{name}/{action}"
            for name in (FOREIGN, UNLISTED)
            for method, action in (("GET", "json"), ("GET", "stats"), ("POST", "start"), ("POST", "stop"), ("POST", "restart"))
        ),
        f"POST /containers/{SERVER}x/stop?t=0", f"POST /containers/x{SERVER}/stop?t=0", f"POST /containers/{SERVER[:-1]}/stop?t=0",
        f"POST /containers/{SERVER.upper()}/stop?t=0", f"POST /containers/{SERVER.replace('server', 'Server')}/stop?t=0",
        f"POST /containers/{SERVER.replace('-', '.')}/stop?t=0", f"POST /containers/{SERVER}|{FOREIGN}/stop?t=0", "POST /containers//stop?t=0",
        "POST /containers/.*/stop?t=0", f"POST /containers/{SERVER},{FOREIGN}/stop?t=0",
    ],
    "another way to write the path": [
        f"POST /{C}/stop?t=0", f"POST /containers//{SERVER}/stop?t=0", f"POST {C}//stop?t=0", f"POST {C}/stop/?t=0", f"POST {C}/stop/",
        f"POST {C}/./stop?t=0", f"POST {C}/../{SERVER}/stop?t=0", f"POST {C}/../../containers/{FOREIGN}/stop?t=0",
        f"POST /_ping/..{C}/kill", f"GET {C}/json/../../../info", f"GET {C}/json/../logs?stdout=1", f"POST /%2e%2e{C}/stop?t=0",
        f"POST {C}/%2e%2e/{FOREIGN}/stop?t=0", f"POST {C}%2fstop?t=0", f"POST {C}%2Fkill", f"POST {C}/stop%2f..%2fkill",
        f"POST {C}/sto%70?t=0", f"POST /%63ontainers/{SERVER}/stop?t=0", f"POST {C}/stop%00?t=0", f"POST {C}/stop%0a?t=0",
        f"POST {C}/stop%20?t=0", f"POST {C}/kill%3f/stop?t=0", f"POST {C}/stop;t=0", f"POST {C};x=/stop?t=0", f"POST {C}\\stop?t=0",
        f"POST {C}/Stop?t=0", f"POST {C}/STOP", f"POST /Containers/{SERVER}/stop", f"POST {C}/restart/json", f"GET {C}/json/stats",
        "GET /_ping/", "GET /_PING", "GET /version/", "GET //version", "GET /./version", "GET /version%20", "GET /_ping?x=1",
    ],
    "another version": [
        f"POST /v1.23{C}/start", f"POST /v1.12{C}/stop?t=0", f"POST /v1{C}/stop?t=0", f"POST /v2.41{C}/stop?t=0", f"POST /v1.041{C}/stop?t=0",
        f"POST /v1.41.1{C}/stop?t=0", f"POST /V1.41{C}/stop?t=0", f"POST /v1.41/v1.41{C}/stop?t=0", f"POST /v1.41/{C}/stop?t=0",
        f"POST /v1.{C}/stop?t=0", f"POST /v1x41{C}/stop?t=0", f"POST /v1.41/..{C}/stop?t=0", f"POST /v1.411{C}/stop?t=0", "GET /v1.23/_ping",
    ],
    "another query": [
        f"POST {C}/stop?t=-1", f"POST {C}/stop?t=100", f"POST {C}/stop?t=", f"POST {C}/stop?", f"POST {C}/stop?t=1x", f"POST {C}/stop?t=%31",
        f"POST {C}/stop?T=1", f"POST {C}/stop?signal=SIGKILL", f"POST {C}/stop?t=1&signal=SIGKILL", f"POST {C}/stop?t=1&t=99",
        f"POST {C}/stop?t=1;x=1", f"POST {C}/stop?t=1?t=1", f"POST {C}/stop&t=1", f"POST {C}/start?checkpoint=x",
        f"POST {C}/start?detachKeys=x", f"POST {C}/start?t=1", f"GET {C}/stats?stream=yes", f"GET {C}/stats?stream=0&x=1",
        f"GET {C}/stats?stream=0&stream=0&stream=0",
    ],
    "the whole address": [
        f"POST http://engine{C}/kill", f"POST http://engine{C}/stop?t=0", "GET http://engine/_ping", f"POST unix://engine{C}/stop",
        f"POST //engine{C}/stop?t=0", "CONNECT engine:80", "OPTIONS *",
    ],
    "another spelling of the method": [
        f"post {C}/stop?t=0", f"Post {C}/stop?t=0", "get /_ping", f"POSTX {C}/stop?t=0", "GETT /_ping", f"G-T {C}/json",
    ],
}  # fmt: skip
_WITH_MORE = {
    "a body": [
        request("POST /containers/create", body=_CREATE), request("POST /v1.41/containers/create", body=_CREATE),
        request(f"POST {C}/exec", body=_EXEC), request(f"POST {C}/update", body='{"Memory": 33554432, "MemorySwap": 33554432}'),
        request(f"PUT {C}/archive?path=/", body="x" * 1024), request("POST /networks/create", body='{"Name": "made"}'),
        request("POST /volumes/create", body='{"Name": "ai-karen-contract-restricted-made"}'),
        request("POST /networks/bridge/connect", body=json.dumps({"Container": SERVER})),
        # With versions before 1.24, this is a new definition of the container.
        request(f"POST /v1.23{C}/start", body=_START), request(f"POST {C}/start", body=_START), chunked(f"POST {C}/start", _START),
        chunked(f"POST /v1.23{C}/start", _START), request(f"POST {C}/restart", body="{}"), request(f"POST {C}/stop?t=0", body="t=0"),
        request(f"POST {C}/stop", "Content-Type: application/x-www-form-urlencoded", body="t=0&signal=KILL"),
        request("GET /_ping", body="x"), request(f"POST {C}/restart", "Content-Length: 99999999999"),
        request(f"POST {C}/restart", "Content-Length: 4", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        request(f"POST {C}/restart", "Transfer-Encoding: chunked", "Content-Length: 0") + b"0\r\n\r\n",
    ],
    "a change of protocol": [
        request(f"POST {C}/attach?stream=1&stdin=1&stdout=1", "Connection: Upgrade", "Upgrade: tcp"),
        request(f"POST {C}/restart", "Connection: Upgrade", "Upgrade: tcp"),
        request("GET /_ping", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQAAP__"),
        request(f"GET {C}/json", "connection: keep-alive, UPGRADE", "upgrade: TCP"), request("GET /_ping", "Connection: Upgrade"),
        request(f"GET {C}/attach/ws", "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="),
    ],
}  # fmt: skip

# By what they try; answered with 403.
REFUSED = {kind: [request(line) for line in lines] for kind, lines in _LINES.items()} | _WITH_MORE

_RESTART = f"POST {C}/restart"
# No HTTP/1, or not for sure: answered with 400.
MALFORMED = [
    request(_RESTART, "Content-Length: 0", "Content-Length: 5") + b"hello",
    request(_RESTART, "Content-Length: 5, 0") + b"hello",
    request(_RESTART, "Content-Length: -1"),
    request(_RESTART, "Content-Length: 0x0"),
    request(_RESTART, "Content-Length: +0"),
    request(_RESTART, "Transfer-Encoding: gzip"),
    request(_RESTART, "Transfer-Encoding: chunked, identity"),
    request(_RESTART, "Transfer-Encoding : chunked"),
    request(_RESTART, "Host: other"),
    request(_RESTART, "X\0Y: z"),
    request(_RESTART, *(f"X-{number}: y" for number in range(200))),
    request(_RESTART, f"X: {'y' * 20000}"),
    request(f"POST {C}/restart\0"),
    request(f"POST {C}/restart\n?t=0"),
    request(f"POST {C}/restart\r\n?t=0"),
    request(f"POST {C}/restart\rX: y"),
    request(f"POST {C}/restart#"),
    request(f"POST {C}/kill#/restart"),
    request(f"POST {C}/restart?{'t' * 20000}"),
    request(f"POST {C}/restart é"),
    request(f"POST containers/{SERVER}/restart"),
    request(f"POST http://other{C}/restart"),
    request(f"CONNECT {C}/restart"),
    request(f"GET {C}/attach/ws", "Connection: Upgrade", "Upgrade: websocket"),
    request(_RESTART, version=""),
    request(_RESTART, version="HTTP/1.1 x"),
    request(_RESTART, version="ICY/1.1"),
    b"GET /_ping\r\n\r\n",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0",
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    b"\0\r\n\r\n",
]
