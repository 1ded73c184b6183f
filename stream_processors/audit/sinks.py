"""Whether the open side holds anything that is not its own: small numbers of people, tokens, ids of events, outcomes,
and states or headcounts that tell what figures do not.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Final

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, FigureRow, NodeRow, Number, RetiredRow, RoundRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "nothing closed"
OUTCOMES: Final = frozenset(
    {
        "received",
        "admitted",
        "duplicate",
        "superseded",
        "withdrawn",
        "incomplete",
        "late",
        "invalid",
        "pending",
        "withheld",
        "overfull",
    }
)
_TOKEN: Final = re.compile(r"[0-9a-f]{64}", re.IGNORECASE)
_EVENT_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_STATES: Final = frozenset({"published", "withheld", "not_fielded", "not_published"})


def findings(evidence: Evidence) -> Iterator[Finding]:
    """What the open side should not hold."""
    smallest = {sealed.asked: sealed.smallest for sealed in evidence.rounds}
    told_from = {sealed.asked: sealed.policy.smallest for sealed in evidence.rounds}
    least = min(smallest.values(), default=6)
    # a window may reach back to rounds of a smaller K
    fewest: dict[tuple[str, str], int] = {}
    for (facility, _, form), size in sorted(smallest.items(), key=lambda item: -item[1]):
        fewest[facility, form] = size
    for (at, column), extras in grouped(evidence.extras, lambda extra: (extra.at, extra.column)).items():
        yield _of_an_extra(column, f"{at}, {column}", [extra.value for extra in extras], least)
    for text, where in _texts(evidence):
        if _TOKEN.search(text) or _EVENT_ID.search(text):
            yield Finding(CHECK, "unsafe", f"what looks like a token or an event id stands in {where}")
    for text, where in _ids(evidence):
        if not _ID.fullmatch(text):
            yield Finding(CHECK, "unsafe", f"free text stands in place of an id in {where}")
    for figure in evidence.figures:
        responses = dict(figure.figures).get("responses")
        if responses is not None and 0 < responses < fewest.get((figure.facility, figure.form), least):
            yield Finding(CHECK, "unsafe", "figures of fewer than K people", rows_of([figure.name]), int(responses))
    for node in evidence.nodes:
        told = [node.headcount, *([node.asked_heads] if node.asked_heads else [])]
        if any(_is_small(heads, told_from.get(node.asked, least)) for heads in told):
            yield Finding(CHECK, "unsafe", f"a headcount below K is shown: {node.node} in {node.round} ({node.at})")
    yield from _states(evidence)


def _is_small(heads: Number | None, smallest: int) -> bool:
    return heads is not None and (not isinstance(heads, int) or heads < smallest)


def _of_an_extra(column: str, where: str, values: list[object], least: int) -> Finding:
    if column in OUTCOMES:
        return Finding(CHECK, "unsafe", f"a count of outcomes stands on the open side: {where}")
    texts = [_text(value) for value in values]
    if any(_TOKEN.search(text) or _EVENT_ID.search(text) for text in texts):
        return Finding(CHECK, "unsafe", f"what looks like a token or an event id stands in {where}")
    numbers = [value for value in values if isinstance(value, int | Fraction) and not isinstance(value, bool)]
    if any(0 < number < least for number in numbers):
        return Finding(CHECK, "unsafe", f"numbers below {least}, which may be of people, stand in {where}")
    what = f"not part of what is published, so nothing is known of it; see what it holds: {where}"
    return Finding(CHECK, "undecided", what)


def _text(value: object) -> str:
    try:
        return str(value)
    except RecursionError:
        # nested too deep to be looked into: unknown, as the column is
        return ""


def _texts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Each distinct text of the rows that somebody could have put something into, with a place it stands in."""
    yield from _ids(evidence)
    yield from {node.label: node.at for node in evidence.nodes}.items()


def _ids(evidence: Evidence) -> Iterator[tuple[str, str]]:
    found: dict[str, str] = {}
    for row in evidence.rows():
        own = [row.facility, row.round, row.form]
        own += [row.node, *row.path] if isinstance(row, CohortRow | RetiredRow | FigureRow | NodeRow) else []
        own += [row.scale] if isinstance(row, CohortRow | FigureRow) else []
        own += [row.kind, *filter(None, (row.of_group, row.staff_group))] if isinstance(row, NodeRow) else []
        own += [row.calendar, *filter(None, [row.staff_group])] if isinstance(row, FigureRow) else []
        own += [row.season.id] if isinstance(row, RoundRow) and row.season else []
        for text in own:
            found.setdefault(text, row.at)
    for act in evidence.interventions:
        for text in (act.facility, act.node, *act.path, act.kind, act.label):
            found.setdefault(text, act.at)
    yield from found.items()


def _states(evidence: Evidence) -> Iterator[Finding]:
    cohorts = grouped(evidence.cohorts, lambda row: row.asked)
    for one in fielded(evidence):
        yield from _states_of(one, cohorts.get(one.sealed.asked, []))
    for versions in grouped(evidence.nodes, lambda node: (node.asked, node.node, node.staff_group)).values():
        if len(versions) > 1:
            what = f"a node was published in two versions: {versions[0].node} in {versions[0].round}"
            yield Finding(CHECK, "unsafe", what)


def _states_of(one: Fielded, cohorts: list[CohortRow]) -> Iterator[Finding]:
    asked = {node for leaf in one.leaves for node in one.nodes[leaf].path}
    published = {node for row in cohorts for node in row.path}
    for node in one.nodes.values():
        yield from _wrong_state(node, node.node in published, node.node in asked, one.sealed.sensitive)
    own = {row.node for row in cohorts}
    for group in one.groups:
        leaves = {name for name, leaf in one.nodes.items() if group.sums_up(leaf)}
        yield from _wrong_state(group, not leaves.isdisjoint(own), not leaves.isdisjoint(asked), False)


def _wrong_state(node: NodeRow, published: bool, asked: bool, sensitive: bool) -> Iterator[Finding]:
    hidden = "not_published" if sensitive else "withheld" if asked else "not_fielded"
    expected = "published" if published else hidden
    if node.state != expected:
        state = node.state if node.state in _STATES else "of no known state"
        what = f"{node.node} in {node.round} is {state}, but by the rows it is {expected} ({node.at})"
        yield Finding(CHECK, "unsafe", what)
