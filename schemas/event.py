"""What every event of a facility has, and the states of a place."""

from typing import Literal

from schemas.fields import EventId, Frozen, Id

State = Literal["published", "withheld", "not_fielded", "not_published"]
"""`not_published` is of sensitive forms alone, and the only other state there: it does not tell why."""


class Event(Frozen):
    """A fact of one facility. `event_id` is deterministic, so a repeat is recognised as one."""

    facility: Id
    event_id: EventId
    schema_version: Literal[1] = 1
