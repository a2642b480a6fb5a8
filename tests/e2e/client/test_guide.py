"""docs/client.md, executed: its blocks, in their order, do what the page says; and the page says everything."""

import ast
import codeop
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from bootstrap import places
from database import errors
from database.settings import DatabaseSettings
from database.settings.fields import EngineSettings
from tests.e2e.client.reader import GUIDE, Reader
from tests.e2e.live import LiveStack
from tests.e2e.pages import PYTHON, SHELL, Block, sections

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]
PAGE = places.CHECKOUT / GUIDE
# What a section's blocks print, as regular expressions, in this order.
PRINTED: Mapping[str, Sequence[str]] = {
    "Installing": ["host form"],
    "Settings": [r"\*\*\*\*", "REDIS_URL has the scheme 'http'", "MILVUS_PORT is 'none'; allowed: a whole number"],
    "The manager": [r"\('postgres', 'redis', 'elasticsearch', 'milvus', 'duckdb', 'minio'\) \{\}"],
    "Clients": [r"\(\d+,\)", r"b?'hello' \d+ memory_embeddings\w* \[.*'raw-documents'"],
    "DuckDB": [r"\('Ada',\)"],
    "Without asyncio": [r"\('ai_karen',\)", "True (ok|degraded)"],
    "Tenants and repositories": [
        r"\[\('language', 'German', 'French'\)\]",
        r"\[\('language', 'English', 'German'\)\] None",
        r"\['On cats'\]",
    ],
    "Memories and recall": [r"Where does the cat sleep\? \{'text': 1, 'vector': 1\} 0\.0328", r"\n\[\]\n"],
    "Outbox and relay": [r"elasticsearch \d+", r"milvus \d+"],
    "Errors": [r"postgres \| read \| correct the name"],
    "When an engine is away": ["(Unavailable\n){4}", "breaker.*open\n", "Unavailable\nCircuitOpen\n"],
    "Health, logs, metrics and traces": [
        r"(ok|degraded) ok \d",
        "dict_keys",
        'engine="milvus",operation="search memories"',
    ],
    "Closing": [],
    "FastAPI": [],
}


@pytest.fixture(scope="module")
def reader(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """Somebody who has the project, the stack that is up, and the guide."""
    found = Reader(tmp_path_factory.mktemp("guide") / "ai-karen-db", stack)
    yield found
    found.close()


@pytest.mark.parametrize("title", PRINTED)
def test_the_blocks_do_what_the_page_says(reader: Reader, title: str) -> None:
    printed, at = reader.section(title), 0
    for pattern in PRINTED[title]:
        found = re.compile(pattern).search(printed, at)
        assert found, f"{pattern} is not in {printed[at:]!r}"
        at = found.end()


def test_the_health_endpoint_of_the_page_answers(reader: Reader) -> None:
    reader.section("FastAPI")
    asked = """
response = Response()
async with lifespan(app):
    answered = await health(Request({"type": "http", "app": app}), response)
print(response.status_code, answered["engines"]["postgres"]["status"])
"""
    assert reader.at_prompt(Block(PYTHON, asked, 1)).endswith("}\n200 ok\n")


def test_nothing_of_pulumi_is_imported(reader: Reader) -> None:
    reader.section("Closing")
    asked = "import sys\nprint(sorted({name.partition('.')[0] for name in sys.modules} & set(FORBIDDEN)))"
    ours = [one.name for one in Path(places.CHECKOUT).iterdir() if (one / "__init__.py").exists()]
    forbidden = ["pulumi", "docker", *(one for one in ours if one != "database")]
    assert reader.at_prompt(Block(PYTHON, asked.replace("FORBIDDEN", repr(forbidden)), 1)) == "[]\n"


def test_no_block_of_the_page_is_left_out() -> None:
    assert list(sections(PAGE, languages=(SHELL, PYTHON))) == list(PRINTED)


def test_a_prompt_takes_the_blocks_line_by_line() -> None:
    complete = codeop.CommandCompiler()
    complete.compiler.flags |= ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    for section in sections(PAGE, languages=(SHELL, PYTHON)).values():
        for block in section.blocks:
            typed = list[str]()
            for line in [*block.text.splitlines(), ""] if block.language == PYTHON else []:
                typed.append(line)
                typed = [] if complete("\n".join(typed), filename=f"line {block.line}") else typed
            assert not any(typed), f"line {block.line} does not end"


@pytest.mark.parametrize("engine", DatabaseSettings.model_fields)
def test_every_variable_is_in_the_page(engine: str) -> None:
    settings = DatabaseSettings.model_fields[engine].annotation
    assert isinstance(settings, type)
    assert issubclass(settings, EngineSettings)
    told = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8")))
    assert set(settings.variables()) <= told


def test_every_kind_of_error_is_in_the_page() -> None:
    kinds = {
        name for name, kind in vars(errors).items() if isinstance(kind, type) and kind.__module__ == "database.errors"
    }
    told = set(re.findall(r"`(\w+)`", PAGE.read_text(encoding="utf-8").partition("## Errors")[2]))
    assert kinds <= told
