"""Interventions: which are recorded, and which stand. They name no person and change no figure."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Final

from schemas.canonical import derived_id
from schemas.errors import DataError, Reason
from schemas.events import Intervention, InterventionRecorded
from schemas.interventions import Interventions
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.rounds import Act, EndedRound, Facility

YEAR: Final = timedelta(days=366)
"""How far off all that is known of a facility an intervention may lie: a year mistyped lies further."""


def act(event: Intervention | InterventionRecorded) -> Act:
    """What tells it apart from the facility's others."""
    return event.node, event.on, event.kind, event.label


def recorded(facility: Facility, request: Intervention, catalogue: Interventions) -> InterventionRecorded:
    """What is to be published of a request; DataError with the reason if it cannot be recorded.

    It is judged by the log alone, never by a clock: read again, the log must come to the same.
    """
    event_id = derived_id("intervention.recorded", request.facility, request.event_id)
    # a signature does not age: what was taken back must not stand again because an old record is sent again
    if event_id in facility.recorded:
        raise DataError(Reason.REPEATED_EVENT)
    before = facility.interventions.get(act(request))
    path = _path_if_withdrawn(before) if request.withdrawn else _path(facility, request, catalogue)
    if not request.withdrawn and before is not None and (before.taken_back, before.rebase) == (False, request.rebase):
        raise DataError(Reason.RECORDED_TWICE)
    return InterventionRecorded(
        facility=request.facility,
        event_id=event_id,
        node=request.node,
        path=path,
        on=request.on,
        kind=request.kind,
        label=request.label,
        rebase=request.rebase,
        taken_back=request.withdrawn,
        version=1 if before is None else before.version + 1,
    )


def keep(facility: Facility, event: InterventionRecorded) -> None:
    """Take what was recorded into what is known of the facility."""
    facility.recorded.add(event.event_id)
    facility.interventions[act(event)] = event


def standing(facility: Facility) -> tuple[InterventionRecorded, ...]:
    """The interventions that were not taken back, by day."""
    found = (event for event in facility.interventions.values() if not event.taken_back)
    return tuple(sorted(found, key=lambda event: (event.on, event.node, event.kind, event.label)))


def _path_if_withdrawn(before: InterventionRecorded | None) -> tuple[str, ...]:
    # as it was recorded: the place may be gone since
    if before is None or before.taken_back:
        raise DataError(Reason.NO_INTERVENTION)
    return before.path


def _path(facility: Facility, request: Intervention, catalogue: Interventions) -> tuple[str, ...]:
    if facility.organisation is None:
        raise DataError(Reason.NO_ORGANISATION)
    if request.node not in facility.organisation.nodes:
        raise DataError(Reason.UNKNOWN_UNIT)
    if not catalogue.has(request.kind, request.label):
        raise DataError(Reason.UNKNOWN_INTERVENTION)
    known = sorted(_known_days(facility))
    if not known[0] - YEAR <= request.on <= known[-1] + YEAR:
        raise DataError(Reason.DAY_TOO_FAR)
    return facility.organisation.paths[request.node]


def _known_days(facility: Facility) -> Iterator[date]:
    yield from facility.organisations.values()
    rounds: list[OpenRound | EndedRound] = list(facility.rounds.values())
    for known in rounds:
        yield from (known.terms.first_answer_date, known.terms.last_answer_date)
