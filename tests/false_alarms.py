"""How often control charts call leaders for nothing, and how soon for something: tables of docs/indicators.md.

Units of the sizes of docs/examples/organisation-general.yaml are drawn until there are 200. Their people have lasting
differences and passing ones, leave and are replaced, and answer again by habit; nothing else changes. Totals are coded
as the anonymiser codes them, and a round with fewer than K answers is a gap. `make indicators` makes the tables anew.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from math import inf, sqrt
from pathlib import Path
from random import Random
from statistics import median
from typing import Final, NamedTuple

from deploy.resources import catalogue
from producers.simulation.answers import READINGS
from producers.sources.yaml_text import parse_yaml
from schemas.instruments.scoring import Scale
from schemas.policy import Policy
from stream_processors.steps.coding import Coded, code
from stream_processors.steps.spc import BASELINE, LEADERS, LEADERS_FROM, Kind, Rule, Track
from tests import oracle_spc

ROOT: Final = Path(__file__).parent.parent
EXAMPLE: Final = ROOT / "docs" / "examples" / "organisation-general.yaml"
UNITS: Final = 200
HOSPITALS: Final = 5
RESPONSE: Final = 0.40
TURNOVER: Final = 0.15
BETWEEN_UNITS: Final = 0.25
HALF: Final = 0.5
QUARTER: Final = 0.25
"""Changes for the worse, in standard deviations of single people's readings."""
MONTH: Final = 365.25 / 12
POLICY: Final = Policy()
UNIT: Final = 10_000

HABITS: Final[Mapping[str, float | None]] = {"half again": 5.0, "everybody alike": None, "by habit": 1.2}
"""How chances to answer spread around the response r: by Beta(h * r, h * (1 - r)), or not at all.

Of those who answered a round, 50 %, 40 % and 67 % answer the next one.
"""
RULE_NAMES: Final[tuple[Rule, ...]] = ("outside", "run", "trend", "two_of_three")
RULES: Final[Mapping[str, frozenset[Rule]]] = {
    "outside": frozenset({"outside"}),
    "outside, two of three": frozenset({"outside", "two_of_three"}),
    "these two and run": frozenset({"outside", "two_of_three", "run"}),
    "all four": frozenset(RULE_NAMES),
}
BASELINES: Final[Mapping[str, int | None]] = {"all points": None, "first 24": 24, "first 12": 12}


@dataclass(frozen=True)
class Calendar:
    """How often a form is asked, for how long it is watched, and the round from which a unit is worse."""

    name: str
    days: int
    rounds: int
    shift_at: int

    @property
    def months(self) -> float:
        """Months from round to round."""
        return self.days / MONTH


MONTHLY: Final = Calendar("monthly", 30, 24, 12)
TWO_WEEKLY: Final = Calendar("every two weeks", 14, 52, 26)
QUARTERLY: Final = Calendar("every 90 days", 90, 16, 8)
"""Two years before the change and two after: in one year there are four rounds."""


@dataclass(frozen=True)
class Asked:
    """A form of one scale: how lasting people's differences are, and how a reading of a person becomes a score."""

    name: str
    form: str
    lasting: float
    score: Callable[[float], int]

    @property
    def scale(self) -> Scale:
        """Its scale."""
        return catalogue()[self.form].scales[0]


def _cbi(reading: float) -> int:
    """Mean 36 and standard deviation 17 of 100, on the grid of 0 to 24."""
    return min(max(round((36 + 17 * reading) * 24 / 100), 0), 24)


def _single(reading: float) -> int:
    return 1 + bisect_right(READINGS["sib5"].thresholds, reading)


SINGLE: Final = Asked("single item", "sib5", 0.5, _single)
SCALE: Final = Asked("CBI scale", "cbi.personal", 0.7, _cbi)

SCENARIOS: Final = tuple(product((SINGLE, SCALE), (MONTHLY, TWO_WEEKLY)))


def sizes() -> list[int]:
    """People in each unit of the example hospital."""
    return [node["headcount"] for node in parse_yaml(EXAMPLE)["nodes"] if "headcount" in node]


class Person(NamedTuple):
    """Somebody's chance to answer a round, and what lasts of how they are."""

    chance: float
    lasting: float


class Unit:
    """A unit whose people come and go, and otherwise stay as they are."""

    def __init__(
        self, random: Random, people: int, asked: Asked, habit: float | None, differ: float = BETWEEN_UNITS
    ) -> None:
        self._random, self._asked, self._habit = random, asked, habit
        self._level = random.gauss(0, differ)
        self._people = [self._person() for _ in range(people)]

    def _person(self) -> Person:
        beta, habit = self._random.betavariate, self._habit
        chance = RESPONSE if habit is None else beta(habit * RESPONSE, habit * (1 - RESPONSE))
        return Person(chance, self._random.gauss(0, sqrt(self._asked.lasting)))

    def scores(self, worse: float, days: int) -> list[int]:
        """What those who answer a round score, and who leaves until it."""
        random, passing, found = self._random, sqrt(1 - self._asked.lasting), []
        for at, person in enumerate(self._people):
            if random.random() < TURNOVER * days / 365.25:
                person = self._people[at] = self._person()
            if random.random() < person.chance:
                found.append(self._asked.score(self._level + worse + person.lasting + random.gauss(0, passing)))
        return found


def sealed(scores: Sequence[int], scale: Scale) -> Coded | None:
    """The coded totals of those who answered; None if they are withheld."""
    if len(scores) < POLICY.cohort_size:
        return None
    at_risk = sum(score >= scale.at_risk_range[0] for score in scores)
    return code(scale, len(scores), sum(scores), at_risk, POLICY.guard)


def published(scores: Sequence[int], scale: Scale) -> int | None:
    """The mean that a round publishes, in ten-thousandths; None if it is withheld."""
    coded, size = sealed(scores, scale), len(scores)
    if coded is None:
        return None
    return round(UNIT * (scale.published(coded.score_low, size) + scale.published(coded.score_high, size)) / 2)


Series = list[int | None]


@cache
def hospital_series(asked: Asked, calendar: Calendar, habit: str, worse: float = 0.0) -> list[Series]:
    """Every unit's published means, where each unit is worse by so much from a round on."""
    random, known = Random(f"{asked.form} {calendar.name} {habit} {worse}"), sizes()
    found = []
    for _ in range(UNITS * HOSPITALS):
        unit = Unit(random, random.choice(known), asked, HABITS[habit])
        levels = [worse if at >= calendar.shift_at else 0.0 for at in range(calendar.rounds)]
        found.append([published(unit.scores(level, calendar.days), asked.scale) for level in levels])
    return found


class Told(NamedTuple):
    """The newest point of a chart at the close of a round: what it says, by which rules, and the points so far."""

    kind: Kind
    rules: frozenset[Rule]
    points: int

    def calls(self, rules: frozenset[Rule], least: int) -> bool:
        """Whether leaders are told."""
        return self.points >= least and not rules.isdisjoint(self.rules)


@cache
def charts(
    asked: Asked, calendar: Calendar, habit: str, worse: float, baseline: int | None, screened: bool
) -> list[list[Told]]:
    """What every unit's chart says round by round."""
    every = hospital_series(asked, calendar, habit, worse)
    return [list(_told_screened(series) if screened else _told(series, baseline)) for series in every]


def _told(series: Series, baseline: int | None) -> Iterator[Told]:
    track, points = Track(baseline), 0
    for value in series:
        track, points = track.add(value), points + (value is not None)
        signal = track.signal("higher_is_worse")
        yield Told(signal.kind, frozenset(signal.rules), points)


def _told_screened(series: Series) -> Iterator[Told]:
    """With limits on all points so far, without the ranges that NHSRplotthedots screens out."""
    points = 0
    for at, value in enumerate(series):
        sofar, points = series[: at + 1], points + (value is not None)
        flags = oracle_spc.flags(sofar, screened=True)[-1]
        rules = frozenset(rule for rule, is_broken in zip(RULE_NAMES, flags, strict=True) if is_broken)
        kind: Kind = "none" if value is None else "common"
        if rules:
            kind = "concern" if oracle_spc.side(sofar, at) > 0 else "improvement"
        yield Told(kind, rules, points)


@dataclass(frozen=True)
class Choice:
    """Who is told of what: the limits, the rules that count, and from how many points."""

    baseline: int | None = BASELINE
    rules: frozenset[Rule] = LEADERS
    least: int = LEADERS_FROM
    screened: bool = False


class Falsely(NamedTuple):
    """Signals of units in which nothing has changed."""

    a_month: float
    a_unit_year: float
    per_hundred: float
    in_a_year: float


def falsely(asked: Asked, calendar: Calendar, habit: str, choice: Choice) -> Falsely:
    """New signals a month in a hospital, and per unit and year of judged rounds; points that call, of 100 judged.

    Last the share of units with a call for concern in the year in which others change.
    """
    told = charts(asked, calendar, habit, 0.0, choice.baseline, choice.screened)
    new = calling = judged = 0
    for rounds in told:
        last: Kind | None = None
        for one in rounds:
            if one.kind != "none" and one.points >= choice.least:
                kind = one.kind if one.calls(choice.rules, choice.least) else None
                judged, calling, new = judged + 1, calling + (kind is not None), new + (kind not in (None, last))
                last = kind
    months = calendar.rounds * calendar.months
    waits = [wait for rounds in told if (wait := _wait(rounds, calendar, choice)) is not None]
    return Falsely(
        new / HOSPITALS / months, new / (judged * calendar.months / 12), 100 * calling / judged, _within(waits, 12)
    )


def waits(asked: Asked, calendar: Calendar, habit: str, choice: Choice, worse: float = HALF) -> list[float]:
    """Months from the change to the first call for concern, of the units whose charts were ready."""
    told = charts(asked, calendar, habit, worse, choice.baseline, choice.screened)
    return [wait for rounds in told if (wait := _wait(rounds, calendar, choice)) is not None]


def _wait(rounds: Sequence[Told], calendar: Calendar, choice: Choice) -> float | None:
    if rounds[calendar.shift_at - 1].points < choice.least - 1:
        return None
    for after, one in enumerate(rounds[calendar.shift_at :], 1):
        if one.kind == "concern" and one.calls(choice.rules, choice.least):
            return after * calendar.months
    return inf


def _within(waits: Sequence[float], months: int) -> float:
    # a round belongs to the month in which it closes
    return sum(wait < months + 0.5 for wait in waits) / len(waits)


def _months(wait: float) -> str:
    return "-" if wait == inf else f"{wait:.0f}"


def figures_of(asked: Asked, calendar: Calendar, habit: str, choice: Choice) -> list[object]:
    """What a choice means: false signals, and how soon real changes are told."""
    wrong = falsely(asked, calendar, habit, choice)
    half, quarter = (waits(asked, calendar, habit, choice, worse) for worse in (HALF, QUARTER))
    soon = [_months(median(half)), f"{_within(half, 6):.0%}", f"{_within(half, 12):.0%}", f"{_within(quarter, 12):.0%}"]
    return [f"{wrong.a_month:.1f}", f"{wrong.a_unit_year:.2f}", *soon, f"{wrong.in_a_year:.0%}"]


FIGURES: Final = (
    "false signals a month in 200 units",
    "a year per unit with a chart",
    "half an SD told after, months",
    "within 6",
    "within 12",
    "a quarter SD within 12",
    "in 12 months without a change",
)


def choices_of(asked: Asked, calendar: Calendar) -> list[list[object]]:
    """What each choice of limits and rules means, from `LEADERS_FROM` points."""
    rows: list[list[object]] = []
    for (limits, baseline), (name, rules) in product(BASELINES.items(), RULES.items()):
        if baseline is not None and baseline >= calendar.rounds:
            continue  # the same as on all points
        figures = figures_of(asked, calendar, "half again", Choice(baseline, rules))
        rows.append([f"{asked.name}, {calendar.name}", limits, name, *figures])
    return rows


def choices() -> str:
    """Rules and limits compared."""
    rows = [row for scenario in SCENARIOS for row in choices_of(*scenario)]
    return table(["asked", "limits rest on", "leaders told of", *FIGURES], rows)


def points_of(asked: Asked, calendar: Calendar, counts: Sequence[int]) -> list[list[object]]:
    """What telling leaders from so many points means."""
    rows: list[list[object]] = []
    for least in counts:
        choice = Choice(least=least)
        calling = f"{falsely(asked, calendar, 'half again', choice).per_hundred:.1f}"
        ready = f"{len(waits(asked, calendar, 'half again', choice)) / (UNITS * HOSPITALS):.0%}"
        figures = figures_of(asked, calendar, "half again", choice)
        rows.append([f"{asked.name}, {calendar.name}", least, calling, ready, *figures])
    return rows


def points() -> str:
    """From how many points leaders are told."""
    rows = points_of(SINGLE, MONTHLY, (6, 8, 12)) + points_of(SCALE, QUARTERLY, (6, 8))
    head = ["asked", "told from, points", "of 100 points without a change call", "charts ready at the change"]
    return table([*head, *FIGURES], rows)


def screening() -> str:
    """Large differences between neighbours kept, and screened out."""
    rows = [
        [f"{SINGLE.name}, {MONTHLY.name}", name, *figures_of(SINGLE, MONTHLY, "half again", Choice(screened=screened))]
        for name, screened in (("kept", False), ("screened out", True))
    ]
    return table(["asked", "large differences", *FIGURES], rows)


def habits() -> str:
    """The defaults, for people who answer again more or less often."""
    rows = [
        [f"{asked.name}, {calendar.name}", habit, *figures_of(asked, calendar, habit, Choice())]
        for (asked, calendar), habit in product(SCENARIOS, HABITS)
    ]
    return table(["asked", "who answers again", *FIGURES], rows)


def table(head: Sequence[object], rows: Sequence[Sequence[object]]) -> str:
    """Lines of a Markdown table."""
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in [head, ["---"] * len(head), *rows])


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "choices": choices,
    "screening": screening,
    "points": points,
    "habits": habits,
}
