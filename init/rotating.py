"""What a server is asked about its accounts: to make them, to change their passwords, and whether it refuses a former one.

A change looks first whether the server has the next password already, and so may be repeated after it was cut off anywhere.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from init.engines import load
from init.engines.base import Service, log, required, set_patience
from init.protocol import Failure
from init.runner.actions import engine_name

# For what a driver's connection calls a user and a password.
_KEYS = {"redis": ("username", "password"), "minio": ("access_key", "secret_key")}
_DEFAULT_KEYS = ("user", "password")
_PATIENCE_SECONDS = 10.0
# Elasticsearch is asked again for as long, before it is believed that it refuses the first of two passwords.
_CHOICE_SECONDS = 5.0
# A password that is refused is refused at once.
_LOGIN_SECONDS = 1.0
# A change is in memory first: one that was cut off before it was saved is made again.
_SAVED_APART = ("redis",)
REFUSED = "AuthenticationFailed"


def grant(request: Mapping[str, Any]) -> dict[str, Any]:
    """Make the accounts of one engine what they are said to be."""
    with _connected(request, [required(request, "connection", dict)]) as driver:
        driver.grant(required(request, "accounts", list))
    return {"engine": request["engine"]}


def login(request: Mapping[str, Any]) -> dict[str, Any]:
    """Log in, and nothing else; Failure `AuthenticationFailed` where the password is refused."""
    with _connected(request, [required(request, "connection", dict)]):
        return {"engine": request["engine"]}


def change(request: Mapping[str, Any]) -> dict[str, Any]:
    """Give each account of one engine its `password` in the place of its `former_password`, the administrator's first.

    `fixed` is one whose password the server reads when it starts. The last that is changed is the application's: it waits least
    for the answer. Failure if the server does not let one in afterwards.
    """
    engine, connection = engine_name(request.get("engine")), required(request, "connection", dict)
    accounts = [one for one in required(request, "accounts", list) if not one.get("fixed")]
    candidates = _candidates(engine, connection, accounts)
    changed: list[str] = []
    ordered = sorted(accounts, key=lambda one: one["name"].endswith("-application"))
    # Whoever is asked for a password with each request is not let in with the administrator's former one any more.
    for turn in (True, False):
        these = [one for one in ordered if _is_administrator(one) is turn]
        if these:
            with _connected(request, candidates if turn else candidates[::-1]) as driver:
                changed += [one["name"] for one in these if _changed(driver, engine, connection, one)]
    for account in ordered:
        if not _lets_in(engine, connection, account["user"], account["password"]):
            told = f"{engine}: {account['user']} is not let in with the password that was just set"
            raise Failure("NotChanged", told, "run the same command again")
    return {"engine": engine, "changed": changed}


def _changed(driver: Service, engine: str, connection: Mapping[str, Any], account: Mapping[str, Any]) -> bool:
    """Change an account's password, unless it is the server's already; tell whether it was changed."""
    set_patience(_LOGIN_SECONDS)
    if _lets_in(engine, connection, account["user"], account["password"]):
        if engine in _SAVED_APART:
            driver.change(account, required(account, "former_password", str))
        return False
    driver.change(account, required(account, "former_password", str))
    log(engine, f"changed the password of {account['user']}")
    return True


def refuse(request: Mapping[str, Any]) -> dict[str, Any]:
    """Tell whether each `former_password` is refused; users that others have taken the place of are removed first."""
    engine, connection = engine_name(request.get("engine")), required(request, "connection", dict)
    accounts = required(request, "accounts", list)
    with _connected(request, [connection]) as driver:
        for account in accounts:
            if account["former_user"] != account["user"]:
                driver.retire(account["former_user"])
        set_patience(_LOGIN_SECONDS)
        for account in accounts:
            if _lets_in(engine, connection, account["former_user"], required(account, "former_password", str)):
                told = f"{engine}: {account['former_user']} is still let in with the former password"
                raise Failure("NotRefused", told, "run the same command again, or report this")
    return {"engine": engine, "refused": [account["name"] for account in accounts]}


def _is_administrator(account: Mapping[str, Any]) -> bool:
    return str(account["name"]).endswith("-administrator")


def _candidates(engine: str, connection: Mapping[str, Any], accounts: list[Any]) -> list[Mapping[str, Any]]:
    """Return the connection with the administrator's password, and with the next one."""
    _, key = _KEYS.get(engine, _DEFAULT_KEYS)
    following = [one["password"] for one in accounts if _is_administrator(one)]
    return [connection, *({**connection, key: password} for password in following)]


@contextmanager
def _connected(request: Mapping[str, Any], candidates: list[Mapping[str, Any]]) -> Iterator[Service]:
    """Provide a driver that one of the connections has let in."""
    set_patience(_PATIENCE_SECONDS if len(candidates) == 1 else _CHOICE_SECONDS)
    driver: Service = load(engine_name(request.get("engine")))
    for number, connection in enumerate(candidates, start=1):
        try:
            driver.connect({**connection, "must_exist": True})
            break
        except Failure as failure:
            if failure.kind != REFUSED or number == len(candidates):
                raise
    try:
        yield driver
    finally:
        driver.close()


def _lets_in(engine: str, connection: Mapping[str, Any], user: str, password: str) -> bool:
    """Whether the server lets a user in."""
    names = dict(zip(_KEYS.get(engine, _DEFAULT_KEYS), (user, password), strict=True))
    driver: Service = load(engine)
    try:
        driver.connect({**connection, "must_exist": True, "expect": {}, **names})
    except Failure as failure:
        if failure.kind == REFUSED:
            return False
        raise
    driver.close()
    return True
