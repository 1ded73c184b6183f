"""Attacks on the two calendars of a season: a unit in both, the same answers in both, and what a calendar itself tells.

In the season of `world.SEASON` units of fewer than 20 people are asked once; the target's ward has 14.
"""

from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Final

from schemas.errors import Reason
from tests.attacks.certainty import open_events
from tests.attacks.designs import View, threshold
from tests.attacks.inference import Figure, best_guess, coded
from tests.attacks.others import Other, told_by_trying
from tests.attacks.subtraction import Make, Scenario, less, target
from tests.attacks.world import SEASON_LAST, Answer, Closed, Opened, Step, World, crowd, flat

LONG: Final = Opened("long", last=SEASON_LAST, leaves=("ward",), calendar="long")
BEFORE: Final = "2025-12-01"


def long_minus_short(view: View) -> Figure | None:
    """The ward's season without its short round; where the attack comes to nothing, the ward's own row."""
    return less(view.last("ward", "long"), view.last("ward", "short")) or view.last("ward", "long")


def in_both(*fielded: str) -> Make:
    """Eleven answer in the short round, and the same with the target in the long one; which units the short one has."""

    def make(rng: Random) -> World:
        first = crowd(rng, "ward", 11, "short")
        second = [*(replace(one, round="long") for one in first), target(rng, "long")]
        steps: list[Step] = [Opened("short", leaves=fielded, calendar="short"), LONG, *first, *second]
        return flat(*steps, Closed("short"), Closed("long"), units=["a", "ward"], ward=14)

    return make


def calendar_of_the_ward(world: World) -> str:
    """A design that asks units once a season whose people are badly off, and shows the calendar."""
    values = [
        step.value for step in world.steps if isinstance(step, Answer) and (step.unit, step.round) == ("ward", "r1")
    ]
    return "long" if sum(values) > 3 * len(values) else "short"


def assigned_by_answers(rng: Random) -> dict[bool, World]:
    """Nine of the ward answer before the season, all high or all low, and its calendar is to be by that."""
    people = crowd(rng, "ward", 11, "long")
    worlds = {}
    for high in (True, False):
        ward = [Answer(f"p{i}", "ward", rng.choice([4, 5] if high else [1, 2]), submitted=BEFORE) for i in range(9)]
        before: list[Step] = [Opened(first=BEFORE, last="2025-12-14"), *ward, Closed()]
        wish = Opened("short", leaves=("a",) if high else ("a", "ward"), calendar="short")
        # where that was refused the headcounts' own are left
        opened = [wish, *([] if high else [replace(wish, leaves=("a",))]), LONG]
        worlds[high] = flat(*before, *opened, *people, Closed("short"), Closed("long"), units=["a", "ward"], ward=14)
    return worlds


HALF: Final = Fraction(1, 2)
TWELVE: Final = best_guess(12, coded())

SCENARIOS: Final = (
    Scenario(
        "a unit in both calendars",
        threshold,
        in_both("a", "ward"),
        long_minus_short,
        TWELVE,
        "refused: a season's headcounts give it one calendar",
        frozenset({Reason.BAD_SEASON, Reason.UNKNOWN_ROUND}),
    ),
    Scenario(
        "the same answers sent to both calendars",
        threshold,
        in_both("a"),
        long_minus_short,
        TWELVE,
        "refused: a round takes answers of its own units",
        frozenset({Reason.UNKNOWN_UNIT}),
    ),
)
OTHERS: Final = (
    Other(
        "a withheld unit's calendar: are its people badly off",
        "calendar chosen by the answers before",
        told_by_trying(calendar_of_the_ward, assigned_by_answers),
        told_by_trying(open_events, assigned_by_answers),
        HALF,
        HALF,
        "headcounts alone assign; another choice is refused",
    ),
)
