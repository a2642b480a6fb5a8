"""PostgreSQL from one major version to the next: refused in a preview, killed, finished; and what an update may make anew."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from bootstrap import places
from tests.e2e.operate.test_servers import karen
from tests.e2e.upgrade.conftest import Upgraded
from tests.e2e.upgrade.recipes import OLD

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
_FIRST, _SECOND = "ai-karen-test-upgrade-postgres-data", "ai-karen-test-upgrade-postgres-data-2"


def killed_when(upgraded: Upgraded, there: Callable[[], bool], *, within: float = 120) -> None:
    """Begin an upgrade, and kill it with all its processes once something is there."""
    command = [str(places.CHECKOUT / "karen"), "upgrade", "postgres", "--yes", "--stack", upgraded.live.name]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + within
    while not there() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)
    assert process.poll() is None, f"it ended with {process.returncode} before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def refused(upgraded: Upgraded) -> str:
    """Return what a preview says that fails; nothing is touched by it."""
    before = upgraded.engine.api.inspect_container(upgraded.live.container("postgres"))["Id"]
    done = upgraded.live.pulumi("preview", check=False)
    assert done.returncode != 0
    assert upgraded.engine.api.inspect_container(upgraded.live.container("postgres"))["Id"] == before
    return " ".join((done.stdout + done.stderr).split())


def test_an_older_volume_is_refused_by_a_preview_and_an_upgrade_can_be_given_up(upgraded: Upgraded) -> None:
    assert upgraded.engine.volumes.get(_FIRST).attrs["Labels"]["com.ai-karen.engine-version"] == OLD
    assert "Fix: ./karen upgrade postgres --stack test-upgrade" in refused(upgraded)
    network = "ai-karen-upgrade-test-upgrade"
    killed_when(upgraded, lambda: bool(upgraded.engine.networks.list(names=[network])))
    karen(upgraded.live, "upgrade", "postgres", "--give-up")
    assert upgraded.holds_all()
    assert not upgraded.engine.networks.list(names=[network])
    attached = upgraded.engine.api.inspect_container(upgraded.live.container("postgres"))["NetworkSettings"]["Networks"]
    assert set(attached) == {f"ai-karen-db-{upgraded.live.name}"}


def test_what_was_killed_is_finished_by_the_same_command_and_the_old_volume_is_kept(upgraded: Upgraded) -> None:
    killed_when(upgraded, lambda: upgraded.serial() == "1+")
    assert "is not finished. Fix: ./karen upgrade postgres" in refused(upgraded)
    # Once more when the new volume is compared and the server goes over to it.
    killed_when(upgraded, lambda: upgraded.serial() == "2-")
    done = karen(upgraded.live, "upgrade", "postgres", "--yes")
    assert f"docker volume rm {_FIRST}" in done.stdout
    assert upgraded.sql("SHOW server_version").startswith("17")
    assert upgraded.holds_all()
    assert (upgraded.volume(), upgraded.serial()) == (_SECOND, "2")
    assert upgraded.engine.volumes.get(_SECOND).attrs["Labels"]["com.ai-karen.engine-version"] == "17"
    assert _FIRST in upgraded.live.on_engine()["volume"]
    upgraded.live.pulumi("preview", "--expect-no-changes")
    upgraded.live.pulumi("refresh", "--yes", "--expect-no-changes")


def test_an_older_server_is_refused_without_a_way_there(upgraded: Upgraded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KAREN_IMAGES", str(upgraded.recipes["older"]))
    said = refused(upgraded)
    assert "Fix: use the checkout whose postgres is of version 17" in said
    assert "karen upgrade" not in said


def test_another_image_of_the_same_version_has_to_be_allowed_and_takes_the_volume_over(
    upgraded: Upgraded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAREN_IMAGES", str(upgraded.recipes["other"]))
    said = refused(upgraded)
    assert "postgres stops meanwhile: image changed" in said
    assert "pulumi config set ai-karen-db:allowReplacing postgres" in said
    upgraded.live.configure(allowReplacing="postgres", dataVolumes="postgres=2")
    upgraded.live.up()
    assert upgraded.holds_all()
    assert upgraded.volume() == _SECOND


def test_destroy_keeps_the_data_and_the_next_up_takes_them_over(upgraded: Upgraded) -> None:
    upgraded.live.configure(allowReplacing=None)
    karen(upgraded.live, "destroy", "--yes")
    left = upgraded.live.on_engine()
    assert (left["container"], left["network"]) == ([], [])
    assert {_FIRST, _SECOND} <= set(left["volume"])
    upgraded.live.up()
    assert upgraded.holds_all()
