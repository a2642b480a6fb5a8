"""Certificates: whom they name, what they may be used for, until when, and of which key."""

import base64
import os
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509 as library
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from init.resources import x509

SEED = base64.b64encode(os.urandom(32)).decode()


def loaded(text: str) -> library.Certificate:
    return library.load_pem_x509_certificate(text.encode())


def verify(certificate: str, authority: str, name: str, *, after_days: float = 0) -> None:
    """Verify as a client does."""
    policy = PolicyBuilder().store(Store([loaded(authority)])).time(datetime.now(UTC) + timedelta(days=after_days))
    policy.build_server_verifier(library.DNSName(name)).verify(loaded(certificate), [])


@pytest.fixture(scope="module")
def authority() -> str:
    return x509.authority(SEED, "prod", days=3650)


@pytest.fixture(scope="module")
def server() -> str:
    return x509.certificate(SEED, "prod", ["minio", "storage", "localhost", "127.0.0.1"], days=365)


def test_a_server_is_verified_by_its_names_until_it_expires(authority: str, server: str) -> None:
    for name in ("minio", "storage", "localhost"):
        verify(server, authority, name)
    for name, days in (("redis", 0.0), ("minio", 366.0), ("minio", -1.0)):
        with pytest.raises(VerificationError):
            verify(server, authority, name, after_days=days)
    names = loaded(server).extensions.get_extension_for_class(library.SubjectAlternativeName).value
    assert [str(one) for one in names.get_values_for_type(library.IPAddress)] == ["127.0.0.1"]


def test_a_stack_s_name_may_be_longer_than_a_certificate_s() -> None:
    stack = "a" * 42 + "-feature"
    verify(x509.certificate(SEED, stack, ["redis"], days=1), x509.authority(SEED, stack, days=3650), "redis")


def test_another_seed_is_another_authority(server: str) -> None:
    other = x509.authority(base64.b64encode(os.urandom(32)).decode(), "prod", days=3650)
    with pytest.raises(VerificationError):
        verify(server, other, "minio")


def test_a_renewed_authority_has_the_same_key(authority: str, server: str) -> None:
    """Clients that have either certificate accept servers of before and of after."""
    renewed = x509.authority(SEED, "prod", days=7300)
    assert x509.fingerprint(renewed) != x509.fingerprint(authority)
    later = x509.certificate(SEED, "prod", ["minio"], days=365)
    for one in (authority, renewed):
        verify(server, one, "minio")
        verify(later, one, "minio")


def test_each_certificate_has_a_key_of_its_own(server: str) -> None:
    again = x509.certificate(SEED, "prod", ["minio"], days=365)
    keys = [x509.private_key(SEED, one) for one in (server, again)]
    assert keys[0] != keys[1]
    assert keys[0] == x509.private_key(SEED, server)
    for key, one in zip(keys, (server, again), strict=True):
        public = load_pem_private_key(key.encode(), None).public_key()
        form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        assert public.public_bytes(*form) == loaded(one).public_key().public_bytes(*form)


def test_an_authority_signs_certificates_and_no_other_authority(authority: str, server: str) -> None:
    constraints = library.BasicConstraints
    signing = loaded(authority).extensions.get_extension_for_class(constraints)
    assert (signing.critical, signing.value.ca, signing.value.path_length) == (True, True, 0)
    assert loaded(server).extensions.get_extension_for_class(constraints).value.ca is False
    usage = loaded(authority).extensions.get_extension_for_class(library.KeyUsage).value
    assert (usage.key_cert_sign, usage.digital_signature) == (True, False)


@pytest.mark.parametrize(("days", "due"), [(-0.02, True), (29, True), (31, False)])
def test_a_certificate_is_due_before_it_expires(days: float, due: bool) -> None:
    certificate = x509.certificate(SEED, "prod", ["redis"], days=days)
    assert x509.is_due(certificate, 30) is due


def test_what_is_no_certificate_is_due() -> None:
    assert x509.is_due("None", 30)
