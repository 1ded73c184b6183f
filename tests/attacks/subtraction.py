"""Attacks that subtract: what two published figures differ by is a figure of its own, of one person if they succeed.

Each attack takes a view and returns the smallest figure it can make about a group that the target is in, or None.
The guess is the best one that this figure allows, by `inference.guess`, whatever the design.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce

from schemas.errors import Reason
from tests.attacks.designs import (
    Design,
    View,
    rolling,
    rows_counted,
    sealed_again,
    suppression,
    threshold,
    threshold_of_three,
)
from tests.attacks.inference import BLIND, Figure, best_guess, coded, exact
from tests.attacks.world import HOUSE, Answer, Closed, Opened, Step, Withdrawn, World, crowd, flat

Attack = Callable[[View], Figure | None]
Make = Callable[[random.Random], World]


@dataclass(frozen=True)
class Scenario:
    """One attack: the worlds it is tried in, the design it beats, and what is known about it on sealed cohorts.

    `best` is the exact chance of the best guess there, `refused` why the pipeline refuses what the attack needs.
    """

    name: str
    naive: Design
    make: Make
    attack: Attack
    best: Fraction
    stops: str
    refused: frozenset[Reason] = frozenset()
    prevented: bool = True
    naive_make: Make | None = None


def less(whole: Figure | None, *parts: Figure | None) -> Figure | None:
    """A figure without its parts; None if one is not shown, or if nobody is left."""
    if whole is None or None in parts:
        return None
    rest = reduce(Figure.minus, (part for part in parts if part), whole)
    return rest if rest.n > 0 else None


def step_up(view: View) -> Figure | None:
    """The last version of the ward's figure without the one before: whoever came last."""
    versions = view.versions("ward")
    return versions[-1].minus(versions[-2]) if len(versions) > 1 else None


def step_down(view: View) -> Figure | None:
    """The version before without the last one: whoever left."""
    versions = view.versions("ward")
    return versions[-2].minus(versions[-1]) if len(versions) > 1 else None


def or_own_row(attack: Attack, node: str = "ward") -> Attack:
    """Where the attack comes to nothing, the attacker still has the row that the target is in."""
    return lambda view: attack(view) or view.last(node)


def parent_minus_children(view: View) -> Figure | None:
    """The hospital without every other unit that is shown."""
    shown = [view.last(unit) for unit in ("a", "b", "c")]
    return less(view.last(HOUSE), *(figure for figure in shown if figure))


def total_minus_staff_group(view: View) -> Figure | None:
    """The ward without its nurses: its only doctor."""
    return less(view.last("ward"), view.last("ward", staff="nurse"))


def rows_minus_people(view: View) -> Figure | None:
    """What the unit received without who answered: what was received twice."""
    return less(view.last("ward"), view.last(HOUSE))


def units_minus_hospital(view: View) -> Figure | None:
    """Two units added up without the hospital: who is in both."""
    both = [view.last("a"), view.last("ward")]
    return less(both[0].plus(both[1]), view.last(HOUSE)) if both[0] and both[1] else None


def pool_minus_large_unit(view: View) -> Figure | None:
    """The pool that was made under the new policy without the unit that the old one showed alone."""
    return less(view.last("medicine"), view.last("a"))


def second_round_minus_first(view: View) -> Figure | None:
    """The same people's second round without the first."""
    return less(view.last("ward", "r2"), view.last("ward", "r1"))


# as many high as low, so that no clamp is reached: the worst the attacker can do
TEN = (1, 5) * 5


def total_minus_fakes(view: View) -> Figure | None:
    """The unit without the attacker's own answers."""
    return less(view.last("ward"), exact(list(TEN)))


def pool_minus_own_unit(view: View) -> Figure | None:
    """The department's pool without the unit of ten, who have told each other what they answered."""
    return less(view.last("medicine"), exact(list(TEN)))


def target(rng: random.Random, round_: str = "r1", staff: str = "nurse") -> Answer:
    """The person the attacker is after."""
    return Answer("target", "ward", rng.randint(1, 5), round_, staff)


def joins_in_time(rng: random.Random) -> World:
    """Ten answer, then the target, then the round closes."""
    return flat(Opened(), *crowd(rng, "ward", 10), target(rng), Closed(), units=["ward"])


def is_late(rng: random.Random) -> World:
    """Eleven answer, the round closes, and then the target answers."""
    return flat(Opened(), *crowd(rng, "ward", 11), Closed(), target(rng), units=["ward"])


def withdraws(early: bool) -> Make:
    """Twelve answer, and the target takes it back before or after the close."""

    def make(rng: random.Random) -> World:
        end: list[Step] = [Withdrawn("target"), Closed()]
        return flat(Opened(), *crowd(rng, "ward", 11), target(rng), *(end if early else reversed(end)), units=["ward"])

    return make


def alone_beside(**sizes: int) -> Make:
    """The target answers alone in a unit, beside others of the sizes given."""

    def make(rng: random.Random) -> World:
        people = [one for unit, size in sizes.items() for one in crowd(rng, unit, size)]
        return flat(Opened(), *people, target(rng), Closed(), units=[*sizes, "ward"])

    return make


def only_doctor(rng: random.Random) -> World:
    """Ten nurses and the target, the ward's only doctor; other wards have both."""
    others = [
        one
        for unit in ("a", "b")
        for staff, size in (("nurse", 12), ("doctor", 8))
        for one in crowd(rng, unit, size, staff=staff)
    ]
    people = [*others, *crowd(rng, "ward", 10), target(rng, staff="doctor")]
    return flat(Opened(), *people, Closed(), units=["a", "b", "ward"])


def delivered_twice(rng: random.Random) -> World:
    """The target's record is delivered again, as after a rebalance."""
    one = target(rng)
    return flat(Opened(), *crowd(rng, "ward", 10), one, one, Closed(), units=["ward"])


def replayed_with_one_more(rng: random.Random) -> World:
    """After the close the target answers, and the log is read again up to a second close."""
    return flat(Opened(), *(people := crowd(rng, "ward", 11)), Closed(), target(rng), *people, Closed(), units=["ward"])


def sealed_under_another_policy(rng: random.Random) -> World:
    """Ten in one unit and the target in another, sealed with k = 10 and then again with k = 11."""
    people = [*crowd(rng, "a", 10), target(rng)]
    first, second = Opened(k=10, coalition=0), Opened(k=11, coalition=0)
    return flat(first, *people, Closed(), second, Closed(), units=["a", "ward"])


def fed_as_a_second_round(rng: random.Random) -> World:
    """One round's eleven answers, and the same with the target's as a second round of the same dates."""
    first = crowd(rng, "ward", 11)
    second = [Answer(one.person, one.unit, one.value, "r2") for one in first]
    steps: list[Step] = [Opened(), *first, Closed(), Opened("r2"), *second, target(rng, round_="r2"), Closed("r2")]
    return flat(*steps, units=["ward"])


def flooded(headcount: int) -> Make:
    """The target and ten fake people in a unit of the headcount given."""

    def make(rng: random.Random) -> World:
        fakes = [Answer(f"fake-{i}", "ward", value) for i, value in enumerate(TEN)]
        return flat(Opened(), *fakes, target(rng), Closed(), units=["ward"], ward=headcount)

    return make


def in_two_units(rng: random.Random) -> World:
    """The target answers in one unit and, the same, in another."""
    one = target(rng)
    again = Answer("target", "ward", one.value, revision=1)
    first = Answer("target", "a", one.value)
    return flat(Opened(), *crowd(rng, "a", 10), first, *crowd(rng, "ward", 10), again, Closed(), units=["a", "ward"])


def dominated(others: int) -> Make:
    """A unit of ten who know each other's answers, the target's unit, and others alone in theirs."""

    def make(rng: random.Random) -> World:
        ten = [Answer(f"a-{i}", "a", value) for i, value in enumerate(TEN)]
        alone = [one for i in range(others) for one in crowd(rng, f"u{i}", 1)]
        units = ["a", "ward", *(f"u{i}" for i in range(others))]
        return flat(Opened(k=10), *ten, *alone, target(rng), Closed(), units=units)

    return make


ONE_ROW = best_guess(11, coded())
LATE = frozenset({Reason.AFTER_CLOSE})

SCENARIOS = [
    Scenario("differencing over time (F3)", rolling, joins_in_time, or_own_row(step_up), ONE_ROW, "one version"),
    Scenario(
        "parent minus children",
        threshold,
        alone_beside(a=7, b=10, c=13),
        parent_minus_children,
        best_guess(18, coded()),
        "what is left is a cohort of 18",
    ),
    Scenario(
        "parent minus children (F4)",
        threshold_of_three,
        alone_beside(a=3, b=7, c=10),
        parent_minus_children,
        best_guess(21, coded()),
        "what is left is a cohort of 21",
    ),
    Scenario(
        "parent minus children, smallest cohort (F4)",
        threshold_of_three,
        alone_beside(a=3, b=7),
        parent_minus_children,
        ONE_ROW,
        "what is left is a cohort of 11",
    ),
    Scenario(
        "three-way: unit, staff group, total",
        suppression,
        only_doctor,
        or_own_row(total_minus_staff_group),
        ONE_ROW,
        "one hierarchy, no query",
    ),
    Scenario(
        "redelivery, rebalance",
        rows_counted,
        delivered_twice,
        or_own_row(rows_minus_people),
        ONE_ROW,
        "tokens are counted, not rows",
    ),
    Scenario(
        "re-partition by replay",
        sealed_again,
        replayed_with_one_more,
        step_up,
        BLIND,
        "refused: sealed once",
        LATE | {Reason.ROUND_CLOSED_TWICE},
    ),
    Scenario(
        "re-partition by policy (F6)",
        sealed_again,
        sealed_under_another_policy,
        pool_minus_large_unit,
        BLIND,
        "refused: sealed once",
        frozenset({Reason.ROUND_OPENED_TWICE, Reason.ROUND_CLOSED_TWICE}),
    ),
    Scenario(
        "overlapping rounds (F7)",
        threshold,
        fed_as_a_second_round,
        second_round_minus_first,
        BLIND,
        "refused: dates overlap",
        frozenset({Reason.ROUND_OVERLAPS, Reason.UNKNOWN_ROUND}),
    ),
    Scenario("late answer", rolling, is_late, step_up, BLIND, "refused: late for ever", LATE),
    Scenario("withdrawal before the close", rolling, withdraws(True), step_down, BLIND, "never sealed"),
    Scenario(
        "withdrawal after the close",
        rolling,
        withdraws(False),
        or_own_row(step_down),
        best_guess(12, coded()),
        "refused: one version",
        LATE,
    ),
    Scenario("flooding a unit of 4", threshold, flooded(4), total_minus_fakes, BLIND, "overfull: nothing is sealed"),
    Scenario(
        "flooding a unit of 40",
        threshold,
        flooded(40),
        total_minus_fakes,
        best_guess(1, coded(), TEN),
        "NOT PREVENTED: tokens must be the source's",
        prevented=False,
    ),
    Scenario(
        "same token in two units",
        rows_counted,
        in_two_units,
        or_own_row(units_minus_hospital),
        ONE_ROW,
        "one submission per token",
    ),
    Scenario(
        "dominance: unit of 10 beside 1", sealed_again, dominated(0), pool_minus_own_unit, BLIND, "`outside`: withheld"
    ),
    Scenario(
        "dominance: unit of 10 beside 3",
        sealed_again,
        dominated(2),
        pool_minus_own_unit,
        best_guess(3, coded(), TEN),
        "NOT PREVENTED: ten pool what they know, `coalition` is 1",
        prevented=False,
        naive_make=dominated(0),
    ),
]
