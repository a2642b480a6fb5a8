"""`Certificate`: a certificate of the stack's authority, or of a server; an update renews it in time."""

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import DiffResult, ReadResult, Resource

from init.resources.provider import Provider

TYPE = "pulumi-python:dynamic/karen:Certificate"


class CertificateProvider(Provider):
    """Issues anew what has other names, or expires soon; without names it is the authority's own, for whom a file is kept."""

    kind = "certificate"

    def apply(self, props: dict[str, Any]) -> dict[str, Any]:
        """Issue it, and write the file that clients of this host verify with."""
        from init.resources import x509

        seed, stack, days = str(props["seed"]), str(props["stack"]), float(props["days"])
        names = [str(name) for name in props["names"]]
        made = x509.certificate(seed, stack, names, days=days) if names else x509.authority(seed, stack, days=days)
        if props["path"]:
            path = Path(props["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(made, encoding="utf-8")
        return {"certificate": made, "expires": x509.expires(made).isoformat()}

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Compare the inputs, and the date of expiry with today's."""
        from init.resources import x509

        changed = super().diff(id_, olds, news)
        due = x509.is_due(str(olds.get("certificate")), float(news["renew_days"]))
        return DiffResult(changes=bool(changed.changes) or due, replaces=[], delete_before_replace=False)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Forget the file when it is another, so that the next update writes it."""
        same = not props["path"] or _written(props)
        return ReadResult(id_, props if same else {**props, "path": ""})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Remove the file, if it is not one of a later certificate."""
        if props["path"] and _written(props):
            path = Path(props["path"])
            path.unlink()
            with suppress(OSError):
                path.parent.rmdir()


def _written(props: dict[str, Any]) -> bool:
    path = Path(props["path"])
    return path.is_file() and path.read_text(encoding="utf-8", errors="replace") == props["certificate"]


class Certificate(Resource, module="karen", name="Certificate"):
    """A certificate (PEM), and when it `expires` (ISO 8601, UTC). Its key is derived from the seed."""

    certificate: pulumi.Output[str]
    expires: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        *,
        stack: str,
        service: str,
        seed: pulumi.Input[str],
        names: Sequence[str],
        days: int,
        renew_days: int,
        path: str = "",
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """It is valid for `days`, and issued anew in the last `renew_days`; `path` is a file of this host that has it as well."""
        props = {
            "stack": stack,
            "service": service,
            "seed": pulumi.Output.secret(seed),
            "names": list(names),
            "days": days,
            "renew_days": renew_days,
            "path": path,
            "certificate": None,
            "expires": None,
        }
        super().__init__(CertificateProvider(), name, props, opts)
