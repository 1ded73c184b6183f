"""Seasons: two calendars of a form over disjoint leaves, assigned by headcount alone when the season begins.

Small units are asked once a season, in a round as long as it; the others in short rounds. Whoever chose a calendar with
answers in mind could tell with it who answered what, so nothing but the headcounts of one record decides, and the
season's rounds hold to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schemas.errors import DataError, Reason
from schemas.events import RoundOpened
from schemas.organisation import Organisation
from schemas.season import Calendar, Season


@dataclass(frozen=True, slots=True)
class Fielding:
    """A round whose answers are or may be published: its terms, and the organisation it was opened with."""

    terms: RoundOpened
    organisation: Organisation


def check_season(event: RoundOpened, before: Sequence[Fielding], now: Organisation) -> None:
    """Whether a round keeps to its season; DataError if not.

    `before` are the facility's rounds so far, in the order they were opened, without cancelled ones.
    """
    if event.season is None:
        return
    _check_dates(event, event.season)
    expected = set(season_leaves(event.season, before, now))
    is_first = _first(event.season, before, event.season.calendar) is None
    # the first round of a calendar may field fewer leaves than could be, and the others then field the same
    if not (set(event.leaves) <= expected if is_first else set(event.leaves) == expected):
        raise _broken("its units are not those that the season's headcounts give to this calendar")


def season_terms(name: str, before: Sequence[Fielding]) -> Season | None:
    """The terms of a season, as its first round has them; None if it has none yet."""
    return next((season for _, season in _of_season(name, before)), None)


def season_leaves(season: Season, before: Sequence[Fielding], now: Organisation) -> tuple[str, ...]:
    """The leaves that a round of this season and calendar fields, in id order; DataError if the season has other terms.

    Leaves that are no more are left out; a leaf that is new waits for the next season.
    """
    known = season_terms(season.id, before)
    if known is not None and known.model_copy(update={"calendar": season.calendar}) != season:
        raise _broken("its season began with other dates or another threshold")
    still = set(now.leaves())
    first = _first(season, before, season.calendar)
    if first is not None:
        return tuple(sorted(set(first.terms.leaves) & still))
    beginning = _first(season, before)
    record = now if beginning is None else beginning.organisation
    return tuple(leaf for leaf in assigned(record, season.long_below)[season.calendar] if leaf in still)


def assigned(record: Organisation, long_below: int) -> dict[Calendar, tuple[str, ...]]:
    """Each calendar's leaves, in id order: those of fewer than `long_below` people are asked once a season."""
    small = {leaf for leaf in record.leaves() if record.headcounts[leaf] < long_below}
    return {"long": tuple(sorted(small)), "short": tuple(leaf for leaf in record.leaves() if leaf not in small)}


def _check_dates(event: RoundOpened, season: Season) -> None:
    if season.last < season.first:
        raise _broken("it ends before it begins")
    if not season.first <= event.first_answer_date <= event.last_answer_date <= season.last:
        raise _broken("the round's dates lie outside the season")
    if season.calendar == "long" and (event.first_answer_date, event.last_answer_date) != (season.first, season.last):
        raise _broken("a long round is as long as its season")


def _of_season(name: str, before: Sequence[Fielding]) -> Iterator[tuple[Fielding, Season]]:
    for one in before:
        if one.terms.season is not None and one.terms.season.id == name:
            yield one, one.terms.season


def _first(season: Season, before: Sequence[Fielding], calendar: Calendar | None = None) -> Fielding | None:
    found = _of_season(season.id, before)
    return next((one for one, terms in found if calendar in (None, terms.calendar)), None)


def _broken(why: str) -> DataError:
    return DataError(Reason.BAD_SEASON, why)
