"""A little world: who answers what, where and when, told step by step; and the log of events it leaves."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

from schemas.canonical import derived_id, sha256_hex

HOUSE: Final = "general"
FIRST: Final = "2026-01-05"
LAST: Final = "2026-01-18"
SEASON_LAST: Final = "2026-03-29"
SEASON: Final = {"id": "S1", "first": FIRST, "last": SEASON_LAST, "long_below": 20}
"""A season, in which units of fewer than 20 people are asked once."""


@dataclass(frozen=True)
class Answer:
    """A person answers an item of five points, or a sheet of items; sent again it is the same event."""

    person: str
    unit: str
    value: int
    round: str = "r1"
    staff: str = "nurse"
    revision: int = 0
    form: str = "sib5"
    sheet: tuple[tuple[str, int], ...] = ()
    submitted: str = FIRST


@dataclass(frozen=True)
class Withdrawn:
    """A person takes back the answers of a round."""

    person: str
    round: str = "r1"


@dataclass(frozen=True)
class Opened:
    """A round opens for one form. `k` and `coalition` are its policy; without `leaves` it fields every unit.

    With a calendar it is of the season.
    """

    round: str = "r1"
    first: str = FIRST
    last: str = LAST
    k: int = 10
    coalition: int = 1
    form: str = "sib5"
    leaves: tuple[str, ...] = ()
    calendar: str = ""


@dataclass(frozen=True)
class Closed:
    """A round closes."""

    round: str = "r1"


Step = Answer | Withdrawn | Opened | Closed


@dataclass(frozen=True)
class World:
    """Departments with their units, headcounts and staff groups of units, and what happens, in order."""

    departments: dict[str, tuple[str, ...]]
    steps: tuple[Step, ...]
    target: str = "target"
    headcounts: dict[str, int] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)

    @property
    def units(self) -> list[str]:
        """Every unit."""
        return [unit for units in self.departments.values() for unit in units]

    def under(self, node: str) -> set[str]:
        """The units at or under a node."""
        return set(self.units) if node == HOUSE else set(self.departments.get(node, (node,)))

    @property
    def secret(self) -> int:
        """What the attacker is after: the answer the target gave last."""
        return [step.value for step in self.steps if isinstance(step, Answer) and step.person == self.target][-1]


def flat(*steps: Step, units: Sequence[str], **headcounts: int) -> World:
    """A world whose units are all in one department."""
    return World({"medicine": tuple(units)}, steps, headcounts=headcounts)


def crowd(rng: random.Random, unit: str, size: int, round_: str = "r1", staff: str = "nurse") -> list[Answer]:
    """People of one unit who answer at random."""
    return [Answer(f"{unit}-{staff}-{i}", unit, rng.randint(1, 5), round_, staff) for i in range(size)]


def events(world: World) -> list[dict[str, Any]]:
    """The log of a world."""
    return [_organisation(world), *(_event(world, place, step) for place, step in enumerate(world.steps))]


def _organisation(world: World) -> dict[str, Any]:
    def node(name: str, parent: str | None, kind: str, headcount: int | None = None) -> dict[str, Any]:
        group = {"staff_group": world.groups[name]} if name in world.groups else {}
        return {"id": name, "parent": parent, "kind": kind, "name": name, "headcount": headcount, **group}

    nodes = [node(HOUSE, None, "facility")]
    for department, units in world.departments.items():
        nodes.append(node(department, HOUSE, "department"))
        nodes += [node(unit, department, "unit", world.headcounts.get(unit, 40)) for unit in units]
    levels = ["facility", "department", "unit"]
    return _of("organisation.updated", "organisation", levels=levels, nodes=nodes, effective_from="2026-01-01")


def _event(world: World, place: int, step: Step) -> dict[str, Any]:
    match step:
        case Answer():
            return _submission(step)
        case Withdrawn():
            token = _token(step.round, step.person)
            return _of("submission.withdrawn", place, round=step.round, form="sib5", respondent=token)
        case Closed():
            return _of("round.closed", place, round=step.round)
        case Opened():
            return _opening(world, place, step)


def _opening(world: World, place: int, step: Opened) -> dict[str, Any]:
    season = {"season": {**SEASON, "calendar": step.calendar}} if step.calendar else {}
    return _of(
        "round.opened",
        place,
        round=step.round,
        forms=[step.form],
        first_answer_date=step.first,
        last_answer_date=step.last,
        leaves=list(step.leaves) or world.units,
        policy={"k": step.k, "coalition": step.coalition},
        key_id=f"key-{step.round}",
        **season,
    )


# the same people give the same answers in many trials
@cache
def _submission(step: Answer) -> dict[str, Any]:
    answers = dict(step.sheet) or {"1": step.value}
    fields = {"node": step.unit, "answers": answers, "submitted_on": step.submitted, "source": "csv"}
    return _of(
        "submission",
        step.person,
        step.unit,
        step.round,
        step.revision,
        round=step.round,
        form=step.form,
        form_version=1,
        respondent=_token(step.round, step.person),
        revision=step.revision,
        key_id=f"key-{step.round}",
        **fields,
    )


@cache
def _token(round_: str, person: str) -> str:
    return sha256_hex([round_, person])


def _of(kind: str, *identity: str | int, **fields: Any) -> dict[str, Any]:
    return {"type": kind, "facility": HOUSE, "event_id": _event_id(kind, *identity), **fields}


@cache
def _event_id(kind: str, *identity: str | int) -> str:
    return derived_id(kind, list(identity))
