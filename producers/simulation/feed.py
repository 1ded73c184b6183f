"""The log of the whole health system, round by round. Facilities mix as they would; each one's own order counts."""

from collections.abc import Iterator
from dataclasses import replace
from random import Random
from typing import Final

from producers.keystore import RoundKeys
from producers.simulation.control import closing, intervention, opening, organisation_updated
from producers.simulation.log import SimulatedRound, Truth
from producers.simulation.mishaps import CLOSED, Entry, entry, strays, with_mishaps
from producers.simulation.population import Facility
from producers.simulation.randomness import stream, trial_random
from producers.simulation.settings import Simulation, Wave, wave, waves
from producers.simulation.survey import Fielding, Sent, Tallies, survey
from schemas.instruments.scoring import Catalogue

BEGINNING: Final = -1.0


def trial_round_keys(seed: int, facility: str, round: str) -> RoundKeys:
    """The keys of a simulated round."""
    return RoundKeys.generate(trial_random(seed, round_label(facility, round)))


def round_label(facility: str, round: str) -> str:
    """What the key bytes of a round are drawn for."""
    return f"{facility}/{round}"


def simulated_round(
    simulation: Simulation, catalogue: Catalogue, places: tuple[Facility, ...], index: int
) -> SimulatedRound:
    """One round at every facility, in log order."""
    entries: list[Entry] = []
    truth: list[Truth] = []
    for facility in places:
        if index == 0:
            entries.append((BEGINNING, organisation_updated(facility)))
        act = intervention(facility, wave(index))
        if act is not None:
            entries.append((BEGINNING, act))
        for current in waves(simulation, index):
            fielding = _fielding(simulation, catalogue, facility, current)
            if fielding.units:
                tallies = Tallies(fielding)
                submissions = _surveyed(simulation, fielding, tallies)
                entries += _round_entries(simulation, fielding, submissions)
                truth += _truth(simulation, fielding, tallies)
    # what has the same time keeps its order
    entries.sort(key=lambda timed: timed[0])
    return SimulatedRound(wave(index).id, tuple(line for _, line in entries), tuple(truth))


def _fielding(simulation: Simulation, catalogue: Catalogue, facility: Facility, current: Wave) -> Fielding:
    keys = trial_round_keys(simulation.seed, facility.id, current.id)
    return Fielding(facility, current, keys, tuple(catalogue[form] for form in current.forms))


def _surveyed(simulation: Simulation, fielding: Fielding, tallies: Tallies) -> list[Sent]:
    return survey(_stream(simulation, "survey", fielding), fielding, tallies)


def _truth(simulation: Simulation, fielding: Fielding, tallies: Tallies) -> list[Truth]:
    """The truth of a round that ends in these two weeks; its earlier ones are asked again, with the same answers."""
    current = fielding.wave
    if current.index != current.last_index:
        return []
    for index in range(current.first_index, current.index):
        _surveyed(simulation, replace(fielding, wave=replace(current, index=index)), tallies)
    return tallies.truth()


def _stream(simulation: Simulation, what: str, fielding: Fielding) -> Random:
    current = fielding.wave
    label = ["long"] if current.calendar == "long" else []
    return stream(simulation.seed, what, fielding.facility.id, current.index, *label)


def _round_entries(simulation: Simulation, fielding: Fielding, submissions: list[Sent]) -> Iterator[Entry]:
    random, current = _stream(simulation, "log", fielding), fielding.wave
    if current.index == current.first_index:
        # a season's long round is opened first
        yield BEGINNING if current.calendar == "long" else -random.random(), opening(fielding)
    yield from _answers(simulation, random, fielding, submissions)
    if current.index == current.last_index:
        yield random.uniform(CLOSED - 0.4, CLOSED), closing(fielding)


def _answers(simulation: Simulation, random: Random, fielding: Fielding, submissions: list[Sent]) -> Iterator[Entry]:
    if simulation.clean:
        yield from map(entry, submissions)
        return
    yield from with_mishaps(random, fielding, submissions)
    # they are about a facility, whatever its calendars
    if submissions and fielding.wave.calendar == "short":
        yield from strays(random, fielding, submissions)
