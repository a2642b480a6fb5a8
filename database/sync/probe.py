"""A question with a deadline, for clients whose libraries have none for it."""

import threading
from collections.abc import Callable
from concurrent.futures import Future


def within(seconds: float, function: Callable[[], None]) -> None:
    """Call a function in a thread of its own; TimeoutError if it takes longer, and then the thread ends by itself."""
    done: Future[None] = Future()

    def call() -> None:
        try:
            function()
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            done.set_exception(error)
        else:
            done.set_result(None)

    threading.Thread(target=call, daemon=True, name="database-probe").start()
    done.result(seconds)
