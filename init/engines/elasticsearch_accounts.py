"""Elasticsearch's users, each with a role that names the data set's indices one by one."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from elasticsearch import ApiError, Elasticsearch, NotFoundError

from init.engines.base import Accounts, log, passwords, required
from init.engines.elasticsearch_indices import Index
from init.engines.elasticsearch_script import SERVICE
from init.protocol import Failure

_PREFIX = "ai_karen_"
_OWNER = "owner"
_PRIVILEGES: Mapping[str, Sequence[str]] = {
    "read-write": ("read", "write", "view_index_metadata", "maintenance", "monitor"),
    "read-only": ("read", "view_index_metadata"),
}
# In development: any index.
_EVERY = {
    "cluster": ["monitor", "manage_index_templates", "manage_ingest_pipelines", "manage_ilm"],
    "indices": [{"names": ["*"], "privileges": ["all"]}],
}


def grant(client: Elasticsearch, accounts: Accounts, indices: Iterable[Index]) -> None:
    """Give each account its role, and its password unless it is that already; `indices` are those that there are."""
    sets = _data_set(indices)
    for account in accounts:
        rights, user = required(account, "rights", str), required(account, "user", str)
        if rights not in (*_PRIVILEGES, _OWNER):
            told = f"{SERVICE}: rights of {user} are {rights!r}; allowed: {', '.join((*_PRIVILEGES, _OWNER))}"
            raise Failure("BadRequest", told, "correct the request")
        role = f"{_PREFIX}{rights.replace('-', '_')}"
        client.security.put_role(name=role, **_role(rights, sets))
        _put(client, user, role, passwords(account))


def change(client: Elasticsearch, account: Mapping[str, Any]) -> None:
    """Set a user's password; all nodes ask for it from then on."""
    client.security.change_password(
        username=required(account, "user", str), password=required(account, "password", str)
    )


def _role(rights: str, sets: Sequence[Sequence[str]]) -> Mapping[str, Any]:
    if rights == _OWNER:
        return _EVERY
    entries = [{"names": names, "privileges": _PRIVILEGES[rights]} for names in sets]
    return {"cluster": ["monitor"], "indices": entries}


def _data_set(indices: Iterable[Index]) -> list[list[str]]:
    """Return, for each alias of an index that a migration has made, the names that it is reached by.

    A later version takes the alias over before roles are given anew, and a server asks by the index's own name where it changes
    what a query finds: so any version of the alias is named, in Lucene's syntax.
    """
    found: dict[str, set[str]] = {}
    for index in indices:
        if index.made_by and not index.kept_by:
            for alias in index.aliases:
                versions = re.sub(r"\W", r"\\\g<0>", alias)
                found.setdefault(alias, {alias, f"/{versions}_v[0-9]+/"}).add(index.name)
    return [sorted(names) for _, names in sorted(found.items())]


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
