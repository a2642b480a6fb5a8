"""`rotate`: each step looks at what is there, and may be repeated; the configuration is the note of how far it has come."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ops.cli.errors import DONE, Refused
from ops.cli.printer import Printer
from ops.cli.recorded import Recorded
from ops.cli.rotate import configured, told_to, updating
from ops.cli.rotate.accounts import INSIDE, Account, Told, applied, given
from ops.cli.rotate.alone import alone
from ops.cli.rotate.asking import ask
from ops.cli.rotate.environment import replaced

_RESTARTED = {"minio-administrator": ("minio",), "minio-storage": ("milvus",)}
_RESTART_SECONDS = 60


@dataclass(frozen=True)
class Asked:
    """What the command line says. `files` are those that applications read their variables from, in a `form`."""

    service: str
    application: bool
    files: tuple[Path, ...]
    form: str


@dataclass(frozen=True)
class Replaced:
    """A password that the server has, and the one that it is to have."""

    former: str
    following: str


@dataclass(frozen=True)
class Plan:
    """What is changed: passwords of the configuration, now or until now, and generated ones."""

    replacing: Mapping[str, Replaced]
    generated: Sequence[str]


def rotate(printer: Printer, asked: Asked, *, yes: bool) -> int:
    """Change the passwords of a service, or of all; what was cut off is finished first."""
    from ops.cli.migrate.update import ensure_free

    told_to.ensure(printer.stack, asked.files, asked.form)
    recorded = Recorded.read(printer.stack)
    ensure_free(printer)
    updating.ensure_no_migrations(recorded)
    begun = configured.unfinished(printer.stack)
    # After an update that was cut off, Pulumi may not tell how to reach the stack until the next has ended.
    plan = _plan(printer, asked, begun) if not begun else Plan({}, [])
    _announce(printer, [*begun, *plan.replacing, *plan.generated], yes=yes)
    with alone(printer.stack, f"./karen rotate {asked.service}"):
        done = []
        if begun:
            printer.say(f"A rotation was cut off: {', '.join(begun)}. It is finished first.")
            done = _turn(printer, asked, begun)
            plan = _plan(printer, asked, begun)
            if plan.replacing or plan.generated:
                _announce(printer, [*plan.replacing, *plan.generated], yes=yes)
        if plan.replacing or plan.generated:
            printer.progress("looking for changes that wait for an update")
            updating.ensure_nothing_else(printer.stack)
        # Before an update tells Pulumi of passwords that the server does not have yet.
        done += _replace(printer, asked, plan.replacing) if plan.replacing else []
        done += _turn(printer, asked, plan.generated) if plan.generated else []
    printer.end(
        f"Done: {', '.join(done)} changed; the former passwords are refused.",
        {"rotated": done, "service": asked.service, "resumed": bool(begun)},
    )
    return DONE


def _plan(printer: Printer, asked: Asked, begun: Collection[str]) -> Plan:
    """Return what is to be changed besides what was begun; Refused if there is nothing."""
    told = updating.told(printer)
    wanted = told.names(asked.service, application=asked.application)
    names = [name for name in wanted if name not in begun]
    applications = [name for name in told.names("all", application=True) if name not in begun]
    replacing, fixed = _replacing(printer.stack, told, applications)
    _ensure_no_others(printer.stack, told, set(replacing) - set(names))
    generated = [name for name in names if name not in fixed]
    if not (begun or generated or replacing):
        raise Refused(
            f"{', '.join(wanted)}: of the stack's configuration, and as the server has it. Nothing was changed. "
            f"Fix: pulumi config set --secret ai-karen-db:{asked.service}Password --stack {printer.stack}, then the same command again"
        )
    return Plan(replacing, generated)


def _turn(printer: Printer, asked: Asked, names: Sequence[str]) -> list[str]:
    """Take generated passwords through all steps, or through those that are left."""
    stack = printer.stack
    serials = configured.read(stack)
    if fresh := [name for name in names if name not in serials or not serials[name].mark]:
        # Before any note: an update that finds it replaces what must not be protected then.
        updating.make_room(stack, fresh)
        configured.begin(stack, fresh)
    if issued := configured.marked(stack, configured.ISSUED):
        printer.progress(f"issue: the next passwords of {', '.join(issued)}")
        updating.issue(printer, issued)
        told = updating.told(printer)
        _give(printer, asked, told, {name: _other(told.accounts[name]) for name in issued})
        configured.commit(stack)
    _commit(printer, asked, names)
    told = updating.told(printer)
    _refuse(printer, told, {name: _other(told.accounts[name]) for name in names})
    configured.end(stack, names)
    return list(names)


def _replace(printer: Printer, asked: Asked, replacing: Mapping[str, Replaced]) -> list[str]:
    """Put passwords of the configuration, which is where the next ones are kept, in the place of what the server has."""
    _give(printer, asked, updating.told(printer), {name: one.following for name, one in replacing.items()}, replacing)
    _commit(printer, asked, list(replacing))
    _refuse(printer, updating.told(printer), {name: one.former for name, one in replacing.items()})
    return list(replacing)


def _give(
    printer: Printer,
    asked: Asked,
    told: Told,
    passwords: Mapping[str, str],
    replacing: Mapping[str, Replaced] | None = None,
) -> None:
    """Give the servers passwords, and tell the files of applications at once."""
    printer.progress("server: it is given them, and asked whether it lets in with them")
    former = {name: one.former for name, one in (replacing or {}).items()}
    given_now: dict[str, str] = {}
    for service, accounts in _by_service(told, passwords):
        changes = [one.following(passwords[one.name], former.get(one.name)) for one in accounts]
        ask(told.job, "change", service, changes)
        # At once: a client that reads its file is refused no longer than this takes.
        given_now |= {one.name: passwords[one.name] for one in accounts}
        _tell(asked, told, given_now)
        printer.progress(f"tell: {service}'s to {', '.join(map(str, asked.files)) or 'nobody: there is no --env-file'}")


def _commit(printer: Printer, asked: Asked, names: Collection[str]) -> None:
    printer.progress("commit: what uses them is brought up to date")
    updating.commit(printer, names)
    _tell(asked, updating.told(printer), {})


def _refuse(printer: Printer, told: Told, former: Mapping[str, str]) -> None:
    printer.progress("refuse: the server is asked whether it refuses the former ones")
    for service, accounts in _by_service(told, former):
        ask(told.job, "refuse", service, [one.former(former[one.name]) for one in accounts])


def _by_service(told: Told, names: Collection[str]) -> Iterator[tuple[str, list[Account]]]:
    accounts = [told.accounts[name] for name in names]
    for service in dict.fromkeys(one.service for one in accounts):
        yield service, [one for one in accounts if one.service == service]


def _tell(asked: Asked, told: Told, following: Mapping[str, str]) -> None:
    """Replace the files of applications, whole or not at all."""
    told_to.tell(asked.files, replaced(told.environment[asked.form], following))


def _other(account: Account) -> str:
    if account.other is None:
        raise Refused(f"Pulumi has no second password of {account.name}. Fix: run the same command again")
    return account.other


def _ensure_no_others(stack: str, told: Told, waiting: Collection[str]) -> None:
    """Return if no other password waits for its rotation: what uses it, and is brought up to date here, would be given it too early."""
    if waiting:
        said = f"Passwords of the configuration that the server does not have yet: {', '.join(sorted(waiting))}"
        (service, *more) = sorted({told.accounts[name].service for name in waiting})
        fix = f"./karen rotate {'all' if more else service} --stack {stack}"
        raise Refused(f"{said}. Nothing was changed. Fix: {fix}, then the same command again")


def _replacing(stack: str, told: Told, names: Sequence[str]) -> tuple[dict[str, Replaced], list[str]]:
    """Return what is of the configuration, now or until now, and of it what differs from what the server has."""
    configured_now = given(stack, told.accounts.values())
    fixed = [name for name in names if name in configured_now or told.accounts[name].given]
    in_use = applied(stack) if fixed else {}
    found = {name: Replaced(in_use[name], configured_now.get(name, told.accounts[name].generated)) for name in fixed}
    return {name: one for name, one in found.items() if one.former != one.following}, fixed


def _announce(printer: Printer, names: Collection[str], *, yes: bool) -> None:
    """Say what will not answer for a while, and ask."""
    restarted = sorted({service for name in names for service in _RESTARTED.get(name, ())})
    if restarted:
        told = f"{' and '.join(restarted)} {'are' if len(restarted) > 1 else 'is'} started again: up to {_RESTART_SECONDS} s without Milvus"
        printer.say(f"{told}{' and MinIO' if 'minio' in restarted else ''}.")
    if any(name.endswith(INSIDE) for name in names):
        printer.say("The monitor and the container that makes backups, if there are any, are started again.")
    printer.agree(f"Change {len(names)} passwords of {printer.stack}?", yes=yes)
