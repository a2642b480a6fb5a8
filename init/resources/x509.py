"""Certificates of a stack's private authority, and of the servers that it vouches for: ECDSA on P-256, as PEM texts.

Every key is derived from one seed, so that none is ever the output of anything: a certificate's by its serial number, and the
authority's own, which a renewed certificate of it has as well.
"""

import base64
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

AUTHORITY = "authority"
_CURVE, _HASH = ec.SECP256R1(), hashes.SHA256()
# FIPS 186-5, A.2.1: 64 bits more than the order has.
_KEY_BYTES = 40
# The clock of who verifies may be behind.
_SKEW = timedelta(hours=1)
_UNUSED = dict.fromkeys(
    ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"),
    False,
)


def authority(seed: str, stack: str, *, days: float) -> str:
    """Return the authority's certificate, signed by itself; `seed` is 32 bytes (base64)."""
    key = _derived(seed, AUTHORITY)
    return _signed(
        _begun(_name(stack), key.public_key(), x509.random_serial_number(), days, authority=True), stack, key
    )


def certificate(seed: str, stack: str, names: Sequence[str], *, days: float) -> str:
    """Return a certificate of a server that is reached by these names and addresses, the first of which it is called by."""
    number = x509.random_serial_number()
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names[0])])
    begun = _begun(subject, _derived(seed, f"{number:x}").public_key(), number, days, authority=False)
    # Milvus shows its own to etcd as well.
    uses = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH])
    begun = begun.add_extension(x509.SubjectAlternativeName([_named(name) for name in names]), critical=False)
    return _signed(begun.add_extension(uses, critical=False), stack, _derived(seed, AUTHORITY))


def private_key(seed: str, certificate: str) -> str:
    """Return the key of a server's certificate (PKCS #8)."""
    key = _derived(seed, f"{_read(certificate).serial_number:x}")
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def expires(certificate: str) -> datetime:
    """Return until when a certificate is accepted, in UTC."""
    return _read(certificate).not_valid_after_utc


def fingerprint(certificate: str) -> str:
    """Return the SHA-256 of a certificate, in hexadecimal digits."""
    return _read(certificate).fingerprint(_HASH).hex()


def is_due(certificate: str, days: float) -> bool:
    """Whether a certificate expires within some days, or cannot be read."""
    try:
        return expires(certificate) - datetime.now(UTC) < timedelta(days=days)
    except ValueError:
        return True


def _read(text: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(text.encode())


def _derived(seed: str, name: str) -> ec.EllipticCurvePrivateKey:
    octets = HKDF(_HASH, _KEY_BYTES, salt=None, info=f"ai-karen certificate {name}".encode()).derive(
        base64.b64decode(seed, validate=True)
    )
    return ec.derive_private_key(int.from_bytes(octets, "big") % (_CURVE.group_order - 1) + 1, _CURVE)


def _name(stack: str) -> x509.Name:
    # As long as X.520 allows; a stack's name may be longer. Who vouches is told by the key, not by this.
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"ai-karen-db {stack} authority"[:64].rstrip())])


def _named(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _begun(
    subject: x509.Name, key: ec.EllipticCurvePublicKey, number: int, days: float, *, authority: bool
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    usage = x509.KeyUsage(digital_signature=not authority, key_cert_sign=authority, crl_sign=authority, **_UNUSED)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key)
        .serial_number(number)
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=authority, path_length=0 if authority else None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    )


def _signed(begun: x509.CertificateBuilder, stack: str, key: ec.EllipticCurvePrivateKey) -> str:
    issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
    signed = begun.issuer_name(_name(stack)).add_extension(issuer, critical=False).sign(key, _HASH)
    return signed.public_bytes(Encoding.PEM).decode()
