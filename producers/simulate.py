"""A simulated health system as a log of events, for trials: the same seed gives the same bytes, keys included.

Persons are synthetic and become tokens exactly as real ones do. Whoever knows the seed can recompute every key.
"""

from collections.abc import Iterator
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

from deploy.library import in_use
from producers.keystore import Keystore
from producers.simulation.feed import round_label, simulated_round, trial_round_keys
from producers.simulation.log import LogLine, SimulatedRound, Truth
from producers.simulation.mishaps import UNREGISTERED
from producers.simulation.population import Facility, facilities, identifier
from producers.simulation.randomness import trial_random
from producers.simulation.settings import FACILITY_NAMES, Simulation, waves
from schemas.canonical import canonical_json
from schemas.errors import SettingsError

__all__ = [
    "LogLine",
    "Simulated",
    "SimulatedRound",
    "Simulation",
    "Truth",
    "lines",
    "settings_of",
    "simulate",
    "trial_keystores",
    "trial_random",
    "truth_json",
]


class Simulated:
    """A simulation that can be read more than once; each reading makes the rounds again, with the same result."""

    def __init__(self, simulation: Simulation) -> None:
        self.simulation = simulation

    @cached_property
    def facilities(self) -> tuple[Facility, ...]:
        """The health system."""
        return facilities(self.simulation)

    def rounds(self) -> Iterator[SimulatedRound]:
        """Each round's lines and truth."""
        forms = in_use()
        for index in range(self.simulation.rounds):
            yield simulated_round(self.simulation, forms, self.facilities, index)

    def lines(self) -> Iterator[LogLine]:
        """The whole log in order."""
        for current in self.rounds():
            yield from current.lines

    def truth(self) -> tuple[Truth, ...]:
        """What is behind the log, per round, unit and scale."""
        return tuple(row for current in self.rounds() for row in current.truth)


def simulate(simulation: Simulation) -> Simulated:
    """The health system of these settings."""
    return Simulated(simulation)


def lines(simulation: Simulation) -> Iterator[LogLine]:
    """The log of these settings."""
    return simulate(simulation).lines()


def truth_json(simulation: Simulation, truth: tuple[Truth, ...]) -> bytes:
    """The truth with the settings it belongs to, as canonical JSON."""
    return canonical_json({"simulation": settings_of(simulation), "truth": [asdict(row) for row in truth]})


def settings_of(simulation: Simulation) -> dict[str, Any]:
    """The settings that make the simulation what it is; who answers and when only where it is not the usual."""
    given, usual = asdict(simulation), asdict(Simulation())
    optional = {name for name in ("responders", "response", "long_below") if given[name] == usual[name]}
    return {name: value for name, value in given.items() if name not in optional}


def trial_keystores(simulation: Simulation, folder: Path) -> dict[str, Keystore]:
    """The keystore of every facility that sends control events, made in the folder or found there.

    Unless the log is clean, that includes a facility that never sends its organisation.
    """
    names = [identifier(name) for name in FACILITY_NAMES[: simulation.facilities]]
    names += [] if simulation.clean else [UNREGISTERED]
    return {name: _trial_keystore(simulation, folder / f"{name}.json", name) for name in names}


def _trial_keystore(simulation: Simulation, path: Path, facility: str) -> Keystore:
    seed = simulation.seed
    store = Keystore.open(path) if path.exists() else Keystore.create(path, facility, trial_random(seed, facility))
    open_rounds = (current.id for index in range(simulation.rounds) for current in waves(simulation, index))
    for round in dict.fromkeys(open_rounds):
        keys = store.new_round(round, trial_random(seed, round_label(facility, round)))
        if keys != trial_round_keys(seed, facility, round):
            raise SettingsError(f"{path} holds the keys of another seed: use another folder")
    return store
