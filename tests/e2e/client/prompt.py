"""A prompt that takes `await`, for another process: a line of JSON in for each block of Python, one out with what it printed.

It is run by the Python of whoever follows a page, which has what that page installs and nothing of the tests.
"""

import ast
import asyncio
import contextlib
import inspect
import io
import json
import os
import sys
import traceback
from typing import Any


async def run(text: str, line: int, page: str, namespace: dict[str, Any]) -> None:
    """Run a block, whose first line has that number in the page; whatever it raises comes through."""
    code = compile("\n" * (line - 1) + text, page, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    found = eval(code, namespace)  # noqa: S307 - the page's own
    if inspect.iscoroutine(found):
        await found


def main() -> None:
    """Answer until standard input ends. What is written past `sys.stdout` goes to standard error."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    with asyncio.Runner() as runner:
        for asked in sys.stdin:
            printed, failed = io.StringIO(), None
            try:
                with contextlib.redirect_stdout(printed):
                    runner.run(run(namespace=namespace, **json.loads(asked)))
            except Exception:  # noqa: BLE001 - told to whoever asked
                failed = traceback.format_exc()
            print(json.dumps({"printed": printed.getvalue(), "failed": failed}), file=answers, flush=True)


if __name__ == "__main__":
    main()
