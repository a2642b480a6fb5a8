"""A command that somebody is told to run acts on the stack that it is told about."""

import json

import pytest

from components.settings import Settings, SettingsError
from ops.cli.printer import Printer
from ops.for_stack import everywhere, for_stack
from tests.unit.test_cli_known import entry, known


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Fix: ./karen start etcd minio milvus", "Fix: ./karen start etcd minio milvus --stack prod"),
        ("Fix: ./karen migrate up postgres --to latest", "Fix: ./karen migrate up postgres --to latest --stack prod"),
        ("./karen migrate repair milvus, which", "./karen migrate repair milvus --stack prod, which"),
        ("./karen migrate confirm milvus removes it", "./karen migrate confirm milvus --stack prod removes it"),
        ("run ./karen migrate status, which names", "run ./karen migrate status --stack prod, which names"),
        ("./karen health", "./karen health --stack prod"),
        ("./karen upgrade postgres, which", "./karen upgrade postgres --stack prod, which"),
        ("./karen upgrade redis --give-up, after", "./karen upgrade redis --give-up --stack prod, after"),
        ("Fix: ./karen certificates renew", "Fix: ./karen certificates renew --stack prod"),
        ("./karen certificates renew redis --yes, which", "./karen certificates renew redis --yes --stack prod, which"),
        ("./karen certificates authority > ca.crt", "./karen certificates authority --stack prod > ca.crt"),
        ("./karen start gateway", "./karen start gateway --stack prod"),
        ("./karen destroy", "./karen destroy --stack prod"),
        ("./karen logs etcd --stack prod; it tells", "./karen logs etcd --stack prod; it tells"),
        ("./karen reset --stack prod --confirm prod", "./karen reset --stack prod --confirm prod"),
        ("./karen connect --from network --stack prod", "./karen connect --from network --stack prod"),
        (
            "pulumi config set ai-karen-db:minioPort 9002, or free it",
            "pulumi config set ai-karen-db:minioPort 9002 --stack prod, or free it",
        ),
        (
            "pulumi config set ai-karen-db:engineSocket <a path> (see",
            "pulumi config set ai-karen-db:engineSocket <a path> --stack prod (see",
        ),
        (
            "pulumi config set --secret ai-karen-db:alertWebhook https://…",
            "pulumi config set --secret ai-karen-db:alertWebhook https://… --stack prod",
        ),
        (
            "pulumi config set --secret ai-karen-db:alertMailPassword, or remove",
            "pulumi config set --secret ai-karen-db:alertMailPassword --stack prod, or remove",
        ),
        (
            "pulumi config set ai-karen-db:duckdbPath /data/d/k.db",
            "pulumi config set ai-karen-db:duckdbPath /data/d/k.db --stack prod",
        ),
        ("pulumi config rm ai-karen-db:x", "pulumi config rm ai-karen-db:x --stack prod"),
        ("pulumi config rm ai-karen-db:x --stack prod", "pulumi config rm ai-karen-db:x --stack prod"),
        (
            "pulumi config set ai-karen-db:x 1 --stack prod, then make up",
            "pulumi config set ai-karen-db:x 1 --stack prod, then make up STACK=prod",
        ),
        ("Fix: pulumi up --refresh", "Fix: pulumi up --refresh --stack prod"),
        ("pulumi cancel --stack prod", "pulumi cancel --stack prod"),
        ("Fix: make up STACK=prod", "Fix: make up STACK=prod"),
        ("such as 002; ./karen migrate sets it", "such as 002; ./karen migrate sets it"),
        ("it is ./karen, and Pulumi", "it is ./karen, and Pulumi"),
    ],
)
def test_a_command_names_its_stack_once(text: str, told: str) -> None:
    assert for_stack(text, "prod") == told
    assert for_stack(told, "prod") == told


def test_this_projects_commands_mean_dev_and_pulumis_do_not() -> None:
    assert for_stack("./karen migrate up postgres, or make up", "dev") == "./karen migrate up postgres, or make up"
    assert for_stack("pulumi config rm ai-karen-db:x", "dev") == "pulumi config rm ai-karen-db:x --stack dev"


def test_two_commands_of_a_sentence_are_both_named() -> None:
    text = "Fix: ./karen migrate down postgres --to 001, or keep it: ./karen migrate up postgres --to latest"
    assert for_stack(text, "prod").count("--stack prod") == 2


def test_what_is_wrong_with_settings_and_migrations_is_told_for_the_stack(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SettingsError) as caught:
        Settings.parse({"redisMemory": "1m", "redisPort": "x", "wrong": 1})
    fixes = [problem for problem in caught.value.problems if "pulumi config" in problem]
    assert all("--stack prod" in for_stack(one, "prod") for one in fixes)
    printer = Printer("prod", as_json=True)
    one = known(entry("001_a"), entry("002_b"), pin="007")
    printer.end("Next: ./karen migrate up postgres.", {"engines": [one.document()]})
    printer.fail("No. Fix: ./karen doctor", 2)
    printer.say("; ".join(sentence for _, sentence in one.differences()))
    printed = capsys.readouterr()
    for text in (printed.out, printed.err):
        assert text.count("./karen") == text.count("--stack prod") > 0
    assert json.loads(printed.out.split("}\n{")[0] + "}")["stack"] == "prod"


def test_a_documents_keys_and_numbers_stay() -> None:
    assert everywhere({"./karen start": [1, None, "./karen stop"]}, "x") == {
        "./karen start": [1, None, "./karen stop --stack x"]
    }
