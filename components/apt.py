"""The Debian mirrors that this machine itself is configured for, so that images are built from where it may fetch."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

SUITE = "trixie"
_APT = Path("/etc/apt")
_DEFAULT_MAIN = "http://deb.debian.org/debian"
_DEFAULT_SECURITY = "http://deb.debian.org/debian-security"
# A Debian archive is known by its suites: addresses of company mirrors follow no rule, and other archives have other suites.
_RELEASES = "bullseye|bookworm|trixie|forky|oldstable|stable|testing"
_MAIN = re.compile(rf"({_RELEASES})-updates")
_SECURITY = re.compile(rf"({_RELEASES})-security")


@dataclass(frozen=True, kw_only=True)
class Mirrors:
    """The main archive and the security archive of Debian."""

    main: str
    security: str

    def lines(self) -> list[str]:
        """Return sources in apt's one-line form for the suite that images are built on."""
        return [
            f"deb {self.main} {SUITE} main",
            f"deb {self.main} {SUITE}-updates main",
            f"deb {self.security} {SUITE}-security main",
        ]


def machine_mirrors(apt: Path = _APT) -> Mirrors:
    """Return this machine's mirrors whatever Debian release it runs; Debian's own where it names none."""
    main = security = None
    for address, suites in _sources(apt):
        if any(map(_SECURITY.fullmatch, suites)):
            security = security or _resolved(address)
        if any(map(_MAIN.fullmatch, suites)):
            main = main or _resolved(address)
    return Mirrors(main=(main or _DEFAULT_MAIN).rstrip("/"), security=(security or _DEFAULT_SECURITY).rstrip("/"))


def _resolved(address: str) -> str | None:
    """Return the first mirror of a list in a file, as cloud images of Debian have it; any other address as it is."""
    if not address.startswith("mirror+file:"):
        return address
    path = Path(address.removeprefix("mirror+file:").replace("//", "/"))
    lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
    return next((line.split()[0] for line in lines if line.strip() and not line.startswith("#")), None)


def _sources(apt: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield address and suites of every enabled package source, in apt's order of files."""
    directory = apt / "sources.list.d"
    for path in [apt / "sources.list", *sorted(directory.glob("*.list"))]:
        if path.is_file():
            yield from _one_line_form(path.read_text(encoding="utf-8", errors="replace"))
    for path in sorted(directory.glob("*.sources")):
        if path.is_file():
            yield from _deb822_form(path.read_text(encoding="utf-8", errors="replace"))


def _one_line_form(text: str) -> Iterator[tuple[str, list[str]]]:
    for match in re.finditer(r"(?m)^\s*deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)", text):
        yield match[1], [match[2]]


def _deb822_form(text: str) -> Iterator[tuple[str, list[str]]]:
    # Comments may stand between the fields of a stanza.
    uncommented = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n\s*\n", uncommented):
        fields = {
            name.lower(): value.split() for name, value in re.findall(r"(?m)^([\w-]+):(.*(?:\n[ \t]+\S.*)*)", stanza)
        }
        if "deb" in fields.get("types", []) and fields.get("enabled", ["yes"]) != ["no"]:
            for address in fields.get("uris", []):
                yield address, fields.get("suites", [])
