"""Facilities, departments, units and people: sizes, staff groups, who tends to answer, and how units fare over time."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random
from typing import Final

from producers.simulation.habits import inclination
from producers.simulation.randomness import stream
from producers.simulation.settings import FACILITY_NAMES, Simulation

SMALLEST_UNIT: Final = 4
LARGEST_UNIT: Final = 120
UNITS_PER_DEPARTMENT: Final = 6
DEPARTMENTS: Final = (
    "Emergency",
    "Surgery",
    "Medicine",
    "Critical Care",
    "Women and Children",
    "Oncology",
    "Imaging",
    "Laboratory",
    "Rehabilitation",
    "Psychiatry",
    "Outpatient",
    "Operations",
)
# share of the staff, effect on latent burnout, effect on the inclination to answer
GROUPS: Final = {
    "nurse": (0.45, 0.15, 0.00),
    "physician": (0.15, 0.10, -0.08),
    "allied": (0.20, -0.10, 0.03),
    "support": (0.20, -0.30, 0.02),
}
# habitual responders, occasional ones, and those who hardly ever answer: share and Beta parameters
HABITS: Final = ((0.35, 6.0, 1.5), (0.40, 3.0, 4.0), (0.25, 1.0, 9.0))

UNIT_SPREAD: Final = 0.40
PERSON_SPREAD: Final = 0.80
DRIFT: Final = 0.06
SHOCK_CHANCE: Final = 0.012
SHOCK_PERSISTS: Final = 0.3
SHOCK_DECAY: Final = 0.75


@dataclass(frozen=True, slots=True)
class Person:
    """One member of staff: what they add to their unit's burnout, and how likely they are to answer a round."""

    identifier: str
    group: str
    burnout: float
    inclination: float


@dataclass(frozen=True, slots=True)
class Unit:
    """One leaf of the organisation and its latent burnout in each round."""

    id: str
    name: str
    department: str
    people: tuple[Person, ...]
    levels: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Facility:
    """One hospital. Departments are (id, name)."""

    id: str
    name: str
    departments: tuple[tuple[str, str], ...]
    units: tuple[Unit, ...]


def identifier(name: str) -> str:
    """The id of a named place."""
    return name.lower().replace(" ", "-")


def facilities(simulation: Simulation) -> tuple[Facility, ...]:
    """The whole health system, of exactly the staff asked for."""
    names = FACILITY_NAMES[: simulation.facilities]
    return tuple(_facility(simulation, name, staff) for name, staff in zip(names, _shares(simulation), strict=True))


def _shares(simulation: Simulation) -> list[int]:
    random = stream(simulation.seed, "shares")
    weights = [random.uniform(0.7, 1.3) for _ in range(simulation.facilities)]
    shares = [int(simulation.staff * weight / sum(weights)) for weight in weights]
    shares[0] += simulation.staff - sum(shares)
    return shares


def _facility(simulation: Simulation, name: str, staff: int) -> Facility:
    random = stream(simulation.seed, "facility", name)
    sizes = list(_unit_sizes(random, staff))
    departments = _departments(len(sizes))
    units: list[Unit] = []
    first = 1
    for index, size in enumerate(sizes):
        department = departments[index % len(departments)]
        number = index // len(departments) + 1
        people = tuple(_person(random, simulation, f"person-{first + n:05}@{identifier(name)}") for n in range(size))
        unit = f"{department[0]}-{number}"
        # a stream of its own, so that a longer simulation begins like a shorter one
        levels = tuple(_levels(stream(simulation.seed, "levels", name, unit), simulation.rounds))
        units.append(Unit(unit, f"{department[1]} {number}", department[0], people, levels))
        first += size
    return Facility(identifier(name), name, departments, tuple(units))


def _departments(units: int) -> tuple[tuple[str, str], ...]:
    wanted = max(1, round(units / UNITS_PER_DEPARTMENT))
    return tuple((identifier(name), name) for name in DEPARTMENTS[:wanted])


def _unit_sizes(random: Random, staff: int) -> Iterator[int]:
    while staff:
        size = min(max(round(random.lognormvariate(3.15, 0.75)), SMALLEST_UNIT), LARGEST_UNIT)
        if staff - size < SMALLEST_UNIT:
            size = staff if staff <= LARGEST_UNIT else staff - SMALLEST_UNIT
        yield size
        staff -= size


def _person(random: Random, simulation: Simulation, name: str) -> Person:
    group = random.choices(list(GROUPS), [share for share, _, _ in GROUPS.values()])[0]
    answers = _inclination(random, simulation, group)
    return Person(name, group, GROUPS[group][1] + random.gauss(0, PERSON_SPREAD), answers)


def _inclination(random: Random, simulation: Simulation, group: str) -> float:
    if simulation.responders != "mixed":
        return inclination(random, simulation.responders, simulation.response)
    _, alpha, beta = random.choices(HABITS, [habit[0] for habit in HABITS])[0]
    return min(max(random.betavariate(alpha, beta) + GROUPS[group][2], 0.02), 0.98)


def _levels(random: Random, rounds: int) -> Iterator[float]:
    level, shock, decay = random.gauss(0, UNIT_SPREAD), 0.0, 1.0
    for _ in range(rounds):
        level += random.gauss(0, DRIFT)
        shock *= decay
        if random.random() < SHOCK_CHANCE:
            shock += random.uniform(0.7, 1.2)
            decay = 1.0 if random.random() < SHOCK_PERSISTS else SHOCK_DECAY
        yield level + shock
