"""Attacks that leave no doubt: the answers that a row excludes, and what a reader who knows all else can tell apart."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from random import Random
from typing import Any, Final

from stream_processors.steps.coding import code
from stream_processors.steps.replay import Replay
from tests.attacks.designs import Design, View, threshold
from tests.attacks.inference import CUT, SIB5, Figure, exact, groups, posterior
from tests.attacks.world import Answer, Closed, Opened, Step, Withdrawn, World, crowd, events, flat
from tests.records import numbers, replayed

Read = Callable[[World], object]
"""All that a design lets a viewer read."""


def excludes(figure: Figure | None, own: int | None = None) -> bool:
    """Whether a figure, seen by an outsider or by a member with the answer `own`, excludes an answer of another."""
    if figure is None:
        return False
    rest = figure if own is None else figure.minus(exact([own]))
    return 0 in posterior(rest).values()


def ever_excludes(n: int, own: int | None = None) -> Fraction:
    """The share of all groups of n whose sealed row excludes an answer."""
    known = [] if own is None else [own]
    others = n - len(known)
    found = sum(
        count
        for (total, risk), count in groups(others).items()
        if excludes(coded_figure(n, total + sum(known), risk + sum(one >= CUT for one in known)), own)
    )
    return Fraction(found, 5**others)


def coded_figure(n: int, total: int, risk: int) -> Figure:
    """The bounds that the coding rule publishes under the default policy."""
    row = code(SIB5, n, total, risk, 2)
    assert row.at_risk_low is not None
    assert row.at_risk_high is not None
    return Figure(n, row.score_low, row.score_high, row.at_risk_low, row.at_risk_high)


def count_clamped_alone(world: World) -> View:
    """A threshold of 5 that codes the number at risk and leaves the total as it is."""
    view = threshold(world)
    for versions in view.figures.values():
        for place, one in enumerate(versions):
            count = min(max(one.risk_low, 1), one.n - 1)
            versions[place] = replace(one, risk_low=count, risk_high=count)
    return view


def number_at_risk_is_wrong(figure: Figure | None) -> bool:
    """F8: a total that the published count cannot have, so the true count is known to be 0."""
    return figure is not None and figure.high < figure.risk_low * CUT + (figure.n - figure.risk_low)


@dataclass(frozen=True)
class Group:
    """Eleven people whose answers are alike, and whether one of them, with the first answer, is the attacker."""

    name: str
    answers: tuple[int, ...]
    own: int | None = None

    def world(self) -> World:
        """The group in a ward."""
        people = [Answer(f"p{i}", "ward", value) for i, value in enumerate(self.answers)]
        return flat(Opened(), *people, Closed(), units=["ward"])

    def succeeds(self, design: Design) -> bool:
        """Whether the ward's figure excludes an answer."""
        return excludes(design(self.world()).last("ward"), self.own)


GROUPS: Final = (
    *(Group(f"homogeneous group: all answer {value}", (value,) * 11) for value in range(1, 6)),
    Group("enumeration by an outsider: nobody at risk", (1, 2) * 5 + (1,)),
    Group("enumeration by a member: the only one at risk", (4,) + (1, 2) * 5, own=4),
)

F8: Final = Group("downcoding (F8)", (1,) * 10 + (2,))


def open_events(world: World) -> object:
    """Cohort rows, sealed rounds and indicators of the product, whole."""
    return _open(replayed(events(world)))


def outcomes_shown(world: World) -> object:
    """The product, with its outcome counts beside it."""
    result = replayed(events(world))
    return _open(result), numbers(result.outcomes())


def _open(result: Replay) -> object:
    return [one.model_dump() for one in (*result.cohorts, *result.rounds, *result.indicators)]


def figures_shown(world: World) -> object:
    """What a threshold of 5 shows."""
    return threshold(world).figures


def told_apart(read: Read, worlds: Mapping[Any, World]) -> int:
    """How many of the worlds a reader who could try all of them can tell apart."""
    return len({repr(read(world)) for world in worlds.values()})


def withheld_answers(rng: Random) -> dict[int, World]:
    """A target alone in a unit, withheld because ten in another dominate: the world of each possible answer."""
    others = crowd(rng, "a", 10)
    return {
        value: flat(Opened(), *others, Answer("target", "ward", value), Closed(), units=["a", "ward"])
        for value in range(1, 6)
    }


def withheld_withdrawals(rng: Random) -> dict[bool, World]:
    """The same, where the target did or did not withdraw."""
    people = [*crowd(rng, "a", 10), Answer("target", "ward", 3)]
    ends: dict[bool, list[Step]] = {False: [Closed()], True: [Withdrawn("target"), Closed()]}
    return {gone: flat(Opened(), *people, *end, units=["a", "ward"]) for gone, end in ends.items()}
