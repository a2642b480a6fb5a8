"""Where migrations and seeds are: `init/data`, or the directory that KAREN_DATA names (an absolute path)."""

import os
from pathlib import Path

DIRECTORY = Path(os.environ.get("KAREN_DATA") or Path(__file__).parent.parent / "data")
