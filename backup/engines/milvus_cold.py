"""Milvus' part of a set as a copy of three volumes, its own, etcd's and MinIO's, taken while their servers are stopped.

Everything of these is in it: MinIO's other buckets, users and settings, too. So it goes back into the stack that it is from only.
"""

import shutil
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from backup.engines.base import Sink, Source, Task, half_exchanged
from backup.engines.milvus_cold_tar import DOT, Sums, pack, unpack
from backup.engines.volume import Volume, give_up, half
from backup.model import Taken
from init.engines.base import required
from init.protocol import Failure

_ENGINE = "milvus"
_FILE = "volumes/{}.tar"
_RESERVE = 64 << 20


class MilvusCold:
    """`connection` also has `volumes`, which maps each service to where its volume is mounted; nobody else writes to them."""

    def back_up(self, connection: Mapping[str, Any], sink: Sink, task: Task) -> Taken:
        """Write each volume as an archive; the servers are stopped."""
        began = time.time()
        found: dict[str, Sums] = {}
        service = ""
        try:
            for service, path in sorted(required(connection, "volumes", dict).items()):
                found[service] = Sums(service, task.progress)
                with sink.file(_FILE.format(service)) as stream:
                    pack(Path(path), stream, found[service])
        except OSError as error:
            message = f"milvus: the volume of {service} cannot be read: {error.strerror or error}"
            raise Failure("BackupFailed", message, "see that its server is stopped, then try again") from None
        return Taken(
            tool="copy of the volumes",
            server_version=str(connection.get("version") or ""),
            schema_version="",
            counts={service: sums.files for service, sums in found.items()},
            checksums={service: sums.checksum for service, sums in found.items()},
            began=began,
            ended=time.time(),
            details={
                "cold": True,
                "volumes": list(found),
                "bytes": {service: sums.bytes for service, sums in found.items()},
                "holds": ["minio"],
            },
        )

    def load(self, connection: Mapping[str, Any], source: Source, taken: Taken, task: Task) -> None:
        """Unpack each archive beside the volume's content, and compare it with what was taken; the servers run meanwhile."""
        volumes = _volumes(connection, taken)
        if half(volumes):
            raise half_exchanged(_ENGINE)
        try:
            for volume in volumes:
                volume.clean()
            for volume in volumes:
                expected = int(taken.details["bytes"][volume.service])
                directory = volume.begin()
                _check_space(volume, expected)
                sums = Sums(volume.service, task.progress, expected)
                with source.file(_FILE.format(volume.service)) as stream:
                    unpack(stream, directory, sums)
                _compare(volume.service, sums, taken)
            for volume in volumes:
                volume.complete(task.set_id)
        except OSError as error:
            raise _unwritable(error) from None

    def exchange(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Put every volume's content in its place; the servers are stopped. None is touched unless all are loaded."""
        volumes = _volumes(connection, taken)
        try:
            for volume in volumes:
                volume.require(task.set_id)
            for volume in volumes:
                volume.exchange(task.set_id)
        except OSError as error:
            raise _unwritable(error) from None

    def give_up(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> bool:
        """Put what was there before back in its place; the servers are stopped. Only the volumes of one moment are of any use."""
        try:
            give_up(_volumes(connection, taken))
        except OSError as error:
            raise _unwritable(error) from None
        return True

    def finish(self, connection: Mapping[str, Any], taken: Taken, task: Task) -> None:
        """Search what Milvus has in memory, then remove what was replaced."""
        from backup.probes.milvus import probe

        volumes = _volumes(connection, taken)
        for volume in volumes:
            volume.require(task.set_id)
        task.progress(f"it answers: {probe(connection, task.progress)}")
        for volume in volumes:
            volume.forget()

    def discard(self, connection: Mapping[str, Any], task: Task) -> None:
        """Remove what a load has left on the volumes, unless it is being put in place."""
        volumes = [_volume(*one) for one in sorted(required(connection, "volumes", dict).items())]
        if not half(volumes):
            for volume in volumes:
                volume.discard()

    def summarize(self, connection: Mapping[str, Any]) -> tuple[Mapping[str, int], Mapping[str, str]]:
        """Refuse: what running servers have on their volumes cannot be summed."""
        raise Failure("BadRequest", "milvus: volumes are summed only while they are copied", "summarize without cold")


def _volumes(connection: Mapping[str, Any], taken: Taken) -> list[Volume]:
    """Return the volumes of the set, sorted; Failure if one is not mounted."""
    mounted = required(connection, "volumes", dict)
    if missing := sorted(set(taken.details["volumes"]) - set(mounted)):
        message = f"milvus: the set has the volumes of {', '.join(missing)}, which are not mounted"
        raise Failure("RestoreFailed", message, "restore into the stack that made the set")
    return [_volume(service, mounted[service]) for service in sorted(taken.details["volumes"])]


def _volume(service: str, path: str) -> Volume:
    return Volume(_ENGINE, service, Path(path), dot=DOT)


def _check_space(volume: Volume, needed: int) -> None:
    free = shutil.disk_usage(volume.path).free
    if free < needed + _RESERVE:
        message = f"milvus: the volume of {volume.service} has {free / 1e6:.0f} MB free; needed: {needed / 1e6:.0f} MB"
        raise Failure("DiskFull", message, "make room on its disk, then restore again")


def _compare(service: str, sums: Sums, taken: Taken) -> None:
    if (sums.files, sums.checksum) != (taken.counts[service], taken.checksums[service]):
        message = f"milvus: the archive of {service} has {sums.files} files, not as they were taken"
        raise Failure("Damaged", message, "restore another set")


def _unwritable(error: OSError) -> Failure:
    message = f"milvus: the volumes cannot be written: {error.strerror or error}"
    return Failure("RestoreFailed", message, "make room on the disk of the volumes, then restore again")


PART = MilvusCold()
