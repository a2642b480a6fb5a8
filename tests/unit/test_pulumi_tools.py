"""Which Pulumi the bootstrap takes: its own one only in the pinned version."""

from pathlib import Path

import pytest

from bootstrap import places, release, tools


@pytest.mark.parametrize(("version", "installed"), [(tools.VERSION, 0), ("3.100.0", 1), ("", 1)])
def test_its_own_is_made_anew_when_the_pinned_version_changed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, installed: int
) -> None:
    monkeypatch.setenv("KAREN_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    places.tools().mkdir(parents=True)
    for name in ("pulumi", tools.LANGUAGE_HOST):
        (places.tools() / name).write_text(f"#!/bin/sh\necho {'v' if version else ''}{version}\n")
        (places.tools() / name).chmod(0o755)
    asked: list[str] = []

    def install(wanted: str, directory: Path) -> bool:
        assert directory == places.tools()
        asked.append(wanted)
        return True

    monkeypatch.setattr(release, "install", install)
    monkeypatch.setattr(tools, "_plugins", lambda source: None)
    tools.ensure("build")
    assert asked == [tools.VERSION] * installed
