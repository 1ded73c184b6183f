"""Units and headcounts from a CSV file of a personnel system: one row for a unit, or for a unit and a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Final

from producers.sources.csv_text import Record, load, open_table, read_heading
from producers.sources.hr_mapping import HrMapping, refuse
from producers.sources.hr_units import ROSTER, Listed, Unit, called, refuse_repeats
from producers.sources.mapping import tidy
from schemas.errors import InputRefused

_NEEDED: Final = ("name", "parent")
_NOT_IN_FORCE: Final = "is not in force on that day"


@dataclass(frozen=True, slots=True)
class _Row:
    """A unit and the first and last day it is so."""

    unit: Unit
    first: date
    last: date


def read_units(file: Path | bytes, mapping: HrMapping, as_of: date) -> Listed:
    """The units in force on a day; InputRefused if a row cannot be used or two rows are of one unit and day."""
    return _listed(file, mapping, as_of, _NEEDED)


def with_headcounts(listed: Listed, file: Path | bytes, mapping: HrMapping, as_of: date) -> Listed:
    """The same units with the headcounts of a file beside them, which may not name any other."""
    counts = {unit.code: unit for unit in _listed(file, mapping, as_of, ("headcount",), alone=True).units}
    known = {unit.code for unit in listed.units} | set(listed.others)
    refuse(
        load(file)[0],
        (
            f"{called(code, unit.line)} is not in the list of units: its people would be lost; correct its code"
            for code, unit in counts.items()
            if code not in known
        ),
    )
    units = (
        replace(unit, headcount=counts[unit.code].headcount) if unit.code in counts else unit for unit in listed.units
    )
    return Listed(tuple(units), listed.others)


def _listed(file: Path | bytes, mapping: HrMapping, as_of: date, needed: Sequence[str], alone: bool = False) -> Listed:
    name = load(file)[0]
    columns = mapping.columns.given() if mapping.columns else {}
    missing = [field for field in ("code", *needed) if field not in columns]
    if missing:
        raise InputRefused(f"the mapping has no columns.{missing[0]}: name the column of {name} that holds it")
    if alone:
        # beside a list of units with dates the headcounts may be those of one day
        there = set(read_heading(file, tuple(columns.values())).names)
        dated = [field for field in ("valid_from", "valid_to") if columns.get(field) in there]
        columns = {field: columns[field] for field in ("code", *needed, *dated)}
    table = open_table(file, tuple(columns.values()), mapping.header)
    places = {field: table.places[column] for field, column in columns.items()}
    wrong, rows = list[str](), list[_Row]()
    for record in table.records:
        cells = _cells(record, places, table.width)
        row = cells if isinstance(cells, str) else _row(record.line, cells, mapping)
        if isinstance(row, str):
            wrong.append(f"line {record.line} {row}")
        else:
            rows.append(row)
    refuse(name, wrong)
    refuse_repeats(name, _repeats(rows))
    current = tuple(row.unit for row in rows if row.first <= as_of <= row.last)
    codes = {unit.code for unit in current}
    return Listed(current, {row.unit.code: _NOT_IN_FORCE for row in rows if row.unit.code not in codes})


def _cells(record: Record, places: Mapping[str, int], width: int) -> dict[str, str] | str:
    """The cells by what they hold, or what is wrong with the row."""
    cells = record.cells
    if cells is None:
        return "has quotes that do not pair up: export the file again"
    if len(cells) <= max(places.values()):
        return "has too few cells, as if cut off: export the file again"
    if any(cell.strip() for cell in cells[width:]):
        return "has more cells than there are columns: put names that hold the delimiter in quotes"
    return {field: tidy(cells[place]) for field, place in places.items()}


def _row(line: int, cells: Mapping[str, str], mapping: HrMapping) -> _Row | str:
    if not cells["code"]:
        return "has no code: give every unit one"
    try:
        first = _day(cells.get("valid_from", ""), mapping.date_format) or date.min
        last = _day(cells.get("valid_to", ""), mapping.date_format)
        if last is not None and mapping.valid_to == "day_after":
            last -= timedelta(days=1)
    except (ValueError, OverflowError):
        return "has a date that is none: correct it, or date_format in the mapping"
    if last is not None and last < first:
        # a unit that began and ended on one day, where the end is the day after
        return "ends before it begins: correct its dates"
    kind = cells.get("level", "")
    unit = Unit(
        line,
        cells["code"],
        cells.get("name", ""),
        cells.get("parent", ""),
        (kind,) if kind else (),
        cells.get("headcount", ""),
        cells.get("staff_group", ""),
    )
    return _Row(unit, first, last or date.max)


def _day(text: str, date_format: str) -> date | None:
    return datetime.strptime(text, date_format).date() if text else None  # noqa: DTZ007 - only its date matters


def _repeats(rows: Sequence[_Row]) -> dict[str, list[int]]:
    """The lines of each unit that has several rows for one day, as many as tell a list of people."""
    by_code: dict[str, list[_Row]] = {}
    for row in rows:
        by_code.setdefault(row.unit.code, []).append(row)
    return {code: lines for code, same in by_code.items() if len(lines := _at_a_time(same)) > 1}


def _at_a_time(rows: Sequence[_Row]) -> list[int]:
    running: list[_Row] = []
    most: list[_Row] = []
    for row in sorted(rows, key=lambda one: one.first):
        running = [one for one in running if one.last >= row.first] + [row]
        most = max(most, running, key=len)
        # enough is known, and a list of people may be long
        if len(most) == ROSTER:
            break
    return sorted(row.unit.line for row in most)
