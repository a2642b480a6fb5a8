"""No test is skipped in silence: what may be skipped is in `skipped.txt`, and any difference fails the run; no example is timed."""

from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes says something about this machine alone.
settings.register_profile("untimed", settings(), deadline=None)
settings.load_profile("untimed")

_LISTED = {
    line.strip()
    for line in (Path(__file__).parent / "skipped.txt").read_text().splitlines()
    if line.strip() and not line.startswith("#")
}
_skipped: set[str] = set()
_run: set[str] = set()


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Remember which tests were run, and which of them skipped themselves."""
    _run.add(report.nodeid)
    if report.skipped:
        _skipped.add(report.nodeid)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail when the set of skipped tests is not the listed one, as far as the listed tests were run."""
    expected = _LISTED & _run
    if _skipped == expected:
        return
    for node in sorted(_skipped - expected):
        print(f"\nskipped, but not listed in tests/skipped.txt: {node}")
    for node in sorted(expected - _skipped):
        print(f"\nlisted in tests/skipped.txt, but not skipped: {node}")
    session.exitstatus = pytest.ExitCode.TESTS_FAILED
