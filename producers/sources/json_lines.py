"""JSON lines: one object per line is one answer sheet. A file that is one list of objects is read as well.

Nested objects are named by their path, such as `answers.1`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from producers.sources.csv_text import load
from producers.sources.json_text import NESTED, NotJson, decoded, is_nested, loads, members, parsed, text_of
from producers.sources.sheet import Refused, RowReason, Sheet


def read_json_lines(export: Path | bytes, wanted: tuple[str, ...]) -> Iterator[Sheet | Refused]:
    """The objects of a file. InputRefused, before the first, if it cannot be read or is a list that is no JSON."""
    file, data = load(export)
    names = frozenset(wanted)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return (_sheet(number, one, names) for number, one in enumerate(parsed(file, data), 1))
    text = decoded(data)
    lines: list[Any] = text.splitlines() if isinstance(text, bytes) else text.split("\n")
    return (_line(number, line, names) for number, line in enumerate(lines, 1) if line.strip())


def _line(number: int, line: bytes | str, wanted: frozenset[str]) -> Sheet | Refused:
    try:
        return _sheet(number, loads(line), wanted)
    except NotJson as error:
        return Refused(number, None, str(RowReason.UNREADABLE_ROW), str(error))


def _sheet(number: int, found: Any, wanted: frozenset[str]) -> Sheet | Refused:
    if not isinstance(found, dict):
        return Refused(number, None, str(RowReason.WRONG_SHAPE), "not an object with a name for each value")
    cells: dict[str, str] = {}
    for name, value in members(found, wanted):
        if name in cells:
            return Refused(number, name, str(RowReason.WRONG_SHAPE), "two values of the object have this name")
        if is_nested(value):
            return Refused(number, name, str(RowReason.WRONG_SHAPE), NESTED)
        cells[name] = text_of(value)
    return Sheet(number, cells)
