"""What differs between a part and what was recovered from it is named."""

import pytest

from backup.engines.postgres_compare import behind, differing
from backup.model import Taken

TAKEN = Taken(
    tool="pg_basebackup 17",
    server_version="17.6",
    schema_version="006",
    counts={"users": 3, "busy": 5},
    checksums={"users": "0a", "busy": "0b"},
    began=1.0,
    ended=2.0,
    details={"inexact": ["busy"], "sequences": {"up": [10, 1], "down": [-10, -5]}},
)


@pytest.mark.parametrize(
    ("counts", "checksums", "told"),
    [
        ({"users": 3, "busy": 5}, {"users": "0a", "busy": "0b"}, []),
        ({"users": 3, "busy": 9}, {"users": "0a", "busy": "ff"}, []),
        ({"users": 2, "busy": 5}, {"users": "0a", "busy": "0b"}, ["users has 2 rows, taken with 3 rows"]),
        ({"users": 3, "busy": 5}, {"users": "ff", "busy": "0b"}, ["users has other contents than were taken"]),
        ({"users": 3}, {"users": "0a"}, ["busy has no table, taken with 5 rows"]),
        ({"users": 3, "busy": 5, "new": 0}, {"users": "0a"}, ["new has 0 rows, taken with no table"]),
    ],
    ids=["equal", "inexact", "rows", "contents", "missing", "new"],
)
def test_a_difference_is_told(counts: dict[str, int], checksums: dict[str, str], told: list[str]) -> None:
    assert differing(TAKEN, (counts, checksums)) == told


def test_a_sequence_may_be_ahead_and_never_behind() -> None:
    assert behind(TAKEN, {"up": 42, "down": -10}) == []
    assert behind(TAKEN, {"up": 9, "down": -5}) == [
        "the sequence up is at 9, taken at 10",
        "the sequence down is at -5, taken at -10",
    ]
    assert len(behind(TAKEN, {"up": None})) == 2
