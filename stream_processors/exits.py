"""How a process ends when it cannot go on: at once, with an exit code that says why, and without quoting data."""

import logging
import os
import traceback
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import NoReturn

from schemas.errors import FatalError, WardpulseError

_log = logging.getLogger("wardpulse")


def stop(error: BaseException) -> NoReturn:
    """Log what happened and end the process. The message of an error that is not ours may hold data: it is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else "unknown place"
    what = str(error) if isinstance(error, WardpulseError) else f"at {where}"
    _log.critical("stopping: %s: %s", type(error).__name__, what)
    logging.shutdown()
    os._exit(error.exit_code if isinstance(error, FatalError) else FatalError.exit_code)


@asynccontextmanager
async def stop_process() -> AsyncIterator[None]:
    """End the process if the body raises: supervisors that restart it in place would skip what it was doing."""
    try:
        yield
    except Exception as error:
        stop(error)
