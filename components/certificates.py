"""The stack's private certificate authority, and how each server's listener is secured with a certificate of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pulumi

from components.context import Authority, Context
from components.machine import home
from components.naming import CERTIFICATE_LABEL
from components.secrets import DIRECTORY, seed
from components.volume import data_volume
from init import transport
from init.resources.certificate import Certificate
from init.resources.files import SecretFiles

SERVICE = "authority"
FILE = "ca.crt"
# Where a container of an application has the volume with the authority's certificate.
MOUNT = "/run/ai-karen"
VOLUME = "certificates"
CERTIFICATE, KEY, CA = (f"{DIRECTORY}/{name}" for name in ("tls.crt", "tls.key", FILE))
DAYS, RENEW_DAYS = 365, 30
# Its key stays, so that certificates of before and after are both accepted.
AUTHORITY_DAYS, AUTHORITY_RENEW_DAYS = 3650, 730
_READABLE = 0o444
# For health checks, and for applications of this host.
_HERE = ("localhost", "127.0.0.1")


@dataclass(frozen=True, kw_only=True)
class Listener:
    """What a server needs for TLS, and who connects to it; everything is empty where connections are not encrypted.

    `files` are its certificate, its key and the authority's certificate; `connection` is part of every connection to it;
    `authority` is where clients have the authority's certificate, by form.
    """

    encrypted: bool = False
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    labels: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    connection: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    authority: Mapping[str, str] = field(default_factory=dict)
    expires: pulumi.Output[str] | None = None

    def scheme(self, plain: str) -> str:
        """Return the scheme of its addresses: `https` for `http`."""
        return f"{plain}s" if self.encrypted else plain

    def application(self, form: str) -> dict[str, pulumi.Input[str]]:
        """Return the variable with which an application's client verifies."""
        return {"KAREN_CA_CERTIFICATE": self.authority[form]} if self.encrypted else {}


def listener(
    context: Context,
    service: str,
    *,
    parent: pulumi.Resource,
    enabled: bool = True,
    names: Sequence[str] = (),
    files: tuple[str, str] = ("tls.crt", "tls.key"),
) -> Listener:
    """Declare the certificate of a server, which is found as `service`, as other `names`, and from its own container and host.

    One that is not `enabled` needs none. `files` are what the server wants its certificate and its key to be called.
    """
    authority = context.authority
    if authority is None or not enabled:
        return Listener()
    issued = Certificate(
        f"{service}-certificate",
        stack=context.naming.stack,
        service=service,
        seed=authority.seed,
        names=[service, *names, *_HERE],
        days=DAYS,
        renew_days=RENEW_DAYS,
        opts=pulumi.ResourceOptions(parent=parent),
    )
    key = pulumi.Output.all(authority.seed, issued.certificate).apply(lambda both: _private_key(*both))
    return Listener(
        encrypted=True,
        files={files[0]: issued.certificate, files[1]: pulumi.Output.secret(key), FILE: authority.certificate},
        labels={CERTIFICATE_LABEL: issued.certificate.apply(_fingerprint)},
        connection={transport.KEY: authority.certificate},
        authority=authority.paths,
        expires=issued.expires,
    )


class CertificateAuthority(pulumi.ComponentResource):
    """The seed of its key, which is always there, and with TLS its certificate, on a volume and in development on this host."""

    authority: Authority | None
    # What has written the volume that applications' containers read.
    shared: Sequence[SecretFiles] = ()

    def __init__(self, *, context: Context, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("karen:secrets:CertificateAuthority", SERVICE, None, opts)
        settings, stack = context.settings, context.naming.stack
        secret, self.authority = seed(context, SERVICE, parent=self), None
        if settings.encrypted:
            path = "" if settings.production else str(home() / "certificates" / stack / FILE)
            issued = Certificate(
                f"{SERVICE}-certificate",
                stack=stack,
                service=SERVICE,
                seed=secret,
                names=[],
                days=AUTHORITY_DAYS,
                renew_days=AUTHORITY_RENEW_DAYS,
                path=path,
                opts=pulumi.ResourceOptions(parent=self),
            )
            paths = {"host": path, "network": f"{MOUNT}/{FILE}"}
            self.authority = Authority(seed=secret, certificate=issued.certificate, paths=paths)
            self.shared = [self._share(context, issued.certificate)]
        self.register_outputs({})

    def _share(self, context: Context, certificate: pulumi.Output[str]) -> SecretFiles:
        """Declare the volume from which applications' containers read the certificate, whoever they run as."""
        return SecretFiles(
            f"{SERVICE}-files",
            stack=context.naming.stack,
            service=SERVICE,
            image=context.image("toolbox"),
            volume=data_volume(context, SERVICE, purpose=VOLUME, parent=self).name,
            owner=(0, 0),
            mode=_READABLE,
            files={FILE: certificate},
            owned_volumes=[],
            opts=pulumi.ResourceOptions(parent=self),
        )


# The library of certificates is imported when there is one, which is not so in a first preview.
def _private_key(seed: str, certificate: str) -> str:
    from init.resources.x509 import private_key

    return private_key(seed, certificate)


def _fingerprint(certificate: str) -> str:
    from init.resources.x509 import fingerprint

    return fingerprint(certificate)[:12]
