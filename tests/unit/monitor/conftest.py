"""Certificates: one from an authority that the process trusts, one from another."""

import ssl
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from tests.unit.monitor.receivers import HOST


@dataclass(frozen=True)
class Certificates:
    """What servers present: `good` is trusted, `other` is from an unknown authority, `misnamed` is for another name."""

    good: ssl.SSLContext
    other: ssl.SSLContext
    misnamed: ssl.SSLContext
    authority: Path


def _presenting(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


@pytest.fixture(scope="session")
def _authorities(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    ours = trustme.CA()
    path = tmp_path_factory.mktemp("certificates") / "authority.pem"
    ours.cert_pem.write_to_path(str(path))
    return Certificates(
        _presenting(ours, HOST), _presenting(trustme.CA(), HOST), _presenting(ours, "mail.example.org"), path
    )


@pytest.fixture
def certificates(_authorities: Certificates, monkeypatch: pytest.MonkeyPatch) -> Certificates:
    """Provide certificates; the process trusts one authority for this test."""
    monkeypatch.setenv("SSL_CERT_FILE", str(_authorities.authority))
    return _authorities
