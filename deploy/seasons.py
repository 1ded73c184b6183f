"""The season a round is opened in: its terms, as its first round has them or as given, and a calendar's units."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final

from pydantic import ValidationError

from deploy.control import refusal
from schemas.errors import DataError, InputRefused
from schemas.organisation import Organisation
from schemas.season import Calendar, Season
from stream_processors.steps.ledger import Ledger
from stream_processors.steps.rounds import fielded
from stream_processors.steps.seasons import season_leaves, season_terms

TERMS: Final[Mapping[str, str]] = {"long_below": "--long-below", "first": "--season-first", "last": "--season-last"}
_OTHER: Final[Mapping[Calendar, Calendar]] = {"short": "long", "long": "short"}


@dataclass(frozen=True, slots=True)
class Split:
    """A season's units: those a calendar asks, those of the other calendar, and those that wait for the next season."""

    asked: tuple[str, ...]
    other: tuple[str, ...]
    waiting: tuple[str, ...]


def season_of(
    known: Ledger,
    facility: str,
    name: str,
    calendar: Calendar,
    *,
    long_below: int | None = None,
    first: date | None = None,
    last: date | None = None,
) -> Season:
    """A season as its first round fixed it, or of the terms given for that; InputRefused if they are not these."""
    given = {"long_below": long_below, "first": first, "last": last}
    begun = season_terms(name, fielded(known.facility(facility), sys.maxsize))
    if begun is None:
        return _begun(name, calendar, given)
    other = [TERMS[term] for term, value in given.items() if value not in (None, getattr(begun, term))]
    if other:
        raise InputRefused(
            f"season {name} began with --long-below {begun.long_below} and lasts from {begun.first} to {begun.last}, "
            f"and its rounds keep to that: leave out {' and '.join(other)}"
        )
    return begun.model_copy(update={"calendar": calendar})


def split_of(known: Ledger, facility: str, season: Season, now: Organisation) -> Split:
    """Which units a round of this season and calendar asks; InputRefused if there are none."""
    before = fielded(known.facility(facility), sys.maxsize)
    other = season.model_copy(update={"calendar": _OTHER[season.calendar]})
    try:
        asked, elsewhere = season_leaves(season, before, now), season_leaves(other, before, now)
    except DataError as error:
        raise refusal(f"season {season.id}", error.reason, error.detail) from None
    if not asked:
        size = season.long_below
        people = f"fewer than {size} people" if season.calendar == "long" else f"{size} people or more"
        raise InputRefused(
            f"no unit has {people} in the record that season {season.id} begins with: "
            f"it needs no {season.calendar} round"
        )
    rest = set(now.leaves()) - set(asked) - set(elsewhere)
    return Split(asked, elsewhere, tuple(sorted(rest)))


def _begun(name: str, calendar: Calendar, given: Mapping[str, int | date | None]) -> Season:
    missing = [TERMS[term] for term, value in given.items() if value is None]
    if missing:
        *most, last = missing
        words = f"{', '.join(most)} and {last}" if most else last
        raise InputRefused(f"season {name} has no round yet, and its first one fixes its terms: give {words} too")
    try:
        return Season.model_validate({"id": name, "calendar": calendar, **given})
    except ValidationError as error:
        detail = error.errors(include_url=False, include_input=False)[0]
        raise InputRefused(
            f"the season cannot be: {TERMS.get(str(detail['loc'][0]), 'its name')}: {detail['msg']}"
        ) from None
