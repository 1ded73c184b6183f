"""The day an answer was sent off, in the calendar of its facility."""

import re
from datetime import date, datetime
from typing import Final
from zoneinfo import ZoneInfo

_TIME_OF_DAY: Final = re.compile(r"%[HIpXcsf]")
_LONGEST_DATE: Final = len("2026-10-12")


def day_of(text: str, date_format: str | None, source: ZoneInfo, facility: ZoneInfo) -> date:
    """The facility's day of a stamp. ValueError or OverflowError if it is none.

    A stamp with an offset says its instant. One without is of the source's zone; where a clock change gives it two
    instants the first is meant. A date without a time stands as written.
    """
    # a naive time is given its zone below
    moment = datetime.strptime(text, date_format) if date_format else datetime.fromisoformat(text)  # noqa: DTZ007
    if moment.tzinfo is None:
        if source == facility or not _has_time(text, date_format):
            return moment.date()
        moment = moment.replace(tzinfo=source)
    return moment.astimezone(facility).date()


def _has_time(text: str, date_format: str | None) -> bool:
    return bool(_TIME_OF_DAY.search(date_format)) if date_format else len(text) > _LONGEST_DATE
