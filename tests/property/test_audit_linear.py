"""Exact linear algebra and programming agree with trying everything."""

from fractions import Fraction
from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from stream_processors.audit.bounds import Bounds, bounds
from stream_processors.audit.linear import Groups, Isolated, Safe, Total, isolate

Matrix = list[list[int]]
BUDGET = 10_000


@st.composite
def matrices(draw: st.DrawFn) -> tuple[Matrix, list[int], int]:
    """Coefficients of up to five rows over up to six cells, the people of each cell, and the fewest allowed."""
    cells = draw(st.integers(1, 6))
    rows = draw(st.lists(st.lists(st.sampled_from([0, 0, 1, 1, -1, 2]), min_size=cells, max_size=cells), max_size=5))
    people = draw(st.lists(st.integers(1, 6), min_size=cells, max_size=cells))
    return rows, people, draw(st.integers(1, 8))


def asked(rows: Matrix, people: list[int]) -> tuple[list[Total], Groups]:
    """The same as the auditor is asked."""
    totals = [
        Total(f"row {number}", {f"c{index}": Fraction(value) for index, value in enumerate(row)}, Fraction(number))
        for number, row in enumerate(rows)
    ]
    return totals, Groups(size={f"c{index}": count for index, count in enumerate(people)})


def tried(rows: Matrix, people: list[int], smallest: int) -> int | None:
    """The fewest rows of a combination with small coefficients that concerns too few people; None if there is none."""
    found = [
        sum(1 for one in combination if one)
        for combination in product(range(-2, 3), repeat=len(rows))
        if 0 < _concerned(rows, people, combination) < smallest
    ]
    return min(found, default=None)


def _concerned(rows: Matrix, people: list[int], combination: tuple[int, ...]) -> int:
    left = [sum(a * row[index] for a, row in zip(combination, rows, strict=True)) for index in range(len(people))]
    return sum(count for count, value in zip(people, left, strict=True) if value)


@settings(max_examples=400, deadline=None)
@given(matrices())
def test_a_combination_is_found_whenever_trying_finds_one_and_is_no_longer(
    drawn: tuple[Matrix, list[int], int],
) -> None:
    rows, people, smallest = drawn
    found, fewest = isolate(*asked(rows, people), smallest, BUDGET), tried(rows, people, smallest)
    if fewest is None:
        # what small coefficients do not reach is checked below
        assert isinstance(found, Safe | Isolated)
    else:
        assert isinstance(found, Isolated)
        assert found.is_shortest
        assert len(found.terms) <= fewest


@settings(max_examples=400, deadline=None)
@given(matrices())
def test_what_is_found_is_a_combination_of_the_rows_that_concerns_too_few(drawn: tuple[Matrix, list[int], int]) -> None:
    rows, people, smallest = drawn
    found = isolate(*asked(rows, people), smallest, BUDGET)
    if isinstance(found, Isolated):
        factors = {int(name.split()[1]): value for name, value in found.terms}
        left = [sum(value * rows[row][index] for row, value in factors.items()) for index in range(len(people))]
        assert {f"c{index}": value for index, value in enumerate(left) if value} == dict(found.cells)
        assert 0 < sum(count for count, value in zip(people, left, strict=True) if value) == found.people < smallest
        assert found.value == sum(value * row for row, value in factors.items())
        assert all(value.denominator == 1 and value for value in factors.values())


@settings(max_examples=200, deadline=None)
@given(matrices())
def test_cells_of_one_person_count_once(drawn: tuple[Matrix, list[int], int]) -> None:
    rows, people, _ = drawn
    totals, _ = asked(rows, people)
    everybody = Groups(owner={f"c{index}": "one person" for index in range(len(people))})
    nothing = not any(any(row) for row in rows)
    assert isinstance(isolate(totals, everybody, 2, BUDGET), Safe) == nothing


def test_a_hundred_thousand_rows_that_share_nobody_are_safe() -> None:
    totals = [Total(str(number), {f"c{number}": Fraction(1)}, None) for number in range(100_000)]
    assert isolate(totals, Groups(size={f"c{number}": 11 for number in range(100_000)}), 11, BUDGET) == Safe()


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.sets(st.integers(0, 5), min_size=1),
    st.booleans(),
)
def test_ranges_are_those_of_all_whole_tables(values: list[int], hidden: set[int], with_most: bool) -> None:
    """Two by three cells with all their margins: the extremes of such tables are whole numbers."""
    lines = [[0, 1, 2], [3, 4, 5], [0, 3], [1, 4], [2, 5]]
    most = 3 if with_most else None
    totals = [_margin(line, values) for line in lines]
    totals += [_margin([index], values) for index in range(6) if index not in hidden]
    possible = (
        [
            table
            for table in product(range((most or sum(values)) + 1), repeat=len(hidden))
            if _fits(dict(zip(sorted(hidden), table, strict=True)), values, lines)
        ]
        if most or sum(values) <= 6
        else []
    )
    found = bounds(
        totals, [str(index) for index in sorted(hidden)], Fraction(0), None if most is None else Fraction(most)
    )
    for position, index in enumerate(sorted(hidden)):
        assert found[str(index)].low <= values[index]
        if possible:
            seen = [table[position] for table in possible]
            assert found[str(index)] == Bounds(Fraction(min(seen)), Fraction(max(seen)))


def _margin(line: list[int], values: list[int]) -> Total:
    name = " ".join(map(str, line))
    return Total(name, {str(index): Fraction(1) for index in line}, Fraction(sum(values[index] for index in line)))


def _fits(filled: dict[int, int], values: list[int], lines: list[list[int]]) -> bool:
    table = [filled.get(index, value) for index, value in enumerate(values)]
    return all(sum(table[index] for index in line) == sum(values[index] for index in line) for line in lines)
