"""Elasticsearch's users, each with a role for a pattern of indices."""

from collections.abc import Mapping, Sequence
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError

from init.engines.base import Accounts, log, passwords, required
from init.engines.elasticsearch_indices import LEDGER, PUBLIC
from init.engines.elasticsearch_script import SERVICE
from init.protocol import Failure

_PREFIX = "ai_karen_"
# Ours, but for the ledger; a regular expression, in Lucene's syntax.
_OURS = f"/{PUBLIC}.*&~({LEDGER}.*)/"
_ROLES: Mapping[str, Mapping[str, Any]] = {
    "read-write": {
        "cluster": ["monitor"],
        "indices": [
            {
                "names": [_OURS],
                "privileges": ["read", "write", "view_index_metadata", "maintenance", "monitor"],
            }
        ],
    },
    "owner": {
        "cluster": ["monitor", "manage_index_templates", "manage_ingest_pipelines", "manage_ilm"],
        "indices": [{"names": ["*"], "privileges": ["all"]}],
    },
}


def grant(client: Elasticsearch, accounts: Accounts) -> None:
    """Give each account its role, and its password unless it is that already."""
    for account in accounts:
        rights, user = required(account, "rights", str), required(account, "user", str)
        if rights not in _ROLES:
            told = f"{SERVICE}: rights of {user} are {rights!r}; allowed: {', '.join(_ROLES)}"
            raise Failure("BadRequest", told, "correct the request")
        role = f"{_PREFIX}{rights.replace('-', '_')}"
        client.security.put_role(name=role, **_ROLES[rights])
        _put(client, user, role, passwords(account))


def change(client: Elasticsearch, account: Mapping[str, Any]) -> None:
    """Set a user's password; all nodes ask for it from then on."""
    client.security.change_password(
        username=required(account, "user", str), password=required(account, "password", str)
    )


def _put(client: Elasticsearch, user: str, role: str, accepted: Sequence[str]) -> None:
    try:
        known = client.security.get_user(username=user)[user]
    except NotFoundError:
        known = None
    # Without a password in the request, the one that is there stays.
    given: dict[str, Any] = (
        {} if known and any(_lets_in(client, user, one) for one in accepted) else {"password": accepted[0]}
    )
    if given or known["roles"] != [role] or not known["enabled"]:
        client.security.put_user(username=user, roles=[role], enabled=True, refresh="wait_for", **given)
    if given:
        log(SERVICE, f"gave {user} its password")


def _lets_in(client: Elasticsearch, user: str, password: str) -> bool:
    try:
        client.options(basic_auth=(user, password)).security.authenticate()
    except ApiError as error:
        if error.meta.status == 401:
            return False
        raise
    return True
