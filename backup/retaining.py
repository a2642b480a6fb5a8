"""Retention as it is carried out: the sets that need not stay, and PostgreSQL's log that no set needs any more."""

from backup.configuration import Configuration
from backup.pruning import Decision, carry_out, decide, require_unchanged
from backup.sets import locked, time_of
from backup.staging import sweep
from backup.targets import open_target
from backup.wal import Archive

_HOLDER = "retention"


def decided(configuration: Configuration, *, wait_seconds: float) -> Decision:
    """Return what the configuration does not keep; nothing is touched. Failure `Locked` after so many seconds."""
    target, stack, trust = open_target(configuration.target), configuration.stack, (configuration.public,)
    with locked(target, _HOLDER, wait_seconds):
        return decide(target, stack, trust, configuration.retention)


def retain(configuration: Configuration, *, wait_seconds: float, agreed: Decision | None = None) -> Decision:
    """Remove what was agreed to, or without that what the configuration does not keep; return what it was.

    Failure `Locked` after so many seconds, `Changed` if the sets are not those of what was agreed to.
    """
    target, stack, trust = open_target(configuration.target), configuration.stack, (configuration.public,)
    with locked(target, _HOLDER, wait_seconds) as guard:
        if agreed:
            require_unchanged(target, stack, trust, agreed)
        decision = agreed or decide(target, stack, trust, configuration.retention)
        carry_out(target, stack, decision, guard)
        # A set that is not believed may be whole, and need its log; without any, what is archived is all there is.
        needing = (*decision.plan.kept, *decision.refused)
        if needing:
            guard()
            Archive(target, stack, trust=trust).prune(min(time_of(one) for one in needing))
    sweep(configuration.staging)
    return decision
