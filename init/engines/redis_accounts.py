"""Redis' users: hashes in its access list, which is saved after each change, so that a restart forgets none."""

import hashlib
from collections.abc import Mapping
from typing import Any

import redis

from init.engines.base import Accounts, passwords, required

# Before the rules that are given: what a user could do otherwise.
_NOTHING = ("on", "resetkeys", "resetchannels", "-@all", "clearselectors")


def grant(client: "redis.Redis", accounts: Accounts, administrator: Mapping[str, Any]) -> None:
    """Give each account its rights and its passwords, one but during a rotation; the administrator, who asks, is left with one."""
    if not accounts:
        return
    for account in accounts:
        rules = (*_NOTHING, *required(account, "rights", str).split())
        added = (_added(password) for password in passwords(account))
        _set(client, required(account, "user", str), "resetpass", *added, *rules)
    _set(
        client, required(administrator, "username", str), "resetpass", _added(required(administrator, "password", str))
    )
    client.acl_save()


def change(client: "redis.Redis", account: Mapping[str, Any]) -> None:
    """Let an account in with its password besides those that it has; with these it is let in until `grant`."""
    _set(client, required(account, "user", str), _added(required(account, "password", str)))
    client.acl_save()


def _set(client: "redis.Redis", user: str, *rules: str) -> None:
    client.execute_command("ACL", "SETUSER", user, *rules)  # type: ignore[no-untyped-call]


def _added(password: str) -> str:
    """Return the rule that adds a password, which is not told to the server itself: it might log a command."""
    return f"#{hashlib.sha256(password.encode()).hexdigest()}"
