"""After an assignment: what the echoes say of a partition, and from where its log must be read again."""

from collections.abc import Mapping, Sequence

from schemas.events import Echo, OrganisationUpdated, RoundCancelled, RoundClosed, RoundOpened
from schemas.organisation import organisation
from stream_processors.steps.rounds import EndedRound, Facility
from stream_processors.steps.story import Story


def resume(echoes: Sequence[Echo], committed: int | None) -> tuple[Story, int]:
    """The partition's story up to an offset, and that offset: the oldest round opened and not ended.

    With no round open it is the end of what is known to be handled: the committed offset, or the last echo's.
    """
    ended = ended_rounds(echoes)
    last = max((echo.offset for echo in echoes), default=-1)
    waiting = [echo.offset for echo in echoes if isinstance(echo.event, RoundOpened) and _name(echo) not in ended]
    start = min(waiting, default=max(committed or 0, last + 1))
    story = Story(accepted=frozenset(echo.offset for echo in echoes if echo.offset >= start))
    for echo in sorted(echoes, key=lambda found: found.offset):
        if isinstance(echo.event, RoundOpened) and _name(echo) in ended:
            _take_ended(story, echo, start, ended[_name(echo)])
        elif isinstance(echo.event, OrganisationUpdated) and echo.offset < start:
            facility = story.facilities.setdefault(echo.facility, Facility())
            facility.organisation = organisation(echo.event)
            facility.organisations.add(echo.event.event_id)
    return story, start


def ended_rounds(echoes: Sequence[Echo]) -> Mapping[tuple[str, str], EndedRound]:
    """(facility, round) to how it ended, of the rounds that have."""
    opened = {_name(echo): echo.event for echo in echoes if isinstance(echo.event, RoundOpened)}
    return {
        _name(echo): EndedRound(opened[_name(echo)], echo.offset, isinstance(echo.event, RoundCancelled))
        for echo in echoes
        if isinstance(echo.event, RoundClosed | RoundCancelled)
    }


def _name(echo: Echo) -> tuple[str, str]:
    return echo.facility, "" if isinstance(echo.event, OrganisationUpdated) else echo.event.round


def _take_ended(story: Story, opening: Echo, start: int, ended: EndedRound) -> None:
    if opening.offset < start:
        story.facilities.setdefault(opening.facility, Facility()).rounds[ended.terms.round] = ended
    else:
        story.ended_ahead[opening.offset] = ended
