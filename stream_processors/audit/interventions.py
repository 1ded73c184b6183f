"""Whether what is published of interventions is about places alone: of the catalogue, and where a round has one."""

from collections.abc import Collection, Iterator
from typing import Final

from stream_processors.audit.evidence import Evidence, InterventionRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding

CHECK: Final = "interventions"
Acts = Collection[tuple[str, str]]
"""Every (kind, label) of the catalogue."""


def findings(evidence: Evidence, acts: Acts) -> Iterator[Finding]:
    """Interventions that the catalogue does not have, that lead to no place, or that are told in two ways."""
    for row in evidence.interventions:
        if (row.kind, row.label) not in acts:
            what = "an intervention that the catalogue does not have: its words could be anybody's"
            yield Finding(CHECK, "unsafe", f"{what} ({row.at})")
        if row.path[-1:] != (row.node,) or row.path[:1] != (row.facility,):
            yield Finding(CHECK, "unsafe", f"an intervention whose path does not lead to its place ({row.at})")
    for versions in grouped(evidence.interventions, _name).values():
        if len(versions) > 1:
            yield Finding(CHECK, "unsafe", f"an intervention is told in two ways ({versions[0].at})")


def notes(evidence: Evidence) -> Iterator[str]:
    """Places that cannot be looked up: of a unit that is new or moved, the next round to be sealed tells it."""
    known = {(node.facility, node.path) for node in evidence.nodes}
    unknown = {(row.facility, row.path) for row in evidence.interventions} - known
    if unknown:
        yield f"places of interventions that no sealed round has there, such as new units: {len(unknown)}"


def _name(row: InterventionRow) -> tuple[object, ...]:
    return row.facility, row.node, row.on, row.kind, row.label, row.version
