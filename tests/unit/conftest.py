"""What holds for every test without servers."""

import pytest

from ops.audit import record


@pytest.fixture(autouse=True)
def unrecorded(monkeypatch: pytest.MonkeyPatch) -> None:
    """No command of a test is in this machine's audit record."""
    monkeypatch.setattr(record, "concerns", lambda stack: False)
