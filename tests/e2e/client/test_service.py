"""examples/service.py, served by uvicorn over the stack, and over parts of it that are away."""

import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx
import pytest

from bootstrap import places
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
# Nobody listens at it.
NOWHERE = "1"
EMBEDDING = [1.0] + [0.0] * 383


@contextmanager
def served(variables: Mapping[str, str]) -> Iterator[httpx.Client]:
    """Serve it with these variables, on a port that is free, and yield a client of it."""
    command = [sys.executable, "-m", "uvicorn", "examples.service:app", "--port", "0"]
    environment = {**variables, "PYTHONPATH": str(places.CHECKOUT), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, cwd=places.CHECKOUT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        try:
            assert process.stdout is not None
            told = []
            for line in process.stdout:
                told.append(line)
                if found := re.search(r"running on (http://\S+)", line):
                    break
            else:
                raise AssertionError("".join(told))
            with httpx.Client(base_url=found[1], timeout=60) as client:
                yield client
        finally:
            process.terminate()
            ended, _ = process.communicate(timeout=60)
    assert "Application shutdown complete" in ended


@pytest.fixture(scope="module")
def service(stack: LiveStack) -> Iterator[httpx.Client]:
    """The service, with every engine."""
    with served(stack.variables()) as client:
        yield client


def mine(client: httpx.Client, method: str, path: str, body: object = None, *, tenant: str = "acme") -> httpx.Response:
    """Send a request of a tenant."""
    return client.request(method, path, json=body, headers={"X-Tenant": tenant})


def test_health_is_told_by_engine(service: httpx.Client) -> None:
    answer = service.get("/health")
    assert answer.status_code == 200
    assert answer.json()["status"] in {"ok", "degraded"}
    assert {one["error"] for one in answer.json()["engines"].values()} == {None}


def test_what_is_remembered_is_recalled_by_its_tenant_alone(service: httpx.Client) -> None:
    user, other = uuid.uuid4().hex, uuid.uuid4().hex
    memory = {"user_id": user, "query": "Where does the cat sleep?", "result": '"sofa"', "embedding": EMBEDDING}
    written = mine(service, "POST", "/memories?wait=indexed", memory)
    assert written.status_code == 201
    question = {"text": "sleeping cats", "embedding": EMBEDDING, "user_id": user}
    (found,) = mine(service, "POST", "/recall", question).json()
    assert found["vector_id"] == written.json()["vector_id"]
    assert (found["query"], found["result"]) == (memory["query"], memory["result"])
    assert mine(service, "POST", "/recall", question, tenant=other).json() == []
    path = f"/memories/{found['vector_id']}?wait=indexed"
    assert mine(service, "DELETE", path, tenant=other).status_code == 404
    assert mine(service, "DELETE", path).status_code == 204
    assert mine(service, "POST", "/recall", question).json() == []


def test_a_profile_is_its_tenant_s(service: httpx.Client) -> None:
    path = f"/profiles/{uuid.uuid4().hex}"
    assert mine(service, "GET", path).status_code == 404
    assert mine(service, "PUT", path, {"language": "German"}).json()["profile"] == {"language": "German"}
    assert mine(service, "GET", path).json()["profile"] == {"language": "German"}
    assert mine(service, "GET", path, tenant="other").status_code == 404
    taken = mine(service, "PUT", path, {"language": "French"}, tenant="other")
    assert (taken.status_code, taken.json()["error"]) == (409, "Conflict")


@pytest.mark.parametrize(
    ("body", "status", "kind"),
    [
        ({"user_id": "ada", "query": "?", "embedding": [1.0]}, 422, "DimensionMismatch"),
        ({"user_id": "ada", "query": "?", "embedding": [1.0] * 384}, 422, "InvalidInput"),
        ({"user_id": "", "query": "?"}, 422, "InvalidInput"),
        ({"user_id": "a" * 65, "query": "?"}, 413, "TooLarge"),
    ],
)
def test_bad_input_is_the_caller_s_and_told_in_words(
    service: httpx.Client, body: object, status: int, kind: str
) -> None:
    answer = mine(service, "POST", "/memories", body)
    assert (answer.status_code, answer.json()["error"]) == (status, kind)
    assert answer.json()["detail"]


def test_a_request_without_tenant_is_refused(service: httpx.Client) -> None:
    assert service.get("/profiles/ada").status_code == 422
    assert mine(service, "GET", "/profiles/ada", tenant="t" * 65).status_code == 413


def test_an_engine_that_is_away_leaves_the_rest(stack: LiveStack) -> None:
    with served({**stack.variables(), "MILVUS_PORT": NOWHERE}) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
        assert answer.json()["engines"]["milvus"]["status"] == "down"
        assert mine(client, "POST", "/recall", {"text": "cats"}).status_code == 200
        failed = mine(client, "POST", "/recall", {"embedding": EMBEDDING})
        assert (failed.status_code, failed.headers["Retry-After"], failed.json()["engine"]) == (503, "1", "milvus")


def test_without_postgresql_it_is_down(stack: LiveStack) -> None:
    variables = stack.variables()
    address = f"{variables['POSTGRES_HOST']}:{variables['POSTGRES_PORT']}/"
    url = variables["DATABASE_URL"].replace(address, f"{variables['POSTGRES_HOST']}:{NOWHERE}/")
    with served({**variables, "DATABASE_URL": url, "POSTGRES_PORT": NOWHERE}) as client:
        answer = client.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "down")
        assert variables["POSTGRES_PASSWORD"] not in answer.text
        failed = mine(client, "GET", "/profiles/ada")
        assert (failed.status_code, failed.json()) == (
            503,
            {"error": "Unavailable", "engine": "postgres", "detail": "Service Unavailable"},
        )
