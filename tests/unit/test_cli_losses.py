"""What a migration removes is read from its text: what would be lost, and whether somebody has to be asked."""

import pytest

from init.migrations import Script
from init.migrations.losses import removes
from ops.cli.ahead import parsed
from ops.cli.migrate.losses import named_by


def test_what_a_way_back_names_is_what_would_be_lost() -> None:
    counts = {"notes": 3, "notes_archive": 4, "raw-documents": 5, "documents": 6, "personas": 7}
    assert named_by(["DROP TABLE notes;"], counts) == {"notes": 3}
    assert named_by(['{"remove": ["raw-documents"]}'], counts) == {"raw-documents": 5}
    assert named_by(["", 'REMOVE = ["personas_v002"]'], counts) == {"personas": 7}


@pytest.mark.parametrize(
    ("file", "body", "answer"),
    [
        ("001_a.sql", "CREATE TABLE a (b int); -- DROP TABLE a", False),
        ("001_a.sql", "/* TRUNCATE */ SELECT 1", False),
        ("001_a.sql", "drop table a", True),
        ("001_a.sql", "ALTER TABLE a DROP b", True),
        ("001_a.sql", "ALTER TABLE a ALTER b DROP NOT NULL; DROP INDEX c; ALTER TABLE a DROP CONSTRAINT d", False),
        ("001_a.sql", "DELETE FROM a", True),
        ("001_a.sql", "TRUNCATE a", True),
        ("001_a.sql", "CREATE OR REPLACE TABLE a AS SELECT 1", True),
        ("001_a.sql", "MERGE INTO a USING b ON true WHEN MATCHED THEN DELETE", True),
        ("001_a.sql", "CREATE TABLE a (b int REFERENCES c ON DELETE CASCADE)", False),
        ("001_a.sql", "UPDATE a SET b = '--'; DROP TABLE c;", True),
        ("001_a.sql", "DO $$it's$$; UPDATE a SET b = '--'; DROP TABLE c;", True),
        ("001_a.json", '{"indices": []}', False),
        ("001_a.json", '{"remove": ["a"]}', True),
        ("001_a.json", "no document", False),
        ("001_a.py", "COLLECTION = {}", False),
        ("001_a.py", 'REMOVE = ["a"]', True),
    ],
)
def test_who_removes_something_is_seen(file: str, body: str, answer: bool) -> None:
    assert removes(Script(file, body)) is answer


@pytest.mark.parametrize(
    ("arguments", "stack", "names"),
    [
        ([], "dev", []),
        (["postgres", "--to", "2", "-s", "prod"], "prod", ["postgres"]),
        (["--stack=prod", "--json"], "prod", []),
        (["-sprod", "milvus", "--to=2"], "prod", ["milvus"]),
    ],
)
def test_the_head_start_reads_arguments_as_the_command_does(arguments: list[str], stack: str, names: list[str]) -> None:
    assert parsed(arguments) == (stack, names)
