"""Candidates for a programme, and what each would yield."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from math import inf
from random import Random
from typing import Final, NamedTuple

from schemas.instruments.scoring import Form
from schemas.organisation import Organisation
from schemas.policy import Policy
from schemas.season import Calendar
from stream_processors.planning.calendars import chance_of_figures, expected_answers, proposed_threshold
from stream_processors.planning.levels import down_to
from stream_processors.planning.precision import days_to_see, mean_half_width, share_width
from stream_processors.planning.season import heard_once
from stream_processors.planning.shares import Fielding, Shares, shares
from stream_processors.steps.seasons import assigned

ONCE_DRAWS: Final = 40


class Candidate(NamedTuple):
    """One way to run a programme. `level` is where people answer."""

    k: int
    level: str
    round_days: int
    calendars: int


@dataclass(frozen=True, slots=True)
class Responders:
    """One kind of responders: the chance that somebody answers a round of so many days, and one person's own chance."""

    kind: str
    chance: Callable[[float], float]
    habit: Callable[[Random, float], float]


@dataclass(frozen=True, slots=True)
class Assumptions:
    """What a plan takes as given. `policy` is that of every candidate, but for k; `at_risk` the expected share."""

    policy: Policy
    form: Form
    season_days: int = 84
    at_risk: float = 0.4
    reliable: float = 0.8
    draws: int = 100


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a candidate would yield with one kind of responders.

    Shares are of the leaves. `once` have figures of their own at least once in a season. Width (of the share at risk),
    half width (of a mean, in standard deviations) and days until half a standard deviation shows are medians; `unseen`
    is the share of leaves at which it does not show within two years.
    """

    candidate: Candidate
    responders: str
    shares: Shares
    once: float
    long_below: int | None
    width: float | None
    half_width: float | None
    days: float
    unseen: float


@dataclass
class Planner:
    """Works out candidates for one organisation; what several of them share is drawn once."""

    place: Organisation
    assumptions: Assumptions
    random: Random
    sizes: Sequence[int]
    _once: dict[tuple[str, int, str], Mapping[int, list[float]]] = field(default_factory=dict)

    def outlook(self, candidate: Candidate, responders: Responders) -> Outlook:
        """What a candidate would yield."""
        place = down_to(self.place, candidate.level)
        policy = self.assumptions.policy.model_copy(update={"k": candidate.k})
        size, short = policy.cohort_size, responders.chance(candidate.round_days)
        below = proposed_threshold(short, size, self.assumptions.reliable) if candidate.calendars == 2 else None
        leaves = assigned(place, below or 0)
        long = responders.chance(self.assumptions.season_days)
        calendars = [Fielding(leaves["short"], short), Fielding(leaves["long"], long)]
        found = shares(self.random, place, calendars, policy, self.assumptions.form, self.assumptions.draws)
        figures = [*self._figures(place, leaves, candidate, size, short, long)]
        return Outlook(
            candidate,
            responders.kind,
            found,
            self._heard_once(place, leaves, candidate, responders, size),
            below,
            *_precision(figures, self.assumptions.at_risk),
        )

    def _figures(
        self,
        place: Organisation,
        leaves: Mapping[Calendar, Sequence[str]],
        candidate: Candidate,
        size: int,
        short: float,
        long: float,
    ) -> Iterator["_Leaf"]:
        for calendar, chance, days in (
            ("short", short, candidate.round_days),
            ("long", long, self.assumptions.season_days),
        ):
            for leaf in leaves["short" if calendar == "short" else "long"]:
                heads = place.headcounts[leaf]
                often = chance_of_figures(heads, chance, size)
                count = expected_answers(heads, chance, size)
                yield _Leaf(often, count, days_to_see(count, often, days))

    def _heard_once(
        self,
        place: Organisation,
        leaves: Mapping[Calendar, Sequence[str]],
        candidate: Candidate,
        responders: Responders,
        size: int,
    ) -> float:
        everywhere = place.leaves()
        name = (candidate.level, candidate.round_days, responders.kind)
        if name not in self._once:
            self._once[name] = heard_once(
                self.random,
                [place.headcounts[leaf] for leaf in everywhere],
                lambda random: responders.habit(random, candidate.round_days),
                max(1, self.assumptions.season_days // candidate.round_days),
                self.sizes,
                ONCE_DRAWS,
            )
        in_short = dict(zip(everywhere, self._once[name][size], strict=True))
        long = responders.chance(self.assumptions.season_days)
        in_long = (chance_of_figures(place.headcounts[leaf], long, size) for leaf in leaves["long"])
        return (sum(in_short[leaf] for leaf in leaves["short"]) + sum(in_long)) / len(everywhere)


class _Leaf(NamedTuple):
    """How often a leaf has figures, of how many answers then, and after how many days half an SD shows."""

    often: float
    answers: float
    days: float


def candidates(
    ks: Sequence[int], levels: Sequence[str], days: Sequence[int], usual: Candidate, whole_grid: bool
) -> list[Candidate]:
    """The usual one first, then those that differ from it in one thing, or all; each with one calendar and with two."""
    if whole_grid:
        found = [Candidate(*one, 1) for one in product(ks, levels, days)]
    else:
        found = [usual._replace(k=k) for k in ks]
        found += [usual._replace(level=level) for level in levels]
        found += [usual._replace(round_days=length) for length in days]
    one_calendar = dict.fromkeys(one._replace(calendars=1) for one in [usual, *found])
    return [one._replace(calendars=calendars) for one in one_calendar for calendars in (1, 2)]


def _precision(figures: list[_Leaf], at_risk: float) -> tuple[float | None, float | None, float, float]:
    days = sorted(leaf.days for leaf in figures)
    unseen = sum(one == inf for one in days) / len(days)
    median_days = days[(len(days) - 1) // 2]
    shown = sorted((leaf for leaf in figures if leaf.often), key=lambda leaf: leaf.answers)
    if not shown:
        return None, None, median_days, unseen
    # of the figures that are shown in a round: a leaf that seldom has any counts less
    half, so_far = sum(leaf.often for leaf in shown) / 2, 0.0
    for leaf in shown:
        so_far += leaf.often
        if so_far >= half:
            break
    return share_width(at_risk, leaf.answers), mean_half_width(leaf.answers), median_days, unseen
