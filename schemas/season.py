"""The season a round belongs to, and which of its two calendars."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.closed import MOST
from schemas.fields import Day, Frozen, RoundId

Calendar = Literal["short", "long"]


class Season(Frozen):
    """The season a round belongs to, and which of its two calendars: see docs/programme.md.

    Leaves of fewer than `long_below` people by the record that the season began with are asked once, in a round as long
    as the season; the others in short rounds.
    """

    id: RoundId
    first: Day
    last: Day
    long_below: Annotated[int, Field(ge=1, le=MOST)]
    calendar: Calendar


def calendar_of(season: Season | None) -> Calendar:
    """The calendar of a round; without a season it is the short one."""
    return season.calendar if season else "short"
