"""What a simulation is made of, checked; and its calendar."""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from schemas.errors import InputRefused

FIRST_MONDAY: Final = date(2026, 1, 5)
ROUND_DAYS: Final = 14
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
_MOST: Final = {"facilities": len(FACILITY_NAMES), "staff": 1_000_000, "rounds": 104, "seed": 2**63 - 1}


@dataclass(frozen=True, slots=True)
class Simulation:
    """The size of the health system, for how many rounds, and whether only admitted answers are in the log."""

    facilities: int = 3
    staff: int = 3000
    rounds: int = 12
    seed: int = 7
    clean: bool = False

    def __post_init__(self) -> None:
        least = {"facilities": 1, "staff": LEAST_STAFF * self.facilities, "rounds": 1, "seed": 0}
        for name, most in _MOST.items():
            value = getattr(self, name)
            if not least[name] <= value <= most:
                raise InputRefused(f"{name} must be from {least[name]} to {most}, not {value}{_why(name)}")


@dataclass(frozen=True, slots=True)
class Wave:
    """One round of the calendar: two weeks from a Monday, after which the next one starts."""

    index: int
    id: str
    first: date
    last: date
    forms: tuple[str, str]


def wave(index: int) -> Wave:
    """The round with this number, from 0."""
    first = FIRST_MONDAY + timedelta(days=ROUND_DAYS * index)
    year, week, _ = first.isocalendar()
    forms = (EVERY_ROUND, IN_TURN[index % len(IN_TURN)])
    return Wave(index, f"{year}-W{week:02}", first, first + timedelta(days=ROUND_DAYS - 1), forms)


def _why(name: str) -> str:
    return f": every facility needs at least {LEAST_STAFF} people" if name == "staff" else ""
