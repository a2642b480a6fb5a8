"""A notice on standard output is one JSON line."""

import io
import json

import pytest

from monitor.alerts.channels import LogChannel, Undelivered
from tests.unit.monitor.notices import notice


@pytest.mark.parametrize(
    ("state", "severity", "level"),
    [
        ("firing", "critical", "critical"),
        ("firing", "warning", "warning"),
        ("event", "warning", "warning"),
        ("resolved", "critical", "info"),
    ],
)
def test_a_line_has_the_notice_its_text_and_its_level(
    capsys: pytest.CaptureFixture[str], state: str, severity: str, level: str
) -> None:
    told = notice(state, after=60, severity=severity, summary="two\nlines")  # type: ignore[arg-type]
    LogChannel().send(told)
    (line,) = capsys.readouterr().out.splitlines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "alert", "level": level, "text": told.text(), **told.document()}


def test_a_closed_stream_is_told() -> None:
    stream = io.StringIO()
    channel = LogChannel(stream)
    stream.close()
    with pytest.raises(Undelivered, match="standard output: ValueError"):
        channel.send(notice())
