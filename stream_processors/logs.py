"""The logs of worker and writer: one line a record, nothing in it that a submission brought or caused.

What is ours is one of the events in the table below, or the reason why the process stops. Libraries speak from
`warning` on, and of what they say only the constant part is kept: what they fill in may be a key, a value, an offset.
"""

import logging
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any, Final, Literal, NamedTuple

from pythonjsonlogger.json import JsonFormatter

from deploy.settings import Settings
from stream_processors.exits import stop

Name = Literal[
    "process.started",
    "process.stopped",
    "process.failed",
    "partitions.taken_over",
    "organisation.accepted",
    "round.opened",
    "round.overdue",
    "round.sealed",
    "round.cancelled",
    "cohort.retired",
    "intervention.recorded",
    "intervention.taken_back",
    "marker.refused",
    "records.refused",
    "records.unreadable",
    "writer.caught_up",
    "rows.written",
]


class Event(NamedTuple):
    """An event as the documentation lists it: its level, and its sentence with the names of its fields."""

    level: Literal["info", "warning", "error"]
    sentence: str

    @property
    def fields(self) -> list[str]:
        """The names of its fields."""
        return sorted(set(re.findall(r"{(\w+)}", self.sentence)))


EVENTS: Final[Mapping[Name, Event]] = {
    "process.started": Event("info", "the {role} {version} starts, code {code_hash}"),
    "process.stopped": Event("info", "the {role} was told to stop and has stopped"),
    "process.failed": Event("error", "the {role} gave up, for the reason above; its exit code is {code}"),
    "partitions.taken_over": Event("info", "now has the partitions {partitions}"),
    "organisation.accepted": Event("info", "the organisation of {facility} is in force for rounds opened from now on"),
    "round.opened": Event("info", "round {round} of {facility} is open"),
    "round.overdue": Event(
        "warning",
        "round {round} of {facility} is open {days} days after its last answer date: close it with "
        "`wardpulse rounds close {round} --facility {facility}`, or give it up with "
        "`wardpulse rounds cancel {round} --facility {facility}`",
    ),
    "round.sealed": Event("info", "round {round} of {facility} is sealed"),
    "round.cancelled": Event("info", "round {round} of {facility} is cancelled, nothing of it is published"),
    "cohort.retired": Event("info", "a cohort of round {round} of {facility} is retired and in no figure any more"),
    "intervention.recorded": Event("info", "an intervention of {facility} is recorded"),
    "intervention.taken_back": Event("info", "an intervention of {facility} is taken back"),
    "marker.refused": Event("warning", "a {kind} of {facility} was refused: {reason}"),
    "records.refused": Event("info", "records were refused since the last seal: {reasons}"),
    "records.unreadable": Event("warning", "a record of {topic} was not written by a worker of ours: {reason}"),
    "writer.caught_up": Event("info", "everything published so far is in ClickHouse"),
    "rows.written": Event("info", "{rows} rows are in {table}"),
}

QUIET_SECONDS: Final = 60.0
_OURS: Final = logging.getLogger("wardpulse")
_FIELDS: Final = frozenset({"event", *(field for event in EVENTS.values() for field in event.fields)})
_PLACEHOLDER: Final = re.compile(r"%(?:\(\w+\))?[-#0 +]*[\d*]*(?:\.[\d*]+)?[a-zA-Z]")
_MODE_PREFIX: Final = re.compile(r"^\[\^[^\]]*\]: ")


def say(name: Name, **fields: str | int) -> None:
    """Log an event of the table."""
    event = EVENTS[name]
    level = logging.getLevelNamesMapping()[event.level.upper()]
    _OURS.log(level, event.sentence.format(**fields), extra={"event": name, **fields})


def set_up(settings: Settings) -> None:
    """Configure the logging of this process, whatever was configured before."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if settings.log_format == "json" else TextLines())
    handler.addFilter(Calm())
    logging.root.handlers[:] = [handler]
    logging.root.setLevel(logging.WARNING)
    _OURS.setLevel(settings.log_level.upper())
    # the driver's messages are made of the statement and the values it cannot store
    logging.getLogger("clickhouse_connect").setLevel(logging.CRITICAL + 1)
    logging.captureWarnings(True)
    # a record that cannot be formatted would be printed with everything in it, and so would an error in a thread
    logging.raiseExceptions = False
    threading.excepthook = _thread_failed
    sys.unraisablehook = _not_raised


@contextmanager
def running(role: str, version: str, code_hash: str) -> Iterator[None]:
    """Log that a process starts and stops; an error ends it at once, with its exit code."""
    say("process.started", role=role, version=version, code_hash=code_hash)
    try:
        yield
    except Exception as error:
        stop(error)
    except SystemExit as ended:
        # Faust ends the process by itself, when told to and when it gives up
        if ended.code:
            say("process.failed", role=role, code=str(ended.code))
            raise
    say("process.stopped", role=role)


class Calm(logging.Filter):
    """Lets each line of a library's code speak once a minute: without a broker some would do so many times a second."""

    def __init__(self) -> None:
        super().__init__()
        self._spoke: dict[tuple[str, int], float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is logged."""
        place = (record.pathname, record.lineno)
        if record.name == _OURS.name:
            return True
        if record.created - self._spoke.get(place, 0.0) < QUIET_SECONDS:
            return False
        self._spoke[place] = record.created
        return True


class TextLines(logging.Formatter):
    """A line of text for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, who says it, and what."""
        shown = _shown(record)
        who = shown.get("event") or shown["logger"]
        failure = f" [{shown['error']}]" if "error" in shown else ""
        return f"{shown['time']} {shown['level']} {who}: {shown['message']}{failure}".replace("\n", " ")


class JsonLines(JsonFormatter):
    """A JSON object for each record."""

    def format(self, record: logging.LogRecord) -> str:
        """The same fields whatever the record carries beside them."""
        return self.serialize_log_record(_shown(record))


def _shown(record: logging.LogRecord) -> dict[str, Any]:
    ours = record.name == _OURS.name
    instant = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    shown: dict[str, Any] = {
        "time": f"{instant}.{int(record.msecs):03}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "message": record.getMessage() if ours else _constant_part(record),
    }
    if ours:
        shown |= {name: value for name, value in record.__dict__.items() if name in _FIELDS}
    if record.exc_info and record.exc_info[1] is not None:
        shown["error"] = _failure(record.exc_info[1])
    return shown


def _failure(error: BaseException) -> str:
    """Kind and place of an error. Its text may quote a record, and so may the lines of a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return f"{type(error).__name__} at {_place(trace)}" if trace is not None else type(error).__name__


def _place(trace: TracebackType) -> str:
    return f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"


def _constant_part(record: logging.LogRecord) -> str:
    """A library's message with `...` for what it filled in; of errors their kind is kept."""
    where = f"{record.pathname}:{record.lineno}"
    message = _MODE_PREFIX.sub("", record.msg) if isinstance(record.msg, str) else ""
    if not _is_constant(message, record):
        return f"a message that may quote data, from {where}"
    given = record.args if isinstance(record.args, tuple) else ()
    kinds = iter([_kind(value) for value in given])
    return " ".join(_PLACEHOLDER.sub(lambda _: next(kinds, "..."), message).split())


def _kind(value: object) -> str:
    if isinstance(value, type):
        return value.__name__
    return type(value).__name__ if isinstance(value, BaseException) else "..."


def _is_constant(message: str, record: logging.LogRecord) -> bool:
    """Whether the code that logs has this text as a constant, and did not make it from something at hand."""
    frame: FrameType | None = sys._getframe()
    while frame is not None and (frame.f_code.co_filename, frame.f_code.co_name) != (record.pathname, record.funcName):
        frame = frame.f_back
    if frame is None:
        return False
    constants = (*frame.f_code.co_consts, *frame.f_globals.values())
    return any(isinstance(constant, str) and message == constant for constant in constants)


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        _OURS.error("a thread has ended", exc_info=failure.exc_value)


def _not_raised(failure: "sys.UnraisableHookArgs") -> None:
    if failure.exc_value is not None:
        _OURS.error("an error could not be raised", exc_info=failure.exc_value)
