"""CSV exports, row by row: one row is one answer sheet."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from producers.sources.csv_text import Record, Table, open_table
from producers.sources.mapping import Header
from producers.sources.sheet import Refused, RowReason, Sheet


@dataclass(frozen=True, slots=True)
class _Used:
    """The columns of interest with their places, in the order of the file, and how many the file has."""

    places: tuple[tuple[str, int], ...]
    width: int


def read_csv(
    export: Path | bytes, wanted: tuple[str, ...], header: Header, lacking: Mapping[str, str] | None = None
) -> Iterator[Sheet | Refused]:
    """The rows of an export. InputRefused, before the first, if it lacks a column wanted; `lacking` says what to do."""
    return sheets(open_table(export, wanted, header, lacking or {}), wanted)


def sheets(table: Table, wanted: tuple[str, ...]) -> Iterator[Sheet | Refused]:
    """Every row of a table as a sheet with the columns wanted, or as a refusal."""
    places = sorted(((name, table.places[name]) for name in wanted), key=lambda one: one[1])
    used = _Used(tuple(places), table.width)
    return (_sheet(record, used) for record in table.records)


def _sheet(record: Record, used: _Used) -> Sheet | Refused:
    cells, width = record.cells, used.width
    if cells is None:
        lost = f"lines {record.line} to {record.last_line} were not read"
        return _refused(record, RowReason.UNREADABLE_ROW, f"quotes do not pair up, or a cell is far too long; {lost}")
    if any(cell.strip() for cell in cells[width:]):
        hint = f"{len(cells)} cells where the header has {width}: a cell with the delimiter in it needs quotes"
        return _refused(record, RowReason.TOO_MANY_CELLS, hint)
    # some programs leave out empty cells at the end of a row; where the mapping needs one, the row may be cut off
    if used.places and len(cells) <= used.places[-1][1]:
        lost_column = next(name for name, place in used.places if place >= len(cells))
        hint = f"the row ends before this column, with {len(cells)} cells of {width}: it may be cut off; export again"
        return _refused(record, RowReason.TOO_FEW_CELLS, hint, lost_column)
    return Sheet(record.line, {name: cells[place] for name, place in used.places})


def _refused(record: Record, reason: RowReason, hint: str, column: str | None = None) -> Refused:
    return Refused(record.line, column, str(reason), hint)
