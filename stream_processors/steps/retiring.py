"""Retiring a sealed cohort: it is left out of every figure from then on, and nothing replaces it.

It is always a whole cohort, so what readers can subtract (figures before and after) is that cohort's total, which its
rows had told already.
"""

from dataclasses import dataclass, replace

from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.events import CohortRetired, CohortRetirement, RetirementManifest
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.rounds import EndedRound, Rules
from stream_processors.steps.seal import cohort_id


@dataclass(frozen=True, slots=True)
class Retiring:
    """What a retirement emits, in the order it must be acknowledged, and the round after it."""

    manifest: RetirementManifest
    retired: CohortRetired
    round: EndedRound


def sealed_round(known: OpenRound | EndedRound, request: CohortRetirement) -> EndedRound:
    """The round whose cohort may be retired; DataError with the reason if there is no such cohort, or not any more."""
    if request.form not in known.terms.forms:
        raise DataError(Reason.UNKNOWN_FORM)
    if request.node not in known.organisation.nodes:
        raise DataError(Reason.UNKNOWN_UNIT)
    if isinstance(known, OpenRound):
        raise DataError(Reason.ROUND_OPEN)
    if known.ending.cancelled:
        raise DataError(Reason.ROUND_CANCELLED)
    if request.node not in known.ending.cohorts.get(request.form, {}):
        raise DataError(Reason.NO_COHORT)
    if (request.form, request.node) in known.retired:
        raise DataError(Reason.RETIRED_TWICE)
    return known


def without(known: EndedRound, retired: CohortRetired) -> EndedRound:
    """The round after a retirement."""
    return replace(known, retired=known.retired | {(retired.form, retired.node)})


def retire(known: OpenRound | EndedRound, request: CohortRetirement, offset: int, rules: Rules) -> Retiring:
    """Retire a cohort at the request at `offset`; DataError if that cannot be."""
    found = sealed_round(known, request)
    path, policy_hash = found.organisation.paths[request.node], found.terms.policy.hash()
    name = cohort_id(request.facility, request.round, request.form, path, policy_hash)
    manifest = RetirementManifest(
        facility=request.facility,
        event_id=derived_id("retirement.manifest", name),
        round=request.round,
        form=request.form,
        cohort_id=name,
        node=request.node,
        n=found.ending.cohorts[request.form][request.node],
        reason=request.reason,
        request=request.event_id,
        retired_offset=offset,
        policy_hash=policy_hash,
        organisation_hash=found.organisation.hash,
        code_hash=rules.code_hash,
    )
    retired = CohortRetired(
        facility=request.facility,
        event_id=derived_id("cohort.retired", name),
        cohort_id=name,
        node=request.node,
        path=path,
        round=request.round,
        form=request.form,
    )
    return Retiring(manifest, retired, without(found, retired))
