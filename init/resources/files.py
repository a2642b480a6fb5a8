"""`SecretFiles`: the files of one engine's secrets volume, written by a job over standard input."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
from pulumi.dynamic import ReadResult, Resource

from init import proof
from init.resources.provider import Provider

_MODE = 0o400
_CAPABILITIES = ("CHOWN", "DAC_OVERRIDE", "FOWNER")


@dataclass(frozen=True, kw_only=True)
class Directory:
    """A directory in a volume that several users share: `owner` is the user and group that one of its parts belongs to."""

    volume: pulumi.Input[str]
    name: str
    owner: str


class SecretFilesProvider(Provider):
    """Writes the files atomically, removes others, gives each data volume's root to the server's user, and makes directories."""

    kind = "secret-files"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Run the job; nothing of the files' content is returned."""
        from init.resources.job import Job, JobSpec
        from init.resources.volumes import identities

        uid, gid = (int(part) for part in props["owner"])
        data = {f"/volumes/{index}": volume for index, volume in enumerate(props["owned_volumes"])}
        shared = {f"/directories/{index}": entry for index, entry in enumerate(props["directories"])}
        spec = JobSpec(
            stack=props["stack"],
            name=f"files-{props['service']}",
            image=props["image"],
            user="0:0",
            volumes={"/secrets": props["volume"], **data, **{path: entry["volume"] for path, entry in shared.items()}},
            capabilities=_CAPABILITIES,
        )
        files = [
            {"path": f"/secrets/{name}", "content": content, "uid": uid, "gid": gid, "mode": int(props["mode"])}
            for name, content in sorted(props["files"].items())
        ]
        owned = [
            *({"path": path, "uid": uid, "gid": gid} for path in data),
            *(_made(path, entry) for path, entry in shared.items()),
        ]
        request = {"files": files, "owned": owned, "seeds": _seeds(props, uid, gid), "proofs": _proofs(props)}
        request["data"] = _data(props)
        with Job(spec) as job:
            job.run({"protocol": 1, "action": "files", **request})
        return {"identities": identities(props["volume"], _given(props))}

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Forget the volume's name when it is not the volume that was written, so that the next update writes again."""
        from init.resources.volumes import identities

        found = identities(props["volume"], _given(props))
        same = found == props.get("identities")
        return ReadResult(id_, props if same else {**props, "volume": "", "identities": found})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove jobs that an interrupted run left; the files go with their volume."""
        from init.resources.job import sweep

        sweep(props["stack"], f"files-{props['service']}")


def _made(path: str, entry: Mapping[str, Any]) -> dict[str, Any]:
    uid, gid = entry["owner"].split(":")
    return {"path": f"{path}/{entry['name']}", "uid": int(uid), "gid": int(gid), "make": True}


def _seeds(props: Mapping[str, Any], uid: int, gid: int) -> list[dict[str, Any]]:
    """Return what the server itself writes from then on, on the first of its own volumes."""
    return [
        {"path": f"/volumes/0/{name}", "content": content, "uid": uid, "gid": gid, "mode": _MODE | 0o200}
        for name, content in sorted((props.get("seeds") or {}).items())
    ]


def _proofs(props: Mapping[str, Any]) -> list[dict[str, Any]]:
    if not props.get("passwords"):
        return []
    volume = props["owned_volumes"][0]
    return [{"path": f"/volumes/0/{proof.NAME}", "passwords": props["passwords"], "volume": volume}]


def _data(props: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return whose data are on the first of the server's own volumes, and by which major version."""
    if not props.get("version"):
        return []
    told = {"service": props["service"], "version": props["version"], "volume": props["owned_volumes"][0]}
    return [{"path": "/volumes/0", **told}]


def _given(props: Mapping[str, Any]) -> list[str]:
    """Return the volumes that the job changes besides the one that it writes to."""
    return [*props["owned_volumes"], *(entry["volume"] for entry in props.get("directories") or ())]


class SecretFiles(Resource, module="karen", name="SecretFiles"):
    """The files of one secrets volume; `identities` says when each volume it wrote to was made."""

    identities: pulumi.Output[dict[str, str]]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        image: str,
        volume: pulumi.Input[str],
        owner: tuple[int, int],
        files: Mapping[str, pulumi.Input[str]],
        owned_volumes: Sequence[pulumi.Input[str]],
        directories: Sequence[Directory] = (),
        seeds: Mapping[str, pulumi.Input[str]] | None = None,
        passwords: Sequence[pulumi.Input[str]] = (),
        mode: int = _MODE,
        version: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """On the first of `owned_volumes`, `seeds` are written where missing; its data were made with one of `passwords`, by the
        engine's major `version`.
        """
        props = {
            "stack": stack,
            "service": service,
            "image": image,
            "volume": volume,
            "owner": list(owner),
            "files": pulumi.Output.secret(dict(files)),
            "owned_volumes": list(owned_volumes),
            "directories": [{"volume": one.volume, "name": one.name, "owner": one.owner} for one in directories],
            "seeds": pulumi.Output.secret(dict(seeds or {})),
            "passwords": pulumi.Output.secret(list(passwords)),
            "mode": mode,
            "version": version,
            "identities": None,
        }
        super().__init__(SecretFilesProvider(), name, props, opts)
