"""Random logs for the oracle and the real steps to disagree on: small hospitals, awkward people, untidy deliveries.

Deterministic given the random generator. Every event is one that `schemas.codec.decode` accepts.
"""

import random
import string
from dataclasses import replace
from datetime import date, timedelta

from tests.random_people import FORMS, Event, Wave, deliveries, event_id, marker, token

LEVELS = ["facility", "department", "unit", "team"]
MONDAY = date(2026, 10, 5)
GROUPS = ["allied", "nurse", "physician"]


def random_log(rng: random.Random) -> list[Event]:
    """One facility's log, sometimes two facilities' interleaved."""
    names = ["st-anna", "st-bert"][: 2 if rng.random() < 0.15 else 1]
    return _merge(rng, [_facility_log(rng, name) for name in names])


def _facility_log(rng: random.Random, facility: str) -> list[Event]:
    organisation, people = _organisation(rng, facility)
    if rng.random() < 0.25:
        return [organisation, *_season_log(rng, organisation, people)]
    leaves = list(people)
    apart = len(leaves) // 2 if rng.random() < 0.15 else 0
    first = _wave(rng, organisation, people, leaves[apart:], "2026-W41", MONDAY)
    logs = [_round_log(rng, first)]
    if rng.random() < 0.5:
        start = MONDAY + timedelta(days=rng.choice([3, 6, 7, 7, 14]))
        second = _wave(rng, organisation, people, leaves[:apart] or leaves, "2026-W42", start)
        logs.append(_round_log(rng, second))
    if rng.random() < 0.3:
        logs.append(_sensitive_round_log(rng, first))
    if rng.random() < 0.3:
        logs.append([_reorganised(rng, organisation)])
    if rng.random() < 0.1:
        logs.append([_reordered(rng, organisation)])
    body = _merge(rng, logs) if rng.random() < 0.6 else [event for log in logs for event in log]
    if rng.random() < 0.3:
        body = _merge(rng, [body, _interventions(rng, organisation)])
    return [organisation, *body]


def _interventions(rng: random.Random, organisation: Event) -> list[Event]:
    """What leadership did, took back, and said twice; some of it nowhere, or of no catalogue."""
    places = [rng.choice(organisation["nodes"])["id"] for _ in range(2)]
    days = ["2026-10-05", "2026-11-02", "2036-11-02"]
    labels = [("staffing", "float-pool"), ("workload", "scribes"), ("workload", "float-pool")]
    found = []
    for _ in range(rng.choice([1, 3, 8])):
        kind, label = rng.choices(labels, [4, 2, 1])[0]
        act = {"node": rng.choice(places), "on": rng.choices(days, [4, 4, 1])[0], "kind": kind, "label": label}
        event = {"type": "intervention", "facility": organisation["facility"], "event_id": event_id(rng), **act}
        event |= {name: True for name in ("rebase", "withdrawn") if rng.random() < 0.3}
        found += [event] * rng.choice([1, 1, 2])
    return found


def _merge(rng: random.Random, logs: list[list[Event]]) -> list[Event]:
    """Interleave logs at random; each keeps its own order."""
    turns = [index for index, log in enumerate(logs) for _ in log]
    rng.shuffle(turns)
    rest = [iter(log) for log in logs]
    return [next(rest[turn]) for turn in turns]


def _organisation(rng: random.Random, facility: str) -> tuple[Event, dict[str, int]]:
    """An organisation record and how many people really work in each leaf."""
    levels = LEVELS[: rng.randint(1, 4)]
    if rng.random() < 0.15:
        levels = ["division" if level == "department" else level for level in levels]
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
    in_groups = rng.random() < (0.7 if len(levels) == len(LEVELS) else 0.1)
    nodes = [
        {
            "id": node,
            "parent": parent,
            "kind": levels[depths[node]],
            "name": f"Place {node}",
            "headcount": people.get(node),
        }
        | ({"staff_group": rng.choice(GROUPS)} if in_groups and node in people and rng.random() < 0.9 else {})
        for node, parent in parents.items()
    ]
    record = {
        "type": "organisation.updated",
        "facility": facility,
        "event_id": event_id(rng),
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
    return _with_headcounts(rng, {**record, "event_id": event_id(rng), "nodes": nodes}, people)


def _reordered(rng: random.Random, record: Event) -> Event:
    """A later record in which two levels have changed places."""
    levels, nodes = list(record["levels"]), record["nodes"]
    if len(levels) > 2:
        one, other = rng.sample(levels[1:], 2)
        turned = {one: other, other: one}
        levels = [turned.get(level, level) for level in levels]
        nodes = [{**node, "kind": turned.get(node["kind"], node["kind"])} for node in nodes]
    return {**record, "event_id": event_id(rng), "levels": levels, "nodes": nodes}


def _changed_units(rng: random.Random, record: Event) -> Event:
    """A later record in which a leaf is new and perhaps another is gone, with new headcounts."""
    last = record["levels"][-1]
    leaves = [node for node in record["nodes"] if node["kind"] == last and node["parent"] is not None]
    if not leaves:
        return {**record, "event_id": event_id(rng)}
    gone = rng.choice(leaves) if rng.random() < 0.5 else None
    new = {**rng.choice(leaves), "id": "new-one", "headcount": rng.randint(1, 40)}
    changed = {**record, "nodes": [*(node for node in record["nodes"] if node != gone), new]}
    return _reorganised(rng, changed)


def _policy(rng: random.Random) -> Event:
    policy = {
        "k": rng.choice([5, 5, 6, 7, 8, 9, 10, 11, 12]),
        "coalition": rng.randint(0, 2),
        "outside": rng.randint(2, 5),
        "k_sensitive": rng.randint(20, 40),
        "headcount_slack": rng.choice([0, 0.1, round(rng.uniform(0, 0.3), 2)]),
        "identity": rng.choice(["person", "person", "response"]),
    }
    if rng.random() < 0.08:
        policy["sensitive_forms"] = rng.choice([["sib5"], ["cbi.work"], ["sib5", "cbi.personal"]])
    left_out = {rng.choice(sorted(policy))} if rng.random() < 0.1 else set()
    return {name: value for name, value in policy.items() if name not in left_out}


def _wave(
    rng: random.Random, organisation: Event, people: dict[str, int], among: list[str], name: str, first: date
) -> Wave:
    # two forms of one instrument are refused; one log in twenty tries
    inventory = rng.sample(["cbi.client", "cbi.personal", "cbi.work"], 2 if rng.random() < 0.05 else 1)
    forms = rng.choice([["sib5"], inventory, ["sib5", *inventory]])
    share = rng.choice([1, 1, 0.7])
    leaves = [leaf for leaf in among if rng.random() < share]
    opened = {
        "type": "round.opened",
        "facility": organisation["facility"],
        "event_id": event_id(rng),
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
    body = [event for form in wave.opened["forms"] if form in FORMS for event in deliveries(rng, wave, form)]
    if rng.random() < 0.05:
        body.append({**wave.opened, "event_id": event_id(rng), "policy": _policy(rng)})
    if rng.random() < 0.05:
        body.append(_retirement(rng, wave))
    rng.shuffle(body)
    early, body = (body[:2], body[2:]) if rng.random() < 0.1 else ([], body)
    late = [rng.choice(body) for _ in range(rng.randint(0, 4)) if body]
    late += [{**event, "event_id": event_id(rng), "respondent": token(rng)} for event in late if "answers" in event]
    if rng.random() < 0.4:
        late += [_retirement(rng, wave) for _ in range(rng.choice([1, 3, 10]))]
        rng.shuffle(late)
    closed = marker(rng, wave, "round.closed")
    if rng.random() < 0.1:
        return [*early, wave.opened, *body]
    if rng.random() < 0.1:
        ends = [marker(rng, wave, "round.cancelled"), closed]
        return [*early, wave.opened, *body, *rng.sample(ends, rng.randint(1, 2)), *late]
    if rng.random() < 0.1:
        late += [{**closed, "event_id": event_id(rng)}, wave.opened]
    return [*early, wave.opened, *body, closed, *late]


def _sensitive_round_log(rng: random.Random, wave: Wave) -> list[Event]:
    """A round that asks a sensitive form, by itself or beside another."""
    sensitive = rng.choice(["phq_2", "gad_2"])
    forms = rng.choice([[sensitive], ["sib5", sensitive]])
    opened = {**wave.opened, "event_id": event_id(rng), "round": "2026-W30", "forms": forms}
    opened |= {"first_answer_date": "2026-07-20", "last_answer_date": "2026-07-26"}
    # with nearly everybody answering it is the room that decides
    rate = rng.choice([wave.rate, 0.9, 0.95, 1.0])
    return _round_log(rng, Wave(opened, wave.people, rate, wave.places))


def _retirement(rng: random.Random, wave: Wave) -> Event:
    """A request to retire a cohort that there may not be."""
    forms = wave.opened["forms"] if rng.random() < 0.95 else sorted(FORMS)
    node = rng.choice([wave.opened["facility"], *wave.places, "nowhere"])
    reason = rng.choice(["consent", "feed_error", "legal", "wrong_unit", "other"])
    return marker(rng, wave, "cohort.retirement", form=rng.choice(forms), node=node, reason=reason)


def _season_log(rng: random.Random, organisation: Event, people: dict[str, int]) -> list[Event]:
    """A season of three weeks: a long round beside three short ones, some of which break a rule of it."""
    heads = {node["id"]: node["headcount"] for node in organisation["nodes"] if node["id"] in people}
    long_below = rng.choice(sorted(heads.values())) + rng.randint(0, 1) or 1
    last = (MONDAY + timedelta(days=20)).isoformat()
    terms = {"id": "2026-S4", "first": MONDAY.isoformat(), "last": last, "long_below": long_below}
    small = sorted(leaf for leaf, count in heads.items() if count < long_below)
    others = sorted(set(heads) - set(small))
    base = _wave(rng, organisation, people, list(people), "2026-S4-long", MONDAY)
    long = _in_season(rng, base, small or others, {**terms, "calendar": "long"}, last_answer_date=last)
    shorts: list[Event] = []
    for week in range(3):
        first = MONDAY + timedelta(days=7 * week)
        wave = _wave(rng, organisation, people, list(people), f"2026-W{41 + week}", first)
        wave.opened["policy"] = base.opened["policy"]
        shorts += _round_log(rng, _in_season(rng, wave, others or small, {**terms, "calendar": "short"}))
        if rng.random() < 0.2:
            change = rng.choice([_reorganised, _reordered, _changed_units])
            shorts.append(change(rng, organisation))
    return _merge(rng, [_round_log(rng, long), shorts])


def _in_season(rng: random.Random, wave: Wave, leaves: list[str], season: Event, **dates: str) -> Wave:
    """The round under a season, now and then not as the season has it."""
    opened = {**wave.opened, **dates, "leaves": leaves, "season": season}
    if rng.random() < 0.15:
        broken: Event = rng.choice(
            [
                {"leaves": rng.sample(leaves, rng.randint(1, len(leaves)))},
                {"leaves": sorted(set(leaves) | {rng.choice(sorted(wave.people))})},
                {"season": {**season, "long_below": season["long_below"] + 1}},
                {"season": {**season, "last": (MONDAY + timedelta(days=27)).isoformat()}},
                {"season": {**season, "calendar": rng.choice(["short", "long"])}},
                {"first_answer_date": (MONDAY - timedelta(days=1)).isoformat()},
                {"forms": ["sib5", "phq_2"]},
                {"season": {**season, "id": "2026-S5"}},
            ]
        )
        opened |= broken
    return replace(wave, opened=opened)
