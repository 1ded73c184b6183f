"""A hospital of two departments as a log made by hand: its record, markers, and so many answers per leaf."""

from collections.abc import Mapping
from typing import Any

from schemas.canonical import derived_id

Event = dict[str, Any]
FIRST, LAST = "2026-01-05", "2026-03-29"
"""A season of twelve weeks."""
ANSWERS: Mapping[str, dict[str, int]] = {"sib5": {"1": 4}, "phq_2": {"1": 1, "2": 2}, "gad_2": {"1": 0, "2": 1}}


def record(heads: Mapping[str, int], levels: tuple[str, ...] = ("facility", "department", "unit")) -> Event:
    """An organisation whose leaves are named by their place: `surgery/ward-1`, or with a group `surgery/ward-1/nurse`.

    Every place above gets its headcount from those below it.
    """
    nodes: dict[str, Event] = {"general": _node("general", None, levels[0])}
    for place, headcount in heads.items():
        parent = "general"
        for depth, part in enumerate(parts := place.split("/"), start=1):
            # a staff group is in many units, and a node's id is in one
            name = f"{parent}-{part}" if depth == 3 else part
            nodes.setdefault(name, _node(name, parent, levels[depth]))
            if depth == len(parts):
                nodes[name] |= {"headcount": headcount} | ({"staff_group": part} if depth == 3 else {})
            parent = name
    return {
        "type": "organisation.updated",
        "facility": "general",
        "event_id": derived_id("record", levels, sorted(heads.items())),
        "levels": list(levels),
        "nodes": list(nodes.values()),
        "effective_from": "2026-01-01",
    }


def opening(leaves: list[str], round: str = "r1", season: Event | None = None, **changes: Any) -> Event:
    """A round of these leaves; of a season, with its dates if it is a long one and else of two weeks."""
    first, last = (FIRST, LAST) if season and season["calendar"] == "long" else (FIRST, "2026-01-18")
    marker = {
        "type": "round.opened",
        "facility": "general",
        "event_id": derived_id("opened", round, leaves, str(season), str(changes)),
        "round": round,
        "forms": ["sib5"],
        "first_answer_date": first,
        "last_answer_date": last,
        "leaves": leaves,
        "policy": {},
        "key_id": "k",
    }
    return marker | ({"season": season} if season else {}) | changes


def season(calendar: str, **changes: Any) -> Event:
    """The terms of a season in which units of fewer than 20 people are asked once."""
    return {"id": "S1", "first": FIRST, "last": LAST, "long_below": 20, "calendar": calendar} | changes


def answers(round: str, counts: Mapping[str, int], form: str = "sib5", day: str = "2026-01-06") -> list[Event]:
    """So many people of each leaf, each with an answer."""
    return [
        {
            "type": "submission",
            "facility": "general",
            "event_id": derived_id(round, form, leaf, number),
            "round": round,
            "form": form,
            "form_version": 1,
            "node": leaf,
            "respondent": derived_id(round, form, leaf, number).replace("-", "") * 2,
            "revision": 0,
            "answers": ANSWERS[form],
            "submitted_on": day,
            "source": "csv",
            "key_id": "k",
        }
        for leaf, count in counts.items()
        for number in range(count)
    ]


def closing(round: str = "r1", kind: str = "round.closed") -> Event:
    """The marker that ends a round."""
    return {"type": kind, "facility": "general", "event_id": derived_id(kind, round), "round": round}


def _node(name: str, parent: str | None, kind: str) -> Event:
    return {"id": name, "parent": parent, "kind": kind, "name": name.title()}
