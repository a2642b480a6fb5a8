"""Where this machine keeps the project's things, computed without any package, as `activate` computes it in the shell."""

import hashlib
import os
import platform
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
PROJECT = "ai-karen-db"


def home() -> Path:
    """Return KAREN_HOME, by default `ai-karen-db` in the user's data directory."""
    configured = os.environ.get("KAREN_HOME")
    if configured:
        return Path(configured)
    base = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(base) / PROJECT


def virtual_environment(*, development: bool) -> Path:
    """Return the virtual environment for the pinned requirements of this checkout and this Python version."""
    digest = hashlib.sha256(platform.python_version().encode() + b"\n" + (CHECKOUT / "requirements.txt").read_bytes())
    if development:
        digest.update((CHECKOUT / "requirements-dev.txt").read_bytes())
    return home() / f"venv{'-dev' if development else ''}-{digest.hexdigest()[:12]}"


def tools() -> Path:
    """Return the directory of the Pulumi tools that were built or downloaded for this project."""
    return home() / "bin"


def built_plugins() -> Path:
    """Return the directory of the plugins that were built: not on PATH, where every command would warn about them."""
    return home() / "plugins"


def passphrase_file(stack: str) -> Path:
    """Return a stack's passphrase file: the public one for development, one outside the checkout for any other named so."""
    own = home() / "passphrases" / stack
    return own if own.exists() or stack == "prod" else CHECKOUT / "Pulumi.dev.passphrase"


def pulumi_environment(stack: str, *, development: bool = False) -> dict[str, str]:
    """Return the environment in which every Pulumi command of this project runs."""
    venv = virtual_environment(development=development)
    # A passphrase in the environment would win over the file.
    inherited = {name: value for name, value in os.environ.items() if name != "PULUMI_CONFIG_PASSPHRASE"}
    return {
        **inherited,
        "PATH": os.pathsep.join([str(venv / "bin"), str(tools()), os.environ.get("PATH", "")]),
        "VIRTUAL_ENV": str(venv),
        "KAREN_HOME": str(home()),
        "PULUMI_HOME": str(home() / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{home() / 'state'}",
        "PULUMI_CONFIG_PASSPHRASE_FILE": str(passphrase_file(stack)),
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
    }
