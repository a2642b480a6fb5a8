"""The settings of the server that recovers a part: reachable by nobody but who shares its network, which is none."""

from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from init.protocol import Failure

PORT = 5432
# Whoever is here is in the server's own network namespace, and has to set the passwords first.
TRUST = "local all all trust\nhost all all 127.0.0.1/32 trust\n"
_FIXED = {
    "listen_addresses": "127.0.0.1",
    "port": str(PORT),
    "unix_socket_directories": "",
    # Nobody looks while it recovers; and then none of the source's limits is a condition.
    "hot_standby": "off",
    "recovery_target_action": "promote",
    # The source may have gone on, and been restored, since.
    "recovery_target_timeline": "current",
    # Nothing may act on what is not the target's yet.
    "max_logical_replication_workers": "0",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "event_triggers": "off",
    "shared_preload_libraries": "",
    "password_encryption": "scram-sha-256",
    "log_min_messages": "warning",
    "log_min_error_statement": "panic",
    "log_min_duration_statement": "-1",
    "log_statement": "none",
    "wal_level": "replica",
    "max_wal_size": "1GB",
}
# What is in the data was made under these of the source's.
_KEPT = ("max_prepared_transactions", "max_locks_per_transaction")


def settings(restoring: Path, details: Mapping[str, Any], until: str | None) -> str:
    """Return a configuration that recovers to the part's own point, or to the last commit at `until` or before.

    `until` is a time with its zone (`2026-05-04T10:00:00+00:00`); Failure `BadRequest` if it is not.
    """
    values = {
        **_FIXED,
        **{name: str(details["settings"][name]) for name in _KEPT},
        "hba_file": f"{restoring}/hba.conf",
        "ident_file": f"{restoring}/ident.conf",
        "restore_command": f'cp "{restoring}/wal/%f" "%p"',
    }
    if until is None:
        values["recovery_target_name"] = str(details["point"])
    else:
        values["recovery_target_time"] = moment(until).isoformat(sep=" ", timespec="microseconds")
    return "".join(f"{name} = {_quoted(one)}\n" for name, one in values.items())


def moment(until: str) -> datetime:
    """Return a time in UTC; Failure `BadRequest` if it is none, or has no zone."""
    try:
        found = datetime.fromisoformat(until)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise Failure(
            "BadRequest",
            f"postgres: until is {until!r}; allowed: a time with its zone",
            "such as 2026-05-04T10:00:00+00:00",
        )
    return found.astimezone(UTC)


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "''") + "'"
