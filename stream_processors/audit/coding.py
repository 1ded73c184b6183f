"""Whether a row is one that the coding rule can give, and whether it leaves every member every score.

The rule is worked out again from docs/privacy.md, "Coding"; what a row leaves open is decided without it, from what can
lie behind the row at all.
"""

from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from stream_processors.audit.evidence import CohortRow
from stream_processors.audit.instruments import AskedScale, Range

OFF_THE_GRID: Final = "a total off its grid: scores are whole numbers"
OFF_THE_SCALE: Final = "a total that its members cannot have: it is outside what the scale allows"
MOST: Final = 1_000_000
TOO_MANY: Final = "more people than a cohort can have"
NO_COUNT: Final = "a scale with a cut and no number at risk, or one without a cut and with one"


@dataclass(frozen=True, slots=True)
class Row:
    """The numbers of a row that the rule is about."""

    n: int
    low: int
    high: int
    at_risk_low: int | None
    at_risk_high: int | None


def fault(row: CohortRow, scale: AskedScale, guard: int) -> str | None:
    """What is wrong with a row's numbers; None if they are as the rule gives them and leave every score open."""
    numbers = (row.n, row.score_low, row.score_high, row.at_risk_low, row.at_risk_high)
    if not all(number is None or Fraction(number).denominator == 1 for number in numbers):
        return OFF_THE_GRID
    if (row.at_risk_low is None) != (scale.at_risk is None) or (row.at_risk_high is None) != (scale.at_risk is None):
        return NO_COUNT
    risks = [None if number is None else int(number) for number in numbers[3:]]
    return fault_of(Row(int(row.n), int(row.score_low), int(row.score_high), *risks), scale, guard)


def fault_of(row: Row, scale: AskedScale, guard: int) -> str | None:
    """What is wrong with whole numbers, as `fault`."""
    if row.n > MOST:
        return TOO_MANY
    if not row.n * scale.lowest <= row.low <= row.high <= row.n * scale.highest:
        return OFF_THE_SCALE
    found = _off_the_rule(row, scale, guard)
    if found is not None:
        return found + _told(row, scale)
    return _rules_out(row, scale, guard)


def _told(row: Row, scale: AskedScale) -> str:
    """What the total tells of the number at risk, if that is more than is published of it."""
    if row.at_risk_low is None or row.at_risk_high is None:
        return ""
    behind = [
        count
        for count in range(row.n + 1)
        if (possible := _totals(scale, row.n, count)).low <= row.high and row.low <= possible.high
    ]
    # both ends of what is possible move with the count, so that the counts behind a total have no gap
    if not behind or (behind[0] <= row.at_risk_low and row.at_risk_high <= behind[-1]):
        return ""
    few = f"{behind[0]}" if len(behind) == 1 else f"from {behind[0]} to {behind[-1]}"
    return f"; by the total the number at risk can only be {few}"


def _off_the_rule(row: Row, scale: AskedScale, guard: int) -> str | None:
    if scale.at_risk is None:
        whole = Range(row.n * scale.other.low, row.n * scale.other.high)
        return _outside_its_box(row, whole, guard * scale.span, whole)
    count = _coded_count(row, guard)
    if count is None:
        return f"numbers at risk that the rule does not give: {row.at_risk_low} to {row.at_risk_high} of {row.n}"
    box = _totals(scale, row.n, count)
    ends = [_totals(scale, row.n, end) for end in (row.at_risk_low or 0, row.at_risk_high or 0)]
    whole = Range(min(end.low for end in ends), max(end.high for end in ends))
    return _outside_its_box(row, box, guard * scale.span, whole)


def _coded_count(row: Row, guard: int) -> int | None:
    """The coded number at risk that a row's bounds stand for."""
    for count in {guard, row.at_risk_low or 0, row.n - guard}:
        if not guard <= count <= row.n - guard:
            continue
        low, high = 0 if count == guard else count, row.n if count == row.n - guard else count
        if (low, high) == (row.at_risk_low, row.at_risk_high):
            return count
    return None


def _outside_its_box(row: Row, possible: Range, room: int, whole: Range) -> str | None:
    bottom, top = possible.low + room, possible.high - room
    allowed = {(whole.low, whole.high)} if bottom >= top else {(whole.low, bottom), (top, whole.high)}
    if bottom < row.low == row.high < top or (row.low, row.high) in allowed:
        return None
    return f"a total outside its box of {bottom} to {top}: {row.low} to {row.high}"


def _totals(scale: AskedScale, n: int, at_risk: int) -> Range:
    """The totals of n people of whom so many are at risk: every whole number from low to high."""
    if scale.at_risk is None:
        return Range(n * scale.other.low, n * scale.other.high)
    others = n - at_risk
    return Range(
        at_risk * scale.at_risk.low + others * scale.other.low, at_risk * scale.at_risk.high + others * scale.other.high
    )


def _rules_out(row: Row, scale: AskedScale, guard: int) -> str | None:
    """What members who pool what they know of themselves can rule out of somebody else, if anything."""
    pooling = guard - 1
    groups = [(0, scale.other), *([(1, scale.at_risk)] if scale.at_risk is not None else [])]
    for at_risk in range(pooling + 1 if scale.at_risk is not None else 1):
        own = _totals(scale, pooling, at_risk)
        for risk, group in groups:
            left = _Left(row, scale, row.n - pooling - 1, at_risk + risk)
            if left.holds_all(own.low + group.low, own.high + group.high):
                continue
            told = _ruled_out(_Left(row, scale, row.n - pooling, at_risk), own, left, group)
            if told is not None:
                who = f"{pooling} members who pool what they know" if pooling else "anybody"
                return f"{who} can rule out that a member has the score {told}"
    return None


def _ruled_out(before: "_Left", own: Range, left: "_Left", group: Range) -> int | None:
    for known in range(own.low, own.high + 1):
        if not before.holds(known):
            continue  # nobody knows what cannot be
        for score in range(group.low, group.high + 1):
            if not left.holds(known + score):
                return score
    return None


class _Left:
    """What is left of a row when a number at risk is known: whether `others` people can make up the rest of a total."""

    def __init__(self, row: Row, scale: AskedScale, others: int, at_risk: int) -> None:
        self._row = row
        least, most = (row.at_risk_low or 0) - at_risk, (row.at_risk_high or 0) - at_risk
        counts_left = range(max(0, least), min(others, most) + 1) if scale.at_risk is not None else range(1)
        self._totals = [_totals(scale, others, count) for count in counts_left]

    def holds(self, known: int) -> bool:
        """Whether the rest of one known total can be made up."""
        return self.holds_all(known, known)

    def holds_all(self, low: int, high: int) -> bool:
        """Whether, with one number at risk, the rest of every known total from low to high can be made up."""
        row = self._row
        return any(total.low + high <= row.high and row.low <= total.high + low for total in self._totals)
