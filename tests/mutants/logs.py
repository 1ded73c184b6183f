"""Logs on which every mutant shows: hospitals made for the purpose, random ones, and a simulated one."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from functools import cache
from random import Random
from typing import Any, Final

from producers.simulate import Simulation, lines
from tests.mutants.season_logs import season_logs
from tests.random_logs import random_log

Event = dict[str, Any]
Log = list[Event]

FACILITY: Final = "st-anna"
MONDAY: Final = date(2026, 10, 5)
UNITS: Final = {
    "icu": ("medicine", 30),
    "ward-1": ("medicine", 20),
    "ward-2": ("medicine", 8),
    "theatre": ("surgery", 20),
    "recovery": ("surgery", 4),
    "lab": ("services", 13),
    "pharmacy": ("services", 7),
}
POLICY: Final = {
    "k": 10,
    "coalition": 1,
    "outside": 3,
    "k_sensitive": 30,
    "headcount_slack": 0.1,
    "identity": "person",
}
ITEMS: Final = {"sib5": (range(1, 2), 1, 5), "cbi.work": (range(7, 14), 0, 4), "phq_2": (range(1, 3), 0, 3)}
RANDOM_LOGS: Final = 12


@dataclass
class Story:
    """A log that grows; ids and tokens are drawn from one seed."""

    random: Random
    log: Log = field(default_factory=list)

    def add(self, kind: str, /, **fields: Any) -> Event:
        """An event at the end of the log."""
        id_ = f"{self.random.getrandbits(128):032x}"
        event_id = "-".join((id_[:8], id_[8:12], id_[12:16], id_[16:20], id_[20:]))
        event = {"type": kind, "facility": FACILITY, "event_id": event_id, "schema_version": 1, **fields}
        self.log.append(event)
        return event

    def organisation(self) -> None:
        """The hospital: three departments and seven units."""
        above = [(FACILITY, None, "facility"), *((name, FACILITY, "department") for name in _departments())]
        nodes: list[Event] = [
            {"id": name, "parent": parent, "kind": kind, "headcount": None} for name, parent, kind in above
        ]
        nodes += [
            {"id": unit, "parent": parent, "kind": "unit", "headcount": people}
            for unit, (parent, people) in UNITS.items()
        ]
        named = [{**node, "name": f"Place {node['id']}"} for node in nodes]
        levels = ["facility", "department", "unit"]
        self.add("organisation.updated", levels=levels, nodes=named, effective_from=MONDAY.isoformat())

    def open(self, round_: str, forms: list[str], week: int = 0, days: int = 7, **policy: int) -> Event:
        """A round of all units, from the Monday of a week on."""
        first = MONDAY + timedelta(days=7 * week)
        return self.add(
            "round.opened",
            round=round_,
            forms=forms,
            first_answer_date=first.isoformat(),
            last_answer_date=(first + timedelta(days=days - 1)).isoformat(),
            leaves=list(UNITS),
            policy={**POLICY, **policy},
            key_id=f"key-{round_.lower()}",
        )

    def answer(self, opened: Event, form: str, unit: str, answers: Mapping[str, int], **fields: Any) -> Event:
        """One person's answers."""
        return self.add(
            "submission",
            **{
                "round": opened["round"],
                "form": form,
                "form_version": 1,
                "node": unit,
                "respondent": f"{self.random.getrandbits(256):064x}",
                "revision": 0,
                "answers": dict(answers),
                "submitted_on": opened["first_answer_date"],
                "source": "csv",
                "key_id": opened["key_id"],
                **fields,
            },
        )

    def crowd(self, opened: Event, form: str, people: Mapping[str, int]) -> list[Event]:
        """So many people of each unit, with scores all over the scale."""
        return [
            self.answer(opened, form, unit, self.answers(form)) for unit, count in people.items() for _ in range(count)
        ]

    def answers(self, form: str) -> dict[str, int]:
        """Answers of somebody."""
        items, low, high = ITEMS[form]
        return {str(item): self.random.randint(low, high) for item in items}

    def revise(self, first: Event, **fields: Any) -> None:
        """The same person once more."""
        kept = {name: value for name, value in first.items() if name not in ("type", "facility", "event_id")}
        self.add("submission", **{**kept, "revision": first["revision"] + 1, **fields})

    def withdraw(self, first: Event) -> None:
        """The person takes it all back."""
        kept = {name: first[name] for name in ("round", "form", "respondent")}
        self.add("submission.withdrawn", **kept)

    def close(self, opened: Event) -> None:
        """The end of a round."""
        self.add("round.closed", round=opened["round"])


def _departments() -> list[str]:
    return sorted({parent for parent, _ in UNITS.values()})


def lowest() -> dict[str, int]:
    """The best answers to every item of cbi.work; the last one is reversed."""
    return {str(item): 4 if item == 13 else 0 for item in range(7, 14)}


@cache
def hospital() -> Log:
    """Rounds in which everything happens that a mutant could treat wrongly."""
    story = Story(Random(1))
    story.organisation()
    _untidy_round(story)
    _small_round(story)
    _cancelled_round(story)
    _refused_rounds(story)
    _interventions(story)
    return story.log


def _untidy_round(story: Story) -> None:
    """Repeats, revisions, a move between units, withdrawals, too many in one unit, and a second close with more."""
    opened = story.open("2026-W41", ["cbi.work", "sib5"])
    icu = [story.answer(opened, "cbi.work", "icu", lowest()) for _ in range(15)]
    story.withdraw(icu[14])
    story.revise(icu[0])
    story.revise(icu[1])
    ward = story.crowd(opened, "cbi.work", {"ward-1": 9, "ward-2": 6, "theatre": 10, "recovery": 2, "lab": 4})
    moved = story.answer(opened, "cbi.work", "icu", lowest())
    story.revise(moved, node="ward-1")
    story.revise(ward[0], answers=dict.fromkeys(["7", "8", "9", "10", "11", "12"], 1) | {"12": 4})
    story.crowd(opened, "cbi.work", {"pharmacy": 12})
    story.answer(opened, "cbi.work", "icu", lowest(), submitted_on="2026-11-05")
    story.crowd(opened, "sib5", {"icu": 13, "ward-1": 12, "lab": 16})
    again = story.open("2026-W41b", ["cbi.work"])
    story.close(opened)
    for event in icu[:14]:
        story.answer(again, "cbi.work", "icu", event["answers"])
    story.answer(again, "cbi.work", "icu", story.answers("cbi.work"))
    story.close(again)
    story.answer(opened, "cbi.work", "icu", story.answers("cbi.work"))
    story.withdraw(icu[5])
    story.close(opened)


def _small_round(story: Story) -> None:
    """A round at whose end six people are left over at the top, and which is opened once more."""
    opened = story.open("2026-W42", ["cbi.work"], week=1)
    people = story.crowd(opened, "cbi.work", {"icu": 14, "recovery": 2, "lab": 4})
    story.close(opened)
    again = story.open("2026-W42", ["cbi.work"], week=1, k=11)
    for event in people[:13]:
        story.answer(again, "cbi.work", "icu", event["answers"], respondent=event["respondent"])
    story.close(again)


def _cancelled_round(story: Story) -> None:
    """A round that is given up, and its dates fielded again; one of the cohorts is retired."""
    given_up = story.open("2026-W43", ["cbi.work"], week=2)
    people = story.crowd(given_up, "cbi.work", {"icu": 13})
    story.add("round.cancelled", round=given_up["round"])
    opened = story.open("2026-W43b", ["cbi.work"], week=2)
    for event in people:
        story.answer(opened, "cbi.work", "icu", event["answers"])
    story.crowd(opened, "cbi.work", {"icu": 1, "ward-1": 12})
    story.close(opened)
    story.add("cohort.retirement", round=opened["round"], form="cbi.work", node="ward-1", reason="feed_error")


def _refused_rounds(story: Story) -> None:
    """A round under a floor of the policy, and one that asks about health."""
    for opened, form in (
        (story.open("2026-W44", ["cbi.work"], week=3, outside=1), "cbi.work"),
        (story.open("2026-W45", ["phq_2"], week=4), "phq_2"),
    ):
        story.crowd(opened, form, {"icu": 20, "ward-1": 4})
        story.close(opened)


def _interventions(story: Story) -> None:
    """What was done, and taken back; one that is told in words is refused."""
    act = {"node": "ward-1", "on": MONDAY.isoformat(), "kind": "staffing", "label": "float-pool"}
    story.add("intervention", **act)
    story.add("intervention", **act, withdrawn=True)
    story.add("intervention", **{**act, "label": "dr-huber-left"})


@dataclass(frozen=True)
class Interrupted:
    """A log, after how many records the worker is started again, and which record is erased meanwhile."""

    log: Log
    records: int
    erased: int


@cache
def interrupted() -> Interrupted:
    """A round is sealed while a longer one is open; somebody's raw record is erased; the worker starts again."""
    story = Story(Random(2))
    story.organisation()
    long = story.open("2026-Q4", ["sib5"], days=28)
    story.crowd(long, "sib5", {"icu": 6})
    short = story.open("2026-W41", ["cbi.work"])
    people = story.crowd(short, "cbi.work", {"icu": 14, "ward-1": 12})
    story.close(short)
    records = len(story.log)
    story.crowd(long, "sib5", {"icu": 8})
    story.close(long)
    return Interrupted(story.log, records, story.log.index(people[3]))


@cache
def course() -> Log:
    """Ten rounds of one unit, one of them withheld, and something done there that limits do not count anew from."""
    story = Story(Random(3))
    story.organisation()
    for week in range(10):
        if week == 3:
            day = (MONDAY + timedelta(days=7 * week)).isoformat()
            story.add("intervention", node="icu", on=day, label="added-posts")["kind"] = "staffing"
        opened = story.open(f"2026-R{week:02}", ["sib5"], week=week)
        story.crowd(opened, "sib5", {"icu": 5 if week == 4 else 13})
        story.close(opened)
    return story.log


def _simulated() -> Log:
    return [json.loads(line.value) for line in lines(Simulation(facilities=1, staff=150, rounds=2, seed=3, clean=True))]


@cache
def logs() -> Mapping[str, Log]:
    """Every log by name."""
    return dict(_logs())


def _logs() -> Iterator[tuple[str, Log]]:
    yield "hospital", hospital()
    yield "course", course()
    yield from season_logs()
    yield "simulated", _simulated()
    for seed in range(RANDOM_LOGS):
        yield f"random {seed}", random_log(Random(seed))
