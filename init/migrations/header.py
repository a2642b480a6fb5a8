"""Options of a migration file: comment lines at its top, or keys of a JSON document, that read `name: value`."""

import json
import re

from init.migrations.model import Options

_COMMENT = {"sql": "--", "py": "#"}
# One lower-case word, a colon and a value: prose has capitals or more words before its first colon, a link has slashes.
_OPTION = re.compile(r"(?P<name>[a-z_]+):\s*(?P<value>[^\s/]\S*)|(?P<known>timeout):\s*(?P<rest>\d.*)")
_TIMEOUT = re.compile(r"(?P<count>\d+(?:\.\d+)?)(?P<unit>ms|s|min|h)")
_UNIT_SECONDS = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0}
ALLOWED = "transactional: true or false (sql only), timeout: a number with ms, s, min or h"


def options(body: str, suffix: str) -> Options:
    """Return the options of a file's text; ValueError names the option, its value and what is allowed."""
    values = _of_json(body) if suffix == "json" else _of_comments(body, _COMMENT[suffix])
    known = {"transactional", "timeout"} if suffix == "sql" else {"timeout"}
    for name in values:
        if name not in known:
            raise ValueError(f"option {name!r} is not known; allowed: {ALLOWED}")
    transactional = values.get("transactional", "true")
    if transactional not in ("true", "false"):
        raise ValueError(f"transactional is {transactional!r}; allowed: true, false")
    return Options(transactional=transactional == "true", timeout=_seconds(values.get("timeout")))


def _of_comments(body: str, mark: str) -> dict[str, str]:
    """Return the options of the comment lines before the first line that is something else."""
    found = {}
    for line in body.splitlines():
        text = line.strip()
        if text and not text.startswith(mark):
            break
        option = _OPTION.fullmatch(text.removeprefix(mark).strip())
        if option:
            found[option["name"] or option["known"]] = option["value"] or option["rest"]
    return found


def _of_json(body: str) -> dict[str, str]:
    """Return the timeout of a document; whatever else is wrong with it, its engine will say."""
    try:
        document = json.loads(body)
    except ValueError as error:
        raise ValueError(f"no JSON: {error}") from None
    if not isinstance(document, dict):
        raise ValueError(f"a JSON {type(document).__name__}; allowed: an object")
    return {"timeout": str(document["timeout"])} if "timeout" in document else {}


def _seconds(value: str | None) -> float | None:
    if value is None:
        return None
    parsed = _TIMEOUT.fullmatch(value)
    if parsed is None or float(parsed["count"]) == 0:
        raise ValueError(f"timeout is {value!r}; allowed: a number above 0 with ms, s, min or h, such as 90s")
    return float(parsed["count"]) * _UNIT_SECONDS[parsed["unit"]]
