"""Somebody who follows the guide: in a copy of the checkout, with a virtual environment that has nothing yet."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from bootstrap import places
from tests.e2e.client import prompt
from tests.e2e.live import LiveStack
from tests.e2e.pages import PYTHON, SHELL, Block, Section, sections, shell

GUIDE = Path("docs") / "client.md"
_NOT_COPIED = shutil.ignore_patterns(".git", ".env", "*.egg-info", "build", "__pycache__", ".*_cache", ".venv", "venv")


class Reader:
    """Runs the guide's sections from its beginning, each once: commands in a shell, Python at one prompt."""

    def __init__(self, directory: Path, stack: LiveStack) -> None:
        """Copy the checkout into a directory that is not there yet."""
        self._directory = directory
        self._stack = stack
        self._prompt: subprocess.Popen[str] | None = None
        shutil.copytree(places.CHECKOUT, directory, ignore=_NOT_COPIED)
        venv = directory / "venv"
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        self._python = venv / "bin" / "python"
        inherited = {name: value for name, value in stack.environment.items() if name != "PYTHONPATH"}
        path = os.pathsep.join([str(self._python.parent), inherited["PATH"]])
        self._environment = {**inherited, "PATH": path, "VIRTUAL_ENV": str(venv), "STACK": stack.name}
        self.sections = sections(directory / GUIDE, languages=(SHELL, PYTHON))
        self._printed: dict[str, str] = {}

    def section(self, title: str) -> str:
        """Return what a section's blocks have printed, which are run after those of the sections before it."""
        for one in self.sections.values():
            if one.title not in self._printed:
                self._printed[one.title] = self._follow(one)
            if one.title == title:
                break
        return self._printed[title]

    def at_prompt(self, block: Block) -> str:
        """Return what a block of Python prints at the prompt; AssertionError with its traceback if it fails."""
        if self._prompt is None:
            self._prompt = subprocess.Popen(
                [str(self._python), str(Path(prompt.__file__))],
                cwd=self._directory,
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        assert self._prompt.stdin is not None
        assert self._prompt.stdout is not None
        # The page names the stack that everybody has.
        text = block.text.replace('from_stack("dev")', f'from_stack("{self._stack.name}")')
        asked = {"text": text, "line": block.line, "page": str(self._directory / GUIDE)}
        print(json.dumps(asked), file=self._prompt.stdin, flush=True)
        answered = json.loads(self._prompt.stdout.readline())
        assert answered["failed"] is None, answered["failed"]
        return str(answered["printed"])

    def close(self) -> None:
        """Leave the prompt."""
        if self._prompt is not None:
            self._prompt.communicate(timeout=30)

    def _follow(self, section: Section) -> str:
        printed = []
        while section.done < len(section.blocks):
            block = section.next()
            in_shell = block.language == SHELL
            printed.append(shell(block, self._directory, self._environment) if in_shell else self.at_prompt(block))
        return "".join(printed)
