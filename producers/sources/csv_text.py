"""From the bytes of an export to its rows: encoding, delimiter, column names, and where each row starts."""

import codecs
import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from producers.sources.mapping import Header, tidy
from schemas.errors import InputRefused

DELIMITERS: Final = ",;\t|"
_UTF_16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


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


def open_table(export: Path | bytes, wanted: Sequence[str], header: Header) -> Table:
    """Find the columns wanted; InputRefused if the file is not text with such a header."""
    file, data = _load(export)
    text = _decode(data, header.encoding)
    delimiter = _delimiter(text, wanted) if header.delimiter == "auto" else header.delimiter
    records = _records(text, delimiter)
    names = _names(records)
    _check_names(file, names, wanted)
    places = {name: place for place, name in enumerate(names)}
    rows = islice(records, header.skip_after, None)
    return Table(places, len(names), (record for record in rows if not _is_blank(record)))


def _load(export: Path | bytes) -> tuple[str, bytes]:
    if isinstance(export, bytes):
        return "the export", export
    try:
        return str(export), export.read_bytes()
    except OSError as error:
        raise InputRefused(f"{export}: cannot be read ({error.strerror}): correct the path") from None


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
    sound = sum(not letter.isascii() for letter in text) - damaged
    # a UTF-8 file with a damaged spot stays UTF-8: read as cp1252, every accent in it would become other letters
    return "cp1252" if damaged > sound else "utf-8"


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(text: str, wanted: Sequence[str]) -> str:
    def fit(delimiter: str) -> tuple[int, int]:
        names = _names(_records(text, delimiter))
        return len(set(names).intersection(wanted)), len(names)

    return max(DELIMITERS, key=fit)


def _records(text: str, delimiter: str) -> Iterator[Record]:
    # strict, because a lost quote would otherwise glue the rows of several people into one
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error:
            yield Record(line, reader.line_num, None)
        else:
            yield Record(line, reader.line_num, cells)


def _is_blank(record: Record) -> bool:
    return record.cells is not None and not any(cell.strip() for cell in record.cells)


def _names(records: Iterator[Record]) -> list[str]:
    header = next((record for record in records if not _is_blank(record)), None)
    names = [tidy(cell) for cell in header.cells or ()] if header else []
    while names and not names[-1]:
        names.pop()
    return names


def _check_names(file: str, names: list[str], wanted: Sequence[str]) -> None:
    if not names:
        raise InputRefused(f"{file}: has no readable header line: export it again, with column names in the first line")
    missing = next((column for column in wanted if column not in names), None)
    if missing is not None:
        near = difflib.get_close_matches(missing, [name for name in names if name], n=3)
        found = (
            f"the nearest are {', '.join(near)}" if near else "none is like it, so the first line may not be the header"
        )
        raise InputRefused(f"{file}: has no column {missing}: {found}; correct the mapping or the export")
    second = next((place for place, name in enumerate(names) if name and name in names[:place]), None)
    if second is not None:
        first = names.index(names[second])
        # by number: in a file without a header the name would be what a person answered
        raise InputRefused(f"{file}: columns {first + 1} and {second + 1} have one name: rename or remove one of them")
