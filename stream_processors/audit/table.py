"""Published tables from elsewhere: which hidden cells can be worked out, exactly, and in what range each lies.

A table is CSV with the columns `name`, `value` and `cells`: one row per published total, its value (12, 3.5 or 7/2) and
the cells it adds up, separated by spaces, each with a coefficient if it is not 1 (2*a, 1/2*b or -1*c). A total of one
cell publishes that cell. The list of hidden cells is CSV with the column `cell` and, where several cells are one
person's answers, the column `respondent`; a cell without one is a respondent of its own. Every cell of a total is
published by a row of its own or hidden: one that is neither is a typing error, and refused.
"""

import csv
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from io import StringIO
from typing import Any, Final

from schemas.errors import InputRefused
from stream_processors.audit.bounds import Bounds, Contradiction, ExhaustedError, bounds, is_possible
from stream_processors.audit.linear import Groups, Isolated, Total, Undecided, isolate
from stream_processors.audit.report import EXIT_CODES, Verdict

BUDGET: Final = 200_000
_LONGEST_FIELD: Final = 1_000_000
_LONGEST_NUMBER: Final = 60
_MOST_NAMED: Final = 20
_NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+|[0-9]+/[0-9]+)")


@dataclass(frozen=True, slots=True)
class Table:
    """Published totals, and the hidden cells, each with its respondent if one is named."""

    totals: tuple[Total, ...]
    hidden: Mapping[str, str | None]

    @property
    def published(self) -> frozenset[str]:
        """The cells that have a row of their own."""
        return frozenset(next(iter(total.cells)) for total in self.totals if _is_of_one_cell(total))


@dataclass(frozen=True, slots=True)
class TableReport:
    """What can be worked out: a combination that isolates, and the range of each hidden cell."""

    isolated: Isolated | None
    ranges: Mapping[str, Bounds]
    is_decided: bool

    @property
    def known(self) -> tuple[str, ...]:
        """The hidden cells that can only have one value."""
        return tuple(cell for cell, found in self.ranges.items() if found.is_known)

    @property
    def verdict(self) -> Verdict:
        """Unsafe if a combination isolates too few people or a hidden cell is known."""
        if self.isolated is not None or self.known:
            return "unsafe"
        return "safe" if self.is_decided else "undecided"

    @property
    def exit_code(self) -> int:
        """0 safe, 1 unsafe, 2 undecided."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values; numbers as text, so that they stay exact."""
        found = self.isolated
        combination = None
        if found is not None:
            combination = {
                "terms": [{"coefficient": str(value), "row": name} for name, value in found.terms],
                "cells": {cell: str(value) for cell, value in found.cells},
                "people": found.people,
                "value": None if found.value is None else str(found.value),
                "is_shortest": found.is_shortest,
            }
        ranges = {
            cell: {"low": str(one.low), "high": None if one.high is None else str(one.high)}
            for cell, one in self.ranges.items()
        }
        return {"verdict": self.verdict, "combination": combination, "hidden": ranges, "known": list(self.known)}


def read_tables(tables: Sequence[tuple[str, str]], hidden: tuple[str, str]) -> Table:
    """Tables, each (file name, text), joined; InputRefused names file, line and column."""
    totals: dict[str, Total] = {}
    for name, text in tables:
        for line, row in _rows(name, text, ("name", "value", "cells")):
            total = _total(row, f"{name} line {line}")
            if totals.setdefault(total.name, total) != total:
                raise InputRefused(f"{name} line {line}: a row of this name was given before, with another content")
    owners: dict[str, str | None] = {}
    for line, row in _rows(*hidden, ("cell",), ("respondent",)):
        cell = row["cell"].strip()
        owner = (row.get("respondent") or "").strip() or None
        if len(cell.split()) > 1 or "*" in cell:
            raise InputRefused(f"{hidden[0]} line {line}: column cell holds a space or *: name one cell in each row")
        if owners.setdefault(cell, owner) != owner:
            raise InputRefused(f"{hidden[0]} line {line}: this cell was given to another respondent before")
    table = Table(tuple(totals.values()), owners)
    _check(table, hidden[0])
    return table


def audit_table(
    table: Table, smallest: int = 2, minimum: Fraction = Fraction(0), maximum: Fraction | None = None
) -> TableReport:
    """Decide whether the totals tell a hidden cell, or combine to cells of fewer than `smallest` respondents.

    `minimum` and `maximum` are what a cell can be. InputRefused if the totals contradict one another. Where ranges take
    too long to find there are none, and without a combination the table is undecided.
    """
    if maximum is not None and maximum < minimum:
        raise InputRefused(f"a cell cannot be at least {minimum} and at most {maximum}")
    found = isolate(table.totals, _groups(table, smallest), smallest, BUDGET)
    try:
        ranges = bounds(table.totals, table.hidden, minimum, maximum)
    except ExhaustedError:
        return TableReport(found if isinstance(found, Isolated) else None, {}, is_decided=False)
    except Contradiction:
        names = [total.name for total in _contradicting(table.totals, minimum, maximum)]
        more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
        which = ", ".join(names[:_MOST_NAMED]) + more
        what = f"the table does not add up; these rows contradict one another: {which}"
        limits = f"at least {minimum}" if maximum is None else f"at least {minimum} and at most {maximum}"
        raise InputRefused(f"{what} (each cell is {limits})") from None
    return TableReport(found if isinstance(found, Isolated) else None, ranges, not isinstance(found, Undecided))


def _groups(table: Table, smallest: int) -> Groups:
    """Whom cells are of. What is published cannot be isolated: it counts as enough people."""
    # no respondent's name begins with a space, so that none is taken for a cell
    published = {cell: f" {cell}" for cell in table.published if cell not in table.hidden}
    hidden = {cell: respondent or f" {cell}" for cell, respondent in table.hidden.items()}
    return Groups({**published, **hidden}, dict.fromkeys(published.values(), smallest))


def table_lines(report: TableReport) -> Iterator[str]:
    """The report in words."""
    found = report.isolated
    if found is not None:
        whom = f"{found.people} respondents or cells" if found.people > 1 else "one respondent or cell"
        yield f"unsafe: these rows isolate {whom}"
        for name, factor in found.terms:
            times = "" if abs(factor) == 1 else f"{abs(factor)} x "
            yield f"  {'+' if factor > 0 else '-'} {times}{name}"
        left = " + ".join(cell if value == 1 else f"{value} x {cell}" for cell, value in found.cells)
        shortest = "" if found.is_shortest else " (a shorter combination may exist)"
        yield f"  = {left} = {found.value}{shortest}"
    for cell, one in report.ranges.items():
        value = f"is {one.low}: nothing else is possible" if one.is_known else f"is from {one.low} to {_top(one)}"
        yield f"hidden {cell} {value}"
    yield f"verdict: {report.verdict}"


def _top(one: Bounds) -> str:
    return "any number" if one.high is None else str(one.high)


def _rows(
    name: str, text: str, columns: Sequence[str], others: Sequence[str] | None = None
) -> list[tuple[int, dict[str, str]]]:
    """The rows of a file, each with the line it ends in. `others` are the only further columns it may have."""
    if "\0" in text:
        raise InputRefused(f"{name} holds zero bytes: is it CSV?")
    reader = csv.DictReader(StringIO(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}")), strict=True)
    before = csv.field_size_limit(_LONGEST_FIELD)
    try:
        rows = [(reader.line_num, row) for row in reader]
    except csv.Error:
        raise InputRefused(f"{name} after line {reader.line_num}: this is not CSV") from None
    finally:
        # the limit is that of all readers of CSV
        csv.field_size_limit(before)
    _check_columns(name, [column for column in reader.fieldnames or () if column.strip()], columns, others)
    for line, row in rows:
        _check_row(f"{name} line {line}", row, columns)
    return rows


def _check_columns(name: str, found: Sequence[str], columns: Sequence[str], others: Sequence[str] | None) -> None:
    missing = [column for column in columns if column not in found]
    if missing:
        raise InputRefused(f"{name} line 1: column {missing[0]} is missing; needed: {', '.join(columns)}")
    twice = [column for column in (*columns, *(others or ())) if found.count(column) > 1]
    if twice:
        raise InputRefused(f"{name} line 1: column {twice[0]} is there twice")
    # a misspelled column of respondents would make one person several
    if others is not None and not set(found) <= {*columns, *others}:
        raise InputRefused(f"{name} line 1: it may have the columns {', '.join((*columns, *others))} and no other")


def _check_row(at: str, row: Mapping[str | None, Any], columns: Sequence[str]) -> None:
    # a number such as 1,234 moves all that follows it into the next column
    if any(cell.strip() for cell in row.get(None) or ()):
        raise InputRefused(f"{at} has more columns than line 1; a text with a comma needs quotes, a number has none")
    empty = [column for column in columns if not (row.get(column) or "").strip()]
    if empty:
        raise InputRefused(f"{at}: column {empty[0]} is empty")


def _total(row: Mapping[str, str], at: str) -> Total:
    cells: dict[str, Fraction] = {}
    for part in row["cells"].split():
        coefficient, _, cell = part.rpartition("*")
        if not cell or cell in cells:
            raise InputRefused(f"{at}: column cells names a cell twice, or a coefficient without one")
        cells[cell] = number(coefficient, f"{at}: column cells") if coefficient else Fraction(1)
        if not cells[cell]:
            raise InputRefused(f"{at}: column cells has a coefficient of zero")
    return Total(row["name"].strip(), cells, number(row["value"], f"{at}: column value"))


def number(text: str, what: str) -> Fraction:
    """A number, exactly; InputRefused says what it is that is none."""
    given = text.strip()
    try:
        if len(given) > _LONGEST_NUMBER or not _NUMBER.fullmatch(given):
            raise ValueError
        return Fraction(given)
    except (ValueError, ZeroDivisionError):
        raise InputRefused(f"{what} must hold numbers such as 12, 3.5 or 7/2") from None


def _check(table: Table, hidden: str) -> None:
    if not table.totals:
        raise InputRefused("the table has no rows")
    if not table.hidden:
        raise InputRefused(f"{hidden} hides no cell")
    named = {cell for total in table.totals for cell in total.cells}
    if unknown := sorted(named - table.published - set(table.hidden)):
        raise InputRefused(
            f"cell {unknown[0]} is in a total, but neither has a row of its own nor is hidden by {hidden}"
        )


def _is_of_one_cell(total: Total) -> bool:
    return list(total.cells.values()) == [1]


def _contradicting(totals: Sequence[Total], minimum: Fraction, maximum: Fraction | None) -> list[Total]:
    """Rows that cannot hold together, none of which could be left out."""
    kept = list(totals)
    for total in totals:
        without = [other for other in kept if other is not total]
        if not is_possible(without, minimum, maximum):
            kept = without
    return kept
