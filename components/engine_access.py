"""What the proxy in front of the container engine's socket lets through, as HAProxy's configuration."""

import re
from collections.abc import Sequence

# Older versions of the engine's interface took a container's whole definition in the body of a start.
_VERSION = r"(/v1\.(2[4-9]|[3-9][0-9]))?"
_FLAG = "(0|1|[Tt]rue|[Ff]alse)"
_STATS = rf"(stream|one-shot)={_FLAG}"
# The longest `t` of a stop or restart, then the engine's ten seconds to kill, then some.
_LONGEST_ANSWER_SECONDS = 120

_GENERAL = f"""\
global
    log stdout format raw local0
    nbthread 1
    maxconn 64
    hard-stop-after 5s

defaults
    mode http
    log global
    log-format "%ST %ts %s %{{+Q}}r"
    option dontlognull
    # One request for each connection, to either side.
    option httpclose
    timeout http-request 5s
    timeout client 5s
    timeout connect 5s
    timeout server {_LONGEST_ANSWER_SECONDS}s
"""


def configuration(containers: Sequence[str], *, listen: str, engine: str) -> str:
    """Return HAProxy's configuration: it listens on the socket `listen` and passes what is allowed on to `engine`.

    Allowed are a look at each container of these exact names, its statistics, its start, stop and restart, besides the
    engine's own greeting and version. All else is answered with 403, or with 400 where it is no correct HTTP/1.
    """
    if not containers:
        raise ValueError("the proxy needs the name of at least one container")
    names = "|".join(re.escape(name) for name in sorted(containers))
    container = f"{_VERSION}/containers/({names})"
    return f"""\
{_GENERAL}
frontend restricted
    bind unix@{listen} mode 666
    option disable-h2-upgrade

    # The whole request target as it was sent: nothing is decoded, shortened or compared without case.
    acl reads method GET
    acl writes method POST
    acl looks_at_version method GET HEAD
    acl ping url -m reg '^{_VERSION}/_ping$'
    acl version url -m reg '^{_VERSION}/version$'
    acl inspect url -m reg '^{container}/json$'
    acl stats url -m reg '^{container}/stats(\\?{_STATS}(&{_STATS})?)?$'
    acl start url -m reg '^{container}/start$'
    acl stop url -m reg '^{container}/(stop|restart)(\\?t=[0-9]{{1,2}})?$'

    acl body req.fhdr(content-length) -m reg [^0]
    acl body req.fhdr(transfer-encoding) -m found
    acl upgrade req.fhdr(upgrade) -m found
    acl upgrade req.fhdr(connection) -m sub -i upgrade

    http-request deny deny_status 403 if body || upgrade
    http-request deny deny_status 403 unless reads ping || looks_at_version version || reads inspect || reads stats || writes start || writes stop
    # Only changes and refusals are logged.
    http-request set-log-level silent unless writes
    # Of the request, only its first line reaches the engine.
    http-request del-header . -m reg
    http-request set-header Host engine
    default_backend engine

backend engine
    server engine unix@{engine}
"""
