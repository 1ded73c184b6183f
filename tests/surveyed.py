"""A made-up survey: who answered what and when, and what an export of it must say and give.

Nothing here is a wording of an instrument. The same seed gives the same people.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

ZONE: Final = ZoneInfo("Europe/Berlin")
ITEMS: Final = tuple(str(item) for item in range(7, 14))
FORM: Final = "cbi.work"
FIRST_DAY, LAST_DAY = "2026-10-19", "2026-11-01"
SURNAMES: Final = ("Aberystwyth", "Brzeczyszczykiewicz", "Chukwuemeka", "Dragomirescu", "Eyjafjallason")
LABELS: Final = ("level zero", "level one", "level two", "level three", "level four")


@dataclass(frozen=True)
class Person:
    """Who answered, as the survey system knows them. Everything but unit and answers must stay at the edge."""

    number: int
    unit: str
    sent: datetime
    answers: dict[str, int]

    @property
    def name(self) -> str:
        """First and last name."""
        return f"Wilhelmine{self.number} {SURNAMES[self.number % len(SURNAMES)]}-{self.unit}"

    @property
    def mail(self) -> str:
        """Address, also the account people sign in with."""
        return f"wilhelmine{self.number}.{self.unit}@hospital.example"

    @property
    def staff_number(self) -> str:
        """Number in the personnel system."""
        return f"EMP-{7_310_000 + self.number:08}-{self.unit}"

    @property
    def response(self) -> str:
        """What names the answer sheet in its system."""
        return f"Resp{self.number:05}{self.unit.replace('-', '')}X9"

    def local(self, pattern: str) -> str:
        """When it was sent, on the wall clock of the hospital."""
        return self.sent.astimezone(ZONE).strftime(pattern)

    def identifiers(self) -> tuple[str, ...]:
        """What must never leave the edge."""
        return (self.name, self.mail, self.staff_number, self.response)


@dataclass(frozen=True)
class Export:
    """A file, how it is read, and what must come of it: answers by person, and how many sheets for each reason."""

    source: str
    suffix: str
    data: bytes
    mapping: dict[str, Any]
    people: tuple[Person, ...]
    refused: Counter[str]
    beside: dict[str, bytes] = field(default_factory=dict)
    withdrawn: frozenset[int] = frozenset()
    again: int = 0

    @property
    def standing(self) -> tuple[Person, ...]:
        """Those whose answers count in the end."""
        return tuple(person for person in self.people if person.number not in self.withdrawn)


def people(unit: str, count: int, seed: int) -> tuple[Person, ...]:
    """So many people of a unit with answers. One answers just before midnight, two in the hour that comes twice."""
    chance = random.Random(f"{unit} {seed}")
    odd = [
        datetime(2026, 10, 20, 21, 59, 59, tzinfo=UTC),
        datetime(2026, 10, 25, 0, 30, tzinfo=UTC),
        datetime(2026, 10, 25, 1, 30, tzinfo=UTC),
    ]
    found = []
    for number in range(1, count + 1):
        some = datetime(2026, 10, 19, 6, tzinfo=UTC) + timedelta(seconds=chance.randrange(12 * 86_400))
        sent = odd[number - 1] if number <= len(odd) else some
        answers = {item: chance.randrange(5) for item in ITEMS}
        if number % 4 == 0:
            del answers[chance.choice(ITEMS)]
        found.append(Person(number, unit, sent, answers))
    return tuple(found)


def mapping_of(source: str, columns: dict[str, str], items: dict[str, str], **others: Any) -> dict[str, Any]:
    """What every mapping here says."""
    form: dict[str, Any] = {"version": 1, "items": items}
    if "values" in others:
        form["values"] = others.pop("values")
    return {
        "facility": "st-anna",
        "source": source,
        "survey": f"pulse-{source}",
        "timezone": "Europe/Berlin",
        "columns": columns,
        "forms": {FORM: form},
        **others,
    }
