"""How often the published interval of a share at risk holds the truth, in worlds whose truth is known.

A unit has a latent probability of being at risk. Each of its people is at risk or not, keeps that for a while, and
answers a round or does not; what is published goes through the product's own coding and figures. Prints the tables of
docs/indicators.md.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import exp, hypot
from random import Random
from statistics import NormalDist, fmean, mean
from typing import Any, Final, Literal, NamedTuple

from deploy.resources import catalogue
from producers.simulate import Simulation, simulate
from producers.simulation import population
from producers.simulation.answers import READINGS, TRANSIENT
from stream_processors.steps.changes import changes
from stream_processors.steps.coding import code
from stream_processors.steps.figures import Summed, figures_of, wilson
from stream_processors.steps.replay import replay
from stream_processors.steps.rollup import Totals
from stream_processors.steps.story import Record
from tests.records import RULES

SCALE: Final = catalogue()["sib5"].scales[0]
SMALLEST: Final = 11
GUARD: Final = 2
RESPONSE: Final = 0.4
KEPT: Final = 0.7
"""How likely a person is in the same state in the next round without a new draw."""
SPREAD: Final = 0.35
"""Standard deviation of units' probabilities around the usual one, in logits."""
SHY: Final = 0.5
"""Where response depends on it: the odds of answering of those at risk, as a share of the others'."""

SEEDS: Final = range(200)
SIZES: Final = {"11 to 15": 13, "16 to 30": 23, "31 to 60": 45, "61 to 120": 90}
"""Answers a round: the band, and the expected number."""
OUTCOMES: Final = {"common, 40 %": 0.40, "rare, 5 %": 0.05}
WINDOWS: Final = (1, 4)
COHORTS: Final = 100
SHIFTS: Final = {"none": 0.0, "to twice the odds": 0.693}
_PER_SHARE: Final = 2.5
"""What a share at risk of one adds to the mean: answers are 3 to 5 then, and 1 or 2 else, each as likely."""

Response = Literal["independent", "dependent"]


class World(NamedTuple):
    """What a unit is like: expected answers a round, the usual probability, rounds of a window, and who answers."""

    answers: int
    usual: float
    rounds: int
    response: Response = "independent"


class Changes(NamedTuple):
    """Of the changes of means, and of shares at risk: how many intervals hold the truth, and their mean width."""

    mean_covered: float
    mean_width: float
    share_covered: float
    share_width: float


Interval = tuple[float, float, float, float, float]
"""The truth, the published interval, and that of the uncoded counts."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit's truth and what its window says: coded totals and true counts of its published rounds."""

    truth: float
    coded: tuple[Totals, ...]
    counts: tuple[tuple[int, int], ...]


class Result(NamedTuple):
    """Of many intervals: the share that holds the truth, and their mean width; the same of the uncoded counts."""

    covered: float
    width: float
    covered_uncoded: float
    width_uncoded: float
    intervals: int


def unit(random: Random, world: World) -> Unit:
    """A unit drawn, with as many rounds as its window has."""
    truth = _shifted(world.usual, random.gauss(0, SPREAD))
    return _window(random, world, truth, _habits(random, world))


def _habits(random: Random, world: World) -> list[float]:
    return [random.betavariate(1.2, 1.8) for _ in range(round(world.answers / RESPONSE))]


def _window(random: Random, world: World, truth: float, habits: Sequence[float]) -> Unit:
    states = [random.random() < truth for _ in habits]
    coded, counts = [], []
    for _ in range(world.rounds):
        answering = [
            state for state, habit in zip(states, habits, strict=True) if random.random() < _chance(habit, state, world)
        ]
        if len(answering) >= SMALLEST:
            coded.append(_coded(random, answering))
            counts.append((sum(answering), len(answering)))
        states = [state if random.random() < KEPT else random.random() < truth for state in states]
    return Unit(truth, tuple(coded), tuple(counts))


def _shifted(share: float, logits: float) -> float:
    odds = share / (1 - share) * exp(logits)
    return odds / (1 + odds)


def _chance(habit: float, at_risk: bool, world: World) -> float:
    if world.response == "independent" or not at_risk:
        return habit
    odds = SHY * habit / (1 - habit) if habit < 1 else 1.0
    return odds / (1 + odds)


def _coded(random: Random, answering: Sequence[bool]) -> Totals:
    (low, high), (low_not, high_not) = SCALE.at_risk_range, SCALE.not_at_risk_range
    total = sum(random.randint(low, high) if one else random.randint(low_not, high_not) for one in answering)
    found = code(SCALE, len(answering), total, sum(answering), GUARD)
    return Totals(
        len(answering), found.score_low, found.score_high, found.at_risk_low or 0, found.at_risk_high or 0, True
    )


def of_units(world: World, seeds: Iterable[int], each: int) -> Result:
    """Intervals of single units, so many for each seed."""
    units = (unit(random, world) for random in map(_random(world), seeds) for _ in range(each))
    return _result(_interval(one.truth, one.coded, one.counts) for one in units if one.coded)


def of_simulator(seeds: Iterable[int]) -> tuple[Result, Result]:
    """Intervals of units, and of whole hospitals, of the product's simulator after all its real steps."""
    found: dict[bool, list[Interval]] = {True: [], False: []}
    for seed in seeds:
        simulator = simulate(Simulation(1, 400, 1, seed, True, "independent"))
        lines = enumerate(simulator.lines())
        done = replay((Record(0, n, (line.facility or "").encode(), line.value, None) for n, line in lines), RULES)
        (place,) = simulator.facilities
        truths = {one.id: fmean(_at_risk(one, person) for person in one.people) for one in place.units}
        heads = {one.id: len(one.people) for one in place.units}
        truths[place.id] = sum(truths[name] * heads[name] for name in heads) / sum(heads.values())
        for row in done.indicators:
            low, high = row.at_risk_share_low, row.at_risk_share_high
            if row.form == "sib5" and row.node in truths and row.staff_group is None and low is not None:
                found[row.node == place.id].append((truths[row.node], low, high or 0.0, low, high or 0.0))
    return _result(found[False]), _result(found[True])


def _at_risk(place: population.Unit, person: population.Person) -> float:
    """How likely a person of the simulator is at risk in its first round, by what is behind their answers."""
    reading = READINGS["sib5"]
    spread = hypot(reading.noise, reading.loading * TRANSIENT)
    return 1 - NormalDist(reading.loading * (place.levels[0] + person.burnout), spread).cdf(reading.thresholds[1])


def of_changes(world: World, shift: float, seeds: Iterable[int], each: int) -> Changes:
    """Intervals of the change from one window to the next of units whose odds changed, by so many logits."""
    rows = [row for random in map(_random(world), seeds) for _ in range(each) for row in _change(random, world, shift)]
    means, shares = ([row[1:] for row in rows if row[0] == name] for name in ("change", "share_change"))
    return Changes(*_held(means), *_held(shares))


def _change(random: Random, world: World, shift: float) -> Iterator[tuple[str, float, float, float]]:
    before, habits = _shifted(world.usual, random.gauss(0, SPREAD)), _habits(random, world)
    after = _shifted(before, shift)
    windows = [_window(random, world, truth, habits) for truth in (before, after)]
    then, now = (Summed.of(window.coded, None) for window in windows)
    found = changes(now, then, SCALE) if now.rounds and then.rounds else {}
    for name, per_share in (("change", _PER_SHARE), ("share_change", 1.0)):
        if f"{name}_low" in found:
            yield name, per_share * (after - before), found[f"{name}_low"], found[f"{name}_high"]


def _held(rows: Sequence[tuple[float, float, float]]) -> tuple[float, float]:
    return mean(low <= truth <= high for truth, low, high in rows), mean(high - low for _, low, high in rows)


def of_roll_ups(world: World, seeds: Iterable[int]) -> Result:
    """Intervals of departments, or hospitals, of a hundred cohorts a round."""
    return _result(_roll_up([unit(random, world) for _ in range(COHORTS)]) for random in map(_random(world), seeds))


def _roll_up(units: Sequence[Unit]) -> Interval:
    """The truth is that of the nodes of those who answered, each by its answers."""
    answers = [sum(n for _, n in one.counts) for one in units]
    truth = sum(one.truth * n for one, n in zip(units, answers, strict=True)) / sum(answers)
    rounds = max(len(one.coded) for one in units)
    coded, counts = [], []
    for index in range(rounds):
        held = [(one.coded[index], one.counts[index]) for one in units if len(one.coded) > index]
        together = Totals()
        for totals, _ in held:
            together = together.merge(totals)
        coded.append(together)
        counts.append((sum(risk for _, (risk, _) in held), sum(n for _, (_, n) in held)))
    return _interval(truth, coded, counts)


def _random(world: World) -> Any:
    return lambda seed: Random(f"{seed} {world}")


def _interval(truth: float, coded: Sequence[Totals], counts: Sequence[tuple[int, int]]) -> Interval:
    """The truth, the published interval, and that of the counts as they are."""
    found = figures_of(Summed.of(coded, None), SCALE)
    at_risk, answers = (sum(column) for column in zip(*counts, strict=True))
    return (
        truth,
        found["at_risk_share_low"],
        found["at_risk_share_high"],
        *wilson(at_risk / answers, answers / len(counts)),
    )


def _result(intervals: Iterable[Interval]) -> Result:
    rows = list(intervals)
    return Result(
        mean(low <= truth <= high for truth, low, high, _, _ in rows),
        mean(high - low for _, low, high, _, _ in rows),
        mean(low <= truth <= high for truth, _, _, low, high in rows),
        mean(high - low for _, _, _, low, high in rows),
        len(rows),
    )


def table(response: Response, seeds: Iterable[int] = SEEDS, each: int = 20) -> str:
    """The table of docs/indicators.md for one kind of response."""
    head = ["answers a round", "outcome", "rounds", "holds the truth", "width", "uncoded: holds", "uncoded: width"]
    return _table(head, _rows(response, list(seeds), each))


def _rows(response: Response, seeds: Sequence[int], each: int) -> Iterator[tuple[str, ...]]:
    for name, usual in OUTCOMES.items():
        for rounds in WINDOWS:
            for band, answers in SIZES.items():
                yield _row(band, name, rounds, of_units(World(answers, usual, rounds, response), seeds, each))
            rolled = of_roll_ups(World(SIZES["16 to 30"], usual, rounds, response), seeds)
            yield _row(f"{COHORTS} cohorts of 16 to 30", name, rounds, rolled)


def _row(band: str, outcome: str, rounds: int, found: Result) -> tuple[str, ...]:
    shares = (found.covered, found.covered_uncoded)
    widths = (found.width, found.width_uncoded)
    covered, uncoded = (f"{100 * share:.1f} %" for share in shares)
    width, width_uncoded = (f"{100 * width:.0f} points" for width in widths)
    return band, outcome, str(rounds), covered, width, uncoded, width_uncoded


def table_of_changes(seeds: Iterable[int] = SEEDS, each: int = 20) -> str:
    """Intervals of changes, of the mean and of the share."""
    rows = [
        _row_of_changes(band, outcome, rounds, shift, of_changes(World(answers, usual, rounds), logits, seeds, each))
        for outcome, usual in OUTCOMES.items()
        for shift, logits in SHIFTS.items()
        for rounds in WINDOWS
        for band, answers in SIZES.items()
    ]
    head = ["answers a round", "outcome", "change", "rounds", "mean: holds", "width", "share: holds", "width"]
    return _table(head, rows)


def _row_of_changes(band: str, outcome: str, rounds: int, shift: str, found: Changes) -> list[str]:
    mean_, share = f"{100 * found.mean_covered:.1f} %", f"{100 * found.share_covered:.1f} %"
    widths = f"{found.mean_width:.2f} of 4", f"{100 * found.share_width:.0f} points"
    return [band, outcome, shift, str(rounds), mean_, widths[0], share, widths[1]]


def table_of_simulator(seeds: Iterable[int] = SEEDS) -> str:
    """Units and hospitals of the product's simulator."""
    rows = [
        [name, str(found.intervals), f"{100 * found.covered:.1f} %", f"{100 * found.width:.0f} points"]
        for name, found in zip(("units", "hospitals"), of_simulator(seeds), strict=True)
    ]
    return _table(["of", "intervals", "holds the truth", "width"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(line)} |\n" for line in (head, ["---"] * len(head), *rows))


TABLES: Final[Mapping[str, Callable[[], str]]] = {
    "independent": lambda: table("independent"),
    "dependent": lambda: table("dependent"),
    "changes": table_of_changes,
    "simulator": table_of_simulator,
}
