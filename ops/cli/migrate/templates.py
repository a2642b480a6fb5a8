"""`./karen migrate new`: an engine's next migration and its way back, from templates that are valid as they are."""

import json
import re
from collections.abc import Callable, Mapping

from init.migrations import load
from init.resources import data
from ops.cli.errors import DONE, NotAsked, Refused
from ops.cli.migrate.folders import checked_engine, files_of
from ops.cli.printer import Printer

_NAME = re.compile(r"[a-z0-9]+(_[a-z0-9]+)*")
_SQL = """\
-- {title}: say here why; below is what.
--
-- The file and its record are one transaction. What cannot be in one (CREATE INDEX CONCURRENTLY) has a file of its own
-- that begins with a comment of these two words: "transactional: false". "timeout: 10min" sets a limit for each statement.

SELECT 1;
"""
_SQL_DOWN = """\
-- Takes back {title}: everything that it makes, the last thing first. What is removed here is lost.

SELECT 1;
"""
_MILVUS = '''\
"""{title}: say here why.

This file is read as a literal and never executed. To put a collection in the place of another, give it the next version
as its name, the same alias, and the key "replaces" with the other's name: its rows are copied, it is kept until confirmed.
"""

COLLECTION = {{
    "name": "{name}_v001",
    "alias": "{name}",
    "about": "{title}",
    "fields": [
        {{"name": "id", "type": "VARCHAR", "is_primary": True, "max_length": 64}},
        {{"name": "embedding", "type": "FLOAT_VECTOR", "dim": 384}},
    ],
    "indexes": [
        {{
            "field_name": "embedding",
            "index_type": "HNSW",
            "metric_type": "IP",
            "params": {{"M": 16, "efConstruction": 200}},
        }},
    ],
}}
'''
_MILVUS_DOWN = '''\
"""Takes back {title}: the collections named here are removed with their rows."""

REMOVE = ["{name}_v001"]
'''


def new(printer: Printer, engine: str, name: str) -> int:
    """Write both files; Refused if the folder is not right, NotAsked for a bad name."""
    checked_engine(engine)
    if _NAME.fullmatch(name) is None:
        near = "_".join(re.findall(r"[a-z0-9]+", name.lower())) or "add_tags"
        raise NotAsked(f"{name!r} is no name; allowed: lower-case words joined by underscores. Fix: {near}")
    files, problems = files_of(engine)
    if problems:
        raise Refused("\n".join(map(str, problems)))
    number = int(files[-1].version) + 1 if files else 1
    stem = f"{number:03}_{name}"
    folder = data.DIRECTORY / engine
    written = []
    for file, text in rendered(engine, stem, name).items():
        path = folder / file
        try:
            path.write_text(text, encoding="utf-8")
        except OSError as error:
            raise Refused(f"{path} cannot be written: {error.strerror}") from None
        written.append(str(path))
    load(folder)
    for line in written:
        printer.say(line)
    printer.end(f"Next: edit both, then ./karen migrate plan {engine}.", {"engine": engine, "files": written})
    return DONE


def rendered(engine: str, stem: str, name: str) -> dict[str, str]:
    """Return both files' texts by file name."""
    make: Mapping[str, tuple[str, Callable[[str], tuple[str, str]]]] = {
        "elasticsearch": ("json", _elasticsearch),
        "milvus": ("py", _milvus),
        "minio": ("json", _minio),
    }
    suffix, texts = make.get(engine, ("sql", _sql))
    there, back = texts(name)
    return {f"{stem}.{suffix}": there, f"{stem}.down.{suffix}": back}


def _title(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _sql(name: str) -> tuple[str, str]:
    return _SQL.format(title=_title(name)), _SQL_DOWN.format(title=_title(name))


def _milvus(name: str) -> tuple[str, str]:
    # A name may begin with a digit, a collection's may not.
    values = {"title": _title(name), "name": name if name[0].isalpha() else f"collection_{name}"}
    return _MILVUS.format(**values), _MILVUS_DOWN.format(**values)


def _elasticsearch(name: str) -> tuple[str, str]:
    index = {
        "index": f"ai_karen_{name}_v001",
        "alias": f"ai_karen_{name}",
        "settings": {"number_of_shards": 1, "number_of_replicas": 0},
        "mappings": {
            "dynamic": False,
            "properties": {
                "tenant_id": {"type": "keyword"},
                "created_at": {"type": "date", "format": "strict_date_optional_time||epoch_second"},
            },
        },
    }
    return _document({"indices": [index]}), _document({"remove": [index["index"]]})


def _minio(name: str) -> tuple[str, str]:
    rule = {"id": "old-versions", "prefix": "", "remove_old_versions_after_days": 30}
    bucket = {"name": name.replace("_", "-"), "about": _title(name), "versioning": True, "lifecycle": [rule]}
    return _document({"buckets": [bucket]}), _document({"remove": [bucket["name"]]})


def _document(content: Mapping[str, object]) -> str:
    return json.dumps(content, indent=2) + "\n"
