"""Before and after: against fractions, published quantiles, and every way in which there is no estimate."""

from collections.abc import Sequence
from datetime import date, timedelta
from fractions import Fraction
from itertools import pairwise
from math import sin, sqrt

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from stream_processors.steps.effect import LEAST, Effect, NoEffect, Point, effect, quantile

ON = date(2026, 5, 1)
WOBBLE = (300, -500, 100, 400, -200, -600, 500, 0, -300, 600, -100, -200)


def points(values: Sequence[int | None], before: int, every: int = 30) -> list[Point]:
    """Rounds of a week every so many days, the first of those after beginning on the day itself."""
    starts = [ON + timedelta((at - before) * every) for at in range(len(values))]
    return [Point(start, start + timedelta(6), value) for start, value in zip(starts, values, strict=True)]


def found(values: Sequence[int | None], before: int) -> Effect:
    result = effect(points(values, before), ON, "higher_is_worse")
    assert isinstance(result, Effect)
    return result


def stepped(step: int, trend: int = 0, side: int = 12) -> list[int]:
    """A course with a trend and a step, and the same small ups and downs on either side."""
    ups = [*WOBBLE[:side], *WOBBLE[:side]]
    return [360_000 + trend * at + up + (step if at >= side else 0) for at, up in enumerate(ups)]


@pytest.mark.parametrize(
    ("freedom", "published"),
    [(1, 12.706), (2, 4.303), (3, 3.182), (4, 2.776), (5, 2.571), (10, 2.228), (13, 2.160), (30, 2.042), (60, 2.000)],
)
def test_the_quantiles_are_those_of_published_tables(freedom: int, published: float) -> None:
    assert round(quantile(0.95, freedom), 3) == published


def test_other_confidences_are_those_of_published_tables() -> None:
    assert round(quantile(0.99, 10), 3) == 3.169
    assert round(quantile(0.90, 7), 3) == 1.895


def _solved(rows: list[list[Fraction]]) -> list[Fraction]:
    """Gauss and Jordan, on a matrix with its right side."""
    size = len(rows)
    for at in range(size):
        pivot = next(row for row in range(at, size) if rows[row][at])
        rows[at], rows[pivot] = rows[pivot], rows[at]
        rows[at] = [one / rows[at][at] for one in rows[at]]
        for other in range(size):
            if other != at:
                factor = rows[other][at]
                rows[other] = [one - factor * own for one, own in zip(rows[other], rows[at], strict=True)]
    return [row[-1] for row in rows]


def _by_normal_equations(given: Sequence[Point]) -> tuple[float, float, float]:
    """The step, its standard error without widening, and the autocorrelation, all from the normal equations."""
    known = [(Fraction(p.first.toordinal() + p.last.toordinal(), 2), p.first >= ON, p.value) for p in given]
    base = known[0][0]
    rows = [[Fraction(1), (day - base) / 30, Fraction(after)] for day, after, _ in known]
    ys = [Fraction(value or 0) for *_, value in known]
    squares = [[sum((row[i] * row[j] for row in rows), Fraction()) for j in range(3)] for i in range(3)]
    sides = [sum((row[i] * y for row, y in zip(rows, ys, strict=True)), Fraction()) for i in range(3)]
    fitted = _solved([[*squares[i], sides[i]] for i in range(3)])
    step_variance = _solved([[*squares[i], Fraction(i == 2)] for i in range(3)])[2]
    rest = [y - sum(a * b for a, b in zip(row, fitted, strict=True)) for row, y in zip(rows, ys, strict=True)]
    total = sum((one * one for one in rest), Fraction())
    together = sum((a * b for a, b in pairwise(rest)), Fraction()) / total if total else Fraction()
    return float(fitted[2]), sqrt(total / (len(ys) - 3) * step_variance), float(together)


def _is_that_of_the_normal_equations(values: list[int], before: int, every: int) -> None:
    given = points(values, before, every)
    step, error, together = _by_normal_equations(given)
    result = effect(given, ON, "higher_is_worse")
    if error < 1e-3:
        assert isinstance(result, NoEffect)
        return
    assert isinstance(result, Effect)
    size = len(values)
    likely = min(max(together + 3 * (1 + together) / size, 0.0), 0.8)
    half = quantile(0.95, size - 3) * error * sqrt((1 + likely) / (1 - likely))
    assert abs(result.change - step) <= 0.51
    assert abs(result.low - (step - half)) <= 0.51 + half * 1e-9
    assert abs(result.high - (step + half)) <= 0.51 + half * 1e-9
    assert abs(result.autocorrelation - together) < 1e-4
    assert (result.before, result.after, result.left_out) == (before, size - before, 0)


@given(st.lists(st.integers(0, 10**6), min_size=2 * LEAST, max_size=40), st.integers(LEAST, 32), st.integers(7, 96))
def test_the_step_and_its_interval_are_those_of_the_normal_equations(
    values: list[int], before: int, every: int
) -> None:
    assume(len(values) - before >= LEAST)
    _is_that_of_the_normal_equations(values, before, every)


def test_the_interval_is_widened_no_further_where_rounds_hardly_differ_from_their_neighbours() -> None:
    slow = [round(360_000 + 50_000 * sin(at / 8)) for at in range(100)]
    assert found(slow, 50).autocorrelation > 0.85
    _is_that_of_the_normal_equations(slow, 50, 30)


def test_a_trend_that_was_there_before_is_no_step() -> None:
    level, steep = found(stepped(-41_000), 12), found(stepped(-41_000, trend=3_000), 12)
    assert abs(level.change - steep.change) <= 1
    assert abs(level.low - steep.low) <= 1
    assert not found(stepped(0, trend=3_000), 12).is_clear


def test_a_clear_step_is_told_with_its_interval_and_what_it_does_not_show() -> None:
    result = found(stepped(-41_000), 12)
    assert result.is_clear
    assert result.sentence == (
        f"Since 2026-05-01 the mean is {-result.change / 10_000:.2f} points lower (95 % interval "
        f"{-result.high / 10_000:.2f} to {-result.low / 10_000:.2f} lower) than the course before would give, "
        "which is better; this does not show that it was the intervention."
    )


def test_a_step_for_the_worse_says_so_in_the_unit_of_the_scale() -> None:
    result = effect(points(stepped(9_000), 12), ON, "higher_is_worse", "points of 5")
    assert isinstance(result, Effect)
    assert " points of 5 higher (95 % interval " in result.sentence
    assert "which is worse" in result.sentence
    other = effect(points(stepped(9_000), 12), ON, "higher_is_better")
    assert isinstance(other, Effect)
    assert "which is better" in other.sentence


def test_an_interval_with_zero_in_it_is_no_clear_change() -> None:
    result = found(stepped(100), 12)
    assert not result.is_clear
    assert " lower to " in result.sentence
    assert result.sentence.endswith("than the course before would give: no clear change.")
    assert "better" not in result.sentence
    assert "worse" not in result.sentence


@pytest.mark.parametrize(("low", "high", "clear"), [(1, 9, True), (0, 9, False), (-9, 0, False), (-9, -1, True)])
def test_an_interval_that_ends_at_zero_holds_it(low: int, high: int, clear: bool) -> None:
    assert Effect((low + high) // 2, low, high, 8, 8, 0, 0.0, "").is_clear is clear


@pytest.mark.parametrize(("before", "after", "reason"), [(7, 8, "too_few_before"), (8, 7, "too_few_after")])
def test_too_few_rounds_on_a_side_are_refused(before: int, after: int, reason: str) -> None:
    values = [350_000 + at % 3 * 1_000 for at in range(before + after)]
    result = effect(points(values, before), ON, "higher_is_worse")
    assert isinstance(result, NoEffect)
    assert result.reason == reason
    assert f"7 rounds with figures {reason[8:]} it, and 8 are needed on either side" in result.sentence


def test_rounds_without_figures_do_not_count() -> None:
    values: list[int | None] = [*stepped(-41_000, side=8)]
    assert isinstance(effect(points(values, 8), ON, "higher_is_worse"), Effect)
    result = effect(points([*values[:3], None, *values[4:]], 8), ON, "higher_is_worse")
    assert isinstance(result, NoEffect)
    assert result.reason == "too_few_before"
    assert isinstance(effect([], ON, "higher_is_worse"), NoEffect)


def test_a_round_that_was_open_when_it_began_belongs_to_neither_side() -> None:
    whole = points(stepped(-41_000), 12)
    open_then = Point(ON - timedelta(3), ON, 10_000_000)
    result = effect([*whole, open_then], ON, "higher_is_worse")
    assert isinstance(result, Effect)
    assert (result.before, result.after, result.left_out) == (12, 12, 1)
    assert result.change == found(stepped(-41_000), 12).change
    unpublished = effect([*whole, open_then._replace(value=None)], ON, "higher_is_worse")
    assert isinstance(unpublished, Effect)
    assert unpublished.left_out == 0
    # one that ended the day before is before, one that began on the day is after
    edges = [Point(ON - timedelta(3), ON - timedelta(1), 360_000), Point(ON, ON + timedelta(9), 360_000)]
    sides = effect([*whole, *edges], ON, "higher_is_worse")
    assert isinstance(sides, Effect)
    assert (sides.before, sides.left_out) == (13, 0)


def test_means_that_do_not_vary_tell_nothing_of_chance() -> None:
    for values in ([360_000] * 24, [360_000] * 12 + [300_000] * 12, [1_000 * at for at in range(24)]):
        result = effect(points(values, 12), ON, "higher_is_worse")
        assert isinstance(result, NoEffect)
        assert result.reason == "no_variation"


def test_rounds_at_one_time_are_no_course() -> None:
    same = [Point(ON - timedelta(9), ON - timedelta(3), 350_000 + at) for at in range(12)]
    result = effect([*same, *points(stepped(0), 12)[12:]], ON, "higher_is_worse")
    assert isinstance(result, NoEffect)
    assert "one round with figures before" in result.sentence


def test_residuals_that_go_together_make_the_interval_wider() -> None:
    waves = [360_000 + 4_000 * (1 if at // 4 % 2 else -1) for at in range(24)]
    swings = [360_000 + 4_000 * (1 if at % 2 else -1) for at in range(24)]
    slow, quick = found(waves, 12), found(swings, 12)
    assert slow.autocorrelation > 0.3 > 0 > quick.autocorrelation
    assert slow.high - slow.low > 1.5 * (quick.high - quick.low)


def test_rounds_with_a_gap_between_them_are_no_neighbours() -> None:
    values: list[int | None] = [360_000 + 4_000 * (1 if at // 2 % 2 else -1) for at in range(48)]
    gaps = [value if at % 2 else None for at, value in enumerate(values)]
    assert found(gaps, 24).autocorrelation == 0
    assert found(values, 24).autocorrelation != 0


@given(st.permutations(range(24)), st.integers(-(10**6), 10**6))
def test_neither_order_nor_level_matters(order: list[int], by: int) -> None:
    whole = points(stepped(-20_000), 12)
    moved = [whole[at]._replace(value=(whole[at].value or 0) + by) for at in order]
    one, other = effect(whole, ON, "higher_is_worse"), effect(moved, ON, "higher_is_worse")
    assert isinstance(one, Effect)
    assert isinstance(other, Effect)
    assert (other.change, other.low, other.high) == pytest.approx((one.change, one.low, one.high), abs=1)
