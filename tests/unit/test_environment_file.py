"""`.env` reads back exactly, in a shell and with python-dotenv, for every printable character."""

import io
import string
import subprocess
from pathlib import Path

import pytest
from dotenv import dotenv_values
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.environment_file import quote, render, write

PRINTABLE = "".join(chr(code) for code in range(32, 127))
VALUES = [
    PRINTABLE,
    PRINTABLE[::-1],
    "$HOME ${HOME} $(id) `id`",
    'it\'s "quoted" \\ and # not a comment',
    "",
    " leading and trailing ",
    "\\n is no line break",
    "ends in a backslash\\",
    "${KAREN_DOLLAR}",
    *string.punctuation,
]


def from_shell(text: str, name: str) -> str:
    done = subprocess.run(
        ["sh", "-c", f'set -a; . /dev/stdin; printf %s "${name}"'],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize("value", VALUES)
def test_a_value_reads_back_in_both(value: str) -> None:
    text = render({"VALUE": value})
    assert dotenv_values(stream=io.StringIO(text))["VALUE"] == value
    assert from_shell(text, "VALUE") == value


@settings(max_examples=60)
@given(st.text(alphabet=PRINTABLE, min_size=1, max_size=72))
def test_any_password_reads_back_in_both(value: str) -> None:
    text = render({"VALUE": value, "OTHER": "plain"})
    assert dotenv_values(stream=io.StringIO(text))["VALUE"] == value
    assert from_shell(text, "VALUE") == value


def test_a_line_break_is_refused() -> None:
    with pytest.raises(ValueError, match="line break"):
        quote("a\nb")


def test_the_file_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / ".env"
    path.write_text("old")
    path.chmod(0o644)
    write(path, "A='1'\n")
    assert path.read_text() == "A='1'\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]
