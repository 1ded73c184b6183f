"""The log of several hospitals for the live benchmark, spread over all partitions."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from random import Random
from typing import NamedTuple

from producers.client import partition_of
from schemas.canonical import derived_id, uuid8
from schemas.codec import encode
from schemas.events import Node, OrganisationUpdated, RoundClosed, RoundOpened, Submission
from schemas.policy import Policy
from schemas.topics import PARTITIONS

FORM = "cbi.work"
FACILITIES_PER_PARTITION = 2
ANSWERS_PER_UNIT = 30
FIRST_MONDAY = date(2026, 1, 5)
KEY_ID = "trial"


class Line(NamedTuple):
    """One record to send: an event, or the bytes of something that is none."""

    facility: str
    event: Submission | OrganisationUpdated | RoundOpened | RoundClosed | None
    value: bytes


@dataclass(frozen=True)
class Load:
    """So many events, as rounds of about 30 answers from each unit; `malformed` is the share that is cut off."""

    events: int
    units: int
    rounds: int
    malformed: float = 0.0

    @cached_property
    def facilities(self) -> list[str]:
        """As many hospitals on each partition."""
        found: dict[int, list[str]] = {number: [] for number in range(PARTITIONS)}
        for number in range(1000):
            name = f"hospital-{number:03}"
            found[partition_of(name, PARTITIONS)].append(name)
        return sorted(name for names in found.values() for name in names[:FACILITIES_PER_PARTITION])

    def lines(self) -> Iterator[Line]:
        """The log in order: a round is open at every hospital, everybody answers, it closes everywhere."""
        random = Random(7)
        for facility in self.facilities:
            yield _line(_organisation(facility, self.units))
        control = len(self.facilities) * (1 + 2 * self.rounds)
        answers = max(0, self.events - control) // self.rounds
        for number in range(self.rounds):
            first = FIRST_MONDAY + timedelta(weeks=2 * number)
            for facility in self.facilities:
                yield _line(_opened(facility, number, first, self.units))
            for _ in range(answers):
                yield self._answer(random, number, first)
            for facility in self.facilities:
                event_id = derived_id("closed", facility, number)
                yield _line(RoundClosed(facility=facility, event_id=event_id, round=_round(number)))

    def _answer(self, random: Random, number: int, first: date) -> Line:
        event = Submission(
            facility=random.choice(self.facilities),
            event_id=uuid8(random.randbytes(16)),
            round=_round(number),
            form=FORM,
            form_version=1,
            node=_unit(random.randrange(self.units)),
            respondent=random.randbytes(32).hex(),
            revision=0,
            answers={str(item): random.randrange(5) for item in range(7, 14)},
            submitted_on=first + timedelta(days=random.randrange(14)),
            source="redcap",
            key_id=KEY_ID,
        )
        line = _line(event)
        return Line(line.facility, None, line.value[:-20]) if random.random() < self.malformed else line


def _line(event: Submission | OrganisationUpdated | RoundOpened | RoundClosed) -> Line:
    return Line(event.facility, event, encode(event))


def _round(number: int) -> str:
    return f"2026-R{number:02}"


def _unit(number: int) -> str:
    return f"unit-{number:03}"


def _organisation(facility: str, units: int) -> OrganisationUpdated:
    wards = [Node(id=f"dep-{number}", parent=facility, kind="department", name="D") for number in range(10)]
    leaves = [
        Node(id=_unit(number), parent=f"dep-{number % 10}", kind="unit", name="U", headcount=2 * ANSWERS_PER_UNIT)
        for number in range(units)
    ]
    return OrganisationUpdated(
        facility=facility,
        event_id=derived_id("organisation", facility),
        levels=("facility", "department", "unit"),
        nodes=(Node(id=facility, parent=None, kind="facility", name="F"), *wards, *leaves),
        effective_from=FIRST_MONDAY,
    )


def _opened(facility: str, number: int, first: date, units: int) -> RoundOpened:
    return RoundOpened(
        facility=facility,
        event_id=derived_id("opened", facility, number),
        round=_round(number),
        forms=(FORM,),
        first_answer_date=first,
        last_answer_date=first + timedelta(days=13),
        leaves=tuple(_unit(unit) for unit in range(units)),
        policy=Policy(),
        key_id=KEY_ID,
    )
