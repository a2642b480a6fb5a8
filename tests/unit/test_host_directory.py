"""Development's directory for DuckDB: made, marked, removed; never anything that somebody else put there."""

from pathlib import Path

import pytest

from components import preflight
from components.settings import Settings
from init.resources.host_directory import HostDirectoryProvider, is_foreign


def props(path: Path, stack: str = "dev") -> dict[str, str]:
    return {"path": str(path), "stack": stack, "service": "duckdb"}


@pytest.mark.parametrize("existing", [True, False])
def test_a_new_or_empty_directory_is_made_and_removed_with_what_is_in_it(tmp_path: Path, existing: bool) -> None:
    path, provider = tmp_path / "deep" / "duckdb", HostDirectoryProvider()
    if existing:
        path.mkdir(parents=True)
    provider.create(props(path))
    (path / "file.db").write_text("data")
    assert not is_foreign(path, "dev")
    provider.delete("", props(path))
    assert not path.exists()
    provider.delete("", props(path))


def test_a_directory_that_holds_other_things_is_refused_and_never_removed(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    provider = HostDirectoryProvider()
    with pytest.raises(ValueError, match="duckdbHostDirectory"):
        provider.create(props(tmp_path))
    provider.delete("", props(tmp_path))
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_directory_of_another_stack_is_refused_and_never_removed(tmp_path: Path) -> None:
    path, provider = tmp_path / "duckdb", HostDirectoryProvider()
    provider.create(props(path, "other"))
    with pytest.raises(ValueError, match="holds other things"):
        provider.create(props(path))
    provider.delete("", props(path))
    assert path.exists()


def test_the_preflight_names_the_key(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    settings = Settings.parse({"imageSource": "build", "duckdbHostDirectory": str(tmp_path)})
    [problem] = preflight._directory("dev", settings)
    assert "ai-karen-db:duckdbHostDirectory" in problem
    assert "Fix:" in problem
    assert list(preflight._directory("dev", Settings.parse({"imageSource": "build"}))) == []


def test_production_refuses_the_public_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.parse({"imageSource": "build", "mode": "production"})
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/somewhere/Pulumi.dev.passphrase")
    [problem] = preflight._passphrase("production", settings)
    assert "public passphrase" in problem
    monkeypatch.setenv("PULUMI_CONFIG_PASSPHRASE_FILE", "/somewhere/passphrases/production")
    assert list(preflight._passphrase("production", settings)) == []
