"""Whether every row is of a place that its round has: a node with this path, and leaves that were asked under it."""

from collections import Counter
from collections.abc import Iterator
from typing import Final

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import CohortRow, Evidence, FigureRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "rows in their places"
SUMMED: Final = 2
"""The fewest leaves that a staff group is summed up from."""


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Rows of nodes that their round does not have, and retirements of cohorts that were not published."""
    paths = {(node.asked, node.node, node.staff_group): node.path for node in evidence.nodes}
    sealed = {one.asked for one in evidence.rounds}
    for figure in evidence.figures:
        if figure.asked not in sealed:
            what = "figures of a round that is not sealed, or whose end is not among what was given"
            yield Finding(CHECK, "undecided", what, rows_of([figure.name]))
    rows_of_nodes: list[CohortRow | FigureRow] = [*evidence.cohorts, *evidence.figures]
    for row in rows_of_nodes:
        group = row.staff_group if isinstance(row, FigureRow) else ""
        if row.asked in sealed and paths.get((row.asked, row.node, group)) != row.path:
            yield Finding(CHECK, "unsafe", "a row of a node that its round does not have there", rows_of([row.name]))
    cohorts = {(row.cohort_id, row.asked, row.path, row.node) for row in evidence.cohorts}
    for gone in evidence.retired:
        if (gone.cohort_id, gone.asked, gone.path, gone.node) not in cohorts:
            yield Finding(CHECK, "unsafe", f"a cohort that was not published is said to be retired ({gone.at})")
    rows = grouped(evidence.cohorts, lambda row: row.asked)
    for one in fielded(evidence):
        yield from _groups(one)
        if one.sealed.sensitive:
            continue  # who was asked is not told
        yield from _of_nobody(one, {row.node: row for row in rows.get(one.sealed.asked, [])})


def _groups(one: Fielded) -> Iterator[Finding]:
    """Staff groups that are none: of a place that is pooled, or the sum of a single leaf."""
    for node in one.nodes.values():
        if node.of_group and node.node not in one.tree_leaves:
            what = f"a place above others is of a staff group: {node.node} in {node.round} ({node.at})"
            yield Finding(CHECK, "unsafe", what)
    for group in one.groups:
        leaves = [leaf for leaf in one.tree_leaves if group.sums_up(one.nodes[leaf])]
        if len(leaves) < SUMMED or group.label != group.staff_group:
            what = f"a staff group that sums up fewer than {SUMMED} places, or is named otherwise"
            yield Finding(CHECK, "unsafe", f"{what}: at {group.node} in {group.round} ({group.at})")


def _of_nobody(one: Fielded, cohorts: dict[str, CohortRow]) -> Iterator[Finding]:
    """Cohorts without their leaves: the leaf itself, or for a pooled one two that have no other cohort."""
    pooled = Counter(_first(one.nodes[leaf].path, cohorts) for leaf in one.leaves)
    for node, row in cohorts.items():
        if pooled[node] < (1 if node in one.tree_leaves else 2):
            yield Finding(CHECK, "unsafe", "a cohort without leaves that were asked", rows_of([row.name]))


def _first(path: tuple[str, ...], cohorts: dict[str, CohortRow]) -> str | None:
    """The cohort that takes the members of a leaf: of those above it, the nearest."""
    return next((node for node in reversed(path) if node in cohorts), None)
