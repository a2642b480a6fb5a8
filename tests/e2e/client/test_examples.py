"""The examples: applications that know an engine's plain client and `.env`, and nothing of this project but one of them."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bootstrap import places
from tests.e2e.live import LiveStack

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]
EXAMPLES = places.CHECKOUT / "examples"
PRINTED: Mapping[str, Sequence[str]] = {
    "duckdb_profiles.py": [
        'wrote the profile {"language": "German"}',
        'history: null -> "English", "English" -> "German"',
        "numbered by itself: True",
        "removed both",
    ],
    "elasticsearch_memories.py": [
        "Elasticsearch 9.4",
        "indexed 2 documents",
        "sleeping: Where does the cat sleep?, Who sleeps?",
        "sleeping cats: Where does the cat sleep?",
        "removed 2 documents",
    ],
    "milvus_personas.py": [
        "persona_embeddings is there: True",
        "wrote a persona, and a second version of it",
        "similarity 1.00: {'metadata': {'mood': 'calm'}, 'version': 2, 'confidence_score': 0.25}",
        "removed the persona",
    ],
    "minio_files.py": [
        "wrote 1 file of 33 bytes",
        "read: The cat sleeps on the windowsill.",
        "link: http://",
        "removed it",
    ],
    "postgresql_memories.py": [
        "wrote a memory, and its answer once more",
        "Where does the cat sleep? On the windowsill.",
        "removed 1 row",
    ],
    "redis_sessions.py": [
        "session: {'user': 'ada', 'page': 'home'}, ends by itself: True",
        "On the windowsill. computed",
        "On the windowsill. from the cache",
        "removed 2 keys",
    ],
}
# The names that existing applications read, which have no file storage; the first two are how the file writes some characters.
NAMES = {
    *("KAREN_DOLLAR", "KAREN_BACKTICK"),
    *("POSTGRES_HOST", "POSTGRES_PORT", "POSTGRES_DB", "POSTGRES_USER", "POSTGRES_PASSWORD"),
    *("ELASTICSEARCH_HOST", "ELASTICSEARCH_PORT", "ELASTICSEARCH_USER", "ELASTICSEARCH_PASSWORD"),
    *("MILVUS_HOST", "MILVUS_PORT", "MILVUS_USER", "MILVUS_PASSWORD"),
    *("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "DUCKDB_PATH"),
    *("MINIO_HOST", "MINIO_PORT", "MINIO_ACCESS_KEY", "MINIO_SECRET_KEY"),
}
# What needs the library is tried in test_service.py.
SERVICE = "service.py"


@pytest.fixture(scope="module")
def application(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the examples and what `make env` writes, as far as an existing application reads it, and nothing else."""
    directory = tmp_path_factory.mktemp("application")
    (directory / "examples").mkdir()
    for name in PRINTED:
        (directory / "examples" / name).write_bytes((EXAMPLES / name).read_bytes())
    file = directory / ".env"
    write = [sys.executable, "-m", "ops.environment_file", "--stack", stack.name, "--file", str(file)]
    subprocess.run(write, cwd=places.CHECKOUT, env=stack.environment, check=True, capture_output=True, timeout=120)
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if line.partition("=")[0] in NAMES), encoding="utf-8")
    return directory


@pytest.mark.parametrize("name", PRINTED)
def test_an_application_of_plain_clients_needs_nothing_but_the_environment(application: Path, name: str) -> None:
    ended = subprocess.run(
        [sys.executable, f"examples/{name}"],
        cwd=application,
        env={},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert len(lines) == len(PRINTED[name]), ended.stdout
    for line, beginning in zip(lines, PRINTED[name], strict=True):
        assert line.startswith(beginning)


def test_no_example_is_left_out() -> None:
    assert sorted(path.name for path in EXAMPLES.glob("*.py")) == sorted([*PRINTED, SERVICE])


@pytest.mark.parametrize("name", PRINTED)
def test_an_example_imports_nothing_of_the_project(name: str) -> None:
    ours = {path.name for path in places.CHECKOUT.iterdir() if path.is_dir()} - {"examples"}
    lines = (EXAMPLES / name).read_text(encoding="utf-8").splitlines()
    imported = {line.split()[1].partition(".")[0] for line in lines if line.startswith(("import ", "from "))}
    assert not imported & ours
