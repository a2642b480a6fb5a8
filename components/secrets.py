"""The small volume per engine through which its passwords reach it as files, and the seeds of keys."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_random as random

from components.context import Context
from components.volume import data_volume
from components.volume_versions import wanted
from init.resources.files import Directory, SecretFiles

DIRECTORY = "/run/secrets"


def seed(context: Context, name: str, *, parent: pulumi.Resource) -> pulumi.Output[str]:
    """Generate 32 bytes (base64), from which a key is derived that lives as long as what it opens."""
    generated = random.RandomBytes(f"{name}-seed", length=32, keepers={"serial": "1"}, opts=context.protected(parent))
    return pulumi.Output.secret(generated.base64)


def public_of(text: str) -> str:
    """Return the public key (base64) of the one that signs with a seed."""
    # Imported when there is a key to derive, which is not so in a first preview.
    from backup.keys import Signer

    return Signer(text).public


@dataclass(frozen=True, kw_only=True)
class Owner:
    """The numeric user and group a server runs as."""

    uid: int
    gid: int

    @classmethod
    def parse(cls, text: str) -> "Owner":
        """Return the owner that `uid:gid` says."""
        uid, gid = text.split(":")
        return cls(uid=int(uid), gid=int(gid))

    def __str__(self) -> str:
        return f"{self.uid}:{self.gid}"


class EngineSecrets(pulumi.ComponentResource):
    """One engine's secrets volume, written over standard input before its container exists (0400, the server's user)."""

    volume: pulumi.Output[str]
    written: pulumi.Output[str]

    def __init__(
        self,
        service: str,
        *,
        context: Context,
        owner: Owner,
        files: Mapping[str, pulumi.Input[str]],
        owned_volumes: Sequence[pulumi.Output[str]] = (),
        directories: Sequence[Directory] = (),
        seeds: Mapping[str, pulumi.Input[str]] | None = None,
        passwords: Sequence[pulumi.Input[str]] = (),
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """`files` maps file name to content; the roots of `owned_volumes` are given to the server's user, `directories` are made.

        On the first of these volumes `seeds` are written where they are missing, and its data open with one of the
        administrator's `passwords`, or nothing is written at all.
        """
        super().__init__("karen:secrets:EngineSecrets", f"{service}-secrets", None, opts)
        owned, serial = list(owned_volumes), context.settings.volume_serial(service)
        if serial.mark == "+":
            # The one that is being filled; the one before belongs to its server already.
            owned[:1] = [pulumi.Output.from_input(context.naming.data_volume(service, serial.number + 1))]
        volume = data_volume(context, service, purpose="secrets", parent=self)
        self.writer = SecretFiles(
            f"{service}-secret-files",
            stack=context.naming.stack,
            service=service,
            image=context.image("toolbox"),
            volume=volume.name,
            owner=(owner.uid, owner.gid),
            files=files,
            owned_volumes=owned,
            directories=directories,
            seeds=seeds,
            passwords=passwords,
            version=wanted(service, context.settings.image_source) if owned else "",
            opts=pulumi.ResourceOptions(parent=self),
        )
        self.volume = volume.name
        self.register_outputs({"volume": self.volume})
