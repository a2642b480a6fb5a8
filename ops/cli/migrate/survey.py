"""What is known of a stack's engines, and having a job do something about one of them."""

from collections.abc import Sequence
from typing import Any

from init.resources import data
from init.resources.seeds import seeds_checksum
from ops.cli.errors import NotAsked
from ops.cli.migrate import pins
from ops.cli.migrate.asking import Asking
from ops.cli.migrate.folders import files_of
from ops.cli.migrate.known import Known

_PATIENCE_SECONDS = 5.0
# As long as an update gives its migrations.
_ACT_SECONDS = 24 * 3600.0
_offered: list[Asking] = []


def offer(asking: Asking) -> None:
    """Have the next survey of the same stack and engine use what was begun before."""
    _offered.append(asking)


def survey(stack: str, engine: str | None = None, *, counts: bool = False) -> list[Known]:
    """Ask one engine, or all that the stack has; NotAsked if there is nothing to ask. Nothing is changed."""
    begun = _offered.pop() if _offered else None
    if begun is None or (begun.stack, begun.engine) != (stack, engine):
        begun = Asking(stack, engine)
    with begun as asking:
        asking.complete()
        answers = _answers(asking, counts=counts)
    seeds = seeds_checksum(data.DIRECTORY / "seed")
    return [
        Known(
            engine=name,
            files=files,
            file_problems=problems,
            pin=pins.pin(asking.settings, name),
            record=asking.recorded.records[name],
            answer=answers[name],
            seeds=seeds,
        )
        for name in asking.engines
        for files, problems in [files_of(name)]
    ]


def act(stack: str, one: Known, action: str, **request: Any) -> dict[str, Any]:
    """Have a job do something about one engine's migrations; JobError says why it could not.

    It is done with the files that the survey found, and only to the ledger that it found.
    """
    from init.migrations.wire import to_document
    from init.runner.name import runner_name

    with Asking(stack, one.engine, seconds=_ACT_SECONDS) as asking:
        asking.complete()
        return asking.ask(
            action=action,
            engine=one.engine,
            connection=asking.connection(one.engine),
            migrations=[to_document(file) for file in one.files],
            shown=[entry.document() for entry in one.ledger],
            runner=runner_name(),
            **request,
        )


def asked(found: Sequence[Known]) -> None:
    """Return if every engine has answered; NotAsked names those that have not."""
    errors = [f"{one.engine}: {one.error}" for one in found if one.error]
    if errors:
        raise NotAsked("\n".join(errors))


def _answers(asking: Asking, *, counts: bool) -> dict[str, Any]:
    """Return what each engine tells; one that cannot be asked has its reason as its answer."""
    from init.resources.job import JobError

    common = {"counts": counts, "patience": _PATIENCE_SECONDS}
    if asking.engine is None:
        engines = {name: {"connection": asking.connection(name), "migrations": []} for name in asking.engines}
        try:
            return dict(asking.ask(action="inspect-all", engines=engines, **common)["engines"])
        except JobError as error:
            raise NotAsked(f"The stack {asking.stack} could not be asked. {error}") from None
    one = {"engine": asking.engine, "connection": asking.connection(asking.engine), "migrations": []}
    try:
        return {asking.engine: asking.ask(action="inspect", **one, **common)}
    except JobError as error:
        return {asking.engine: {"error": {"message": str(error).removeprefix(f"{asking.engine}: "), "fix": ""}}}
