"""Mutants of the two calendars, of who was asked, and of staff groups."""

from typing import Final

from tests.mutants.checks import AUDITOR, ORACLE
from tests.mutants.harness import Edit, Mutant
from tests.mutants.sealing import SEAL
from tests.mutants.totals import HISTORY, INDICATORS

SEASONS: Final = "stream_processors.steps.seasons"

_LEAVES: Final = "if not (set(event.leaves) <= expected if is_first else set(event.leaves) == expected):"
_TERMS: Final = 'if known is not None and known.model_copy(update={"calendar": season.calendar}) != season:'
_ASKED: Final = "asked = node.headcount if node.headcount_asked is None else node.headcount_asked"
_COHORTS: Final = "_cohorts(rows, _keys_of_leaves(event, places))"
_POOLS: Final = """def _keys_of_pools(event: RoundSealed, places: Mapping[Key, Place]) -> dict[str, tuple[Key, ...]]:
    found = {}
    paths = {node.node: node.path for node in event.nodes}
    for leaf, keys in _keys_of_leaves(event, places).items():
        for place in paths[leaf][1:]:
            found[place] = {*found.get(place, ()), *keys}
    return {place: tuple(key for key in keys if key.node != place) for place, keys in found.items()}


def _group_leaves("""

MUTANTS: Final = (
    Mutant(
        "open a round of a season with units of the other calendar", AUDITOR, (Edit(SEASONS, _LEAVES, "if False:"),)
    ),
    Mutant("let a later round of a season have another threshold", AUDITOR, (Edit(SEASONS, _TERMS, "if False:"),)),
    # rows do not tell which record the season began with
    Mutant(
        "assign a unit's calendar by the latest headcounts",
        ORACLE,
        (Edit(SEASONS, "record = now if beginning is None else beginning.organisation", "record = now"),),
    ),
    Mutant(
        "mix the calendars in one window",
        AUDITOR,
        (
            Edit(HISTORY, "line = (event.facility, calendar, ", 'line = (event.facility, "short", '),
            Edit(INDICATORS, "line = (at.facility, at.calendar, ", 'line = (at.facility, "short", '),
            Edit(INDICATORS, "size = WINDOWS[calendar]", "size = WINDOWS[fielded[-1].calendar]"),
            Edit(HISTORY, "line = (event.facility, figures.calendar, ", 'line = (event.facility, "short", '),
        ),
    ),
    Mutant("count coverage over the whole headcount", AUDITOR, (Edit(HISTORY, _ASKED, "asked = node.headcount"),)),
    Mutant(
        "count nurses who were pooled with others among all nurses",
        AUDITOR,
        (
            Edit(HISTORY, _COHORTS, "_cohorts(rows, _keys_of_pools(event, places))"),
            Edit(HISTORY, "def _group_leaves(", _POOLS),
        ),
    ),
    Mutant(
        "limit answers by the whole headcount",
        AUDITOR,
        (Edit(SEAL, "_limit(sealing.asked[node], ", "_limit(sealing.organisation.headcounts[node], "),),
    ),
)
