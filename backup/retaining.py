"""Retention as it is carried out: the sets that need not stay, and PostgreSQL's log that no set needs any more."""

from backup.configuration import Configuration
from backup.pruning import Pruned, prune
from backup.sets import locked, time_of
from backup.targets import open_target
from backup.wal import Archive


def retain(configuration: Configuration, *, wait_seconds: float, dry_run: bool = False) -> Pruned:
    """Remove what the configuration does not keep; a dry run only tells. Failure `Locked` after so many seconds."""
    target, stack, trust = open_target(configuration.target), configuration.stack, (configuration.public,)
    with locked(target, "retention", wait_seconds) as guard:
        pruned = prune(target, stack, trust, configuration.retention, guard, dry_run=dry_run)
        # A set that is not believed may be whole, and need its log; without any, what is archived is all there is.
        needing = (*pruned.plan.kept, *pruned.refused)
        if needing and not dry_run:
            guard()
            Archive(target, stack, trust=trust).prune(min(time_of(one) for one in needing))
    return pruned
