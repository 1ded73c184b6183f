"""What a simulation is made of, checked; and its calendar."""

from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Final, Literal

from producers.simulation.habits import MEAN_RESPONSE, check_response
from schemas.errors import InputRefused
from schemas.season import Calendar, Season

FIRST_MONDAY: Final = date(2026, 1, 5)
ROUND_DAYS: Final = 14
SEASON_ROUNDS: Final = 6
FACILITY_NAMES: Final = (
    "North General",
    "Lakeside",
    "Harbour View",
    "Saint Brigid",
    "Valley Community",
    "University Centre",
    "Riverbend",
    "Eastfield",
    "Pine Ridge",
    "Westgate",
    "Old Mill",
    "Highland",
)
# the single item every round; one Burnout Inventory scale at a time, so that each comes back after six weeks
EVERY_ROUND: Final = "sib5"
IN_TURN: Final = ("cbi.work", "cbi.personal", "cbi.client")
LEAST_STAFF: Final = 100
_MOST: Final = {
    "facilities": len(FACILITY_NAMES),
    "staff": 1_000_000,
    "rounds": 104,
    "seed": 2**63 - 1,
    "long_below": 10_000,
}

Population = Literal["mixed", "independent", "habitual"]


@dataclass(frozen=True, slots=True)
class Simulation:
    """The size of the health system, for how many rounds, and whether only admitted answers are in the log.

    `responders` says who answers: `mixed` are three kinds of people, some of every staff group; `independent` and
    `habitual` answer a round with probability `response` (producers/simulation/habits.py). With `long_below` units of
    fewer people are asked once a season, in a round as long as it; 0 is one calendar.
    """

    facilities: int = 3
    staff: int = 3000
    rounds: int = 12
    seed: int = 7
    clean: bool = False
    responders: Population = "mixed"
    response: float = MEAN_RESPONSE
    long_below: int = 0

    def __post_init__(self) -> None:
        least = {"facilities": 1, "staff": LEAST_STAFF * self.facilities, "rounds": 1, "seed": 0, "long_below": 0}
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not least[name] <= value <= most:
                raise InputRefused(f"{name} must be from {least[name]} to {most}, not {value}{_why(name)}")
        check_response(self.response)
        if self.responders == "mixed" and self.response != MEAN_RESPONSE:
            raise InputRefused("the response of mixed responders is their own: ask for independent or habitual ones")


@dataclass(frozen=True, slots=True)
class Wave:
    """Two weeks of a round, from a Monday. A short round lasts no longer; a long one has as many as its season.

    `index` is that of the two weeks, from 0; `first` and `last` are the round's dates.
    """

    index: int
    id: str
    first: date
    last: date
    forms: tuple[str, ...]
    season: Season | None = None

    @property
    def calendar(self) -> Calendar:
        """Which calendar the round is of."""
        return "short" if self.season is None else self.season.calendar

    @property
    def begins(self) -> date:
        """The first of the two weeks' days."""
        return _monday(self.index)

    @property
    def first_index(self) -> int:
        """The index of the round's first two weeks."""
        return (self.first - FIRST_MONDAY).days // ROUND_DAYS

    @property
    def last_index(self) -> int:
        """The index of the round's last two weeks."""
        return (self.last - FIRST_MONDAY).days // ROUND_DAYS


def wave(index: int) -> Wave:
    """The short round with this number, from 0."""
    first = _monday(index)
    year, week, _ = first.isocalendar()
    forms = (EVERY_ROUND, IN_TURN[index % len(IN_TURN)])
    return Wave(index, f"{year}-W{week:02}", first, first + timedelta(days=ROUND_DAYS - 1), forms)


def waves(simulation: Simulation, index: int) -> tuple[Wave, ...]:
    """The rounds that are open in these two weeks: the long one first, if there is one."""
    short = wave(index)
    if not simulation.long_below:
        return (short,)
    long = _season(simulation, index, "long")
    name = f"{long.id}-long"
    form = IN_TURN[index // SEASON_ROUNDS % len(IN_TURN)]
    return (
        Wave(index, name, long.first, long.last, (EVERY_ROUND, form), long),
        replace(short, season=_season(simulation, index, "short")),
    )


def _season(simulation: Simulation, index: int, calendar: Calendar) -> Season:
    """The season of these two weeks. The last one ends with the last round, so that its long round can be closed."""
    start = index - index % SEASON_ROUNDS
    first = _monday(start)
    last = _monday(min(start + SEASON_ROUNDS, simulation.rounds)) - timedelta(days=1)
    year, week, _ = first.isocalendar()
    # seasons are twelve weeks apart, so a year's are numbered without a gap
    number = (week - 1) // (2 * SEASON_ROUNDS) + 1
    return Season(id=f"{year}-S{number}", first=first, last=last, long_below=simulation.long_below, calendar=calendar)


def _monday(index: int) -> date:
    return FIRST_MONDAY + timedelta(days=ROUND_DAYS * index)


def _why(name: str) -> str:
    return f": every facility needs at least {LEAST_STAFF} people" if name == "staff" else ""
