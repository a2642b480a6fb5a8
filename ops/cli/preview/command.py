"""`./karen preview`."""

from bootstrap import places
from ops.cli.errors import DONE, REFUSED, CommandError, NotAsked
from ops.cli.preview import render
from ops.cli.preview.making import make
from ops.cli.preview.masking import Mask
from ops.cli.preview.review import review
from ops.cli.printer import Printer


def preview(printer: Printer, *, markdown: bool) -> int:
    """Print what an update would do; 1 if it cannot be run, or breaks a rule. As a comment, also why there is none."""
    if markdown and printer.as_json:
        raise NotAsked("--markdown and --json are two forms of the same answer. Fix: ask for one of them")
    try:
        document, mask = make(printer.stack)
    except CommandError as error:
        if not markdown:
            raise
        print(Mask(home=str(places.home()))(render.failed(printer.stack, str(error))), end="", flush=True)
        return error.code
    found = review(printer.stack, mask.preview(document), declared=document)
    if markdown:
        print(mask(render.markdown(found)), end="", flush=True)
        return DONE if found.is_good else REFUSED
    if not printer.as_json:
        printer.say(mask(render.text(found)))
    printer.end(render.summary(found), mask.everywhere(found.document()))
    return DONE if found.is_good else REFUSED
