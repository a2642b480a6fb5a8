"""What a reset removes, told: the largest parts, and first what could not be counted."""

from ops.cli.services.losses import Contents, losses


def test_the_largest_parts_are_named() -> None:
    counts = {f"bucket-{number}": number for number in range(9)}
    assert losses({"etcd": {}, "redis": {"db0": 1}, "minio": counts}) == [
        "minio: 36 objects will be lost: bucket-8 8, bucket-7 7, bucket-6 6, bucket-5 5, bucket-4 4, bucket-3 3, 2 more, 1 empty",
        "redis: 1 key will be lost: db0 1",
    ]
    assert losses({"etcd": {}, "redis": {"db0": 0}}) == ["no engine holds anything"]


def test_what_was_not_counted_is_told_before_what_was() -> None:
    found: Contents = {
        "elasticsearch": {"closed": None, "notes": 1, "empty": 0},
        "minio": {"full": {"at_least": 100_000}, "other": 2},
        "postgres": {"old/*": None},
    }
    assert losses(found) == [
        "elasticsearch: 1 or more documents will be lost: closed ?, notes 1, 1 empty",
        "minio: 100,002 or more objects will be lost: full 100,000 or more, other 2",
        "postgres: uncounted rows will be lost: old/* ?",
    ]
