"""One image build through the engine's classic builder, with its progress and its last lines."""

import io
import os
import tarfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import docker
import requests

from bootstrap.console import StepError, say
from components.images import File

_LAST_LINES = 20
_PROGRESS_SECONDS = 15.0
# A build step may say nothing for this long.
_SILENCE_SECONDS = 3600
# Where packages come from, when this machine's environment says so.
_INDEXES = ("PIP_INDEX_URL", "GOPROXY")
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy")


@dataclass(kw_only=True)
class ImageBuild:
    """What to build and how far it is. `label` names it in progress lines."""

    label: str
    name: str
    files: Sequence[File]
    arguments: Mapping[str, str]
    _step: str = "the context is sent"
    _tail: deque[str] = field(default_factory=lambda: deque(maxlen=_LAST_LINES))

    def run(self) -> None:
        """Build and tag; StepError with the last lines and the fix if it fails."""
        started, finished = time.monotonic(), threading.Event()
        say(self.label, f"{self.name.rpartition(':')[2]} is built: not on this engine yet")
        threading.Thread(target=self._show_progress, args=(started, finished), daemon=True).start()
        client = docker.from_env(timeout=_SILENCE_SECONDS)
        try:
            output = client.api.build(
                fileobj=io.BytesIO(pack(self.files)),
                custom_context=True,
                tag=self.name,
                buildargs={**self._passed_on(), **self.arguments},
                rm=True,
                forcerm=True,
                decode=True,
            )
            for event in output:
                self._follow(event)
        except (docker.errors.DockerException, requests.RequestException) as error:
            raise self._failure(str(error)) from error
        finally:
            finished.set()
            client.close()
        say(self.label, f"built in {time.monotonic() - started:.0f} s")

    def _show_progress(self, started: float, finished: threading.Event) -> None:
        """Say the step and the seconds now and then: a compiler is silent for minutes."""
        while not finished.wait(_PROGRESS_SECONDS):
            say(self.label, f"… {time.monotonic() - started:.0f} s  {self._step}")

    def _passed_on(self) -> dict[str, str]:
        """Return the indexes that the Dockerfile declares, and proxies; a password would stay in a stage's history."""
        dockerfile = next(file.content.decode() for file in self.files if file.path == "Dockerfile")
        names = [*(name for name in _INDEXES if f"ARG {name}\n" in dockerfile), *_PROXIES]
        return {name: value for name in names if (value := os.environ.get(name)) and "@" not in value}

    def _follow(self, event: Mapping[str, object]) -> None:
        """Take over one event of the build's stream."""
        if "error" in event:
            raise self._failure(str(event["error"]))
        for line in str(event.get("stream", "")).splitlines():
            if not line.strip():
                continue
            self._tail.append(line)
            if line.startswith("Step "):
                self._step = line[:90]

    def _failure(self, reason: str) -> StepError:
        tail = "\n".join(f"    {line}" for line in self._tail)
        return StepError(
            f"{self.label}: the build of {self.name} failed in `{self._step}`: {reason}\nIts last lines:\n{tail}\n"
            f"Fix: check the network and the package source that the step names, then run make images again: "
            f"finished steps are kept"
        )


def pack(files: Sequence[File]) -> bytes:
    """Return the context as a tar that depends on nothing but the files: same content, same layer cache in every clone."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for directory in _directories(files):
            entry = tarfile.TarInfo(directory)
            entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            archive.addfile(entry)
        for file in files:
            entry = tarfile.TarInfo(file.path)
            entry.size, entry.mode = len(file.content), 0o755 if file.executable else 0o644
            archive.addfile(entry, io.BytesIO(file.content))
    return buffer.getvalue()


def _directories(files: Sequence[File]) -> list[str]:
    """Return every parent directory once, parents first. `certificates` is there even where a machine has none to add."""
    parents = {"certificates"}
    for file in files:
        parts = file.path.split("/")[:-1]
        parents.update("/".join(parts[:depth]) for depth in range(1, len(parts) + 1))
    return sorted(parents)
