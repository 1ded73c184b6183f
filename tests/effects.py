"""How far estimates before and after, and comparisons of units, can be trusted: tables of docs/indicators.md."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from statistics import NormalDist, fmean, median
from typing import Final, NamedTuple

from stream_processors.steps.effect import Effect, Point, effect
from stream_processors.steps.funnel import Place, Verdict, funnel
from tests.false_alarms import (
    BETWEEN_UNITS,
    HABITS,
    HALF,
    MONTHLY,
    QUARTERLY,
    SCALE,
    SINGLE,
    TWO_WEEKLY,
    UNIT,
    UNITS,
    Asked,
    Calendar,
    Series,
    hospital_series,
    sealed,
    sizes,
    table,
)
from tests.false_alarms import Unit as Ward

SIDES: Final = (6, 8, 12)
"""Rounds on either side that are compared."""

TOGETHER: Final = (0.2, 0.4)
"""Autocorrelations of courses that are drawn without people: what a hospital goes through may last for some rounds."""

COURSES: Final = 1_000
START: Final = date(2026, 1, 1)
HOSPITALS_COMPARED: Final = 50
WORSE_OF: Final = 10
"""In the funnel, one unit of so many is worse by half a standard deviation."""


class Seen(NamedTuple):
    """How estimates of one true step turned out."""

    holding: float
    half: float
    clear: float
    overstated: float


def seen(estimates: Sequence[Effect], true: float) -> Seen:
    """The share of intervals that hold the true step, their half width, and the share of clear ones.

    Last how much larger than the true step the clear ones are in the mean.
    """
    clear = [one.change for one in estimates if one.is_clear]
    return Seen(
        fmean(one.low <= true <= one.high for one in estimates),
        median(one.high - one.low for one in estimates) / 2 / UNIT,
        len(clear) / len(estimates),
        fmean(clear) / true if true and clear else 0.0,
    )


def estimates(series: Sequence[Series], calendar: Calendar, side: int) -> list[Effect]:
    """The estimates from so many published rounds on either side, of the courses that have them."""
    found = (_estimate(one, calendar, side) for one in series)
    return [one for one in found if one is not None]


def _estimate(series: Series, calendar: Calendar, side: int) -> Effect | None:
    at = calendar.shift_at
    before = [i for i in range(at) if series[i] is not None][-side:]
    after = [i for i in range(at, len(series)) if series[i] is not None][:side]
    if min(len(before), len(after)) < side:
        return None
    starts = {i: START + timedelta(i * calendar.days) for i in range(before[0], after[-1] + 1)}
    points = [Point(day, day + timedelta(calendar.days - 1), series[i]) for i, day in starts.items()]
    found = effect(points, START + timedelta(at * calendar.days), "higher_is_worse", least=side)
    return found if isinstance(found, Effect) else None


def true_step(asked: Asked) -> float:
    """By how much the published mean of very many people moves when all are worse by half a standard deviation."""
    people = NormalDist(0, (1 + BETWEEN_UNITS**2) ** 0.5).quantiles(2_001)
    moved = fmean(asked.score(one + HALF) - asked.score(one) for one in people)
    low = asked.scale.score_min
    return UNIT * moved * float(asked.scale.published(low + 1, 1) - asked.scale.published(low, 1))


def effects_of(asked: Asked, calendar: Calendar) -> Iterator[list[object]]:
    """Estimates for units in which nothing has changed, and for those that are worse."""
    for side in SIDES:
        if side > calendar.shift_at:
            continue
        still, step = (hospital_series(asked, calendar, "half again", worse) for worse in (0.0, HALF))
        none = seen(estimates(still, calendar, side), 0)
        some = seen(estimates(step, calendar, side), true_step(asked))
        what = [f"{asked.name}, {calendar.name}", side, f"{none.holding:.0%}", f"{some.holding:.0%}"]
        yield [*what, f"{some.half:.1f}", f"{some.clear:.0%}", f"{100 * (some.overstated - 1):+.0f} %"]


def courses_of(together: float) -> Iterator[list[object]]:
    """Estimates for courses without a step whose rounds go together."""
    for side in SIDES:
        random = Random(f"{together} {side}")
        calendar = Calendar("monthly", 30, 2 * side, side)
        drawn = [_course(random, together, calendar.rounds) for _ in range(COURSES)]
        none = seen(estimates(drawn, calendar, side), 0)
        yield [f"rounds that go together by {together}", side, f"{none.holding:.0%}", *["-"] * 4]


def _course(random: Random, together: float, rounds: int) -> Series:
    value, found = random.gauss(0, (1 - together**2) ** -0.5), Series()
    for _ in range(rounds):
        found.append(round(UNIT * value))
        value = together * value + random.gauss(0, 1)
    return found


def effects() -> str:
    """How many rounds an estimate needs."""
    scenarios = ((SINGLE, MONTHLY), (SCALE, MONTHLY), (SCALE, TWO_WEEKLY), (SCALE, QUARTERLY))
    rows = [row for scenario in scenarios for row in effects_of(*scenario)]
    rows += [row for together in TOGETHER for row in courses_of(together)]
    head = ["asked", "rounds on either side", "intervals that hold the truth, without a step", "with half an SD"]
    return table([*head, "half an interval, points", "half an SD is clear", "clear ones overstate it by"], rows)


ANSWERS: Final = ((11, 15), (16, 25), (26, 1_000))


def _compared(asked: Asked, differ: float) -> Iterator[tuple[int, bool, Verdict]]:
    """Answers, whether worse, and verdict of every unit with figures in many hospitals, one unit of ten being worse."""
    random, known = Random(f"{asked.form} {differ} funnel"), sizes()
    for _ in range(HOSPITALS_COMPARED):
        places = []
        for at in range(UNITS):
            ward = Ward(random, random.choice(known), asked, HABITS["half again"], differ)
            scores = ward.scores(HALF if at % WORSE_OF == 0 else 0.0, 30)
            coded = sealed(scores, asked.scale)
            if coded is not None and coded.at_risk_low is not None and coded.at_risk_high is not None:
                places.append(Place(str(at), len(scores), coded.at_risk_low, coded.at_risk_high))
        compared = funnel(places)
        for place in compared.places if compared else ():
            yield place.n, int(place.node) % WORSE_OF == 0, place.verdict


def funnels_of(asked: Asked, differ: float) -> Iterator[list[object]]:
    """How often units of each size are outside."""
    compared = list(_compared(asked, differ))
    for least, most in ANSWERS:
        row: list[object] = [asked.name, "alike" if not differ else f"differ by {differ} SD"]
        row.append(f"{least} to {most}" if most < 1_000 else f"{least} or more")
        for is_worse in (False, True):
            verdicts = [verdict for n, worse, verdict in compared if least <= n <= most and worse == is_worse]
            outside = fmean(verdict in ("high", "very_high") for verdict in verdicts)
            row += [f"{outside:.1%}", f"{fmean(verdict == 'very_high' for verdict in verdicts):.1%}"]
        yield row


def funnels() -> str:
    """What a funnel tells of units that are like the others, and of those that are worse."""
    rows = [row for asked in (SINGLE, SCALE) for differ in (0.0, BETWEEN_UNITS) for row in funnels_of(asked, differ)]
    head = ["asked", "other units", "answers", "others above 95 %", "above 99.8 %"]
    return table([*head, "units half an SD worse above 95 %", "above 99.8 %"], rows)


TABLES: Final[Mapping[str, Callable[[], str]]] = {"effects": effects, "funnels": funnels}
