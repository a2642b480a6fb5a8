"""A local image's reference changes with all that goes into it, and with nothing else."""

import io
import re
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from bootstrap.builder import pack
from bootstrap.images import _LONGEST_FIRST
from components import apt, images
from components.apt import machine_mirrors
from components.images import SERVICES, context


def reference(service: str, source: str) -> str:
    """Return the image's reference as the files are now."""
    images.reference.cache_clear()
    return images.reference(service, source)


@pytest.fixture(autouse=True)
def afterwards() -> Iterator[None]:
    yield
    images.reference.cache_clear()


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Provide a checkout with one-line images, a package to initialize, and one certificate of the machine."""
    for service in ("base", *SERVICES):
        directory = tmp_path / "images" / service
        directory.mkdir(parents=True)
        (directory / "Dockerfile").write_text("FROM scratch\n")
    code = ("init/__init__.py", "init/engines/redis.py", "init/resources/job.py", "init/data/redis/001_x.py")
    for name in (*code, "monitor/alerts/book.py", "backup/engines/redis.py", "database/outbox/relay.py"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    certificates = tmp_path / "certificates"
    certificates.mkdir()
    (certificates / "company.crt").write_text("certificate")
    shutil.copy(images.ROOT / "images" / "versions.json", tmp_path / "images")
    monkeypatch.setattr(images, "ROOT", tmp_path)
    monkeypatch.setattr(images, "CERTIFICATES", certificates)
    return tmp_path


@pytest.mark.parametrize("service", SERVICES)
def test_a_local_reference_has_a_version_and_a_hash_and_is_stable(checkout: Path, service: str) -> None:
    name = reference(service, "build")
    assert re.fullmatch(rf"ai-karen-db/{service}:[\w.-]+-[0-9a-f]{{12}}", name)
    assert reference(service, "build") == name


def test_a_changed_file_a_new_file_and_a_mode_are_a_new_image_of_that_service_alone(checkout: Path) -> None:
    directory = checkout / "images" / "redis"
    names, other = [reference("redis", "build")], reference("postgres", "build")
    (directory / "Dockerfile").write_text("FROM scratch\nUSER 1:1\n")
    names.append(reference("redis", "build"))
    (directory / "entrypoint.sh").write_text("#!/bin/sh\n")
    names.append(reference("redis", "build"))
    (directory / "entrypoint.sh").chmod(0o755)
    names.append(reference("redis", "build"))
    assert len(set(names)) == 4
    assert reference("postgres", "build") == other


@pytest.mark.parametrize("path", ["images/base/Dockerfile", "certificates/company.crt"])
def test_a_changed_base_is_a_new_image_of_every_service(checkout: Path, path: str) -> None:
    before = {reference(service, "build") for service in SERVICES}
    (checkout / path).write_text("changed")
    assert before.isdisjoint(reference(service, "build") for service in SERVICES)


def test_a_changed_mirror_is_a_new_image(checkout: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = reference("redis", "build")
    other = apt.Mirrors(main="http://mirror.example/debian", security="http://mirror.example/debian-security")
    monkeypatch.setattr(images, "machine_mirrors", lambda: other)
    assert reference("redis", "build") != before


def test_compiled_and_hidden_files_are_no_part_of_an_image(checkout: Path) -> None:
    before = reference("toolbox", "build")
    for name in ("init/__pycache__/x.py", "init/.hidden.py", "images/toolbox/.swp"):
        path = checkout / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("x")
    assert reference("toolbox", "build") == before


def test_the_toolbox_has_the_code_that_it_runs_and_neither_data_nor_the_host_s_code(checkout: Path) -> None:
    ran = [
        "backup/engines/redis.py",
        "database/outbox/relay.py",
        "init/__init__.py",
        "init/engines/redis.py",
        "monitor/alerts/book.py",
    ]
    expected = ["Dockerfile", *ran]
    assert [file.path for file in context("toolbox")] == expected


def test_of_a_registry_only_the_toolbox_is_built(checkout: Path) -> None:
    local = [service for service in SERVICES if reference(service, "registry").startswith("ai-karen-db/")]
    assert local == ["toolbox"]
    assert reference("toolbox", "registry") != reference("toolbox", "build")


@pytest.mark.parametrize("service", [service for service in SERVICES if service != "toolbox"])
def test_an_upstream_reference_is_pinned(service: str) -> None:
    assert re.search(r":v?[\w.]*\d+\.\d+[\w.-]*$|:RELEASE\.[\dTZ-]+$", reference(service, "registry"))


def test_who_needs_no_proxy_needs_not_its_image() -> None:
    assert set(SERVICES) - set(images.needed(proxy=False)) == {"proxy"}
    assert images.needed(proxy=True) == SERVICES


def test_every_image_has_its_place_in_the_order_of_builds() -> None:
    assert set(_LONGEST_FIRST) == set(SERVICES)


def test_an_unknown_source_or_service_names_what_is_known() -> None:
    with pytest.raises(ValueError, match=r"imageSource is 'hub': it is either 'registry' or 'build'"):
        reference("redis", "hub")
    with pytest.raises(ValueError, match="no image for 'mysql': known are postgres, redis"):
        reference("mysql", "build")


def test_equal_files_are_packed_to_equal_bytes_with_their_directories(checkout: Path) -> None:
    packed = pack(context("base"))
    assert packed == pack(context("base"))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        assert archive.getnames() == ["certificates", "Dockerfile", "certificates/company.crt"]
        assert {(entry.mtime, entry.uid) for entry in archive} == {(0, 0)}


DEB822 = """
Types: deb
# a comment between fields
URIs: http://mirror.example/packages/
Suites: bookworm bookworm-updates
Components: main

Types: deb
URIs: http://mirror.example/security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://vendor.example/linux/debian
Suites: bookworm
Components: stable
"""
ONE_LINE = """
# deb http://old.example/debian trixie-updates main
deb-src http://source.example/debian trixie-updates main
deb [arch=amd64 signed-by=/x.gpg] https://vendor.example/debian trixie stable
deb [trusted=yes] http://mirror.example/packages trixie-updates main
deb http://mirror.example/security trixie-security main
"""


@pytest.mark.parametrize(("name", "text"), [("x.sources", DEB822), ("x.list", ONE_LINE)])
def test_the_machine_s_own_mirrors_are_used_in_either_form(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / "sources.list.d").mkdir()
    (tmp_path / "sources.list.d" / name).write_text(text)
    found = machine_mirrors(tmp_path)
    assert (found.main, found.security) == ("http://mirror.example/packages", "http://mirror.example/security")


def test_a_list_of_mirrors_in_a_file_is_followed(tmp_path: Path) -> None:
    (tmp_path / "mirrors").write_text("# comment\nhttp://near.example/debian\tpriority:1\n")
    (tmp_path / "sources.list").write_text(f"deb mirror+file:{tmp_path}/mirrors trixie-updates main\n")
    assert machine_mirrors(tmp_path).main == "http://near.example/debian"


@pytest.mark.parametrize("text", ["", "deb http://archive.ubuntu.example/ubuntu noble-updates main\n"])
def test_a_machine_of_another_kind_uses_debian_s_own(tmp_path: Path, text: str) -> None:
    (tmp_path / "sources.list").write_text(text)
    assert machine_mirrors(tmp_path).main == "http://deb.debian.org/debian"
