"""The demo's two calendars: the threshold the plan proposes, and what they bring beside two-week rounds alone."""

from collections.abc import Iterator
from dataclasses import replace
from statistics import fmean
from typing import Final

from deploy.wiring import file_rules
from producers.simulate import Simulation, lines, simulate
from producers.simulation.settings import EVERY_ROUND, ROUND_DAYS, SEASON_ROUNDS
from schemas.policy import Policy
from stream_processors.database import Database
from stream_processors.planning.candidates import Assumptions, threshold
from stream_processors.steps.replay import Replay
from stream_processors.steps.story import Record

Units = set[tuple[str, str]]
_SEALED: Final = "SELECT DISTINCT facility, node FROM cohorts FINAL WHERE form = {form:String}"


def with_cadence(simulation: Simulation) -> Simulation:
    """The same staff with the threshold that the plan proposes for their response."""
    long_below = threshold(Policy().cohort_size, response(simulation), Assumptions().reliable)
    return replace(simulation, long_below=long_below)


def response(simulation: Simulation) -> float:
    """The share of the staff who answer a round, as it is meant to be."""
    places = simulate(simulation).facilities
    return fmean(person.inclination for place in places for unit in place.units for person in unit.people)


def brought(simulation: Simulation, database: Database) -> Iterator[str]:
    """How many units had figures of their own at least once, and with rounds of two weeks alone; for people.

    The former are read from what was published; for the latter the same staff are asked again, through the same steps.
    """
    every = _units(simulation)
    heard = {(row["facility"], row["node"]) for row in database.query(_SEALED, {"form": EVERY_ROUND})} & every
    alone = _heard(replace(simulation, long_below=0)) & every
    weeks = SEASON_ROUNDS * ROUND_DAYS // 7
    yield (
        f"Two calendars: about {response(simulation):.0%} answer two weeks, so units of fewer than "
        f"{simulation.long_below} people were asked once in {weeks} weeks."
    )
    yield f"{len(heard)} of {len(every)} units had figures of their own at least once ({EVERY_ROUND})."
    yield f"The same staff in two-week rounds alone: {len(alone)} of {len(every)}."


def _units(simulation: Simulation) -> Units:
    return {(place.id, unit.id) for place in simulate(simulation).facilities for unit in place.units}


def _heard(simulation: Simulation) -> Units:
    """The places of the cohorts that the steps seal of this simulation."""
    done, rules = Replay(), file_rules()
    for offset, line in enumerate(lines(simulation)):
        key = None if line.facility is None else line.facility.encode()
        done.take(Record(0, offset, key, line.value, None), rules)
    return {(row.facility, row.node) for row in done.cohorts if row.form == EVERY_ROUND}
