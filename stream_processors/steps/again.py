"""What would become of records that were refused, were they sent again now: by the same steps, from the log alone."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from schemas.codec import decode
from schemas.errors import DataError, Reason
from schemas.events import AnyEvent, DeadLetter, Submission, SubmissionWithdrawn
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Record, Story, advance


class Prospect(NamedTuple):
    """A record, what it says if it can be read, and why it would be refused; None if its round would take it."""

    record: Record
    event: AnyEvent | None
    refused: Reason | None


def prospects(story: Story, following: int, records: Iterable[Record], rules: Rules) -> Iterator[Prospect]:
    """Each record as if it came next, in this order. `story` is the partition's up to `following`, and is used up.

    Markers are given up at once: a round that is opened or closed by an old record would not be what anybody meant.
    """
    for number, record in enumerate(records):
        event = _event(record)
        if event is not None and not isinstance(event, Submission | SubmissionWithdrawn):
            yield Prospect(record, event, Reason.REPEATED_EVENT)
            continue
        again = record._replace(offset=following + number)
        letters = [out.event for stage in advance(story, again, rules) for out in stage]
        refused = next((Reason(one.reason) for one in letters if isinstance(one, DeadLetter)), None)
        yield Prospect(record, event, refused)


def _event(record: Record) -> AnyEvent | None:
    try:
        return decode(record.value)
    except DataError:
        return None
