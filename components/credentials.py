"""One account's user and password: generated, or as configured; during a rotation with the next one beside it."""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_random as random

from components.context import Context
from components.serials import Serial

# Printable, and safe in URLs, shells and configuration files without quoting.
_SPECIAL = "-_.~"
_LENGTH = 32
# On the container of a server that reads a password when it starts: with another serial it is another container.
SERIAL_LABEL = "com.ai-karen.password-serial"


@dataclass(frozen=True, kw_only=True)
class Credential:
    """Who logs in with what, and with which `rights` (the driver's word for them).

    `name` is the password's in `passwordSerials`. `other` is the next password during a rotation, the last one afterwards, and
    None before the first. A `given` one is used instead of the `generated` one, which is there all the same. `other_user` is
    whose `other` is, where users take turns.
    """

    name: str
    user: str
    rights: str
    serial: Serial
    password: pulumi.Output[str]
    generated: pulumi.Output[str]
    other: pulumi.Output[str] | None
    other_user: str = ""

    @property
    def account(self) -> dict[str, Any]:
        """Return what a driver's `grant` is told; during a rotation the server may have the next password already."""
        following = {"next_password": self.other} if self.serial.rotating and not self.other_user else {}
        return {"name": self.name, "user": self.user, "rights": self.rights, "password": self.password, **following}

    @property
    def accepted(self) -> list[pulumi.Output[str]]:
        """Return the passwords that a server may have: the one in use first, during a rotation the next one as well."""
        return [self.password, *([self.other] if self.other is not None and self.serial.rotating else [])]

    def described(self) -> dict[str, Any]:
        """Return what `./karen rotate` is told, passwords included."""
        return {
            **self.account,
            "serial": str(self.serial),
            "generated": self.generated,
            "other": self.other,
            "other_user": self.other_user or self.user,
        }


def credential(
    context: Context,
    name: str,
    *,
    user: str,
    rights: str,
    parent: pulumi.Resource,
    given: str | None = None,
    other_user: str = "",
) -> Credential:
    """Declare an account's passwords, which live as long as the volume that they open; `given` is used instead of them."""
    serial = context.settings.serial(name)
    generated = _slot(context, name, serial.number, parent=parent)
    other = None
    if serial.rotating or serial.number > 1:
        number = serial.number + 1 if serial.rotating else serial.number - 1
        other = _slot(context, name, number, parent=parent)
    return Credential(
        name=name,
        user=user,
        rights=rights,
        serial=serial,
        password=generated if given is None else pulumi.Output.secret(given),
        generated=generated,
        other=other,
        other_user=other_user,
    )


def slot(name: str, number: int) -> str:
    """Return the resource that has a password's number: two take turns, so that the one in use is never replaced."""
    return f"{name}-password" if number % 2 else f"{name}-password-even"


def _slot(context: Context, name: str, number: int, *, parent: pulumi.Resource) -> pulumi.Output[str]:
    generated = random.RandomPassword(
        slot(name, number),
        length=_LENGTH,
        special=True,
        override_special=_SPECIAL,
        min_lower=1,
        min_upper=1,
        min_numeric=1,
        keepers={"serial": str(number)},
        opts=context.protected(parent),
    )
    return pulumi.Output.secret(generated.result)
