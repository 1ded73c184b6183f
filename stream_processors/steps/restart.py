"""After an assignment: what the echoes say of a partition, and from where its log must be read again."""

from collections.abc import Sequence

from schemas.events import Echo, OrganisationUpdated, RoundClosed, RoundOpened
from schemas.organisation import organisation
from stream_processors.steps.rounds import Facility, SealedRound
from stream_processors.steps.story import Story


def resume(echoes: Sequence[Echo], committed: int | None) -> tuple[Story, int]:
    """The partition's story up to an offset, and that offset: the oldest round opened and not sealed.

    With no round open it is the end of what is known to be handled: the committed offset, or the last echo's.
    """
    opened = {(echo.facility, echo.event.round): echo for echo in echoes if isinstance(echo.event, RoundOpened)}
    sealed = {(echo.facility, echo.event.round): echo.offset for echo in echoes if isinstance(echo.event, RoundClosed)}
    last = max((echo.offset for echo in echoes), default=-1)
    waiting = [echo.offset for name, echo in opened.items() if name not in sealed]
    start = min(waiting, default=max(committed or 0, last + 1))
    story = Story(accepted=frozenset(echo.offset for echo in echoes if echo.offset >= start))
    for echo in sorted(echoes, key=lambda found: found.offset):
        if isinstance(echo.event, RoundOpened):
            _take_opened(story, echo.event, echo.offset, start, sealed.get((echo.facility, echo.event.round)))
        elif isinstance(echo.event, OrganisationUpdated) and echo.offset < start:
            facility = story.facilities.setdefault(echo.facility, Facility())
            facility.organisation = organisation(echo.event)
            facility.organisations.add(echo.event.event_id)
    return story, start


def _take_opened(story: Story, terms: RoundOpened, offset: int, start: int, closed_at: int | None) -> None:
    if closed_at is None:
        return
    if offset < start:
        story.facilities.setdefault(terms.facility, Facility()).rounds[terms.round] = SealedRound(terms, closed_at)
    else:
        story.sealed_ahead[offset] = closed_at
