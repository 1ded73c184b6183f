"""A second, independent implementation of the sealing rules, written from the design document alone.

It reads a log as a list of JSON objects and says which cohort rows every closed round must give and how the
deliveries of every form must be counted. Slow and obvious on purpose: definitions, enumeration and fractions. It
imports nothing of the product. It takes every event to be well-formed and every organisation record to be a tree.
"""

import hashlib
import json
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Any

from tests.oracle_organisation import (
    children_of,
    headcount_of,
    leaves_of,
    leaves_under,
    nodes_under,
    reorders,
)
from tests.oracle_scores import INSTRUMENT_OF, Scale, Scored, answers_of, possible_scores, scales_of, score
from tests.oracle_sensitive import Readers

Event = dict[str, Any]
Row = dict[str, Any]

DEFAULTS = {"k": 10, "coalition": 1, "outside": 3, "k_sensitive": 30, "headcount_slack": 0.1, "identity": "person"}
FLOORS = {"k": 5, "coalition": 0, "outside": 2, "k_sensitive": 20, "headcount_slack": 0}


@dataclass
class Round:
    """An accepted round: its opening marker, the organisation in force, and what came before its close."""

    opened: Event
    organisation: Event
    submissions: list[Event] = field(default_factory=list)
    withdrawals: set[tuple[str, str]] = field(default_factory=set)
    closed: bool = False
    cancelled: bool = False
    retired: set[tuple[str, str]] = field(default_factory=set)

    @property
    def policy(self) -> dict[str, Any]:
        """The policy with its defaults filled in; sensitive forms are named if there are any."""
        policy = {**DEFAULTS, **self.opened["policy"]}
        named = sorted(set(policy.pop("sensitive_forms", [])))
        slack = {"headcount_slack": float(policy["headcount_slack"])}
        return {**policy, **slack, **({"sensitive_forms": named} if named else {})}

    @property
    def season(self) -> dict[str, Any]:
        """The terms of its season, or nothing."""
        return self.opened.get("season") or {}

    def is_sensitive(self, form: str) -> bool:
        """Whether a form is sealed as sensitive in this round."""
        return bool(INSTRUMENT_OF[form].get("sensitive")) or form in self.policy.get("sensitive_forms", [])

    @property
    def dates(self) -> tuple[date, date]:
        """First and last answer date."""
        opened = self.opened
        return date.fromisoformat(opened["first_answer_date"]), date.fromisoformat(opened["last_answer_date"])


def refused(candidate: Round, others: list[Round]) -> bool:
    """Whether a round may not be opened beside those its facility has opened so far, cancelled ones left out."""
    opened, policy, (first, last) = candidate.opened, candidate.policy, candidate.dates
    under_floor = any(policy[name] < floor for name, floor in FLOORS.items()) or policy["coalition"] > policy["k"] - 2
    unknown = [form for form in opened["forms"] if form not in INSTRUMENT_OF]
    unknown_leaves = set(opened["leaves"]) - leaves_of(candidate.organisation)
    instruments = [INSTRUMENT_OF[form]["id"] for form in opened["forms"] if form in INSTRUMENT_OF]
    repeated = len(set(instruments)) != len(instruments)
    if under_floor or unknown or unknown_leaves or repeated or first > last:
        return True
    if candidate.season and breaks_season(candidate, [other for other in others if not other.cancelled]):
        return True
    for other in others:
        same_day = first <= other.dates[1] and other.dates[0] <= last and not other.cancelled
        shared = set(opened["forms"]) & set(other.opened["forms"])
        # sensitive forms are sealed above the leaves, where all rounds meet
        anywhere = any(one.is_sensitive(form) for form in shared for one in (candidate, other))
        new_leaves = set(opened["leaves"]) - leaves_of(other.organisation)
        gone = set(other.opened["leaves"]) - leaves_of(candidate.organisation)
        same_people = new_leaves or gone or not set(opened["leaves"]).isdisjoint(other.opened["leaves"])
        if opened["round"] == other.opened["round"] or (same_day and shared and (same_people or anywhere)):
            return True
    return False


def breaks_season(candidate: Round, others: list[Round]) -> bool:
    """Whether a round does not keep to its season; `others` are those of its facility that were not given up."""
    season, opened = candidate.season, candidate.opened
    mates = [other for other in others if other.season.get("id") == season["id"]]
    begun = mates[0] if mates else candidate
    if any(begun.season[name] != season[name] for name in ("first", "last", "long_below")):
        return True
    within = season["first"] <= opened["first_answer_date"] <= opened["last_answer_date"] <= season["last"]
    whole = (opened["first_answer_date"], opened["last_answer_date"]) == (season["first"], season["last"])
    if not within or (season["calendar"] == "long" and not whole):
        return True
    if any(candidate.is_sensitive(form) for form in opened["forms"]):
        return True
    for leaf in opened["leaves"]:
        if leaf not in leaves_of(begun.organisation):
            return True
        small = headcount_of(begun.organisation, leaf) < season["long_below"]
        if small != (season["calendar"] == "long"):
            return True
    for mate in mates:
        if mate.season["calendar"] == season["calendar"]:
            still = set(mate.opened["leaves"]) & leaves_of(candidate.organisation)
            return set(opened["leaves"]) != still
    return False


def valid(event: Event, current: Round) -> bool:
    """Whether a submission that came while its round was open obeys the round's declaration."""
    form, opened, (first, last) = event["form"], current.opened, current.dates
    if form not in opened["forms"] or event["node"] not in opened["leaves"] or event["key_id"] != opened["key_id"]:
        return False
    answers = answers_of(form)
    return (
        event["form_version"] == INSTRUMENT_OF[form]["version"]
        and first <= date.fromisoformat(event["submitted_on"]) <= last
        and all(item in answers and answer in answers[item] for item, answer in event["answers"].items())
    )


def ended_rounds(events: list[Event]) -> list[Round]:
    """Read the log in order; the closed and cancelled rounds with the valid submissions and withdrawals before that."""
    organisations: dict[str, Event] = {}
    rounds: dict[tuple[str, str], Round] = {}
    for event in events:
        kind, facility = event["type"], event["facility"]
        current = rounds.get((facility, event.get("round", "")))
        if kind == "organisation.updated":
            running = [r for (owner, _), r in rounds.items() if owner == facility and not (r.closed or r.cancelled)]
            if not (running and reorders(organisations[facility], event)):
                organisations[facility] = event
        elif kind == "round.opened" and facility in organisations:
            candidate = Round(event, organisations[facility])
            if not refused(candidate, [r for (owner, _), r in rounds.items() if owner == facility]):
                rounds[facility, event["round"]] = candidate
        elif kind == "cohort.retirement":
            if current is not None and current.closed and event["node"] in sealed_nodes(current, event["form"]):
                current.retired.add((event["form"], event["node"]))
        elif current is None or current.closed or current.cancelled:
            continue
        elif kind == "round.cancelled":
            current.cancelled = True
        elif kind == "round.closed":
            current.closed = True
        elif kind == "submission.withdrawn":
            current.withdrawals.add((event["form"], event["respondent"]))
        elif kind == "submission" and valid(event, current):
            current.submissions.append(event)
    return [current for current in rounds.values() if current.closed or current.cancelled]


def scores_of(event: Event) -> list[Scored] | None:
    """Score and risk per scale of the form; None unless every scale can be scored."""
    scored = [score(scale, event["answers"]) for scale in scales_of(event["form"])]
    return None if None in scored else [one for one in scored if one is not None]


def judge(current: Round, form: str) -> tuple[list[Event], dict[str, int]]:
    """The admitted submissions of one form, and how many deliveries met which fate."""
    by_id: dict[str, list[Event]] = {}
    for event in current.submissions:
        if event["form"] == form:
            by_id.setdefault(event["event_id"], []).append(event)

    def order(event: Event) -> tuple[bool, str, str]:
        name, scores = event["event_id"].replace("-", ""), scores_of(event)
        lot = [name, event["revision"], event["respondent"], event["node"]]
        return scores is not None, sha256(lot), sha256([name, scores or []])

    distinct = [max(copies, key=order) for copies in by_id.values()]
    complete = [event for event in distinct if scores_of(event) is not None]
    standing = [event for event in complete if (form, event["respondent"]) not in current.withdrawals]
    in_order = sorted(standing, key=lambda event: (event["revision"], event["event_id"]))
    latest = {event["respondent"]: event["event_id"] for event in in_order}
    admitted = [event for event in standing if latest[event["respondent"]] == event["event_id"]]
    return admitted, {
        "admitted": len(admitted),
        "duplicate": sum(len(copies) - 1 for copies in by_id.values()),
        "superseded": len(standing) - len(admitted),
        "withdrawn": len(complete) - len(standing),
        "incomplete": len(distinct) - len(complete),
    }


def asked_of(current: Round, node: str) -> int:
    """How many people a round asks at or under a node: its headcount, if it fields every leaf there."""
    below = leaves_under(current.organisation, node)
    if below and below <= set(current.opened["leaves"]):
        return headcount_of(current.organisation, node)
    return sum(asked_of(current, child) for child in children_of(current.organisation, node))


def seal(current: Round, form: str, admitted: list[Event]) -> list[tuple[list[str], list[Event]]]:
    """The disjoint cohorts of one form of a round: each node's path from the facility down, and the members."""
    organisation, policy, sensitive = current.organisation, current.policy, current.is_sensitive(form)
    smallest = policy["k"] + policy["coalition"]
    sealed, hidden = set[str](), dict[str, int]()
    fielded = set(current.opened["leaves"])
    readers = Readers(organisation, policy, fielded, lambda node: asked_of(current, node), sealed)
    cohorts: list[tuple[list[str], list[Event]]] = []

    def settle(node: str, withheld: int) -> None:
        """A node stands for whatever was withheld under it."""
        for other in hidden.keys() & nodes_under(organisation, node):
            del hidden[other]
        hidden[node] = withheld

    def tokens(node: str) -> set[str]:
        here = {event["respondent"] for event in admitted if event["node"] == node}
        return here.union(*(tokens(child) for child in children_of(organisation, node)))

    def visit(node: str, path: list[str]) -> list[Event]:
        path = [*path, node]
        headcount = asked_of(current, node)
        limit = max(Fraction(headcount + 2), headcount * (1 + Fraction(str(policy["headcount_slack"]))))
        if len(tokens(node)) > limit:
            settle(node, readers.passing(node) if sensitive else 0)
            return []
        pool = [event for event in admitted if event["node"] == node]
        for child in children_of(organisation, node):
            pool += visit(child, path)
        share = max(Counter(event["node"] for event in pool).values(), default=0)
        enough = len(pool) >= (readers.smallest if sensitive else smallest)
        enough = enough and (node in leaves_of(organisation) or len(pool) - share >= policy["outside"])
        if not enough or (sensitive and not readers.is_candidate(node)):
            return pool
        others = sum(heads for other, heads in hidden.items() if other in nodes_under(organisation, node))
        if sensitive and readers.pooled(node) - others - len(pool) <= policy["coalition"]:
            settle(node, readers.passing(node))
            return []
        cohorts.append((path, pool))
        settle(node, 0)
        sealed.add(node)
        return []

    visit(next(node["id"] for node in organisation["nodes"] if node["parent"] is None), [])
    return cohorts


def sealed_nodes(current: Round, form: str) -> set[str]:
    """The nodes at which a closed round has a cohort of a form."""
    if form not in current.opened["forms"]:
        return set()
    return {path[-1] for path, _ in seal(current, form, judge(current, form)[0])}


def clamp(value: int, low: int, high: int) -> int:
    """The value nearest to `value` in [low, high]."""
    return max(low, min(value, high))


def code(scale: Scale, people: list[Scored], e: int) -> Row:
    """The figures published for a cohort on one scale."""
    n, total, at_risk = len(people), sum(points for points, _ in people), sum(risk for _, risk in people)
    (l1, u1), (l0, u0) = possible_scores(scale)
    spare = e * max(u1 - l1, u0 - l0)
    a = clamp(at_risk, e, n - e)
    low, high = a * l1 + (n - a) * l0 + spare, a * u1 + (n - a) * u0 - spare
    risk_low, risk_high = 0 if a == e else a, n if a == n - e else a
    counts = range(risk_low, risk_high + 1)
    coded, tells_nothing = clamp(total, low, high), low >= high
    smallest, largest = min(c * l1 + (n - c) * l0 for c in counts), max(c * u1 + (n - c) * u0 for c in counts)
    return {
        "n": n,
        "score_low": smallest if tells_nothing or coded == low else coded,
        "score_high": largest if tells_nothing or coded == high else coded,
        "at_risk_low": risk_low if "at_risk" in scale.rules else None,
        "at_risk_high": risk_high if "at_risk" in scale.rules else None,
    }


def sha256(value: Any) -> str:
    """SHA-256 over canonical JSON: sorted keys, no spaces."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()


def rows_of(current: Round, form: str) -> list[Row]:
    """The rows of one form of a closed round."""
    name, policy_hash = current.opened["round"], sha256(current.policy)
    rows = []
    for path, members in seal(current, form, judge(current, form)[0]):
        place = place_of(current, form, path)
        for index, scale in enumerate(scales_of(form)):
            people = [(scores_of(event) or [])[index] for event in members]
            asked = {"round": name, "form": form, "scale": scale.name, "policy_hash": policy_hash}
            rows.append({**place, **asked, **code(scale, people, current.policy["coalition"] + 1)})
    return rows


def place_of(current: Round, form: str, path: list[str]) -> Row:
    """A cohort's id and where it is."""
    facility = current.opened["facility"]
    cohort_id = sha256([facility, current.opened["round"], form, path, sha256(current.policy)])[:32]
    return {"cohort_id": cohort_id, "facility": facility, "node": path[-1], "path": path}


def expected_retired(events: list[Event]) -> list[Row]:
    """Every cohort that a log has retired, in a stable order."""
    rows = [
        {**place_of(current, form, path), "round": current.opened["round"], "form": form}
        for current in ended_rounds(events)
        for form in {form for form, _ in current.retired}
        for path, _ in seal(current, form, judge(current, form)[0])
        if (form, path[-1]) in current.retired
    ]
    return sorted(rows, key=lambda row: str(row["cohort_id"]))


def expected_rows(events: list[Event]) -> list[Row]:
    """Every cohort row that the closed rounds of a log must give, one per cohort and scale, in a stable order."""
    rows = [row for r in ended_rounds(events) if r.closed for form in r.opened["forms"] for row in rows_of(r, form)]
    return sorted(rows, key=lambda row: (row["facility"], row["round"], row["form"], row["path"], row["scale"]))


def expected_outcomes(events: list[Event]) -> dict[tuple[str, str, str], dict[str, int]]:
    """Per facility, ended round and form: the deliveries before its end by outcome, valid ones only."""
    outcomes: dict[tuple[str, str, str], dict[str, int]] = {}
    for current in ended_rounds(events):
        for form in current.opened["forms"]:
            admitted, counts = judge(current, form)
            sealed = (
                {path[-1]: len(members) for path, members in seal(current, form, admitted)} if current.closed else {}
            )
            retired = sum(n for node, n in sealed.items() if (form, node) in current.retired)
            withheld = len(admitted) - sum(sealed.values())
            counts.update(withheld=withheld, retired=retired, published=sum(sealed.values()) - retired)
            outcomes[current.opened["facility"], current.opened["round"], form] = counts
    return outcomes
