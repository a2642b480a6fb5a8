"""What is wrong with variables, in sentences: which one, its value unless it is secret, what is allowed, what to do."""

import re

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from database.settings.fields import HOST, MEMORY, EngineSettings, choices

_SECRET = re.compile(r"PASSWORD|SECRET|URL|URI|DSN|ENDPOINT|ACCESS_KEY")
_OWN = "Value error, "
# What pydantic says otherwise, by the kind of error; the rest is said in its words.
_ALLOWED = {
    "int_parsing": "a whole number",
    "float_parsing": "a number",
    "bool_parsing": "true or false",
    "greater_than_equal": "{ge} or more",
    "less_than_equal": "{le} or less",
    "greater_than": "more than {gt}",
    "path_not_file": "a file that exists",
    "literal_error": "{expected}",
}
# What the patterns mean.
_PATTERNS = {
    HOST: "a name or an address, without a port",
    MEMORY: "a number and KB, MB, GB, KiB, MiB or GiB, as in 256MB",
}


def problems(error: ValidationError, model: type[EngineSettings], values: dict[str, str]) -> list[str]:
    """Return one sentence for each error; `values` are the variables as they were set."""
    return [f"{_wrong(one, model, values)}. Fix: correct it, or remove it" for one in error.errors(include_url=False)]


def _wrong(error: ErrorDetails, model: type[EngineSettings], values: dict[str, str]) -> str:
    message = error["msg"].removeprefix(_OWN)
    if not error["loc"]:
        # A sentence of our own, which names its variables.
        return message
    variable = _variable(str(error["loc"][0]), model, values)
    shown = "(not shown)" if _SECRET.search(variable) else repr(values.get(variable, ""))
    return f"{variable} is {shown}; allowed: {_allowed(error)}"


def _allowed(error: ErrorDetails) -> str:
    context = error.get("ctx", {})
    if error["type"] == "string_pattern_mismatch":
        return _PATTERNS[str(context["pattern"])]
    known = _ALLOWED.get(error["type"])
    return known.format(**context) if known else error["msg"].removeprefix("Input should be ")


def _variable(name: str, model: type[EngineSettings], values: dict[str, str]) -> str:
    """Return the variable that was meant: pydantic names the first of a field's, whichever was set."""
    for info in model.model_fields.values():
        names = choices(info)
        if name in names:
            # Where none is set, a URL has said it.
            urls = choices(model.model_fields["url"]) if "url" in model.model_fields else ()
            return next((one for one in (*names, *urls) if values.get(one)), name)
    return name
