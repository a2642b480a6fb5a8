"""MinIO: what is listed keeps its order, what is summed depends on all that a version has, and a file of a bucket reads back."""

import io
import json
import tarfile
from dataclasses import asdict, replace

import pytest
from minio.xml import unmarshal

from backup.engines import minio_archive
from backup.engines.minio_entries import Entry, Totals, kept, lock_of
from backup.engines.minio_store import _Page

LISTING = """<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>b</Name>
<IsTruncated>true</IsTruncated><NextKeyMarker>a%20%F0%9F%98%80</NextKeyMarker><NextVersionIdMarker>v1</NextVersionIdMarker>
<Version><Key>a%20%F0%9F%98%80</Key><VersionId>v3</VersionId><Size>5</Size><ETag>"e3"</ETag><LastModified>t</LastModified></Version>
<DeleteMarker><Key>a%20%F0%9F%98%80</Key><VersionId>v2</VersionId><LastModified>t</LastModified></DeleteMarker>
<Version><Key>a%20%F0%9F%98%80</Key><VersionId>v1</VersionId><Size>0</Size><ETag>"e1"</ETag><LastModified>t</LastModified></Version>
</ListVersionsResult>"""
ENTRY = Entry(key="a 😀", order=1, marker=False, size=3, headers={"content-type": "text/plain"}, tags={"a": "b"})


def test_a_marker_keeps_its_place_among_the_versions() -> None:
    page = unmarshal(_Page, LISTING)
    assert [(one.id, one.marker, one.size, one.etag) for one in page.versions] == [
        ("v3", False, 5, "e3"),
        ("v2", True, 0, ""),
        ("v1", False, 0, "e1"),
    ]
    assert {one.key for one in page.versions} == {"a 😀"}
    assert page.after == {"key-marker": "a 😀", "version-id-marker": "v1"}


def checksum(entry: Entry, sha256: str = "00") -> str:
    totals = Totals("bucket")
    totals.add(entry, sha256)
    return totals.checksum()["bucket"]


@pytest.mark.parametrize(
    "other",
    [
        replace(ENTRY, key="b"),
        replace(ENTRY, order=2),
        replace(ENTRY, marker=True),
        replace(ENTRY, headers={}),
        replace(ENTRY, tags={}),
    ],
)
def test_the_sum_tells_every_difference(other: Entry) -> None:
    assert checksum(other) != checksum(ENTRY)
    assert checksum(ENTRY, "01") != checksum(ENTRY)


def test_the_sum_leaves_out_what_a_restore_cannot_keep() -> None:
    assert checksum(replace(ENTRY, version="v", modified="t", lock={"mode": "GOVERNANCE"})) == checksum(ENTRY)


def test_keys_whose_newest_version_is_a_marker_are_no_objects() -> None:
    totals = Totals("bucket")
    for key, marker in (("a", False), ("a", True), ("b", True), ("b", False), ("c", False)):
        totals.add(Entry(key=key, order=0, marker=marker), "")
    assert totals.counts() == {"bucket objects": 2, "bucket versions": 5}
    assert totals.counts() == {"bucket objects": 2, "bucket versions": 5}


def test_what_belongs_to_an_object_is_kept_and_its_lock_is_told_apart() -> None:
    headers = [
        ("Content-Type", "a/b"),
        ("X-Amz-Meta-Owner", "karen"),
        ("Date", "d"),
        ("X-Amz-Object-Lock-Mode", "GOVERNANCE"),
    ]
    assert kept(headers) == {"content-type": "a/b", "x-amz-meta-owner": "karen"}
    assert lock_of(headers) == {"mode": "GOVERNANCE"}


def archive(*entries: Entry) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w|", format=tarfile.PAX_FORMAT) as opened:
        settings = json.dumps({"bucket": "b", "settings": {"versioning": "x"}}).encode()
        opened.addfile(minio_archive._member("settings.json", len(settings)), io.BytesIO(settings))
        for number, entry in enumerate(entries):
            opened.addfile(minio_archive._member(str(number), entry.size, entry), io.BytesIO(b"x" * entry.size))
    return buffer.getvalue()


def test_a_bucket_s_file_reads_back() -> None:
    long = replace(ENTRY, key="k" * 1024, headers={"x-amz-meta-a": "v" * 2000})
    marker = Entry(key="z", order=0, marker=True)
    stream = io.BytesIO(archive(ENTRY, long, marker))
    parts = minio_archive.read(stream)
    assert next(parts) == ("b", {"versioning": "x"})
    found = []
    for entry, content in parts:
        assert isinstance(entry, Entry)
        assert not isinstance(content, dict)
        found.append((asdict(entry), content.read()))  # type: ignore[union-attr]
    assert found == [(asdict(ENTRY), b"xxx"), (asdict(long), b"xxx"), (asdict(marker), b"")]
    assert stream.read() == b""


def test_half_a_file_is_told() -> None:
    whole = archive(replace(ENTRY, size=5000))

    def read() -> None:
        for _, content in minio_archive.read(io.BytesIO(whole[:6000])):
            if not isinstance(content, dict):
                content.read()  # type: ignore[union-attr]

    with pytest.raises(tarfile.TarError):
        read()
