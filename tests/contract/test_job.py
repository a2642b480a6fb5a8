"""Jobs on a real engine: work in over standard input, one reply back, nothing left behind, no secret visible."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import docker
import pytest

from components.images import reference
from init.resources.job import JOB_LABEL, STACK_LABEL, Job, JobError, JobSpec, sweep

pytestmark = pytest.mark.contract
STACK = "test-jobs"
SECRET = "not-to-be-seen-anywhere"


@pytest.fixture(autouse=True)
def nothing_left() -> Iterator[None]:
    yield
    assert left() == []


def left() -> list[Any]:
    engine = docker.from_env()
    try:
        return list(engine.api.containers(all=True, filters={"label": f"{STACK_LABEL}={STACK}"}))
    finally:
        engine.close()


def spec(**options: Any) -> JobSpec:
    image = options.pop("image", reference("toolbox", "build"))
    return JobSpec(stack=STACK, name=options.pop("name", "files"), image=image, user="10001:10001", **options)


def files(content: str, path: str = "/tmp/secrets/one") -> dict[str, Any]:
    one = {"path": path, "content": content, "uid": 10001, "gid": 10001, "mode": 0o400}
    return {"protocol": 1, "action": "files", "files": [one], "owned": []}


@pytest.mark.parametrize("network", [None, "", "bridge"])
def test_an_error_reply_names_kind_message_and_fix(network: str | None) -> None:
    with Job(spec(network=network)) as job, pytest.raises(JobError, match=r"BadRequest.*Fix:"):
        job.run({"protocol": 1, "action": "dance"})


def test_a_request_larger_than_any_buffer_arrives_whole() -> None:
    request = {"protocol": 1, "action": "x" * 3_000_000}
    with Job(spec()) as job, pytest.raises(JobError, match="BadRequest"):
        job.run(request)


def test_no_secret_is_in_the_container_s_definition() -> None:
    engine = docker.from_env()
    with Job(spec()) as job:
        definition = repr(engine.api.inspect_container(left()[0]["Id"]))
        with pytest.raises(JobError):
            job.run(files(SECRET, path="/nowhere/at/all"))
    assert SECRET not in definition
    engine.close()


def test_a_missing_image_says_how_to_get_it() -> None:
    with pytest.raises(JobError, match="make images"):
        Job(spec(image="ai-karen-db/none:none"))


def test_a_killed_job_is_an_error_not_a_hang() -> None:
    engine = docker.from_env()
    with Job(spec()) as job:
        threading.Timer(0.5, lambda: engine.api.kill(left()[0]["Id"])).start()
        time.sleep(1)
        with pytest.raises(JobError, match=r"(ended without an answer|was cut off): .*Fix: "):
            job.run(files("x"))
    engine.close()


def test_a_start_sweeps_what_an_interrupted_run_left() -> None:
    first = Job(spec())
    with Job(spec()):
        assert len(left()) == 1
    first.close()


def test_sweeping_a_stack_removes_every_job_of_it_only() -> None:
    engine = docker.from_env()
    Job(spec(name="postgres"))
    Job(spec(name="redis"))
    other = engine.api.create_container(
        reference("toolbox", "build"), labels={STACK_LABEL: "test-other", JOB_LABEL: "postgres"}
    )["Id"]
    try:
        assert sweep(STACK) == 2
        assert engine.api.inspect_container(other)
    finally:
        engine.api.remove_container(other, force=True)
        engine.close()


def test_the_deadline_ends_a_job() -> None:
    with Job(spec(deadline_seconds=1)) as job:
        time.sleep(1.2)
        began = time.monotonic()
        with pytest.raises(JobError):
            job.run(
                {
                    "protocol": 1,
                    "action": "verify",
                    "engines": {
                        "postgres": {
                            "host": "192.0.2.1",
                            "port": 5432,
                            "user": "u",
                            "password": SECRET,
                            "database": "d",
                        }
                    },
                    "expected": {},
                }
            )
        assert time.monotonic() - began < 15


def test_jobs_outside_an_update_leave_each_other_and_the_update_s_alone() -> None:
    """As `./karen health`, asked for twice while an update verifies."""
    with Job(spec()), Job(spec(exclusive=False)), Job(spec(exclusive=False)) as last:
        assert len(left()) == 3
        with pytest.raises(JobError, match="BadRequest"):
            last.run({"protocol": 1, "action": "dance"})


def test_a_job_outside_an_update_sweeps_what_is_past_its_deadline() -> None:
    with Job(spec(exclusive=False, deadline_seconds=1.0)):
        time.sleep(2)
        with Job(spec(exclusive=False)):
            assert len(left()) == 1


def test_data_follows_the_request_and_an_early_answer_ends_it() -> None:
    """The job refuses the request while two gigabytes are still on their way."""
    taken: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(2000):
            taken.append(number)
            yield bytes(1024 * 1024)

    with Job(spec()) as job, pytest.raises(JobError, match="BadRequest"):
        job.run({"protocol": 1, "action": "dance"}, pieces())
    assert len(taken) < 2000


def test_data_that_cannot_be_read_ends_the_job_with_the_reason() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"x"
        raise OSError("the disk is gone")

    request = {"protocol": 1, "action": "load", "engine": "postgres", "target": "memory", "connection": {}}
    with Job(spec(name="postgres")) as job, pytest.raises((OSError, JobError), match=r"the disk is gone|BadRequest"):
        job.run(request, pieces())
