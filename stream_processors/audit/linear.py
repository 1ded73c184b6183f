"""Whether published totals combine to one that concerns too few people. Exact: rationals, never floats.

Each total is a sum of unknown cells. Cells whose columns are multiples of one another cannot be told apart by any
combination, so they are merged; if every class holds enough people, so does every combination that is not zero.
Otherwise a combination that leaves nothing but a set S of classes exists if and only if the rows without the columns of
S have a lower rank than with them: every set of classes with too few people is tried.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from math import gcd, lcm
from typing import Final

LONGEST: Final = 24
"""Rows of the longest combination that is looked for exhaustively."""
Vector = dict[int, Fraction]
Key = tuple[tuple[int, Fraction], ...]


@dataclass(frozen=True, slots=True)
class Total:
    """A published total: the sum of coefficient times cell. `value` is None where it does not matter."""

    name: str
    cells: Mapping[str, Fraction]
    value: Fraction | None


@dataclass(frozen=True, slots=True)
class Groups:
    """Whom cells are of: cell to group, by default the cell itself; and the people in a group, by default one."""

    owner: Mapping[str, str] = field(default_factory=dict)
    size: Mapping[str, int] = field(default_factory=dict)

    def of(self, cells: Iterable[str]) -> frozenset[str]:
        """The groups of these cells."""
        return frozenset(self.owner.get(cell, cell) for cell in cells)

    def people(self, groups: Iterable[str]) -> int:
        """How many people are in these groups."""
        return sum(self.size.get(group, 1) for group in groups)


@dataclass(frozen=True, slots=True)
class Safe:
    """No combination concerns too few people."""


@dataclass(frozen=True, slots=True)
class Isolated:
    """A combination of rows that leaves too few people: `terms` are coprime integers, `cells` what is left."""

    terms: tuple[tuple[str, Fraction], ...]
    cells: tuple[tuple[str, Fraction], ...]
    people: int
    value: Fraction | None
    is_shortest: bool


@dataclass(frozen=True, slots=True)
class Undecided:
    """More sets of classes than may be tried; so many were, without a finding."""

    tried: int


def isolate(totals: Sequence[Total], groups: Groups, smallest: int, budget: int) -> Safe | Isolated | Undecided:
    """Decide whether some combination of totals that is not zero concerns fewer than `smallest` people.

    `budget` limits the sets of classes that are tried, and the steps of the search for the shortest combination.
    """
    table = _Table(totals, groups)
    small = [index for index, members in enumerate(table.members) if groups.people(members) < smallest]
    if not small:
        return Safe()
    best: Vector | None = None
    exhaustive = True
    for tried, kept in enumerate(table.sets(small, smallest)):
        if tried == budget:
            return Undecided(tried) if best is None else table.isolated(best, is_shortest=False)
        found = table.combination(kept)
        if found is not None:
            rows = min(len(one) for one in (found, best) if one is not None)
            search = _Search(table, kept, min(rows, LONGEST + 1), budget)
            shorter = search.shortest()
            exhaustive = exhaustive and not search.ran_out and rows <= LONGEST + 1
            best = min((one for one in (best, found, shorter) if one is not None), key=len)
    return Safe() if best is None else table.isolated(best, exhaustive)


class _Table:
    """The rows over classes of cells, in components that share nothing."""

    def __init__(self, totals: Sequence[Total], groups: Groups) -> None:
        self.totals, self.groups = totals, groups
        columns: dict[str, Vector] = defaultdict(dict)
        for row, total in enumerate(totals):
            for cell, coefficient in total.cells.items():
                if coefficient:
                    columns[cell][row] = coefficient
        classes: dict[Key, list[str]] = defaultdict(list)
        for cell, column in columns.items():
            first = next(iter(column.values()))
            classes[tuple((row, value / first) for row, value in column.items())].append(cell)
        self.cells = list(classes.values())
        self.members = [groups.of(cells) for cells in self.cells]
        self.rows: list[Vector] = [{} for _ in totals]
        self.touching: list[list[int]] = []
        for index, key in enumerate(classes):
            self.touching.append([row for row, _ in key])
            for row, value in key:
                self.rows[row][index] = value
        self.component = self._components()

    def _components(self) -> list[int]:
        """Of each class, a number that it shares with all it is connected with."""
        found = [-1] * len(self.cells)
        for start in range(len(self.cells)):
            waiting = [start] if found[start] < 0 else []
            while waiting:
                index = waiting.pop()
                if found[index] < 0:
                    found[index] = start
                    waiting += [other for row in self.touching[index] for other in self.rows[row] if found[other] < 0]
        return found

    def sets(self, small: Sequence[int], smallest: int) -> Iterator[frozenset[int]]:
        """The largest sets of connected classes that hold fewer than `smallest` people together."""
        by_component: dict[int, list[int]] = defaultdict(list)
        for index in small:
            by_component[self.component[index]].append(index)
        for indices in by_component.values():
            yield from self._largest(indices, smallest, 0, frozenset(), frozenset())

    def _largest(
        self, indices: Sequence[int], smallest: int, start: int, chosen: frozenset[int], people: frozenset[str]
    ) -> Iterator[frozenset[int]]:
        for position in range(start, len(indices)):
            index = indices[position]
            more = people | self.members[index]
            if self.groups.people(more) < smallest:
                yield from self._largest(indices, smallest, position + 1, chosen | {index}, more)
        rest = (index for index in indices if index not in chosen)
        if chosen and all(self.groups.people(people | self.members[index]) >= smallest for index in rest):
            yield chosen

    def combination(self, kept: frozenset[int]) -> Vector | None:
        """Rows, with coefficients, that combine to something in the kept classes alone."""
        component = self.component[next(iter(kept))]
        rows = {row for index, found in enumerate(self.component) if found == component for row in self.touching[index]}
        return self.solve(sorted(rows), kept)

    def solve(self, rows: Sequence[int], kept: frozenset[int]) -> Vector | None:
        """A combination of these rows that is zero outside the kept classes and not zero in them; None if none is."""
        pivots: dict[int, tuple[Vector, Vector]] = {}
        for row in rows:
            left, used = dict(self.rows[row]), {row: Fraction(1)}
            while (pivot := next((index for index in left if index not in kept and index in pivots), None)) is not None:
                factor = left[pivot] / pivots[pivot][0][pivot]
                subtract(left, pivots[pivot][0], factor)
                subtract(used, pivots[pivot][1], factor)
            outside = next((index for index in left if index not in kept), None)
            if outside is not None:
                pivots[outside] = (left, used)
            elif left:
                return used
        return None

    def isolated(self, combination: Vector, is_shortest: bool) -> Isolated:
        """The finding of a combination, checked once more against the totals as they were given."""
        scale = Fraction(
            lcm(*(value.denominator for value in combination.values())),
            gcd(*(value.numerator for value in combination.values())),
        )
        left = self._left({row: value * scale for row, value in combination.items()})
        # what is left of the first cell is positive
        scale *= 1 if next(iter(left.values()), 1) > 0 else -1
        terms = {row: value * scale for row, value in sorted(combination.items())}
        left = self._left(terms)
        if not left:
            raise AssertionError("a combination that leaves nothing isolates nobody")
        values = [self.totals[row].value for row in terms]
        total = sum((a * b for a, b in zip(terms.values(), values, strict=True) if b is not None), Fraction(0))
        return Isolated(
            terms=tuple((self.totals[row].name, value) for row, value in terms.items()),
            cells=tuple(left.items()),
            people=self.groups.people(self.groups.of(left)),
            value=None if None in values else total,
            is_shortest=is_shortest,
        )

    def _left(self, terms: Vector) -> dict[str, Fraction]:
        """What terms add up to, of the cells as they were given."""
        cells: dict[str, Fraction] = defaultdict(Fraction)
        for row, coefficient in terms.items():
            for cell, value in self.totals[row].cells.items():
                cells[cell] += coefficient * value
        return {cell: value for cell, value in sorted(cells.items()) if value}


class _Search:
    """Looks for the combination of the fewest rows, by growing size.

    In a combination without a superfluous row, every class outside the kept ones is in no row or in two at least. So
    where a class is in one row only, another row that holds it must be added.
    """

    def __init__(self, table: _Table, kept: frozenset[int], most: int, steps: int) -> None:
        self._table, self._kept, self._most, self._steps = table, kept, most, steps
        self.ran_out = False

    def shortest(self) -> Vector | None:
        """The shortest combination of fewer rows than `most`; None if there is none, or the steps ran out."""
        starts = sorted({row for index in self._kept for row in self._table.touching[index]})
        for size in range(1, self._most):
            for position, start in enumerate(starts):
                found = self._grow((start,), frozenset(starts[:position]), size)
                if found is not None or self.ran_out:
                    return found
        return None

    def _grow(self, rows: tuple[int, ...], without: frozenset[int], size: int) -> Vector | None:
        self._steps -= 1
        self.ran_out = self.ran_out or self._steps < 0
        if self.ran_out:
            return None
        if len(rows) == size:
            return self._table.solve(rows, self._kept)
        for following in self._candidates(rows):
            if following not in without and following not in rows:
                found = self._grow((*rows, following), without, size)
                if found is not None:
                    return found
                without = without | {following}
        return None

    def _candidates(self, rows: Sequence[int]) -> list[int]:
        counts: dict[int, int] = defaultdict(int)
        for row in rows:
            for index in self._table.rows[row]:
                if index not in self._kept:
                    counts[index] += 1
        single = [index for index, count in counts.items() if count == 1]
        if single:
            return min((self._table.touching[index] for index in single), key=len)
        return sorted({row for index in counts for row in self._table.touching[index]})


def subtract(target: Vector, other: Vector, factor: Fraction) -> None:
    """Take a multiple of another row from a row; what becomes zero is left out."""
    for index, value in other.items():
        left = target.get(index, Fraction(0)) - factor * value
        if left:
            target[index] = left
        else:
            target.pop(index, None)
