"""Whether what is published of interventions is about places alone: where a round has one, and of the catalogue."""

from collections.abc import Collection, Iterator
from typing import Final

from stream_processors.audit.evidence import Evidence, InterventionRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding

CHECK: Final = "interventions"
Acts = Collection[tuple[str, str]]
"""Every (kind, label) of the catalogue."""


def findings(evidence: Evidence, acts: Acts) -> Iterator[Finding]:
    """Interventions that are of no known place, of no known kind, or told in two ways."""
    paths: dict[tuple[str, str], set[tuple[str, ...]]] = {}
    for node in evidence.nodes:
        paths.setdefault((node.facility, node.node), set()).add(node.path)
    for row in evidence.interventions:
        if (row.kind, row.label) not in acts:
            what = "an intervention that the catalogue does not have: its words could be anybody's"
            yield Finding(CHECK, "unsafe", f"{what} ({row.at})")
        if row.path[-1:] != (row.node,) or row.path[:1] != (row.facility,):
            yield Finding(CHECK, "unsafe", f"an intervention whose path does not lead to its place ({row.at})")
        elif row.path not in paths.get((row.facility, row.node), ()):
            what = "an intervention at a place that no sealed round has there; it may be new or moved since"
            yield Finding(CHECK, "undecided", f"{what} ({row.at})")
    for versions in grouped(evidence.interventions, _name).values():
        if len(versions) > 1:
            yield Finding(CHECK, "unsafe", f"an intervention is told in two ways ({versions[0].at})")


def _name(row: InterventionRow) -> tuple[object, ...]:
    return row.facility, row.node, row.on, row.kind, row.label, row.version
