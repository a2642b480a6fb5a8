"""The session's stack with migrations of one's own beside those that are shipped."""

import shutil
from collections.abc import Iterator

import pytest

from init.resources.data import DIRECTORY as DATA
from tests.e2e.live import LiveStack
from tests.e2e.migrate.karen import Brought, Karen


@pytest.fixture(scope="package")
def brought(stack: LiveStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Brought]:
    """The session's stack after a preview and an `up`. These tests are its last: nothing is put back."""
    data = tmp_path_factory.mktemp("migrations") / "data"
    shutil.copytree(DATA, data)
    karen = Karen(stack, data)
    with pytest.MonkeyPatch.context() as patch:
        # Pulumi's program and its providers read the copy as well.
        patch.setenv("KAREN_DATA", str(data))
        karen.write()
        before = karen.inventory()
        preview = stack.pulumi("preview").stdout
        after = karen.inventory()
        yield Brought(karen, preview, before, after, karen.json("migrate", "up", "--yes"))
