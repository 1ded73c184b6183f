"""After an assignment: what the echoes say of a partition, and from where its log must be read again."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from schemas.errors import Reason
from schemas.events import (
    AnyEvent,
    CohortRetired,
    DeadLetter,
    Echo,
    InterventionRecorded,
    OrganisationUpdated,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
)
from schemas.organisation import organisation
from schemas.topics import Topic
from stream_processors.steps.intervening import keep
from stream_processors.steps.retiring import without
from stream_processors.steps.rounds import EndedRound, Ending, Facility
from stream_processors.steps.story import Story

JUDGED_BY_SETTINGS: Final = frozenset(
    {
        Reason.UNKNOWN_FORM,
        Reason.OTHER_SCORING_KEY,
        Reason.REPEATED_INSTRUMENT,
        Reason.SENSITIVE_FORM,
        Reason.ROUND_OVERLAPS,
        Reason.POLICY_UNDER_MINIMUM,
        Reason.UNKNOWN_INTERVENTION,
    }
)
"""Why a marker may be refused that other settings, or another version, would accept."""


def resume(
    echoes: Sequence[Echo], committed: int | None, refused: Mapping[int, Reason] | None = None
) -> tuple[Story, int]:
    """The partition's story up to an offset, and that offset: the oldest round opened and not ended.

    With no round open it is the end of what is known to be handled: the committed offset, or the last echo's.
    `refused` is of `refused_offsets`: whatever keys and instruments are known by now, they stay refused.
    """
    ended = endings(echoes)
    last = max((echo.offset for echo in echoes), default=-1)
    waiting = [echo.offset for echo in echoes if isinstance(echo.event, RoundOpened) and _name(echo) not in ended]
    start = min(waiting, default=max(committed or 0, last + 1))
    accepted = frozenset(echo.offset for echo in echoes if echo.offset >= start)
    story = Story(accepted=accepted, refused={at: reason for at, reason in (refused or {}).items() if at >= start})
    for echo in sorted(echoes, key=lambda found: found.offset):
        if echo.offset < start:
            take_echo(story.facilities, echo, ended)
        elif isinstance(echo.event, RoundOpened) and _name(echo) in ended:
            story.ended_ahead[echo.offset] = ended[_name(echo)]
    return story, start


def refused_offsets(events: Iterable[AnyEvent]) -> dict[int, Reason]:
    """The offsets of submissions that dead letters say were refused for what may have changed since, and for what.

    Answers that followed such a marker were refused with it: accepted later, they would be counted twice.
    """
    letters = (event for event in events if isinstance(event, DeadLetter) and event.topic == Topic.SUBMISSIONS)
    return {
        letter.offset: Reason(letter.reason)
        for letter in letters
        # a form that a round does not field is no matter of settings, and its letter names the round
        if letter.reason == Reason.BAD_SIGNATURE or (letter.round is None and letter.reason in JUDGED_BY_SETTINGS)
    }


def endings(echoes: Sequence[Echo]) -> Mapping[tuple[str, str], Ending]:
    """(facility, round) to how it ended, of the rounds that have."""
    ends = (echo for echo in echoes if isinstance(echo.event, RoundClosed | RoundCancelled))
    return {_name(echo): Ending(echo.offset, isinstance(echo.event, RoundCancelled), echo.cohorts) for echo in ends}


def take_echo(facilities: dict[str, Facility], echo: Echo, ended: Mapping[tuple[str, str], Ending]) -> None:
    """Add what an echo says of a facility; of rounds, those that have ended."""
    facility = facilities.setdefault(echo.facility, Facility())
    if isinstance(echo.event, OrganisationUpdated):
        facility.organisation = organisation(echo.event)
        facility.organisations[echo.event.event_id] = echo.event.effective_from
    elif isinstance(echo.event, InterventionRecorded):
        keep(facility, echo.event)
    elif isinstance(echo.event, RoundOpened) and facility.organisation is not None and _name(echo) in ended:
        facility.rounds[echo.event.round] = EndedRound(echo.event, facility.organisation, ended[_name(echo)])
    elif isinstance(echo.event, CohortRetired):
        known = facility.rounds.get(echo.event.round)
        if isinstance(known, EndedRound):
            facility.rounds[echo.event.round] = without(known, echo.event)


def _name(echo: Echo) -> tuple[str, str]:
    return echo.facility, "" if isinstance(echo.event, OrganisationUpdated | InterventionRecorded) else echo.event.round
