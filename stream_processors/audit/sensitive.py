"""Sensitive forms: sealed of enough people and high enough, one state per place, nothing beside it, and opting in open.

Whether somebody answered is an answer there. Source: docs/privacy.md, "Sensitive forms".
"""

from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final, Literal

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, NodeRow, Number
from stream_processors.audit.identities import grouped
from stream_processors.audit.instruments import AskedScale
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
    """Cohorts from which follows who opted in, as all or nearly all who were asked are in them.

    How many were asked is told by an ordinary form of the same round, if there is one.
    """
    guard, cohorts = one.sealed.policy.guard, {row.node: row for row in rows}
    for node, row in cohorts.items():
        if node not in asked:
            continue
        deeper = [other for other in cohorts if other != node and node in cohorts[other].path]
        least, most = _at_leaves(node, deeper, asked, one.sealed.policy.smallest)
        above = _told_above(node, deeper, asked)
        # a place may have been given a headcount that is not its leaves' sum; sealing goes by the leaves
        nearer = above if above is not None and least <= above < most else most
        if row.n > nearer - guard:
            verdict: Literal["unsafe", "undecided"] = "unsafe" if row.n > most - guard else "undecided"
            what = f"of {nearer} people at most who were asked {row.n} are in a cohort of a sensitive form"
            yield Finding(CHECK, verdict, what, rows_of([row.name]))


def _at_leaves(node: str, deeper: list[str], asked: Mapping[str, NodeRow], smallest: int) -> tuple[Number, Number]:
    """The fewest and most people who can have been asked at the leaves whose members may be in a cohort."""
    above = {row.path[-2] for row in asked.values() if len(row.path) > 1}
    least, most = Fraction(0), Fraction(0)
    for leaf, row in asked.items():
        if leaf not in above and node in row.path and not any(other in row.path for other in deeper):
            # a hidden number is anything below K
            least += row.asked_heads or 0
            most += smallest - 1 if row.asked_heads is None else row.asked_heads
    return least, most


def _told_above(node: str, deeper: list[str], asked: Mapping[str, NodeRow]) -> Number | None:
    """How many were asked at a node but for those of deeper cohorts, by what is told of these places themselves."""
    if not asked.keys() >= set(deeper):
        return None
    nearest = [one for one in deeper if not any(other in asked[one].path[:-1] for other in deeper)]
    heads = [asked[one].asked_heads for one in [node, *nearest]]
    known = [Fraction(one) for one in heads if one is not None]
    return known[0] - sum(known[1:]) if len(known) == len(heads) else None
