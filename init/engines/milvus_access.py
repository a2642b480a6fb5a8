"""Milvus' users: root gets the generated password at the first connection, an application a user and a role of its own."""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from pymilvus import MilvusClient, MilvusException

from init import transport
from init.engines.base import log, passwords, required
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


def connect(connection: Mapping[str, Any], *, timeout: float, database: str = "default") -> MilvusClient:
    """Connect as the administrator; a new server's documented password is exchanged for the generated one."""
    if not required(connection, "authorization", bool):
        return MilvusClient(timeout=timeout, db_name=database, **transport.milvus(connection))
    user, password = required(connection, "user", str), required(connection, "password", str)
    try:
        return _logged_in(connection, user, password, timeout, database)
    except MilvusException as error:
        if not is_refusal(error):
            raise
    try:
        client = _logged_in(connection, user, _DEFAULT_PASSWORD, timeout)
    except MilvusException as error:
        if not is_refusal(error):
            raise
        raise Failure(
            "AuthenticationFailed",
            f"milvus: the password of {user} was refused",
            "finish a rotation that was cut off (./karen rotate all), or restore the stack's state: the volume keeps its passwords",
        ) from None
    if connection.get("must_exist"):
        client.close()
        raise Failure("NotInitialized", f"milvus: {user} has no password of its own yet", "run pulumi up")
    client.update_password(user, _DEFAULT_PASSWORD, password)
    client.close()
    log("milvus", f"gave {user} the generated password")
    return _logged_in(connection, user, password, timeout, database)


def grant(client: MilvusClient, connection: Mapping[str, Any], account: Mapping[str, Any], *, timeout: float) -> None:
    """Give an account its password, and a role that may use collections but not change them."""
    user, accepted = required(account, "user", str), passwords(account)
    if user not in client.list_users():
        client.create_user(user, accepted[0])
        log("milvus", f"created user {user}")
    elif not any(_can_log_in(connection, user, one, timeout) for one in accepted):
        # Only its owner may change a password; a new user under the old name has the new one.
        client.drop_user(user)
        client.create_user(user, accepted[0])
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


def change(client: MilvusClient, account: Mapping[str, Any], former: str) -> None:
    """Give a user, root too, another password; the server wants to be told the former one."""
    client.update_password(required(account, "user", str), former, required(account, "password", str))


def is_refusal(error: BaseException) -> bool:
    """Whether the server refused the credentials: the client calls that unreachable, and only its causes tell."""
    cause: BaseException | None = error
    # Repeated attempts leave errors that are each other's causes.
    seen: set[int] = set()
    while cause is not None and id(cause) not in seen:
        if "auth check failure" in str(cause).lower():
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False


def _logged_in(
    connection: Mapping[str, Any], user: str, password: str, timeout: float, database: str = "default"
) -> MilvusClient:
    # Of its own: the client's library would hand out a connection that was let in earlier, whatever the password is now.
    secured = transport.milvus(connection)
    return MilvusClient(user=user, password=password, timeout=timeout, db_name=database, dedicated=True, **secured)


def _can_log_in(connection: Mapping[str, Any], user: str, password: str, timeout: float) -> bool:
    try:
        client = _logged_in(connection, user, password, timeout)
    except MilvusException as error:
        if is_refusal(error):
            return False
        raise
    with suppress(MilvusException):
        client.close()
    return True
