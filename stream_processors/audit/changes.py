"""Intervals worked out again, exactly: of shares (Wilson EB (1927) J Am Stat Assoc 22:209-212) and of changes.

Those of changes of a share are Newcombe's (Newcombe RG (1998) Stat Med 17:873-890, method 10).

Published numbers are rounded to four decimals. A limit of Wilson's is a root of a quadratic, and is checked by the
signs of the quadratic beside it; other roots are taken to twenty decimals.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import isqrt
from typing import Final, NamedTuple, TypeGuard

from stream_processors.audit.instruments import AskedScale, Range

DECIMALS: Final = 4
Z: Final = Fraction(1959964, 1000000)
_HALF: Final = Fraction(1, 2 * 10**DECIMALS) + Fraction(1, 10**10)
"""Half of the last decimal, and what a figure computed in floating point may be off."""
_PRECISION: Final = 10**20


class Exact(NamedTuple):
    """Totals as fractions, so that dividing them stays exact."""

    n: Fraction
    low: Fraction
    high: Fraction
    at_risk_low: Fraction
    at_risk_high: Fraction


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit of Wilson's 95 % interval of a share of n: known by what it solves, not by its digits."""

    share: Fraction
    n: Fraction
    lower: bool

    def is_at(self, published: object) -> bool:
        """Whether a published number is this limit, rounded."""
        if not _is_short(published):
            return False
        beside = (published - _HALF, published + _HALF)
        bottom, top = beside
        if self.lower:
            # left of the smaller root the quadratic is above zero; a limit below zero is published as zero
            return (bottom <= 0 or self._is_left(bottom)) and not self._is_left(top)
        return (top >= 1 or self._is_right(top)) and not self._is_right(bottom)

    def _quadratic(self, at: Fraction) -> Fraction:
        return (at - self.share) ** 2 - Z * Z * at * (1 - at) / self.n

    @property
    def _centre(self) -> Fraction:
        return (self.share + Z * Z / (2 * self.n)) / (1 + Z * Z / self.n)

    def _is_left(self, at: Fraction) -> bool:
        return at < self._centre and self._quadratic(at) > 0

    def _is_right(self, at: Fraction) -> bool:
        return at > self._centre and self._quadratic(at) > 0


@dataclass(frozen=True, slots=True)
class Near:
    """A figure with a root in it, to twenty decimals."""

    value: Fraction

    def is_at(self, published: object) -> bool:
        """Whether a published number is this figure, rounded."""
        return _is_short(published) and abs(published - self.value) <= _HALF


def change(now: "Window", then: "Window", scale: AskedScale) -> dict[str, object]:
    """The change of the mean from one window to the next, with the interval of who answers."""
    low, high = scale.mean(now.total.low, now.total.n), scale.mean(now.total.high, now.total.n)
    low_then, high_then = scale.mean(then.total.low, then.total.n), scale.mean(then.total.high, then.total.n)
    half = Z * _root(_variance(now.total, scale) / now.answers + _variance(then.total, scale) / then.answers)
    return {
        "change": rounded((low + high - low_then - high_then) / 2),
        "change_low": Near(low - high_then - half),
        "change_high": Near(high - low_then + half),
    }


def share_change(now: "Window", then: "Window") -> dict[str, object]:
    """The change of the share at risk, from the ends of both bounds."""
    low, high = now.shares
    low_then, high_then = then.shares
    down = _root(_below(low, now.answers) ** 2 + _above(high_then, then.answers) ** 2)
    up = _root(_above(high, now.answers) ** 2 + _below(low_then, then.answers) ** 2)
    return {
        "share_change": rounded((low + high - low_then - high_then) / 2),
        "share_change_low": Near(low - high_then - down),
        "share_change_high": Near(high - low_then + up),
    }


class Window(NamedTuple):
    """The totals of a window, and of how many rounds they are."""

    total: Exact
    rounds: int

    @property
    def answers(self) -> Fraction:
        """Of a round, on average."""
        return self.total.n / self.rounds

    @property
    def shares(self) -> tuple[Fraction, Fraction]:
        """The bounds of the share at risk."""
        return self.total.at_risk_low / self.total.n, self.total.at_risk_high / self.total.n


def rounded(value: Fraction) -> Fraction:
    """As figures are published."""
    return round(value, DECIMALS)


def _is_short(published: object) -> TypeGuard[int | Fraction]:
    return isinstance(published, int | Fraction) and published == round(published, DECIMALS)


def _root(square: Fraction) -> Fraction:
    return Fraction(isqrt(square.numerator * _PRECISION**2 // square.denominator), _PRECISION)


def _below(share: Fraction, n: Fraction) -> Fraction:
    """How far Wilson's lower limit, which is no less than zero, lies under a share."""
    return min(share, share - (_centre(share, n) - _half(share, n)))


def _above(share: Fraction, n: Fraction) -> Fraction:
    return min(1 - share, _centre(share, n) + _half(share, n) - share)


def _centre(share: Fraction, n: Fraction) -> Fraction:
    return (share + Z * Z / (2 * n)) / (1 + Z * Z / n)


def _half(share: Fraction, n: Fraction) -> Fraction:
    return Z * _root(share * (1 - share) / n + Z * Z / (4 * n * n)) / (1 + Z * Z / n)


def _variance(total: Exact, scale: AskedScale) -> Fraction:
    """Of one person's score: as if the scores possible in each group were as likely as each other."""
    unit = scale.mean(Fraction(1), Fraction(1)) - scale.mean(Fraction(0), Fraction(1))
    others = _even(scale.other)
    if scale.at_risk is None:
        return others * unit**2
    share = (total.at_risk_low + total.at_risk_high) / (2 * total.n)
    between = share * (1 - share) * (_middle(scale.at_risk) - _middle(scale.other)) ** 2
    return (between + share * _even(scale.at_risk) + (1 - share) * others) * unit**2


def _middle(group: Range) -> Fraction:
    return Fraction(group.low + group.high, 2)


def _even(group: Range) -> Fraction:
    scores = group.high - group.low + 1
    return Fraction(scores * scores - 1, 12)
