"""Milvus users: root gets the generated password at the first connection, the application a user and a role of its own."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pymilvus import MilvusClient, MilvusException

from init.engines.base import log, required
from init.protocol import Failure

# https://milvus.io/docs/authenticate.md: the password a new server gives to root.
_DEFAULT_PASSWORD = "Milvus"  # noqa: S105 - documented, and replaced at once
ROLE = "ai_karen_application"
# Reading and writing rows and looking at what is there: no schema, no users.
_PRIVILEGES = {
    "Collection": (
        "Delete",
        "Flush",
        "GetFlushState",
        "GetLoadingProgress",
        "GetLoadState",
        "GetStatistics",
        "IndexDetail",
        "Insert",
        "Load",
        "Query",
        "Search",
        "Upsert",
    ),
    "Global": ("DescribeCollection", "ShowCollections"),
}


def connect(address: str, connection: Mapping[str, Any], *, timeout: float, database: str = "default") -> MilvusClient:
    """Connect as the administrator; a new server's documented password is exchanged for the generated one."""
    if not required(connection, "authorization", bool):
        return MilvusClient(uri=address, timeout=timeout, db_name=database)
    user, password = required(connection, "user", str), required(connection, "password", str)
    try:
        return MilvusClient(uri=address, user=user, password=password, timeout=timeout, db_name=database)
    except MilvusException as error:
        if not is_refusal(error):
            raise
    try:
        client = MilvusClient(uri=address, user=user, password=_DEFAULT_PASSWORD, timeout=timeout)
    except MilvusException as error:
        if not is_refusal(error):
            raise
        raise Failure(
            "AuthenticationFailed",
            f"milvus: the password of {user} was refused",
            "the volume keeps the password it was given first: restore the stack's state, or reset the stack",
        ) from None
    if connection.get("must_exist"):
        client.close()
        raise Failure("AuthenticationFailed", f"milvus: {user} has no password of its own yet", "run pulumi up")
    client.update_password(user, _DEFAULT_PASSWORD, password)
    client.close()
    log("milvus", f"gave {user} the generated password")
    return MilvusClient(uri=address, user=user, password=password, timeout=timeout, db_name=database)


def grant_application(client: MilvusClient, address: str, connection: Mapping[str, Any], *, timeout: float) -> None:
    """Give the application its user, with the given password, and a role that may use collections but not change them."""
    user, password = required(connection, "app_user", str), required(connection, "app_password", str)
    if user not in client.list_users():
        client.create_user(user, password)
        log("milvus", f"created user {user}")
    elif not _can_log_in(address, user, password, timeout):
        # Only its owner may change a password; a new user under the old name has the new one.
        client.drop_user(user)
        client.create_user(user, password)
        log("milvus", f"gave user {user} its new password")
    if ROLE not in client.list_roles():
        client.create_role(ROLE)
    granted = {(one["object_type"], one["privilege"]) for one in client.describe_role(ROLE)["privileges"]}
    for kind, privileges in _PRIVILEGES.items():
        for privilege in privileges:
            if (kind, privilege) not in granted:
                client.grant_privilege(ROLE, kind, privilege, "*")
    if ROLE not in client.describe_user(user).get("roles", ()):
        client.grant_role(user, ROLE)


def is_refusal(error: BaseException) -> bool:
    """Whether the server refused the credentials: the client calls that unreachable, and only its causes tell."""
    cause: BaseException | None = error
    while cause is not None:
        if "auth check failure" in str(cause).lower():
            return True
        cause = cause.__cause__ or cause.__context__
    return False


def _can_log_in(address: str, user: str, password: str, timeout: float) -> bool:
    try:
        client = MilvusClient(uri=address, user=user, password=password, timeout=timeout)
    except MilvusException as error:
        if is_refusal(error):
            return False
        raise
    with suppress(MilvusException):
        client.close()
    return True
