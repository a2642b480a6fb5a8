"""The workflow that posts previews: who may have code run on the machine of a stack, with what, and what leaves that machine."""

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap import places
from ops.cli.preview import render

FILE = places.CHECKOUT / ".github" / "workflows" / "preview.yml"
TEXT = FILE.read_text(encoding="utf-8")
# YAML takes `on` for a flag.
WORKFLOW: dict[Any, Any] = yaml.safe_load(TEXT)
JOBS: dict[str, dict[str, Any]] = WORKFLOW["jobs"]
SAME_REPOSITORY = "github.event.pull_request.head.repo.full_name == github.repository"
GH = """#!/bin/sh
case "$*" in
  *environments*) echo "$RULES" ;;
  *--paginate*) echo "$FOUND" ;;
  *) echo "$*" >> "$CALLS"; cat comment.md >> "$CALLS" ;;
esac
"""


def runs_the_request(job: dict[str, Any]) -> bool:
    return any("checkout" in str(step.get("uses")) for step in job["steps"])


def test_it_runs_for_pull_requests_alone_and_never_with_the_base_s_rights() -> None:
    assert set(WORKFLOW[True]) == {"pull_request"}
    others = ("pull_request_target", "workflow_run", "issue_comment", "workflow_dispatch")
    assert not [event for event in others if event in TEXT]


def test_a_fork_s_code_never_gets_to_a_machine() -> None:
    for name in ("guard", "waiting", "preview"):
        assert JOBS[name]["if"] == SAME_REPOSITORY
    assert "needs.guard.result != 'skipped'" in JOBS["comment"]["if"]


def test_the_request_s_code_runs_on_the_stack_s_machine_once_somebody_has_approved_it() -> None:
    assert [name for name, job in JOBS.items() if runs_the_request(job)] == ["preview"]
    job = JOBS["preview"]
    assert "self-hosted" in job["runs-on"]
    assert job["environment"] == "preview"
    assert job["needs"] == ["guard", "waiting"]
    assert all("self-hosted" not in other["runs-on"] for name, other in JOBS.items() if name != "preview")


def test_who_runs_that_code_cannot_write_and_who_writes_runs_none_of_it() -> None:
    assert WORKFLOW["permissions"] == {}
    assert {name: job["permissions"] for name, job in JOBS.items()} == {
        "guard": {"actions": "read"},
        "waiting": {"pull-requests": "write"},
        "preview": {"contents": "read"},
        "comment": {"pull-requests": "write"},
    }
    [checkout] = [step for step in JOBS["preview"]["steps"] if "uses" in step]
    assert checkout["with"] == {"persist-credentials": False}
    assert not re.search(r"\$\{\{[^}]*secrets", TEXT)
    assert "github.token" not in str(JOBS["preview"])


def test_actions_are_pinned_by_commit() -> None:
    used = [step["uses"] for job in JOBS.values() for step in job["steps"] if "uses" in step]
    assert used
    assert all(re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", one) for one in used)


def test_nothing_is_put_into_a_script_by_the_template() -> None:
    """What a request's author chooses, such as the name of a branch, would be run."""
    for job in JOBS.values():
        for step in job["steps"]:
            assert "${{" not in step.get("run", "")


def test_the_state_stays_on_the_machine_and_is_not_made_there() -> None:
    assert not re.search(r"upload-artifact|actions/cache|\brm\b|\bscp\b|\bcurl\b", TEXT)
    scripts = "\n".join(step.get("run", "") for step in JOBS["preview"]["steps"])
    assert 'python3 -m bootstrap --existing --stack "$STACK"' in scripts
    assert './karen preview --stack "$STACK" --markdown' in scripts
    assert "pulumi" not in scripts


def script(job: str) -> str:
    """Return the script of a job that has one step."""
    [step] = JOBS[job]["steps"]
    return str(step["run"])


def run(tmp_path: Path, text: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as the runner does, with a `gh` that writes down what it is asked to change."""
    gh = tmp_path / "gh"
    gh.write_text(GH)
    gh.chmod(0o755)
    environment = {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "GITHUB_REPOSITORY": "a/b",
        "STACK": "prod",
        "CALLS": str(tmp_path / "calls"),
        "NUMBER": "7",
        "SHA": "c0ffee",
        "RUN": "https://run",
        **variables,
    }
    command = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text]
    return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("rules", "code"), [("required_reviewers wait_timer", 0), ("required_reviewers", 0), ("wait_timer", 1), ("", 1)]
)
def test_an_environment_that_asks_nobody_ends_the_run(tmp_path: Path, rules: str, code: int) -> None:
    done = run(tmp_path, script("guard"), RULES=rules)
    assert done.returncode == code
    assert ("asks nobody for approval. Fix:" in done.stdout) == (code != 0)


@pytest.mark.parametrize(
    ("found", "call"),
    [
        ("", "api --silent --method POST repos/a/b/issues/7/comments -F body=@comment.md"),
        ("12\n13", "api --silent --method PATCH repos/a/b/issues/comments/12 -F body=@comment.md"),
    ],
)
def test_there_is_one_comment_and_it_is_kept_up_to_date(tmp_path: Path, found: str, call: str) -> None:
    comment = f"{render.marker('prod')}\n## Preview of prod: `$(touch injected)` nothing changes."
    done = run(tmp_path, script("comment"), FOUND=found, COMMENT=comment)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "calls").read_text() == f"{call}\n{comment}\n\nCommit: c0ffee\n"
    assert not (tmp_path / "injected").exists()


def test_an_older_comment_does_not_pass_for_one_about_this_commit(tmp_path: Path) -> None:
    run(tmp_path, script("comment"), FOUND="12", COMMENT="")
    told = (tmp_path / "calls").read_text()
    assert f"{render.marker('prod')}\n## There is no preview of prod\n" in told
    assert "https://run" in told
    assert told.endswith("\n\nCommit: c0ffee\n")


def test_before_anybody_approves_an_older_comment_says_that_it_is_out_of_date(tmp_path: Path) -> None:
    done = run(tmp_path, script("waiting"), FOUND="12\n13")
    assert done.returncode == 0, done.stderr
    call, _, comment = (tmp_path / "calls").read_text().partition("\n")
    assert call == "api --silent --method PATCH repos/a/b/issues/comments/12 -F body=@comment.md"
    assert comment.startswith(f"{render.marker('prod')}\n## The preview of prod waits for approval\n")
    assert comment.endswith("https://run\n\nCommit: c0ffee\n")


def test_without_an_older_comment_nothing_is_said_before_the_preview(tmp_path: Path) -> None:
    assert run(tmp_path, script("waiting"), FOUND="").returncode == 0
    assert not (tmp_path / "calls").exists()


def test_the_comment_is_brought_up_to_date_before_and_after_the_preview() -> None:
    assert "needs" not in JOBS["waiting"]
    assert JOBS["comment"]["needs"] == ["guard", "waiting", "preview"]
    for name in ("waiting", "comment"):
        [step] = JOBS[name]["steps"]
        assert step["env"]["SHA"] == "${{ github.event.pull_request.head.sha }}", name


def handed_on(tmp_path: Path, printed: str) -> str:
    """Return what the preview's job hands on of what the command prints, as the runner reads it."""
    (tmp_path / "printed").write_text(printed)
    karen = tmp_path / "karen"
    karen.write_text("#!/bin/sh\ncat printed\nexit 1\n")
    karen.chmod(0o755)
    [text] = [step["run"] for step in JOBS["preview"]["steps"] if step.get("id") == "preview"]
    done = run(tmp_path, text, RUNNER_TEMP=str(tmp_path), GITHUB_OUTPUT=str(tmp_path / "output"))
    assert done.returncode == 1, done.stderr
    first, *lines, end = (tmp_path / "output").read_text().splitlines()
    assert first == f"comment<<{end}"
    return "\n".join(lines)


@pytest.mark.parametrize("end", ["", "\n"])
def test_what_is_handed_on_is_what_was_printed(tmp_path: Path, end: str) -> None:
    assert (
        handed_on(tmp_path, f"{render.marker('prod')}\n## a → b{end}").strip("\n")
        == f"{render.marker('prod')}\n## a → b"
    )


@pytest.mark.parametrize("printed", ["→" * 90 + "\n", "x" * 300_000], ids=["many lines", "one line"])
def test_what_is_too_long_is_cut_and_says_so_and_is_a_comment_all_the_same(tmp_path: Path, printed: str) -> None:
    comment = handed_on(tmp_path, f"{render.marker('prod')}\n{printed * (2000 if printed.endswith(chr(10)) else 1)}")
    done = run(tmp_path, script("comment"), FOUND="12", COMMENT=comment)
    assert done.returncode == 0, done.stderr
    told = (tmp_path / "calls").read_text().partition("\n")[2]
    assert len(told) < 65_536
    assert told.startswith(render.marker("prod"))
    assert "… and more, which is too long for a comment: ./karen preview --stack prod tells all of it." in told
    assert told.endswith("\n\nCommit: c0ffee\n")


def test_a_comment_is_found_by_the_line_that_a_preview_begins_with(tmp_path: Path) -> None:
    for name in ("waiting", "comment"):
        assert f'startswith("{render.marker("STACK")}")'.replace("STACK", "'\"$STACK\"'") in script(name)
    run(tmp_path, script("comment"), FOUND="12", COMMENT="something else")
    assert f"\n{render.marker('prod')}\nsomething else\n" in (tmp_path / "calls").read_text()
