"""Sensitive forms: sealed of enough people and high enough, one state per place, nothing beside it, and opting in open.

Whether somebody answered is an answer there. Source: docs/privacy.md, "Sensitive forms".
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, NodeRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.opting_in import pools
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "sensitive forms"
DEPARTMENT: Final = "department"
SECOND: Final = 2
STATES: Final = frozenset({"published", "not_published"})


def findings(evidence: Evidence, scales: Iterable[AskedScale]) -> Iterator[Finding]:
    """Forms that should have been sealed as sensitive, and rows of sensitive forms that tell too much."""
    by_instrument = {scale.form for scale in scales if scale.sensitive}
    low = _too_low(evidence)
    rounds = fielded(evidence)
    ordinary = grouped((one for one in rounds if not one.sealed.sensitive), _round)
    rows = grouped(evidence.cohorts, lambda row: row.asked)
    for one in rounds:
        sealed = one.sealed
        should_be = sealed.form in by_instrument or sealed.form in sealed.policy.sensitive_forms
        if should_be and not sealed.sensitive:
            what = f"{sealed.form} in {sealed.round} is sensitive and was sealed like any other form ({sealed.at})"
            yield Finding(CHECK, "unsafe", what)
        if sealed.sensitive and not should_be:
            # of a sensitive form nothing is told that ordinary ones are checked by
            what = f"{sealed.form} in {sealed.round} is said to be sensitive, by no instrument or policy ({sealed.at})"
            yield Finding(CHECK, "unsafe", what)
        if sealed.sensitive:
            asked = ordinary.get(_round(one), [])
            yield from _of_a_form(one, rows.get(sealed.asked, []), low.get(_round(one), frozenset()))
            yield from _opting_in(one, rows.get(sealed.asked, []), asked[0].nodes if asked else {})
            yield from _untold(one, asked[0].nodes if asked else {})


def _round(one: Fielded) -> tuple[str, str]:
    return one.sealed.facility, one.sealed.round


def _too_low(evidence: Evidence) -> dict[tuple[str, str], frozenset[str]]:
    """Per facility and round the kinds of places where a sensitive form may not be sealed, as far as the trees tell.

    A round of sensitive forms alone does not list what lies below, so that other rounds of the facility tell it, unless
    levels have changed places between them.
    """
    rounds = grouped(evidence.nodes, lambda node: (node.facility, node.round))
    found = {name: _levels([row for row in rows if not row.staff_group]) for name, rows in rounds.items()}
    result = {}
    for (facility, round_), (own, _) in found.items():
        others = [kinds for (where, _), kinds in found.items() if where == facility]
        low = frozenset[str]().union(*(low for low, _ in others))
        high = frozenset[str]().union(*(high for _, high in others))
        result[facility, round_] = own | (low - high)
    return result


def _levels(rows: list[NodeRow]) -> tuple[frozenset[str], frozenset[str]]:
    """The kinds that lie too low, and those that do not.

    Too low is what is below a department; without departments, below the second place of a path, and what nothing lies
    under.
    """
    kinds = {(node.asked, node.node): node.kind for node in rows}
    paths = [[kinds.get((node.asked, name), "") for name in node.path] for node in rows]
    above = {kind for path in paths for kind in path[:-1]}
    top = {path[0] for path in paths}
    if DEPARTMENT in kinds.values():
        through = [(path, path.index(DEPARTMENT) + 1) for path in paths if DEPARTMENT in path]
        below = {kind for path, depth in through for kind in path[depth:]}
        high = top | {kind for path, depth in through for kind in path[:depth]}
        return frozenset(below | (set(kinds.values()) - above - high)), frozenset(high)
    deep = {path[-1] for path in paths if len(path) > SECOND}
    told = {node.kind for node in rows if len(node.path) == SECOND and node.state not in STATES}
    high = top | {path[-1] for path in paths if len(path) == SECOND and path[-1] in above}
    return frozenset(deep | (told - above)), frozenset(high)


def _of_a_form(one: Fielded, rows: list[CohortRow], low: frozenset[str]) -> Iterator[Finding]:
    smallest = one.sealed.smallest
    for row in rows:
        if row.n < smallest:
            what = f"a sensitive form of fewer than {smallest} people"
            yield Finding(CHECK, "unsafe", what, rows_of([row.name]), int(row.n))
        if row.node in one.nodes and one.nodes[row.node].kind in low:
            yield Finding(CHECK, "unsafe", "a sensitive form was sealed below a department", rows_of([row.name]))
    for node in [*one.nodes.values(), *one.groups]:
        if wrong := _beside(node, low):
            what = f"{wrong} beside a sensitive form: {node.node} in {node.round} ({node.at})"
            yield Finding(CHECK, "unsafe", what)


def _beside(node: NodeRow, low: frozenset[str]) -> str | None:
    if node.kind in low or node.staff_group:
        return "a state of a place below departments"
    if node.headcount is not None or node.asked_heads is not None:
        return "a headcount"
    if node.state not in STATES:
        return "a state that tells more than whether anything is published"
    return None


def _untold(one: Fielded, asked: Mapping[str, NodeRow]) -> Iterator[Finding]:
    """Places without a state where others of their kind have one: having none would be a third state."""
    told = {node.kind for node in one.nodes.values()}
    for name, node in asked.items():
        if node.kind in told and name not in one.nodes:
            what = f"{name} in {node.round} has no state of a sensitive form, and others of its kind have ({node.at})"
            yield Finding(CHECK, "unsafe", what)


def _opting_in(one: Fielded, rows: list[CohortRow], asked: Mapping[str, NodeRow]) -> Iterator[Finding]:
    """Cohorts from which follows who opted in, as all or nearly all whom they can be of are in them."""
    guard, outside, cohorts = one.sealed.policy.guard, one.sealed.policy.outside, {row.node: row for row in rows}
    pooled = pools(one, cohorts.keys(), asked) if asked else {}
    above = {row.path[-2] for row in asked.values() if len(row.path) > 1}
    for node in cohorts.keys() & pooled.keys():
        row, most, beside = cohorts[node], pooled[node].whole.most, pooled[node].beside.most
        if row.n > most - guard:
            what = f"of {most} people at most who were asked {row.n} are in a cohort of a sensitive form"
            yield Finding(CHECK, "unsafe", what, rows_of([row.name]))
        if node in above and outside > beside - guard:
            what = f"of {beside} people at most beside one unit {outside} or more are in a cohort of a sensitive form"
            yield Finding(CHECK, "unsafe", what, rows_of([row.name]))
