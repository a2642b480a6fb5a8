"""Keys from seeds: what age and ed25519 make of them, and what is refused."""

import base64

import pyrage
import pytest
from hypothesis import given
from hypothesis import strategies as st

from backup.keys import IdentityFile, Signer, fingerprint, identity_of, recipient_of, verified
from tests.unit.backup.making import IDENTITY, OTHER_SIGNER, SEED, SIGNER

seeds = st.binary(min_size=32, max_size=32).map(lambda raw: base64.b64encode(raw).decode())


def test_the_example_of_ages_specification() -> None:
    identity = identity_of(base64.b64encode(b"\x42" * 32).decode())
    assert identity == "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
    assert recipient_of(identity) == "age1zvkyg2lqzraa2lnjvqej32nkuu0ues2s82hzrye869xeexvn73equnujwj"


@given(seeds)
def test_whatever_the_seed_age_takes_its_identity_and_opens_what_was_meant_for_it(seed: str) -> None:
    identity = identity_of(seed)
    key = pyrage.x25519.Identity.from_str(identity)
    assert str(key) == identity
    box = pyrage.encrypt(b"text", [pyrage.x25519.Recipient.from_str(recipient_of(identity))])
    assert pyrage.decrypt(box, [key]) == b"text"


@given(seeds, st.binary(max_size=200), st.data())
def test_a_signature_is_of_one_key_and_one_text(seed: str, data: bytes, draw: st.DataObject) -> None:
    signer = Signer(seed)
    signature = signer.sign(data)
    assert verified(signer.public, data, signature)
    assert not verified(signer.public, data + b"x", signature)
    assert not verified(OTHER_SIGNER.public, data, signature) or signer.public == OTHER_SIGNER.public
    # Every letter counts, also the last one, of which base64 uses only some bits.
    at = draw.draw(st.integers(0, len(signature) - 1))
    letter = draw.draw(st.sampled_from("ABab01+/=").filter(lambda one: one != signature[at]))
    assert not verified(signer.public, data, signature[:at] + letter + signature[at + 1 :])


def test_ed25519_is_that_of_rfc_8032() -> None:
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    signer = Signer(base64.b64encode(seed).decode())
    assert base64.b64decode(signer.public).hex() == "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"
    assert (
        base64.b64decode(signer.sign(b"")).hex().startswith("e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065")
    )


@pytest.mark.parametrize("seed", ["", "c2hvcnQ=", "no base64 at all!", SEED[:-1], SEED + "=", SEED[:-2] + "F="])
def test_a_seed_that_is_none_is_refused_without_being_shown(seed: str) -> None:
    for made in (identity_of, Signer):
        with pytest.raises(ValueError, match="not a seed: 32 bytes in base64") as caught:
            made(seed)
        assert not seed or seed not in str(caught.value)


def test_an_identity_file_can_be_read_again_and_by_age() -> None:
    text = IdentityFile.render("prod", IDENTITY, SIGNER.public)
    assert "stack prod" in text
    assert recipient_of(IDENTITY) in text
    assert IdentityFile.parse(text) == IdentityFile(identity=IDENTITY, publics=(SIGNER.public,))
    rotated = f"# signed by: ed25519:{OTHER_SIGNER.public}\r\n" + text.replace("\n", "\r\n")
    assert IdentityFile.parse(rotated).publics == (OTHER_SIGNER.public, SIGNER.public)
    [line] = [line for line in text.splitlines() if not line.startswith("#")]
    assert str(pyrage.x25519.Identity.from_str(line)) == IDENTITY


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (IDENTITY, "", "0 lines are no comments"),
        (IDENTITY, f"{IDENTITY}\n{IDENTITY}", "2 lines are no comments"),
        (IDENTITY, IDENTITY[:-1], "not an age identity"),
        ("# signed by", "# made by", "no line `# signed by"),
        (SIGNER.public, SIGNER.public[:-4], "not a public key"),
    ],
)
def test_an_identity_file_that_is_none_is_refused_without_the_identity(old: str, new: str, words: str) -> None:
    text = IdentityFile.render("prod", IDENTITY, SIGNER.public).replace(old, new)
    with pytest.raises(ValueError, match="identity file: ") as caught:
        IdentityFile.parse(text)
    assert words in str(caught.value)
    assert IDENTITY[:30] not in str(caught.value)


def test_fingerprints_are_short_and_differ() -> None:
    assert fingerprint(SIGNER.public) != fingerprint(OTHER_SIGNER.public)
    assert [len(part) for part in fingerprint(SIGNER.public).split("-")] == [4, 4, 4, 4]
