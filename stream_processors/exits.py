"""How a process ends when it cannot go on: at once, with an exit code that says why, and without quoting data."""

import logging
import os
import signal
import threading
import time
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, NoReturn

from schemas.errors import DataError, FatalError, RetryableError, WardpulseError

GRACE_SECONDS: Final = 5.0
STANDARD_INPUT: Final = 0
_log = logging.getLogger("wardpulse")


def describe(error: BaseException) -> str:
    """What happened, for a person. The message of an error that is not ours may hold data: it is left out."""
    if isinstance(error, WardpulseError):
        return str(error)
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "an unknown place"
    return f"unexpected {type(error).__name__} at {where}; please report it"


def logged(error: BaseException) -> str:
    """What happened, for a log. The detail of a data error is for a person at the edge only."""
    return str(error.reason) if isinstance(error, DataError) else describe(error)


def exit_code(error: BaseException) -> int:
    """The exit code of an error: its own, or 70 for one nobody expected."""
    return error.exit_code if isinstance(error, FatalError | RetryableError) else FatalError.exit_code


def stop(error: BaseException) -> NoReturn:
    """Log what happened and end the process, whatever else is running in it."""
    _log.critical("stopping: %s: %s", type(error).__name__, logged(error))
    logging.shutdown()
    os._exit(exit_code(error))


def end_with_parent() -> None:
    """End this process when its standard input ends: when whoever started it is gone, in whatever way."""

    def wait() -> None:
        # not through sys.stdin, whose lock an interpreter that ends would wait for
        while os.read(STANDARD_INPUT, 1024):
            pass
        os.kill(os.getpid(), signal.SIGTERM)
        # with its broker gone too, a worker would wait for it for ever
        time.sleep(GRACE_SECONDS)
        os._exit(128 + signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


@asynccontextmanager
async def stop_process() -> AsyncIterator[None]:
    """End the process if the body raises: supervisors that restart it in place would skip what it was doing."""
    try:
        yield
    except Exception as error:
        stop(error)
