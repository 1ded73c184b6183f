"""Mutants of what is told of single rounds: the smoothed mean, control limits, and the intervals of changes."""

from typing import Final

from tests.mutants.checks import AUDITOR
from tests.mutants.harness import Edit, Mutant
from tests.mutants.totals import HISTORY

CHANGES: Final = "stream_processors.steps.changes"
COURSES: Final = "stream_processors.steps.courses"
SPC: Final = "stream_processors.steps.spc"

MUTANTS: Final = (
    Mutant("smooth with other weights", AUDITOR, (Edit(COURSES, "_NEW, _OLD = 3, 7", "_NEW, _OLD = 5, 5"),)),
    Mutant(
        "smooth a withheld round as if it were zero",
        AUDITOR,
        (Edit(COURSES, "        return before if value is None else value\n", "        return value or 0\n"),),
    ),
    Mutant(
        "join what is on both sides of a gap", AUDITOR, (Edit(SPC, "return replace(self, recent=())", "return self"),)
    ),
    Mutant(
        "leave the newest round out of its limits",
        AUDITOR,
        (Edit(COURSES, "Course(track.add(newest.value), ", "Course(track if newest.value else track.add(None), "),),
    ),
    Mutant(
        "count limits anew at every intervention",
        AUDITOR,
        (Edit(HISTORY, "return event.rebase and not event.taken_back", "return not event.taken_back"),),
    ),
    Mutant(
        "leave chance out of the interval of a change",
        AUDITOR,
        (Edit(CHANGES, "half = Z * sqrt(", "half = 0 * sqrt("),),
    ),
)
