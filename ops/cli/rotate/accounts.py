"""A stack's accounts with their passwords, as Pulumi tells them, and what becomes of each in a rotation."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from components.serials import PASSWORDS, Serial, parse
from ops.cli.errors import NotAsked
from ops.cli.migrate import pins
from ops.cli.recorded import Recorded
from ops.cli.telling import told_outputs, untold
from ops.pulumi import PulumiError, run

# Read by the server when it starts: such a password is changed by another container.
_FIXED = ("minio-administrator",)
ADMINISTRATOR, APPLICATION, STORAGE = "-administrator", "-application", "-storage"
# What no application is given.
INSIDE = (ADMINISTRATOR, STORAGE, "-monitor", "-backups")


class OutputsLost(NotAsked):
    """Pulumi tells, but has no outputs of the stack: the last update was cut off."""


@dataclass(frozen=True)
class Account:
    """One account: `password` is what Pulumi has in use, `other` the next one or the last one, as its serial says."""

    service: str
    name: str
    user: str
    rights: str
    serial: Serial
    password: str
    generated: str
    other: str | None
    other_user: str

    @property
    def administrator(self) -> bool:
        """Whether it administers its server."""
        return self.name.endswith(ADMINISTRATOR)

    @property
    def turn(self) -> str:
        """Return the user whose turn is next, or was last, where two take turns; the same one elsewhere."""
        return self.other_user if self.name.endswith(STORAGE) else self.user

    @property
    def given(self) -> bool:
        """Whether its password is of the stack's configuration."""
        return self.password != self.generated

    def following(self, password: str, former: str | None = None) -> dict[str, Any]:
        """Return what the server is told so that it lets the account in with another password."""
        return {
            "name": self.name, "user": self.turn, "rights": self.rights, "password": password,
            "former_password": former or self.password, "fixed": self.name in _FIXED,
        }  # fmt: skip

    def former(self, password: str) -> dict[str, Any]:
        """Return what the server is asked to see that it does not accept a password any more."""
        return {"name": self.name, "user": self.user, "former_user": self.turn, "former_password": password}


@dataclass(frozen=True)
class Told:
    """What Pulumi tells: accounts by name, how jobs reach the engines, and the application's variables by form."""

    accounts: Mapping[str, Account]
    job: Mapping[str, Any]
    environment: Mapping[str, Mapping[str, str]]

    @classmethod
    def read(cls, stack: str) -> "Told":
        """Ask Pulumi; NotAsked if it does not tell, OutputsLost if it has nothing to tell."""
        outputs = told_outputs(stack)
        try:
            operations = outputs["operations"]
            accounts = [_account(service, one) for service, found in operations["credentials"].items() for one in found]
            return cls({one.name: one for one in accounts}, operations["verification"], outputs["env"])
        except KeyError as error:
            raise OutputsLost(str(untold(stack, error))) from None

    def names(self, service: str, *, application: bool) -> list[str]:
        """Return the passwords of a service or of `all`, only those of applications if asked; NotAsked if there are none."""
        services = sorted({one.service for one in self.accounts.values()} - self._open())
        if service not in ("all", *services):
            told = "asks nobody for a password" if service in self._open() else "has no passwords here"
            raise NotAsked(f"{service} {told}; allowed: all, {', '.join(services)}")
        chosen = [name for one in services if service in ("all", one) for name in PASSWORDS[one]]
        if missing := [name for name in chosen if name not in self.accounts]:
            raise NotAsked(
                f"Pulumi has no password {', '.join(missing)} of {self.job['stack']}. Fix: make up STACK={self.job['stack']}"
            )
        return [name for name in chosen if not application or not name.endswith(INSIDE)]

    def _open(self) -> set[str]:
        """Return the services that let everybody in, as Milvus does in development."""
        return {name for name, one in self.job["engines"].items() if one.get("authorization") is False}


def given(stack: str, accounts: Iterable[Account]) -> dict[str, str]:
    """Return the passwords of the stack's configuration by the account's name, of those that have one."""
    written = pins.configuration(stack)
    found = {}
    for account in accounts:
        key = f"{account.service}Password"
        if account.name.endswith(APPLICATION) and key in written:
            try:
                found[account.name] = run(stack, "config", "get", f"ai-karen-db:{key}").removesuffix("\n")
            except PulumiError as error:
                raise NotAsked(f"ai-karen-db:{key} could not be read: {error}") from None
    return found


def applied(stack: str) -> dict[str, str]:
    """Return the passwords that initializations have given to applications' accounts last, by name."""
    try:
        deployment = json.loads(run(stack, "stack", "export", "--show-secrets"))["deployment"]
    except PulumiError as error:
        raise untold(stack, error) from None
    found = Recorded.parse(stack, deployment).records.values()
    return {one["name"]: one["password"] for record in found for one in record.properties.get("accounts") or ()}


def _account(service: str, document: Mapping[str, Any]) -> Account:
    fields = {key: document[key] for key in ("name", "user", "rights", "password", "generated", "other", "other_user")}
    name = str(document["name"])
    return Account(service=service, serial=parse(f"{name}={document['serial']}")[name], **fields)
