"""From the bytes of an export to its rows: encoding, delimiter, column names, and where each row starts."""

import codecs
import csv
import difflib
import io
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from producers.sources.mapping import MOST_REPORTED, Header, tidy
from schemas.errors import InputRefused

DELIMITERS: Final = ",;\t|"
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
# Excel's own line before the header; a program that saves the file again may quote it or fill the row up
_SEPARATOR_LINE: Final = re.compile(r'"?sep=([^\w"\r\n\0])"?[,;\t|]*(?:\r\n|\r|\n|\Z)', re.IGNORECASE)
# a header may be hostile: names beyond these are never compared with a missing one
_MOST_COMPARED: Final = 2000
_LONGEST_COMPARED: Final = 200
_IMPORT_ID: Final = '{"ImportId"'


class Record(NamedTuple):
    """One row of the file, which may span lines. `cells` is None where its quotes do not pair up."""

    line: int
    last_line: int
    cells: list[str] | None


@dataclass(frozen=True, slots=True)
class Table:
    """The rows under the header, blank ones left out; `places` says where a column is."""

    places: dict[str, int]
    width: int
    records: Iterator[Record]


class Heading(NamedTuple):
    """The column names, empty ones included, and how many rows follow them before the first answer sheet."""

    names: list[str]
    skip_after: int


class _Text(NamedTuple):
    """The text under a separator line, the number of its first line, and what the line says."""

    text: str
    line: int
    delimiter: str | None


def open_table(
    export: Path | bytes,
    wanted: Sequence[str],
    header: Header,
    lacking: Mapping[str, str] | None = None,
    file: str | None = None,
) -> Table:
    """Find the columns wanted; InputRefused if the file is not text with such a header.

    `lacking` says what to do where a column is not there; else the nearest names are offered. `file`: what to call it.
    """
    name, data = load(export)
    file = file or name
    records = _rows(_opened(data, header.encoding), wanted, header.delimiter)
    names = _names(records)
    _check_names(file, names, wanted, lacking or {})
    places = {name: place for place, name in enumerate(names)}
    rows = islice(records, header.skip_after or 0, None)
    return Table(places, len(names), (record for record in rows if not _is_blank(record)))


def read_heading(export: Path | bytes, known: Collection[str]) -> Heading:
    """The column names alone; `known` ones help to find the delimiter. InputRefused as for a table.

    The two rows below are only asked whether they are Qualtrics' import ids.
    """
    file, data = load(export)
    records = _rows(_opened(data, "auto"), known, "auto")
    names = _names(records)
    _check_names(file, names, (), {})
    below = enumerate(islice(records, 2), 1)
    return Heading(names, next((count for count, record in below if _holds_import_ids(record)), 0))


def load(export: Path | bytes) -> tuple[str, bytes]:
    """What to call a file, and its bytes; InputRefused if it cannot be read."""
    if isinstance(export, bytes):
        return "the export", export
    try:
        return str(export), export.read_bytes()
    except OSError as error:
        raise InputRefused(f"{export}: cannot be read ({error.strerror}): correct the path") from None


def _opened(data: bytes, encoding: str) -> _Text:
    text = _decode(data, encoding)
    found = _SEPARATOR_LINE.match(text)
    return _Text(text[found.end() :], 2, found[1]) if found else _Text(text, 1, None)


def _decode(data: bytes, encoding: str) -> str:
    chosen = _encoding(data) if encoding == "auto" else encoding
    return data.decode(chosen, "replace").removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")


def _encoding(data: bytes) -> str:
    if data.startswith(_UTF_16_MARKS):
        return "utf-16"
    if data.startswith(codecs.BOM_UTF8) or _is_utf8(data):
        return "utf-8"
    text = data.decode("utf-8", "replace")
    damaged = text.count("\N{REPLACEMENT CHARACTER}")
    sound = len(text) - len(text.encode("ascii", "ignore")) - damaged
    # a UTF-8 file with a damaged spot stays UTF-8: read as cp1252, every accent in it would become other letters
    return "cp1252" if damaged > sound else "utf-8"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _rows(opened: _Text, wanted: Collection[str], delimiter: str) -> Iterator[Record]:
    """Every row but empty lines. What the mapping says goes before the separator line, and that before a guess."""
    # taken off at once, because the guess reads the text several times
    text = opened.text.lstrip("\r\n")
    line = opened.line + _line_ends(opened.text[: len(opened.text) - len(text)])
    chosen = delimiter if delimiter != "auto" else opened.delimiter or _delimiter(text, wanted)
    return (record for record in _records(text, chosen, line) if record.cells != [])


def _line_ends(text: str) -> int:
    return text.count("\n") + text.count("\r") - text.count("\r\n")


def _delimiter(text: str, wanted: Collection[str]) -> str:
    def fit(delimiter: str) -> tuple[int, int]:
        names = _names(_records(text, delimiter, 1))
        return len(set(names).intersection(wanted)), len(names)

    return max(DELIMITERS, key=fit)


class _Lines:
    """The lines of a text, counted, and whether the quotes since `start` are an odd number."""

    def __init__(self, text: str, line: int) -> None:
        self._lines = io.StringIO(text, newline="")
        self._quotes = 0
        self.next_line = line

    def __iter__(self) -> Iterator[str]:
        for line in self._lines:
            self.next_line += 1
            self._quotes += line.count('"')
            yield line

    def start(self) -> int:
        """Begin a row, and say at which line."""
        self._quotes = 0
        return self.next_line

    def leave_cell(self) -> None:
        """Go on to the end of the line where an open quote closes."""
        rest = iter(self)
        while self._quotes % 2 and next(rest, None) is not None:
            pass


def _records(text: str, delimiter: str, line: int) -> Iterator[Record]:
    lines = _Lines(text, line)
    # strict, because a lost quote would otherwise glue the rows of several people into one
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        start = lines.start()
        try:
            cells: list[str] | None = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            # the rest of a cell that is too long must not be read as rows: whoever wrote it could forge some
            if "field limit" in str(error):
                lines.leave_cell()
            cells = None
        yield Record(start, lines.next_line - 1, cells)


def _is_blank(record: Record) -> bool:
    return record.cells is not None and not any(cell.strip() for cell in record.cells)


def _holds_import_ids(record: Record) -> bool:
    filled = [cell for cell in record.cells or () if cell.strip()]
    return bool(filled) and all(cell.lstrip().startswith(_IMPORT_ID) for cell in filled)


def _names(records: Iterator[Record]) -> list[str]:
    header = next((record for record in records if not _is_blank(record)), None)
    names = [tidy(cell) for cell in header.cells or ()] if header else []
    while names and not names[-1]:
        names.pop()
    return names


def _check_names(file: str, names: list[str], wanted: Sequence[str], lacking: Mapping[str, str]) -> None:
    if not names:
        raise InputRefused(f"{file}: has no readable header line: export it again, with column names in the first line")
    known = set(names)
    missing = [column for column in wanted if column not in known]
    explained = next((column for column in missing if column in lacking), None)
    if explained is not None and len(missing) < len(wanted):
        raise InputRefused(f"{file}: has no column {explained}: {lacking[explained]}")
    if missing:
        # of a file without its header the nearest would be what a person wrote
        offered = names if len(missing) < len(wanted) else _alike(missing, names)
        lacks = "; ".join(f"has no column {column}: {_nearest(column, offered)}" for column in missing[:MOST_REPORTED])
        more = f"; nor has it {', '.join(missing[MOST_REPORTED:])}" if len(missing) > MOST_REPORTED else ""
        # a file may come without its header
        doubt = "; the first line may not be the header" if len(missing) == len(wanted) else ""
        raise InputRefused(f"{file}: {lacks}{more}{doubt}; correct the mapping or the export")
    first: dict[str, int] = {}
    for place, name in enumerate(names, 1):
        if name and first.setdefault(name, place) != place:
            # by number: in a file without a header the name would be what a person answered
            raise InputRefused(f"{file}: columns {first[name]} and {place} have one name: rename or remove one of them")


def _alike(missing: list[str], names: list[str]) -> list[str]:
    """The names that differ from a missing one in nothing but capitals and marks."""
    folded = {_letters(column) for column in missing} - {""}
    return [name for name in names if _letters(name) in folded]


def _letters(name: str) -> str:
    return "".join(filter(str.isalnum, name)).casefold()


def _nearest(missing: str, names: list[str]) -> str:
    compared = [name for name in names[:_MOST_COMPARED] if name.isprintable() and len(name) <= _LONGEST_COMPARED]
    near = difflib.get_close_matches(missing, filter(None, compared), n=3)
    return f"the nearest are {', '.join(near)}" if near else "none is like it"
