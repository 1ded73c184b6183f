"""What an attack came to, and the table of it."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import sqrt
from typing import Final

from tests.attacks import calendars, groups, others, sensitive, subtraction
from tests.attacks.designs import NAMES, sealed
from tests.attacks.inference import BLIND, guess
from tests.attacks.others import Other
from tests.attacks.subtraction import Scenario

TRIALS: Final = 500
SCENARIOS: Final = (*subtraction.SCENARIOS, *calendars.SCENARIOS, *groups.SCENARIOS)
OTHERS: Final = (*others.OTHERS, *calendars.OTHERS, *sensitive.OTHERS)
Z: Final = 4
"""Standard deviations of a binomial that a measured rate may lie above the exact chance."""


TITLES: Final = (
    "attack",
    "naive design it beats",
    "success there",
    "on sealed cohorts",
    "exact best guess",
    "blind guess",
    "trials",
    "what stops it",
)


@dataclass(frozen=True)
class Result:
    """How often an attack was right, on a naive design and on sealed cohorts, out of as many trials each.

    `isolated` counts the trials in which the attack made a figure of a single person out of sealed ones.
    """

    name: str
    naive: str
    naive_hits: int
    sealed_hits: int
    best: Fraction
    blind: Fraction
    trials: int
    stops: str
    isolated: int = 0
    prevented: bool = True
    refused_as_expected: bool = True
    naive_minimum: float = 0.95

    @property
    def ceiling(self) -> float:
        """Most hits that the exact best guess explains."""
        chance = float(self.best)
        return self.trials * chance + Z * sqrt(self.trials * chance * (1 - chance)) + 1e-9

    def row(self) -> str:
        """One line of the table."""
        rates = (f"{100 * hits / self.trials:.1f} %" for hits in (self.naive_hits, self.sealed_hits))
        chances = (f"{float(100 * chance):.1f} %" for chance in (self.best, self.blind))
        cells = [self.name, self.naive, *rates, *chances, str(self.trials), self.stops]
        return f"| {' | '.join(cells)} |"


def subtract(scenario: Scenario) -> Result:
    """Try a subtraction attack."""
    rng = random.Random(scenario.name)
    naive_hits = sealed_hits = isolated = 0
    refused = True
    for _ in range(TRIALS):
        world = scenario.make(rng)
        beaten = scenario.naive_make(rng) if scenario.naive_make else world
        naive_hits += guess(scenario.attack(scenario.naive(beaten))) == beaten.secret
        view = sealed(world)
        figure = scenario.attack(view)
        isolated += figure is not None and figure.n == 1
        sealed_hits += guess(figure) == world.secret
        refused &= set(view.refusals) == scenario.refused
    return Result(
        scenario.name,
        NAMES[scenario.naive],
        naive_hits,
        sealed_hits,
        scenario.best,
        BLIND,
        TRIALS,
        scenario.stops,
        isolated,
        scenario.prevented,
        refused,
    )


def tried(other: Other) -> Result:
    """Try an attack that is no subtraction."""
    naive, ours = random.Random(f"{other.name}, naive"), random.Random(other.name)
    return Result(
        other.name,
        other.design,
        sum(other.naive(naive) for _ in range(TRIALS)),
        sum(other.sealed(ours) for _ in range(TRIALS)),
        other.best,
        other.blind,
        TRIALS,
        other.stops,
        prevented=other.prevented,
        naive_minimum=other.naive_minimum,
    )


@cache
def result(name: str) -> Result:
    """What an attack came to, by its name."""
    scenario = next((one for one in SCENARIOS if one.name == name), None)
    return subtract(scenario) if scenario else tried(next(one for one in OTHERS if one.name == name))


NAMES_OF_ATTACKS: Final = (*(one.name for one in SCENARIOS), *(one.name for one in OTHERS))


def table(results: Iterable[Result]) -> str:
    """The table of the documents."""
    head = f"| {' | '.join(TITLES)} |"
    return "\n".join([head, "|---|---|---|---|---|---|---|---|", *(result.row() for result in results)])
