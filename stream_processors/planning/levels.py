"""The same organisation with fewer levels, so that people answer at a coarser leaf."""

from datetime import date

from schemas.canonical import derived_id
from schemas.events import OrganisationUpdated
from schemas.organisation import Organisation, organisation


def down_to(place: Organisation, level: str) -> Organisation:
    """The organisation with this level as the last; whoever worked below it is counted at it."""
    levels = place.levels[: place.levels.index(level) + 1]
    if levels == place.levels:
        return place
    nodes = [
        node.model_copy(update={"headcount": place.headcounts[node.id]})
        for node in place.nodes.values()
        if node.kind in levels
    ]
    return organisation(
        OrganisationUpdated(
            facility=place.facility,
            event_id=derived_id("plan", place.hash, level),
            levels=levels,
            nodes=tuple(nodes),
            effective_from=date(2000, 1, 1),
        )
    )


def leaf_levels(place: Organisation) -> tuple[str, ...]:
    """The levels at which people could answer, below the facility, coarsest first."""
    return place.levels[1:] or place.levels
