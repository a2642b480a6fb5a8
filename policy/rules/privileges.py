"""What a process that got out of hand in a container could do to its host."""

import re
from collections.abc import Iterator
from posixpath import normpath

from policy.graph import CONTAINER, VOLUME, Graph, Resource, items
from policy.mounts import host_paths
from policy.rule import rule

_NAMESPACES = ("networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode")
# Where engines have their sockets.
_WITH_SOCKETS = re.compile(r"/|/var|(/var)?/run(/user(/[0-9]+)?)?")


@rule(
    "user",
    CONTAINER,
    reason="Who breaks out of a container of root's is root on the host.",
    fix="give its ContainerSpec an `owner` other than 0.",
)
def non_root_user(container: Resource, _: Graph) -> Iterator[str]:
    user = str(container.inputs.get("user") or "").partition(":")[0]
    # The engine reads `00` and `+0` as 0.
    if user in ("", "root") or re.fullmatch(r"[+-]?0+", user):
        yield f"runs as {'the user of its image' if not user else 'root'}"


@rule(
    "dropped capabilities",
    CONTAINER,
    bench="5.3",
    reason="The engine gives a container fourteen of root's rights that no server here needs.",
    fix="set `capabilities` to `drops=['ALL']`.",
)
def capabilities_dropped(container: Resource, _: Graph) -> Iterator[str]:
    if "ALL" not in items((container.inputs.get("capabilities") or {}).get("drops")):
        yield "keeps capabilities"


@rule(
    "capabilities",
    CONTAINER,
    bench="5.3",
    reason="Each of root's rights is one that a broken server has as well.",
    fix="take `adds` away, or list it in components/exceptions.py with the reason why the server needs it.",
)
def capabilities_added(container: Resource, _: Graph) -> Iterator[str]:
    if added := items((container.inputs.get("capabilities") or {}).get("adds")):
        yield f"is given {', '.join(map(str, added))}"


@rule(
    "new privileges",
    CONTAINER,
    bench="5.25",
    reason="A program with the set-user-ID bit would give back what was taken away.",
    fix="set `security_opts` to `['no-new-privileges:true']`.",
)
def no_new_privileges(container: Resource, _: Graph) -> Iterator[str]:
    if not {"no-new-privileges", "no-new-privileges:true"} & set(items(container.inputs.get("securityOpts"))):
        yield "may gain privileges"


@rule(
    "namespaces",
    CONTAINER,
    bench="5.4",
    reason="A privileged container, or one with the host's devices, groups or namespaces, is no container.",
    fix="take `privileged`, `devices`, `gpus`, `group_adds` and every mode that is `host` away.",
)
def own_namespaces(container: Resource, _: Graph) -> Iterator[str]:
    inputs = container.inputs
    if inputs.get("privileged"):
        yield "is privileged"
    if items(inputs.get("devices")):
        yield "has devices of the host"
    if inputs.get("gpus"):
        yield "has the graphics processors of the host"
    if groups := items(inputs.get("groupAdds")):
        yield f"is in the groups {', '.join(map(str, groups))} as well"
    for name in _NAMESPACES:
        mode = str(inputs.get(name) or "")
        if mode == "host" or mode.startswith("container:"):
            yield f"has the {name} {mode}"


@rule(
    "profiles",
    CONTAINER,
    bench="5.21",
    reason="The engine's seccomp and AppArmor profiles keep a container from system calls that only break-outs need.",
    fix="take `seccomp=unconfined`, `apparmor=unconfined` and `label=disable` out of `security_opts`.",
)
def unconfined(container: Resource, _: Graph) -> Iterator[str]:
    for option in items(container.inputs.get("securityOpts")):
        if str(option).replace(":", "=") in ("seccomp=unconfined", "apparmor=unconfined", "label=disable"):
            yield f"has {option}"


@rule(
    "read-only root",
    CONTAINER,
    bench="5.12",
    reason="What can write to its image's files can leave a program there that the next start runs.",
    fix="set `read_only`, with a volume or a tmpfs for each path that the server writes to.",
)
def read_only_root(container: Resource, _: Graph) -> Iterator[str]:
    if container.inputs.get("readOnly") is not True:
        yield "has a root file system that it may write to"


@rule(
    "engine socket",
    CONTAINER,
    VOLUME,
    bench="5.31",
    reason="Who reaches the container engine's socket can start a container that is root on the host.",
    fix="reach the engine through the restricted proxy: mount its volume instead.",
)
def no_engine_socket(resource: Resource, _: Graph) -> Iterator[str]:
    for source, target in host_paths(resource):
        if _is_socket(source, target):
            yield f"mounts the socket {source}"
        elif _WITH_SOCKETS.fullmatch(_normal(source)):
            yield f"mounts {source}, in which there are sockets"


@rule(
    "host paths",
    CONTAINER,
    VOLUME,
    bench="5.5",
    reason="A path of the host is neither backed up, nor protected, nor labelled, and may be anybody's.",
    fix="declare a volume with `data_volume`, and mount that.",
)
def no_host_path(resource: Resource, _: Graph) -> Iterator[str]:
    for source, target in host_paths(resource):
        if not _is_socket(source, target):
            yield f"mounts the host's {source}"


def _normal(path: str) -> str:
    return normpath(f"/{path.lstrip('/')}")


def _is_socket(source: str, target: str) -> bool:
    return source.endswith(".sock") or target.endswith(".sock")


RULES = (
    non_root_user,
    capabilities_dropped,
    capabilities_added,
    no_new_privileges,
    own_namespaces,
    unconfined,
    read_only_root,
    no_engine_socket,
    no_host_path,
)
