"""A set with Milvus as copies of volumes: what was there comes back, MinIO's buckets too, and the servers run again."""

import os
import signal
import subprocess

import docker
import pytest

from backup.engines.milvus_cold_tar import DOT
from backup.engines.volume import own
from bootstrap import places
from ops.backups import journal
from tests.e2e.backups.samples import document, everywhere, in_volume, karen, put, remove, seen
from tests.e2e.backups.test_restore import cut
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.full, pytest.mark.timeout(900)]

SERVICES = ("milvus", "minio", "etcd")


def healthy(stack: LiveStack) -> set[str]:
    """Return which of the three are healthy."""
    client = docker.from_env()
    try:
        found = {one: client.api.inspect_container(stack.container(one))["State"] for one in SERVICES}
        return {one for one, state in found.items() if state["Running"] and state["Health"]["Status"] == "healthy"}
    finally:
        client.close()


def test_copied_volumes_come_back_with_the_rest(stack: LiveStack) -> None:
    env = stack.variables()
    put(env, "kept")
    manifest = document(stack, "backup", "create", "--cold", "--label", "cold")["set"]
    assert healthy(stack) == set(SERVICES)
    taken = manifest["engines"]["milvus"]["taken"]
    assert taken["details"]["cold"]
    assert sorted(taken["counts"]) == sorted(SERVICES)
    assert min(taken["counts"].values()) > 0
    assert "minio" not in manifest["engines"]
    assert not manifest["partial"]
    assert document(stack, "backup", "verify", "cold", "--deep")["good"]
    put(env, "later")
    assert seen(env, ["kept", "later"]) == everywhere(["kept", "later"])

    karen(stack, "backup", "restore", "cold", "--confirm", stack.name)
    assert healthy(stack) == set(SERVICES)
    assert journal.read(stack.name) is None
    assert seen(stack.variables(), ["kept", "later"]) == everywhere(["kept"])
    for service in SERVICES:
        left = in_volume(stack, f"{service}-data", "ls", "-A", "/v").split()
        assert [one for one in left if one in own(DOT) and one != ".restored-from"] == []

    refused = karen(stack, "backup", "restore", "cold", "--only", "minio", "--confirm", stack.name, code=2).stderr
    assert "minio is in the volumes of milvus" in refused
    refused = karen(stack, "backup", "create", "--cold", "--only", "redis", code=2).stderr
    assert "--cold is about milvus" in refused
    # A job that fails leaves the servers running all the same.
    karen(stack, "backup", "create", "--cold", "--label", "not/allowed", code=2)
    assert healthy(stack) == set(SERVICES)
    remove(stack.variables(), ["kept", "later"])


def test_given_up_all_three_are_as_before_and_run(stack: LiveStack) -> None:
    env = stack.variables()
    put(env, "before")
    restore = ("backup", "restore", "cold", "--only", "milvus", "--confirm", stack.name)
    # All three are in their place, and none of them is noted or runs.
    cut(stack, *restore, at="etcd starts")
    assert ".replaced" in in_volume(stack, "minio-data", "ls", "-A", "/v").split()
    told = document(stack, "backup", "restore", "--give-up", "--confirm", stack.name)
    assert (told["kept"], told["restored"]) == (["milvus"], {})
    assert healthy(stack) == set(SERVICES)
    assert seen(stack.variables(), ["before"])["milvus"] == ["before"]
    assert seen(stack.variables(), ["before"])["minio"] == ["before"]
    for service in SERVICES:
        left = in_volume(stack, f"{service}-data", "ls", "-A", "/v").split()
        assert [one for one in left if one in own(DOT) and one != ".restored-from"] == []


def test_interrupted_while_it_copies_it_leaves_the_servers_running(stack: LiveStack) -> None:
    words = [str(places.CHECKOUT / "karen"), "backup", "create", "--cold", "--label", "never", "--stack", stack.name]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True, start_new_session=True) as process:
        assert process.stderr is not None
        assert any("milvus: begins" in line for line in process.stderr)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=300)
    assert process.returncode != 0
    assert healthy(stack) == set(SERVICES)
    assert "never" not in [one["label"] for one in document(stack, "backup", "list")["sets"]]
