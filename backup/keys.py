"""Two seeds of 32 bytes make everything: one the identity that decrypts, the other the key that signs."""

import base64
import hashlib
from dataclasses import dataclass

_SEED_BYTES = 32
_IDENTITY = "AGE-SECRET-KEY-1"
_SIGNED_BY = "# signed by: ed25519:"


def identity_of(seed: str) -> str:
    """Return the age identity (`AGE-SECRET-KEY-1…`) of a seed in base64; ValueError, without the seed, if it is none."""
    import bech32

    words = bech32.convertbits(_raw(seed, _SEED_BYTES, "a seed"), 8, 5)
    assert words is not None
    return bech32.bech32_encode(_IDENTITY[:-1].lower(), words).upper()


def recipient_of(identity: str) -> str:
    """Return whom to encrypt to (`age1…`); ValueError, without the identity, if it is none."""
    import pyrage

    try:
        return str(pyrage.x25519.Identity.from_str(identity.strip()).to_public())
    except pyrage.IdentityError:
        raise ValueError(f"not an age identity; allowed: {_IDENTITY} and 58 letters") from None


def fingerprint(public: str) -> str:
    """Return a public key (or a recipient) for people to compare: 16 hexadecimal digits in fours, of the SHA-256 of its text."""
    digits = hashlib.sha256(public.encode()).hexdigest()[:16]
    return "-".join(digits[start : start + 4] for start in range(0, 16, 4))


class Signer:
    """Signs with ed25519."""

    def __init__(self, seed: str) -> None:
        """`seed` is 32 bytes in base64; ValueError, without the seed, if it is not."""
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

        self._key = Ed25519PrivateKey.from_private_bytes(_raw(seed, _SEED_BYTES, "a seed"))

    @property
    def public(self) -> str:
        """Return the public key, 32 bytes in base64."""
        return base64.b64encode(self._key.public_key().public_bytes_raw()).decode()

    def sign(self, data: bytes) -> str:
        """Return the signature, 64 bytes in base64."""
        return base64.b64encode(self._key.sign(data)).decode()


def verified(public: str, data: bytes, signature: str) -> bool:
    """Whether the signature is the key's, of these bytes; both are base64 in its only form."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        key = Ed25519PublicKey.from_public_bytes(_raw(public, 32, "a public key"))
        key.verify(_raw(signature, 64, "a signature"), data)
    except (ValueError, InvalidSignature):
        return False
    return True


@dataclass(frozen=True, kw_only=True)
class IdentityFile:
    """What is kept offline: age's own identity file, with the keys that sign the stack's sets in its comments."""

    identity: str
    publics: tuple[str, ...]

    @staticmethod
    def render(stack: str, identity: str, public: str) -> str:
        """Return the text of the file."""
        return "\n".join(
            (
                f"# The identity of the backups of the stack {stack}. Keep it offline and apart from the sets:",
                "# whoever has it can read them all, and without it nobody can.",
                f"# recipient: {recipient_of(identity)}",
                f"{_SIGNED_BY}{public}",
                identity,
                "",
            )
        )

    @classmethod
    def parse(cls, text: str) -> "IdentityFile":
        """Read it; ValueError says what is missing, without what is there. Several keys may sign, one decrypts."""
        lines = [line.strip() for line in text.splitlines()]
        publics = tuple(line.removeprefix(_SIGNED_BY).strip() for line in lines if line.startswith(_SIGNED_BY))
        identities = [line for line in lines if line and not line.startswith("#")]
        if len(identities) != 1:
            raise ValueError(f"identity file: {len(identities)} lines are no comments; allowed: one, {_IDENTITY}…")
        try:
            recipient_of(identities[0])
            for public in publics:
                _raw(public, 32, "a public key")
        except ValueError as error:
            raise ValueError(f"identity file: {error}") from None
        if not publics:
            raise ValueError(f"identity file: no line `{_SIGNED_BY}…`: nobody's sets could be trusted")
        return cls(identity=identities[0], publics=publics)


def _raw(text: str, size: int, what: str) -> bytes:
    """Decode base64 of an exact size, in its only form; ValueError does not show it."""
    try:
        raw = base64.b64decode(text.encode(), validate=True)
    except ValueError:
        raw = b""
    # Some of the last letter's bits say nothing: two texts could mean the same bytes.
    if len(raw) != size or base64.b64encode(raw).decode() != text:
        raise ValueError(f"not {what}: {size} bytes in base64")
    return raw
