"""Rows of a table that can be used, and why the others cannot."""

from collections.abc import Mapping, Sequence

from producers.sources.csv_text import Record
from producers.sources.sheet import Refused, RowReason


def checked_cells(record: Record, places: Mapping[str, int], used: Sequence[str], width: int) -> list[str] | Refused:
    """The cells of a row that has them all. `used`: the columns that are needed, in the order of the file."""
    cells = record.cells
    if cells is None:
        lost = f"lines {record.line} to {record.last_line} were not read"
        hint = f"quotes do not pair up, or a cell is far too long; {lost}"
        return Refused(record.line, None, str(RowReason.UNREADABLE_ROW), hint)
    if any(cell.strip() for cell in cells[width:]):
        hint = f"{len(cells)} cells where the header has {width}: a cell with the delimiter in it needs quotes"
        return Refused(record.line, None, str(RowReason.TOO_MANY_CELLS), hint)
    # some programs leave out empty cells at the end of a row; where one of them is needed, the row may be cut off
    if used and len(cells) <= places[used[-1]]:
        lost_column = next(name for name in used if places[name] >= len(cells))
        hint = f"the row ends before this column, with {len(cells)} cells of {width}: it may be cut off; export again"
        return Refused(record.line, lost_column, str(RowReason.TOO_FEW_CELLS), hint)
    return cells
