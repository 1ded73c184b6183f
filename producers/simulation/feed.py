"""The log of the whole health system, round by round. Facilities mix as they would; each one's own order counts."""

from collections.abc import Iterator
from random import Random

from producers.keystore import RoundKeys
from producers.simulation.control import closing, opening, organisation_updated
from producers.simulation.log import SimulatedRound, Truth
from producers.simulation.mishaps import CLOSED, Entry, entry, strays, with_mishaps
from producers.simulation.population import Facility
from producers.simulation.randomness import stream, trial_random
from producers.simulation.settings import Simulation, Wave, wave
from producers.simulation.survey import Fielding, Sent, survey
from schemas.instruments.scoring import Catalogue


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
    current = wave(index)
    entries: list[Entry] = []
    truth: list[Truth] = []
    for facility in places:
        fielding = _fielding(simulation, catalogue, facility, current)
        random = stream(simulation.seed, "survey", facility.id, index)
        submissions, behind = survey(random, fielding)
        entries += _facility_entries(simulation, fielding, submissions)
        truth += behind
    entries.sort(key=lambda timed: timed[0])
    return SimulatedRound(current.id, tuple(line for _, line in entries), tuple(truth))


def _fielding(simulation: Simulation, catalogue: Catalogue, facility: Facility, current: Wave) -> Fielding:
    keys = trial_round_keys(simulation.seed, facility.id, current.id)
    return Fielding(facility, current, keys, tuple(catalogue[form] for form in current.forms))


def _facility_entries(simulation: Simulation, fielding: Fielding, submissions: list[Sent]) -> Iterator[Entry]:
    random = stream(simulation.seed, "log", fielding.facility.id, fielding.wave.index)
    if fielding.wave.index == 0:
        yield -1.0, organisation_updated(fielding.facility)
    yield -random.random(), opening(fielding)
    yield from _answers(simulation, random, fielding, submissions)
    yield random.uniform(CLOSED - 0.4, CLOSED), closing(fielding)


def _answers(simulation: Simulation, random: Random, fielding: Fielding, submissions: list[Sent]) -> Iterator[Entry]:
    if simulation.clean:
        yield from map(entry, submissions)
        return
    yield from with_mishaps(random, fielding, submissions)
    if submissions:
        yield from strays(random, fielding, submissions)
