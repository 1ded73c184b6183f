"""Random logs for the oracle and the real steps to disagree on: small hospitals, awkward people, untidy deliveries.

Deterministic given the random generator. Every event is one that `schemas.codec.decode` accepts.
"""

import random
import string
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Event = dict[str, Any]

LEVELS = ["facility", "department", "unit", "team"]
MONDAY = date(2026, 10, 5)
# items, lowest and highest answer
FORMS: dict[str, tuple[list[str], int, int]] = {
    "sib5": (["1"], 1, 5),
    "cbi.personal": ([str(item) for item in range(1, 7)], 0, 4),
    "cbi.work": ([str(item) for item in range(7, 14)], 0, 4),
    "cbi.client": ([str(item) for item in range(14, 20)], 0, 4),
}
REVERSED = {"13"}
MOODS = ["all_low", "all_high", "all_middle", "low", "high", "even", "one_apart"]


@dataclass(frozen=True)
class Wave:
    """A round as its opening marker declares it, and the organisation its people belong to."""

    opened: Event
    people: dict[str, int]
    rate: float
    places: tuple[str, ...]


def random_log(rng: random.Random) -> list[Event]:
    """One facility's log, sometimes two facilities' interleaved."""
    names = ["st-anna", "st-bert"][: 2 if rng.random() < 0.15 else 1]
    return _merge(rng, [_facility_log(rng, name) for name in names])


def _facility_log(rng: random.Random, facility: str) -> list[Event]:
    organisation, people = _organisation(rng, facility)
    leaves = list(people)
    apart = len(leaves) // 2 if rng.random() < 0.15 else 0
    first = _wave(rng, organisation, people, leaves[apart:], "2026-W41", MONDAY)
    logs = [_round_log(rng, first)]
    if rng.random() < 0.5:
        start = MONDAY + timedelta(days=rng.choice([3, 6, 7, 7, 14]))
        second = _wave(rng, organisation, people, leaves[:apart] or leaves, "2026-W42", start)
        logs.append(_round_log(rng, second))
    if rng.random() < 0.1:
        logs.append(_sensitive_round_log(rng, first))
    if rng.random() < 0.3:
        logs.append([_reorganised(rng, organisation)])
    body = _merge(rng, logs) if rng.random() < 0.6 else [event for log in logs for event in log]
    return [organisation, *body]


def _merge(rng: random.Random, logs: list[list[Event]]) -> list[Event]:
    """Interleave logs at random; each keeps its own order."""
    turns = [index for index, log in enumerate(logs) for _ in log]
    rng.shuffle(turns)
    rest = [iter(log) for log in logs]
    return [next(rest[turn]) for turn in turns]


def _event_id(rng: random.Random) -> str:
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def _token(rng: random.Random) -> str:
    return f"{rng.getrandbits(256):064x}"


def _organisation(rng: random.Random, facility: str) -> tuple[Event, dict[str, int]]:
    """An organisation record and how many people really work in each leaf."""
    levels = LEVELS[: rng.randint(1, 4)]
    ids = ["".join(letters) for letters in rng.sample([(a, b) for a in string.ascii_lowercase for b in "abcdefg"], 120)]
    parents: dict[str, str | None] = {facility: None}
    depths = {facility: 0}
    layer = [facility]
    for depth in range(1, len(levels)):
        grown = [(ids.pop(), parent) for parent in layer for _ in range(rng.choice([1, 2, 2, 3, 3, 4]))]
        parents.update(grown)
        layer = [node for node, _ in grown]
        depths.update(dict.fromkeys(layer, depth))
    largest = rng.choice([8, 15, 15, 40])
    people = {leaf: rng.randint(1, largest) for leaf in layer}
    nodes = [
        {
            "id": node,
            "parent": parent,
            "kind": levels[depths[node]],
            "name": f"Place {node}",
            "headcount": people.get(node),
        }
        for node, parent in parents.items()
    ]
    record = {
        "type": "organisation.updated",
        "facility": facility,
        "event_id": _event_id(rng),
        "schema_version": 1,
        "levels": levels,
        "nodes": nodes,
        "effective_from": MONDAY.isoformat(),
    }
    return _with_headcounts(rng, record, people), people


def _with_headcounts(rng: random.Random, record: Event, people: dict[str, int]) -> Event:
    """The record with headcounts that are sometimes wrong, and its nodes in any order."""
    nodes = []
    for node in record["nodes"]:
        headcount = people.get(node["id"])
        if headcount is not None and rng.random() < 0.15:
            headcount = rng.randint(0, headcount)
        if headcount is None and rng.random() < 0.2:
            headcount = max(0, round(sum(people.values()) * rng.uniform(0.1, 1.2)))
        nodes.append({**node, "headcount": headcount})
    rng.shuffle(nodes)
    return {**record, "nodes": nodes}


def _reorganised(rng: random.Random, record: Event) -> Event:
    """A later record of the same leaves: new headcounts, two of the leaves having changed places."""
    people = {node["id"]: rng.randint(1, 30) for node in record["nodes"] if node["kind"] == record["levels"][-1]}
    one, other = rng.choice(sorted(people)), rng.choice(sorted(people))
    parents = {node["id"]: node["parent"] for node in record["nodes"]}
    parents[one], parents[other] = parents[other], parents[one]
    nodes = [{**node, "parent": parents[node["id"]]} for node in record["nodes"]]
    return _with_headcounts(rng, {**record, "event_id": _event_id(rng), "nodes": nodes}, people)


def _policy(rng: random.Random) -> Event:
    policy = {
        "k": rng.choice([5, 5, 6, 7, 8, 9, 10, 11, 12]),
        "coalition": rng.randint(0, 2),
        "outside": rng.randint(2, 5),
        "k_sensitive": rng.randint(20, 40),
        "headcount_slack": rng.choice([0, 0.1, round(rng.uniform(0, 0.3), 2)]),
        "identity": rng.choice(["person", "person", "response"]),
    }
    left_out = {rng.choice(sorted(policy))} if rng.random() < 0.1 else set()
    return {name: value for name, value in policy.items() if name not in left_out}


def _wave(
    rng: random.Random, organisation: Event, people: dict[str, int], among: list[str], name: str, first: date
) -> Wave:
    # two forms of one instrument are refused; one log in twenty tries
    inventory = rng.sample(sorted(set(FORMS) - {"sib5"}), 2 if rng.random() < 0.05 else 1)
    forms = rng.choice([["sib5"], inventory, ["sib5", *inventory]])
    share = rng.choice([1, 1, 0.7])
    leaves = [leaf for leaf in among if rng.random() < share]
    opened = {
        "type": "round.opened",
        "facility": organisation["facility"],
        "event_id": _event_id(rng),
        "schema_version": 1,
        "round": name,
        "forms": forms,
        "first_answer_date": first.isoformat(),
        "last_answer_date": (first + timedelta(days=6)).isoformat(),
        "leaves": leaves or among,
        "policy": _policy(rng),
        "key_id": f"key-{name.lower()}",
    }
    places = tuple(sorted(node["id"] for node in organisation["nodes"]))
    return Wave(opened, people, rng.choice([0.3, 0.6, 0.8, 1.0]), places)


def _round_log(rng: random.Random, wave: Wave) -> list[Event]:
    """Opening, deliveries in any order, close, and what comes too early or too late."""
    body = [event for form in wave.opened["forms"] if form in FORMS for event in _deliveries(rng, wave, form)]
    if rng.random() < 0.05:
        body.append({**wave.opened, "event_id": _event_id(rng), "policy": _policy(rng)})
    if rng.random() < 0.05:
        body.append(_retirement(rng, wave))
    rng.shuffle(body)
    early, body = (body[:2], body[2:]) if rng.random() < 0.1 else ([], body)
    late = [rng.choice(body) for _ in range(rng.randint(0, 4)) if body]
    late += [{**event, "event_id": _event_id(rng), "respondent": _token(rng)} for event in late if "answers" in event]
    if rng.random() < 0.4:
        late += [_retirement(rng, wave) for _ in range(rng.choice([1, 3, 10]))]
        rng.shuffle(late)
    closed = _marker(rng, wave, "round.closed")
    if rng.random() < 0.1:
        return [*early, wave.opened, *body]
    if rng.random() < 0.1:
        ends = [_marker(rng, wave, "round.cancelled"), closed]
        return [*early, wave.opened, *body, *rng.sample(ends, rng.randint(1, 2)), *late]
    if rng.random() < 0.1:
        late += [{**closed, "event_id": _event_id(rng)}, wave.opened]
    return [*early, wave.opened, *body, closed, *late]


def _sensitive_round_log(rng: random.Random, wave: Wave) -> list[Event]:
    """A round that also asks a sensitive form, which nobody may open yet."""
    forms = ["sib5", rng.choice(["phq_2", "gad_2"])]
    opened = {**wave.opened, "event_id": _event_id(rng), "round": "2026-W30", "forms": forms}
    opened |= {"first_answer_date": "2026-07-20", "last_answer_date": "2026-07-26"}
    return _round_log(rng, Wave(opened, wave.people, wave.rate, wave.places))


def _marker(rng: random.Random, wave: Wave, kind: str, **fields: str) -> Event:
    return {
        "type": kind,
        "facility": wave.opened["facility"],
        "event_id": _event_id(rng),
        "schema_version": 1,
        "round": wave.opened["round"],
        **fields,
    }


def _retirement(rng: random.Random, wave: Wave) -> Event:
    """A request to retire a cohort that there may not be."""
    forms = wave.opened["forms"] if rng.random() < 0.95 else sorted(FORMS)
    node = rng.choice([wave.opened["facility"], *wave.places, "nowhere"])
    reason = rng.choice(["consent", "feed_error", "legal", "wrong_unit", "other"])
    return _marker(rng, wave, "cohort.retirement", form=rng.choice(forms), node=node, reason=reason)


def _deliveries(rng: random.Random, wave: Wave, form: str) -> list[Event]:
    """What the people of the covered leaves send for one form."""
    events = []
    one_mood = rng.choice(MOODS) if rng.random() < 0.4 else None
    untidy = rng.choice([0.0, 1.0, 1.0, 3.0])
    for leaf in wave.opened["leaves"]:
        mood = one_mood or rng.choice(MOODS)
        for _ in range(wave.people[leaf]):
            if rng.random() < wave.rate:
                events += _person(rng, wave, _submission(rng, wave, form, leaf, _answers(rng, form, mood)), untidy)
    return events


def _submission(rng: random.Random, wave: Wave, form: str, leaf: str, answers: dict[str, int]) -> Event:
    first = date.fromisoformat(wave.opened["first_answer_date"])
    return {
        "type": "submission",
        "facility": wave.opened["facility"],
        "event_id": _event_id(rng),
        "schema_version": 1,
        "round": wave.opened["round"],
        "form": form,
        "form_version": 1,
        "node": leaf,
        "respondent": _token(rng),
        "revision": rng.choice([0, 0, 0, 1]),
        "answers": answers,
        "submitted_on": (first + timedelta(days=rng.randint(0, 6))).isoformat(),
        "source": rng.choice(["csv", "redcap"]),
        "key_id": wave.opened["key_id"],
    }


def _answers(rng: random.Random, form: str, mood: str) -> dict[str, int]:
    items, low, high = FORMS[form]
    if mood == "one_apart":
        mood = "all_high" if rng.random() < 0.1 else "all_low"
    middle = 3 if form == "sib5" else 2
    always = {"all_low": low, "all_high": high, "all_middle": middle}
    tilt = {"low": [9, 4, 2, 1, 1], "high": [1, 1, 2, 4, 9], "even": [1, 1, 1, 1, 1]}
    answers = {}
    for item in items:
        answer = always[mood] if mood in always else rng.choices(range(low, high + 1), tilt[mood])[0]
        answers[item] = low + high - answer if item in REVERSED else answer
    return answers


def _partial(rng: random.Random, answers: dict[str, int]) -> dict[str, int]:
    kept = rng.sample(sorted(answers), rng.randint(0, len(answers)))
    return {item: answers[item] for item in kept}


def _person(rng: random.Random, wave: Wave, first: Event, untidy: float) -> list[Event]:
    """One person's deliveries: usually one, and the more untidy the likelier everything else."""

    def sometimes(probability: float) -> bool:
        return rng.random() < probability * untidy

    form = first["form"]
    if sometimes(0.15):
        first = {**first, "answers": _partial(rng, first["answers"])}
    events = [first]
    if sometimes(0.05):
        events.append(dict(first))
    if sometimes(0.1):
        events.append(_revised(rng, wave, first))
    if sometimes(0.03):
        events.append({**_revised(rng, wave, first), "event_id": first["event_id"]})
    if sometimes(0.02):
        events.append({**first, "respondent": _token(rng)})
    if sometimes(0.03):
        events.append({**first, "event_id": _event_id(rng), "node": rng.choice(wave.opened["leaves"])})
    if sometimes(0.04):
        events.append(_marker(rng, wave, "submission.withdrawn", form=form, respondent=first["respondent"]))
    if sometimes(0.01):
        events.append(_marker(rng, wave, "submission.withdrawn", form=form, respondent=_token(rng)))
    if sometimes(0.03):
        events.append(_invalid(rng, wave, first))
    return events


def _revised(rng: random.Random, wave: Wave, first: Event) -> Event:
    """The same person once more, differing in anything but the token."""
    answers = _answers(rng, first["form"], rng.choice(MOODS))
    return {
        **first,
        "event_id": _event_id(rng),
        "answers": _partial(rng, answers) if rng.random() < 0.3 else answers,
        "revision": first["revision"] + rng.choice([0, 1, 1, 2]),
        "node": rng.choice(wave.opened["leaves"]) if rng.random() < 0.2 else first["node"],
    }


def _invalid(rng: random.Random, wave: Wave, first: Event) -> Event:
    """A delivery that breaks one rule, under its own event id or that of the valid one."""
    items, low, high = FORMS[first["form"]]
    uncovered = sorted(set(wave.people) - set(wave.opened["leaves"])) or ["nowhere"]
    unfielded = sorted(set(FORMS) - set(wave.opened["forms"]))
    own_id = {"event_id": _event_id(rng)} if rng.random() < 0.5 else {}
    broken: Event = rng.choice(
        [
            {"key_id": "key-of-another-round"},
            {"form_version": rng.choice([0, 2])},
            {"node": rng.choice(uncovered)},
            {"submitted_on": rng.choice(["2026-01-01", "2027-01-01"])},
            {"answers": {**first["answers"], items[0]: rng.choice([low - 1, high + 1])}},
            {"form": rng.choice(unfielded)},
            {"round": "2026-W99"},
        ]
    )
    return {**first, **broken, **own_id}
