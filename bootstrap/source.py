"""Where images come from on this machine: an explicit setting wins, else what was probed once and kept beside the state."""

import http.client
import ssl

import yaml

from bootstrap import places
from bootstrap.console import StepError, say

_STEP = "image source"
_SOURCES = ("registry", "build")
# The registry that serves most of the pinned references; it answers its API's root with 401 to anyone.
_REGISTRY = "registry-1.docker.io"
_PROBE_SECONDS = 4


def ensure(stack: str, chosen: str | None) -> str:
    """Return `registry` or `build` for a stack, say why, and keep a probed or chosen answer."""
    configured = _configured(stack)
    if configured is not None:
        say(_STEP, f"{configured}, as Pulumi.{stack}.yaml says")
        return configured
    kept = places.home() / "image-source" / stack
    if chosen is None and kept.exists():
        source = kept.read_text(encoding="utf-8").strip()
        say(_STEP, f"{source}, as found before ({kept})")
        return source
    if chosen is None:
        reachable = _reachable()
        source = "registry" if reachable else "build"
        reason = (
            "a container registry answers"
            if reachable
            else "no container registry answers, so images are built from packages"
        )
    else:
        source, reason = chosen, "as the command line says"
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(source + "\n", encoding="utf-8")
    say(_STEP, f"{source}: {reason}; kept in {kept}")
    return source


def _configured(stack: str) -> str | None:
    path = places.CHECKOUT / f"Pulumi.{stack}.yaml"
    if not path.exists():
        return None
    document = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
    value = (document.get("config") or {}).get(f"{places.PROJECT}:imageSource")
    if value not in (None, *_SOURCES):
        raise StepError(
            f"{_STEP}: {places.PROJECT}:imageSource is {value!r} in {path.name}; allowed: {', '.join(_SOURCES)}. "
            f"Fix: pulumi config set {places.PROJECT}:imageSource build --stack {stack}"
        )
    return None if value is None else str(value)


def _reachable() -> bool:
    connection = http.client.HTTPSConnection(_REGISTRY, timeout=_PROBE_SECONDS, context=ssl.create_default_context())
    try:
        connection.request("GET", "/v2/")
        return connection.getresponse().status in (200, 401)
    except OSError:
        return False
    finally:
        connection.close()
