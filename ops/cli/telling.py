"""What Pulumi tells of a stack, secrets included, and why it does not."""

from typing import Any

from bootstrap import places
from ops.cli.errors import NotAsked
from ops.pulumi import PulumiError, outputs

_WRONG = "incorrect passphrase"


def told_outputs(stack: str) -> dict[str, Any]:
    """Return the stack's outputs; NotAsked if Pulumi does not tell them."""
    try:
        return outputs(stack)
    except PulumiError as error:
        raise untold(stack, error) from None


def untold(stack: str, error: Exception) -> NotAsked:
    """Return why Pulumi did not tell how to reach a stack, with what helps."""
    words = " ".join(str(error).split()).removesuffix(".")
    if _WRONG in words:
        words, fix = "the passphrase is not the stack's", f"restore {places.passphrase_file(stack)} from your copy"
    elif isinstance(error, KeyError):
        words, fix = f"it has recorded no {words}", f"make up STACK={stack}"
    else:
        fix = f"./karen doctor --stack {stack}"
    ending = "" if " Fix: " in words else f". Fix: {fix}"
    return NotAsked(f"Pulumi does not tell how to reach the stack {stack}: {words}{ending}")
