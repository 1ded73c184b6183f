"""Whether the open side holds anything that is not its own: small numbers of people, tokens, ids of events, outcomes,
and states or headcounts that tell what figures do not.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, FigureRow, NodeRow, RetiredRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "nothing closed"
SENSITIVE: Final = "sensitive forms"
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
_STATES: Final = frozenset({"published", "withheld", "not_fielded"})


def findings(evidence: Evidence) -> Iterator[Finding]:
    """What the open side should not hold."""
    smallest = {sealed.asked: sealed.policy.smallest for sealed in evidence.rounds}
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
        heads = node.headcount
        if heads is not None and (not isinstance(heads, int) or heads < smallest.get(node.asked, least)):
            yield Finding(CHECK, "unsafe", f"a headcount below K is shown: {node.node} in {node.round} ({node.at})")
    yield from _states(evidence)


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
        own += [row.kind] if isinstance(row, NodeRow) else []
        for text in own:
            found.setdefault(text, row.at)
    yield from found.items()


def _states(evidence: Evidence) -> Iterator[Finding]:
    places: dict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in evidence.cohorts:
        places[row.asked].update(row.path)
    for one in fielded(evidence):
        yield from _states_of(one, places[one.sealed.asked])
    for versions in grouped(evidence.nodes, lambda node: (node.asked, node.node)).values():
        if len(versions) > 1:
            what = f"a node was published in two versions: {versions[0].node} in {versions[0].round}"
            yield Finding(CHECK, "unsafe", what)


def _states_of(one: Fielded, published: set[str]) -> Iterator[Finding]:
    asked = {node for leaf in one.leaves for node in one.nodes[leaf].path}
    for node in one.nodes.values():
        expected = "published" if node.node in published else "withheld" if node.node in asked else "not_fielded"
        if node.state != expected:
            state = node.state if node.state in _STATES else "of no known state"
            what = f"{node.node} in {node.round} is {state}, but by the rows it is {expected} ({node.at})"
            yield Finding(CHECK, "unsafe", what)


def sensitive_findings(evidence: Evidence, scales: Iterable[AskedScale]) -> Iterator[Finding]:
    """Rows of sensitive forms that are too fine: too few people, too low a place, or a state or headcount beside."""
    forms = {scale.form for scale in scales if scale.sensitive}
    rows = grouped((row for row in evidence.cohorts if row.form in forms), lambda row: row.asked)
    for one in fielded(evidence):
        if one.sealed.form in forms:
            yield from _sensitive(one, rows.get(one.sealed.asked, []))


def _sensitive(one: Fielded, rows: list[CohortRow]) -> Iterator[Finding]:
    smallest = one.sealed.policy.k_sensitive or 20
    for row in rows:
        if row.n < smallest:
            what = f"a sensitive form of fewer than {smallest} people"
            yield Finding(SENSITIVE, "unsafe", what, rows_of([row.name]), int(row.n))
        if row.node in one.tree_leaves:
            yield Finding(SENSITIVE, "unsafe", "a sensitive form was sealed at a leaf", rows_of([row.name]))
    for node in one.nodes.values():
        if node.node in one.tree_leaves or node.headcount is not None or node.state not in ("published", "withheld"):
            what = f"a state or headcount beside a sensitive form: {node.node} in {node.round} ({node.at})"
            yield Finding(SENSITIVE, "unsafe", what)
