"""Mutants of forms where having answered is an answer itself."""

from typing import Final

from tests.mutants.checks import AUDITOR, ORACLE
from tests.mutants.closed import ROWS
from tests.mutants.harness import Edit, Mutant
from tests.mutants.sealing import ROUNDS, SEAL
from tests.mutants.totals import EVENTS, INDICATORS, ROLLUP

ORGANISATION: Final = "schemas.organisation"

_NO_HEADS: Final = """        if self.is_sensitive_alone:
            return None
        return heads if"""
_STATE_OF_FIGURES: Final = """    if standing.current.form in standing.at.sensitive:
        return "not_published"
"""
_ROOM: Final = "if pool.most - pool.hidden - sum(shares) >= guard:"
_WITHHELD: Final = """    result.left += pool.leaves
    return pool.at_most(smallest - 1).withheld()
"""

MUTANTS: Final = (
    Mutant(
        "field a form about health like any other",
        AUDITOR,
        (Edit(SEAL, "return form.sensitive or form.id in policy.sensitive_forms", "return False"),),
    ),
    Mutant(
        "seal a sensitive form at K instead of `k_sensitive`",
        AUDITOR,
        (
            Edit(
                SEAL,
                "smallest, guard = sealing.policy.sensitive_size,",
                "smallest, guard = sealing.policy.cohort_size,",
            ),
        ),
    ),
    Mutant(
        "seal a sensitive form at a unit",
        AUDITOR,
        (Edit(ORGANISATION, "return self.levels.index(self.nodes[node].kind) <= lowest", "return True"),),
    ),
    Mutant(
        "seal a sensitive form where everybody opted in",
        AUDITOR,
        (Edit(SEAL, _ROOM, "if True:"),),
    ),
    # their number shows in the size of the pool above: from rows alone it may be anybody's
    Mutant(
        "pool those of a place where nearly everybody opted in",
        ORACLE,
        (Edit(SEAL, _WITHHELD, "    return pool\n"),),
    ),
    Mutant(
        "count people who were not asked as room beside those who opted in",
        AUDITOR,
        (
            Edit(SEAL, "heads = sealing.asked[node] if", "heads = sealing.organisation.headcounts[node] if"),
            Edit(SEAL, "pool = pool.at_most(max(0, sealing.asked[node] - pool.settled))", "pass"),
        ),
    ),
    Mutant(
        "tell why a sensitive form is not published",
        AUDITOR,
        (
            Edit(
                ROLLUP,
                'if node in published else "not_published"',
                "if node in published else self._unpublished([node])",
            ),
            Edit(INDICATORS, _STATE_OF_FIGURES, ""),
            Edit(EVENTS, '(state == "not_published") != (form in sensitive)', "False"),
        ),
    ),
    Mutant(
        "show headcounts beside a sensitive form",
        AUDITOR,
        (
            Edit(ROLLUP, _NO_HEADS, "        return heads if"),
            Edit(ROWS, '"headcount": None if form in event.sensitive else', '"headcount":'),
            Edit(ROWS, '"headcount_asked": None if form in event.sensitive else', '"headcount_asked":'),
        ),
    ),
    Mutant(
        "show coverage of a sensitive form",
        AUDITOR,
        (Edit(INDICATORS, "if any(self.form in figures.sensitive for figures in self.rounds):", "if False:"),),
    ),
    Mutant(
        "let rounds of a sensitive form overlap in other units",
        AUDITOR,
        (Edit(ROUNDS, "if meet or strangers or", "if strangers or"),),
    ),
)
