"""Recipes of images as another checkout has them: an older major version of PostgreSQL, or the same with another image."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

from bootstrap import places

OLD = "15"
# Debian 12 has it, but not pgvector for it.
_SOURCE = "RUN sed s/trixie/bookworm/g /etc/apt/sources.list > /etc/apt/sources.list.d/bookworm.list\n"


def older(directory: Path) -> Path:
    """Write recipes in which PostgreSQL is of the version OLD."""
    recipes = _copied(directory)
    path = recipes / "postgres" / "Dockerfile"
    text = path.read_text().replace(" postgresql-17-pgvector", "").replace("postgresql-17", f"postgresql-{OLD}")
    text = text.replace("postgresql/17/", f"postgresql/{OLD}/").replace("PG_MAJOR=17", f"PG_MAJOR={OLD}")
    path.write_text(text.replace("RUN groupadd", f"{_SOURCE}RUN groupadd", 1))
    versions = json.loads((recipes / "versions.json").read_text())
    (recipes / "versions.json").write_text(json.dumps({**versions, "postgres": OLD}))
    return recipes


def other(directory: Path) -> Path:
    """Write recipes in which PostgreSQL's image is another one of the same version."""
    recipes = _copied(directory)
    path = recipes / "postgres" / "Dockerfile"
    path.write_text(path.read_text() + "LABEL tests=minor\n")
    return recipes


def build(recipes: Path, environment: dict[str, str]) -> None:
    """Build PostgreSQL's image."""
    command = [sys.executable, "-m", "bootstrap.images", "--source", "build", "postgres"]
    variables = {**environment, "KAREN_IMAGES": str(recipes)}
    done = subprocess.run(command, cwd=places.CHECKOUT, env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-2000:]


def _copied(directory: Path) -> Path:
    shutil.copytree(places.CHECKOUT / "images", directory)
    return directory
