"""Mutants of when: answers that are sealed twice, late, or out of a round that does not count."""

from typing import Final

from tests.mutants.checks import AUDITOR, CONSERVATION, EVERY_VERSION
from tests.mutants.harness import Edit, Mutant
from tests.mutants.sealing import CLOSING, ROUNDS

STORY: Final = "stream_processors.steps.story"

_GIVEN_UP: Final = (
    "return (tuple(Output(Topic.MANIFESTS, manifest) for manifest in cancel_round(found, record.offset, rules)),)"
)
_SEALED: Final = """    return (
        tuple(Output(Topic.MANIFESTS, manifest) for manifest in closing.manifests),
        tuple(Output(Topic.COHORTS, row) for row in closing.cohorts),
        (Output(Topic.COHORTS, closing.sealed),),
    )
"""
_CLOSING: Final = """    manifests: list[CohortManifest | FormManifest] = []
"""
_REMEMBERED: Final = """    from copy import copy
    from dataclasses import replace
    forms = {
        name: replace(held, withdrawn=set(held.withdrawn), counts=copy(held.counts))
        for name, held in opened.forms.items()
    }
    CLOSED[opened.terms.facility, opened.terms.round] = replace(opened, forms=forms), rules
"""
_TOO_LATE: Final = """        raise _Refused(Reason.AFTER_CLOSE, event, event.round)
    form"""
_AGAIN: Final = """        return _again(event, record)
    form"""
_SEALED_AGAIN: Final = f"""def _again(event: SubmissionWithdrawn, record: Record) -> Sequence[Stage]:
    from stream_processors.steps.closing import CLOSED
    found, rules = CLOSED[event.facility, event.round]
    withdraw(found, event)
    closing = close_round(found, record.offset, rules)
{_SEALED}

def _withdrawn("""

MUTANTS: Final = (
    Mutant(
        "seal twice after a replay",
        EVERY_VERSION,
        (Edit(STORY, "ending = story.ended_ahead.pop(record.offset, None)", "ending = None"),),
    ),
    Mutant(
        "admit late answers, and seal again at a second close",
        AUDITOR,
        (Edit(STORY, "    story.facilities[event.facility].rounds[event.round] = ended\n", ""),),
    ),
    Mutant(
        "republish after a withdrawal",
        AUDITOR,
        (
            Edit(CLOSING, "TAGS_PER_PART: Final = 10_000\n", "TAGS_PER_PART: Final = 10_000\nCLOSED = {}\n"),
            Edit(CLOSING, _CLOSING, _REMEMBERED + _CLOSING),
            Edit(STORY, _TOO_LATE, _AGAIN),
            Edit(STORY, "def _withdrawn(", _SEALED_AGAIN),
        ),
    ),
    Mutant(
        "open rounds that overlap",
        AUDITOR,
        (Edit(ROUNDS, "raise DataError(Reason.ROUND_OVERLAPS)", "return"),),
    ),
    Mutant(
        "open a sealed round again under another policy",
        AUDITOR,
        (
            Edit(ROUNDS, "if event.round in facility.rounds:", "if False:"),
            Edit(ROUNDS, "if apart or not", "if event.round == other.round or apart or not"),
        ),
    ),
    Mutant(
        "seal a cancelled round",
        AUDITOR,
        (Edit(STORY, _GIVEN_UP, "closing = close_round(found, record.offset, rules)\n" + _SEALED),),
    ),
    Mutant(
        "count late answers nowhere",
        CONSERVATION,
        (Edit(STORY, 'raise _Refused(Reason.AFTER_CLOSE, event, event.round, form, "late")', "return NOTHING"),),
    ),
)
