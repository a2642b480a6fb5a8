"""The virtual environment: made from the pinned, hashed requirements of this checkout, outside of it."""

import importlib.util
import shutil
import sys

from bootstrap import places
from bootstrap.console import StepError, run, say
from bootstrap.engine import apt_install

_STEP = "Python packages"
_LEAST = (3, 11)


def ensure(*, development: bool) -> None:
    """Return when the environment is complete; an interrupted installation is finished by the next call."""
    if sys.version_info < _LEAST:
        raise StepError(
            f"{_STEP}: Python {sys.version.split()[0]} runs this; 3.11 or newer is needed. Fix: install it, or make PYTHON=python3.11 up"
        )
    venv = places.virtual_environment(development=development)
    complete = venv / ".complete"
    if complete.exists():
        say(_STEP, "the virtual environment is complete")
        return
    if importlib.util.find_spec("ensurepip") is None:
        apt_install(
            _STEP,
            [f"python{sys.version_info[0]}.{sys.version_info[1]}-venv"],
            why="Debian keeps the venv module in a package of its own",
        )
    shutil.rmtree(venv, ignore_errors=True)
    venv.parent.mkdir(parents=True, exist_ok=True)
    fix = "check the network and the package index that pip is configured for, then run the same command again"
    run(_STEP, [sys.executable, "-m", "venv", str(venv)], why=f"a virtual environment is made in {venv}", fix=fix)
    files = ["requirements.txt", *(["requirements-dev.txt"] if development else [])]
    install = [str(venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--require-hashes"]
    install += [part for name in files for part in ("-r", str(places.CHECKOUT / name))]
    run(_STEP, install, why="the pinned packages are installed, each checked against its hash", fix=fix)
    complete.touch()
