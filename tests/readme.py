"""`make readme`: run the README's commands, word for word and in order, in a fresh clone; everything it made is removed.

The stacks are the real dev and prod of this machine, so it refuses to begin when one of them has anything.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import docker

from bootstrap import places
from bootstrap.leftovers import find

# Run by .ci/run before this, each once.
ELSEWHERE = {"make test"}
# What a person would answer: Pulumi's confirmations, and the name that `make erase` asks for.
ANSWERS = {"PULUMI_SKIP_CONFIRMATIONS": "true", "CONFIRM": "prod"}
STACKS = ("dev", "prod")


def commands(text: str) -> list[str]:
    """Return the commands of the indented blocks, and the whole commands in running text, without comments."""
    found = []
    for line in text.splitlines():
        if line.startswith("    "):
            found.append(re.sub(r"\s{2,}#.*", "", line).strip())
        else:
            found += re.findall(r"`(make [a-z-]+(?: [A-Z]+=\w+)?)`", line)
    return [one for one in dict.fromkeys(found) if one]


def on_engine() -> dict[str, dict[str, list[str]]]:
    """Return what the engine has of the two stacks."""
    client = docker.from_env()
    try:
        return {stack: found for stack in STACKS if any((found := find(client, stack)).values())}
    finally:
        client.close()


def script(text: str) -> str:
    """Return the shell script: each command shown, the first failure ends it."""
    lines = ["set -e"]
    for command in commands(text):
        if command not in ELSEWHERE:
            lines += [f"printf '\\n$ %s\\n' {shlex.quote(command)}", command]
        if command == "make up":
            lines += ["make up", ". ./activate", "pulumi preview --stack dev --expect-no-changes"]
    return "\n".join(lines)


def main() -> None:
    """Clone, run, compare the engine with what was there before: nothing."""
    if found := on_engine():
        sys.exit(f"make readme brings up and removes the stacks dev and prod, and the engine has: {found}")
    with tempfile.TemporaryDirectory(prefix="karen-readme-") as directory:
        clone = Path(directory) / "ai-karen-db"
        subprocess.run(["git", "clone", "--quiet", places.CHECKOUT, clone], check=True)
        environment = {**os.environ, **ANSWERS}
        # As in a shell that has not seen the project: nothing of an activated one is passed on.
        for name in [one for one in environment if one.startswith(("PULUMI_", "KAREN_HOME", "VIRTUAL_ENV"))]:
            if name not in ANSWERS:
                del environment[name]
        text = (clone / "README.md").read_text(encoding="utf-8")
        done = subprocess.run(["bash", "-c", script(text)], cwd=clone, env=environment, check=False)
        if done.returncode != 0:
            sys.exit(f"a command of the README ended with code {done.returncode}; see the lines above")
        changed = subprocess.run(
            ["git", "status", "--porcelain"], cwd=clone, capture_output=True, text=True, check=True
        )
    if changed.stdout.split() not in ([], ["M", "Pulumi.prod.yaml"]):
        sys.exit(f"the README's commands changed the checkout:\n{changed.stdout}")
    if found := on_engine():
        sys.exit(f"the README's commands left on the engine: {found}")
    print("\nEvery command of the README works.")


if __name__ == "__main__":
    main()
