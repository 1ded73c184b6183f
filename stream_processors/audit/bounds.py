"""The exact range of each hidden cell of a table, given its totals and what a cell may be at the least and most.

Linear programming over fractions: the simplex method with Bland's rule, which never cycles (Bland RG (1977) Math Oper
Res 2:103-107).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stream_processors.audit.linear import Total, subtract

Row = dict[int, Fraction]
CONSTANT = -1
"""The column that holds a row's right-hand side."""
WORK: Final = 5_000_000
"""Numbers of a tableau that may be changed, long ones counted by their length: about half a minute on one core."""
_WORD: Final = 64


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a cell can be; `high` is None where nothing limits it."""

    low: Fraction
    high: Fraction | None

    @property
    def is_known(self) -> bool:
        """Whether only one value is possible."""
        return self.low == self.high


class Contradiction(Exception):
    """No table has these totals."""


class ExhaustedError(Exception):
    """The table takes more work than `WORK` allows."""


def bounds(
    totals: Sequence[Total], cells: Iterable[str], minimum: Fraction, maximum: Fraction | None
) -> dict[str, Bounds]:
    """The range of each of these cells; Contradiction if the totals, all with a value, cannot hold together.

    ExhaustedError if that takes too long to find out.
    """
    names = {cell: index for index, cell in enumerate(dict.fromkeys(cell for total in totals for cell in total.cells))}
    rows = [_equation(total, names, minimum) for total in totals]
    if maximum is not None:
        spare = len(names)
        rows += [
            {index: Fraction(1), spare + index: Fraction(1), CONSTANT: maximum - minimum} for index in names.values()
        ]
    tableau = _Tableau(rows)
    found = {}
    for cell in cells:
        if cell not in names:
            found[cell] = Bounds(minimum, maximum)
            continue
        least, most = (
            -(tableau.most({names[cell]: Fraction(-1)}) or Fraction(0)),
            tableau.most({names[cell]: Fraction(1)}),
        )
        found[cell] = Bounds(least + minimum, None if most is None else most + minimum)
    return found


def is_possible(totals: Sequence[Total], minimum: Fraction, maximum: Fraction | None) -> bool:
    """Whether any table has these totals, as far as can be found out."""
    try:
        bounds(totals, (), minimum, maximum)
    except Contradiction:
        return False
    except ExhaustedError:
        return True
    return True


def _equation(total: Total, names: Mapping[str, int], minimum: Fraction) -> Row:
    assert total.value is not None
    row = {names[cell]: value for cell, value in total.cells.items() if value}
    # cells are counted from their minimum on, so that every variable is zero or more
    return {**row, CONSTANT: total.value - minimum * sum(row.values())}


class _Tableau:
    """Equations in basic form: each row has one basic column, which is in no other row."""

    def __init__(self, equations: Iterable[Row]) -> None:
        self.rows: dict[int, Row] = {}
        self._work = WORK
        artificial = 10**9
        rest: list[tuple[int, Row]] = []
        for number, given in enumerate(equations):
            sign = -1 if given[CONSTANT] < 0 else 1
            rest.append((artificial + number, {column: sign * value for column, value in given.items()}))
        for column, row in rest:
            self.rows[column] = {**row, column: Fraction(1)}
        self._leave_artificial(artificial)

    def _leave_artificial(self, artificial: int) -> None:
        """First phase: make every artificial variable zero, then drop it; Contradiction if that cannot be."""
        goal: Row = {}
        for column in self.rows:
            goal[column] = Fraction(-1)
        if self._climb(goal) != 0:
            raise Contradiction
        for basic in [basic for basic in self.rows if basic >= artificial]:
            entering = next((c for c in sorted(self.rows[basic]) if c != CONSTANT and c < artificial), None)
            if entering is None:
                del self.rows[basic]
            else:
                self._pivot(basic, entering)
        self.rows = {
            basic: {column: value for column, value in row.items() if column < artificial}
            for basic, row in self.rows.items()
        }

    def most(self, goal: Row) -> Fraction | None:
        """The largest value of a sum of variables; None if it has none."""
        return self._climb(dict(goal))

    def _climb(self, goal: Row) -> Fraction | None:
        for basic, row in self.rows.items():
            if factor := goal.get(basic):
                subtract(goal, row, factor)
        while True:
            entering = min((column for column, value in goal.items() if value > 0 and column != CONSTANT), default=None)
            if entering is None:
                return -goal.get(CONSTANT, Fraction(0))
            leaving = self._leaving(entering)
            if leaving is None:
                return None
            self._pivot(leaving, entering)
            subtract(goal, self.rows[entering], goal[entering])

    def _leaving(self, entering: int) -> int | None:
        ratios = [
            (row.get(CONSTANT, Fraction(0)) / row[entering], basic)
            for basic, row in self.rows.items()
            if row.get(entering, Fraction(0)) > 0
        ]
        return min(ratios)[1] if ratios else None

    def _pivot(self, leaving: int, entering: int) -> None:
        row = self.rows.pop(leaving)
        factor = row[entering]
        row = {column: value / factor for column, value in row.items()}
        for other in self.rows.values():
            if (value := other.get(entering)) is not None:
                self._work -= len(row) * (1 + (value.numerator.bit_length() + value.denominator.bit_length()) // _WORD)
                if self._work < 0:
                    raise ExhaustedError
                subtract(other, row, value)
        self.rows[entering] = row
