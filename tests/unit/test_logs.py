"""The logs: what a library fills in, and what an error says, never gets into them."""

import json
import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, get_args

import pytest

from deploy.settings import Settings
from stream_processors.logs import EVENTS, QUIET_SECONDS, Calm, JsonLines, Name, TextLines, running, say, set_up

SECRET = "respondent 4711"
CONSTANT = "a constant of the module, with %s"


class Lines(logging.Handler):
    """Keeps what a formatter makes of records."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.lines.append(self.format(record))


class Objects(Lines):
    """The same as JSON objects."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__(formatter)
        self.found: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep an object."""
        self.found.append(json.loads(self.format(record)))


@pytest.fixture(params=[JsonLines, TextLines])
def library(request: pytest.FixtureRequest) -> Iterator[tuple[logging.Logger, Lines]]:
    """A library's logger, and the lines that come out."""
    logger, lines = logging.getLogger("some_library"), Lines(request.param())
    logger.addHandler(lines)
    yield logger, lines
    logger.removeHandler(lines)


@pytest.fixture
def ours() -> Iterator[list[dict[str, Any]]]:
    """What our own logger says, as JSON objects."""
    logger, lines = logging.getLogger("wardpulse"), Objects(JsonLines())
    level = logger.level
    logger.addHandler(lines)
    logger.setLevel(logging.DEBUG)
    yield lines.found
    logger.setLevel(level)
    logger.removeHandler(lines)


def _raise() -> None:
    raise ValueError(SECRET)


def test_what_a_library_fills_in_is_left_out(library: tuple[logging.Logger, Lines]) -> None:
    logger, lines = library
    logger.warning("refused %s at %d: %r", SECRET, 4711, ValueError(SECRET))
    logger.warning("refused %(key)s", {"key": SECRET})
    logger.warning(CONSTANT, SECRET)
    label = "[^--Consumer]: "
    logger.warning(label + "stopped %s", SECRET)
    for line, kept in zip(
        lines.lines, ("refused ... at ...: ValueError", "refused ...", "a constant of", "stopped ..."), strict=True
    ):
        assert kept in line
        assert "4711" not in line


@pytest.mark.parametrize(
    "made", [f"refused {SECRET}", f"{SECRET} was refused", ValueError(SECRET), {"a": SECRET}, "", b"4711"]
)
def test_a_message_that_was_made_from_data_is_left_out(library: tuple[logging.Logger, Lines], made: object) -> None:
    logger, lines = library
    logger.error(made)
    assert "4711" not in lines.lines[0]
    assert "a message that may quote data" in lines.lines[0]
    assert "test_logs.py" in lines.lines[0]


def test_the_end_of_a_message_being_a_constant_is_not_enough(library: tuple[logging.Logger, Lines]) -> None:
    logger, lines = library
    logger.error(f"{SECRET} was refused")
    assert "4711" not in lines.lines[0]


def test_of_an_error_only_kind_and_place_are_logged(library: tuple[logging.Logger, Lines]) -> None:
    logger, lines = library
    try:
        _raise()
    except ValueError:
        logger.exception("failed")
    assert "ValueError at " in lines.lines[0]
    assert "4711" not in lines.lines[0]
    assert "Traceback" not in lines.lines[0]


def test_fields_a_library_adds_are_left_out(library: tuple[logging.Logger, Lines]) -> None:
    logger, lines = library
    logger.warning("refused", extra={"data": SECRET, "facility": SECRET}, stack_info=True)
    assert "4711" not in lines.lines[0]
    assert "\n" not in lines.lines[0]


def test_a_line_of_a_library_speaks_once_a_minute_and_ours_always() -> None:
    calm, said = Calm(), []
    for seconds in (0.0, 1.0, QUIET_SECONDS):
        for name in ("aiokafka", "wardpulse"):
            record = logging.LogRecord(name, logging.ERROR, "somewhere.py", 7, "no broker", None, None)
            record.created = 1000.0 + seconds
            said.append(calm.filter(record))
    assert said == [True, True, False, True, True, True]


@pytest.mark.parametrize("name", get_args(Name))
def test_every_event_is_logged_with_its_fields_and_no_others(name: Name, ours: list[dict[str, Any]]) -> None:
    fields = {field: f"a-{field}" for field in EVENTS[name].fields}
    say(name, **fields)
    (line,) = ours
    assert {"time", "level", "logger", "message", "event", *fields} == set(line)
    assert (line["event"], line["level"]) == (name, EVENTS[name].level)
    assert all(value in line["message"] for value in fields.values())


def test_no_event_has_a_field_for_a_count_of_answers_an_offset_or_a_person() -> None:
    fields = {field for event in EVENTS.values() for field in event.fields}
    place = {"facility", "round", "partitions", "topic", "table"}
    assert fields == place | {"role", "version", "code_hash", "code", "days", "kind", "reason", "reasons", "rows"}
    assert EVENTS["rows.written"].fields == ["rows", "table"]


def test_times_are_utc_with_milliseconds() -> None:
    record = logging.LogRecord("wardpulse", logging.INFO, "x.py", 1, "text over\ntwo lines", None, None)
    record.created, record.msecs = 1_767_225_600.5, 500.0
    assert TextLines().format(record) == "2026-01-01T00:00:00.500Z info wardpulse: text over two lines"


@pytest.fixture
def untouched() -> Iterator[None]:
    """Puts the process's logging back."""
    root, ours, hooks = logging.root, logging.getLogger("wardpulse"), (logging.raiseExceptions, sys.unraisablehook)
    before = (root.handlers[:], root.level, ours.level)
    yield
    root.handlers[:], level, our_level = before
    root.setLevel(level)
    ours.setLevel(our_level)
    logging.raiseExceptions, sys.unraisablehook = hooks
    logging.captureWarnings(False)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("level", ["debug", "info", "warning", "error"])
def test_our_level_is_set_and_libraries_speak_from_warning_on(level: str) -> None:
    set_up(replace(Settings(), log_level=level, log_format="json"))
    assert logging.getLogger("wardpulse").getEffectiveLevel() == getattr(logging, level.upper())
    for library in ("faust", "mode", "aiokafka", "kafka"):
        assert logging.getLogger(library).getEffectiveLevel() == logging.WARNING
    assert not logging.getLogger("clickhouse_connect.driver").isEnabledFor(logging.CRITICAL)
    (handler,) = logging.root.handlers
    assert isinstance(handler.formatter, JsonLines)


def test_a_process_says_that_it_starts_and_stops_or_that_it_failed(ours: list[dict[str, Any]]) -> None:
    with running("worker", "1.0", "0"):
        pass
    with pytest.raises(SystemExit), running("worker", "1.0", "0"):
        raise SystemExit(1)
    assert [line["event"] for line in ours] == [
        "process.started",
        "process.stopped",
        "process.started",
        "process.failed",
    ]
