"""Where sets lie and where the data: on one disk, a backup is lost with what it is of."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from backup.configuration import TARGET
from backup.engines import NAMES
from components.naming import Naming
from monitor.backup_rules import SERVICE
from ops.cli.doctor.model import Finding, Patient

_NAME = "backup target"


def apart(patient: Patient, facts: Mapping[str, Any]) -> Iterator[Finding]:
    """Yield whether target and data share a disk; `facts` are the container's that makes the sets."""
    assert patient.settings is not None
    place = patient.settings.backup_target
    if place.startswith("s3://"):
        yield Finding(_NAME, "ok", f"{place}: no disk of this machine")
        return
    told = "a directory" if place.startswith("/") else "a volume"
    shared = shares(_devices(patient), _inside(patient, facts))
    fix = f"pulumi config set ai-karen-db:backupTarget <a directory on another disk, or s3://bucket/prefix> --stack {patient.stack}, and make up"
    if shared is None:
        start = f"./karen start {SERVICE} --stack {patient.stack}, and run it again"
        yield Finding(_NAME, "warning", f"whether {told} and the data share a disk cannot be told", start)
    elif shared:
        yield Finding(_NAME, "warning", f"{told} on the disk of {', '.join(shared)}: a lost disk loses both", fix)
    else:
        yield Finding(_NAME, "ok", f"{told} on another disk than the data")


def shares(*seen: Mapping[str, int]) -> list[str] | None:
    """Return whose data are on the target's disk, by the first look that saw the target and any data; None if none did.

    A look is the number of the disk by service, the target's under `backups`.
    """
    for devices in seen:
        if SERVICE in devices and len(devices) > 1:
            return sorted(name for name in devices if name != SERVICE and devices[name] == devices[SERVICE])
    return None


def _devices(patient: Patient) -> dict[str, int]:
    """Return the disks of the volumes that this user may look into, on this machine."""
    assert patient.client is not None
    assert patient.settings is not None
    naming, place = Naming(stack=patient.stack), patient.settings.backup_target
    volumes = patient.client.api.volumes(filters={"driver": "local"})["Volumes"] or []
    paths = {one["Name"]: one["Mountpoint"] for one in volumes}
    found = {name: paths.get(_data_volume(patient, name)) for name in NAMES}
    found[SERVICE] = place if place.startswith("/") else paths.get(naming.volume(SERVICE))
    return {name: device for name, path in found.items() if path and (device := _device(path)) is not None}


def _device(path: str) -> int | None:
    try:
        return os.stat(path).st_dev
    except OSError:
        return None


def _inside(patient: Patient, facts: Mapping[str, Any]) -> dict[str, int]:
    """Return the same as the container sees it, which has volumes of data as well; {} where it does not run."""
    assert patient.client is not None
    if not facts["State"]["Running"] or facts["State"]["Paused"]:
        return {}
    services = {_data_volume(patient, name): name for name in NAMES}
    mounts = {one.get("Name"): one["Destination"] for one in facts["Mounts"]}
    paths = {SERVICE: TARGET, **{services[name]: path for name, path in mounts.items() if name in services}}
    done = patient.client.containers.get(str(facts["Id"])).exec_run(["stat", "-c", "%d", *paths.values()])
    assert isinstance(done.output, bytes)
    return dict(zip(paths, map(int, done.output.split()), strict=True)) if not done.exit_code else {}


def _data_volume(patient: Patient, service: str) -> str:
    assert patient.settings is not None
    return Naming(stack=patient.stack).data_volume(service, patient.settings.volume_serial(service).number)
