"""A programme: which forms are asked how often, and the calendar of rounds that comes of it. Pure: the start is given.

Rounds come in series, each with its own starts. A form is asked again when its days have passed since it began last,
and never before its instrument allows. A round has at most so many items; what does not fit waits for the next one of
its series, and what has waited longest goes first.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import pairwise
from typing import Annotated, Final, NamedTuple, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.fields import Id, RoundId

MOST_ITEMS: Final = 12
YEAR_WEEKS: Final = 52
_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_FIRST, _LAST = date(2000, 1, 1), date(2100, 1, 1)


class Asked(NamedTuple):
    """What a calendar must know of a form. One that is not in use, for want of a licence, is planned for nowhere."""

    instrument: str
    items: int
    sensitive: bool
    min_interval_days: int
    in_use: bool = True


Forms = Mapping[str, Asked]
# a round is named after it, and that name has at most 64 letters
SeriesName = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,39}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Entry(_Strict):
    """A form, how many days lie at least between the beginnings of its rounds, and its first week."""

    form: Id
    every_days: Annotated[int, Field(ge=1, le=731)]
    from_week: Annotated[int, Field(ge=0, le=103)] = 0


class Series(_Strict):
    """Rounds of one kind: they last so many days, and begin so many weeks after each other, over and over."""

    name: SeriesName
    days: Annotated[int, Field(ge=1, le=92)] = 14
    first_week: Annotated[int, Field(ge=0, le=103)] = 0
    weeks: Annotated[tuple[Annotated[int, Field(ge=1, le=104)], ...], Field(min_length=1, max_length=52)] = (4, 4, 5)
    active: bool = True
    forms: Annotated[tuple[Entry, ...], Field(min_length=1, max_length=50)]

    @model_validator(mode="after")
    def _each_form_once(self) -> Self:
        if len({entry.form for entry in self.forms}) != len(self.forms):
            raise ValueError("a form is there twice")
        return self


def _written_day(given: object) -> date:
    # a number would be taken for seconds
    if isinstance(given, str) and _DAY.fullmatch(given) is not None:
        day = date.fromisoformat(given)
        if _FIRST <= day <= _LAST:
            return day
    raise ValueError(f"must be a day from {_FIRST} to {_LAST}, written like the first of them")


WrittenDay = Annotated[date, BeforeValidator(_written_day)]


class CalendarRound(_Strict):
    """A round as somebody has put it into a calendar by hand."""

    round: RoundId
    forms: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50)]
    first: WrittenDay
    last: WrittenDay


class Programme(_Strict):
    """Series that a calendar is made from, or a calendar."""

    name: Annotated[str, Field(min_length=1, max_length=80)]
    most_items: Annotated[int, Field(ge=1, le=100)] = MOST_ITEMS
    series: Annotated[tuple[Series, ...], Field(max_length=20)] = ()
    calendar: Annotated[tuple[CalendarRound, ...], Field(max_length=500)] = ()

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if bool(self.series) == bool(self.calendar):
            raise ValueError("a programme has either series or a calendar")
        names = [one.name for one in self.series]
        if len(set(names)) != len(names):
            raise ValueError("two series have one name")
        return self

    def with_active(self, names: frozenset[str]) -> "Programme":
        """The programme with these series asked too."""
        series = tuple(one.model_copy(update={"active": one.active or one.name in names}) for one in self.series)
        return self.model_copy(update={"series": series})


@dataclass(frozen=True, slots=True)
class Planned:
    """A round of a calendar."""

    round: str
    forms: tuple[str, ...]
    first: date
    last: date

    def items(self, forms: Forms) -> int:
        """How many items it asks; a form that nobody knows counts none."""
        return sum(forms[form].items for form in self.forms if form in forms)


class _Slot(NamedTuple):
    """When a round of a series may begin."""

    first: date
    order: int
    series: Series

    @property
    def last(self) -> date:
        return self.first + timedelta(days=self.series.days - 1)


def plan(programme: Programme, forms: Forms, start: date, weeks: int = YEAR_WEEKS) -> tuple[Planned, ...]:
    """The rounds that begin within so many weeks, by day. Forms that are not known are left out."""
    asked: dict[str, _Slot] = {}
    found: list[Planned] = []
    for slot in _slots(programme, start, weeks):
        chosen = _chosen(slot, start, asked, forms, programme.most_items)
        if chosen:
            asked |= dict.fromkeys(chosen, slot)
            # as the file names them, not by how long they have waited
            names = tuple(entry.form for entry in slot.series.forms if entry.form in chosen)
            found.append(Planned(_name(slot, programme), names, slot.first, slot.last))
    return tuple(found)


def _slots(programme: Programme, start: date, weeks: int) -> list[_Slot]:
    found = []
    for order, series in enumerate(one for one in programme.series if one.active):
        week, turn = series.first_week, 0
        while week < weeks:
            found.append(_Slot(start + timedelta(weeks=week), order, series))
            week += series.weeks[turn % len(series.weeks)]
            turn += 1
    return sorted(found, key=lambda slot: slot[:2])


def _chosen(slot: _Slot, start: date, asked: Mapping[str, _Slot], forms: Forms, most: int) -> list[str]:
    known = [entry for entry in slot.series.forms if _is_usable(entry.form, forms)]
    due = {entry.form: _due(entry, start, asked.get(entry.form), forms[entry.form]) for entry in known}
    chosen: list[str] = []
    # sorting keeps the order of the file among those that have waited equally long
    for form in sorted((form for form in due if due[form] <= slot.first), key=lambda form: due[form]):
        instruments = {forms[other].instrument for other in chosen}
        items = sum(forms[other].items for other in chosen) + forms[form].items
        # a form that is too long for any round is asked alone
        if forms[form].instrument not in instruments and (items <= most or not chosen):
            chosen.append(form)
    return chosen


def _is_usable(form: str, forms: Forms) -> bool:
    return form in forms and forms[form].in_use


def _unusable(form: str, forms: Forms) -> str:
    if form in forms:
        return f"{form} is not in use: its instrument needs a licence, see wardpulse instruments show"
    return f"no instrument has a form {form}"


def _due(entry: Entry, start: date, before: _Slot | None, form: Asked) -> date:
    if before is None:
        return start + timedelta(weeks=entry.from_week)
    return max(
        before.first + timedelta(days=entry.every_days),
        before.last + timedelta(days=form.min_interval_days),
    )


def _name(slot: _Slot, programme: Programme) -> str:
    year, week, _ = slot.first.isocalendar()
    # the first series has the names that rounds commonly have
    beside = "" if slot.series.name == programme.series[0].name else f"-{slot.series.name}"
    return f"{year}-W{week:02}{beside}"


def faults(rounds: Sequence[Planned], forms: Forms, most_items: int = MOST_ITEMS) -> list[str]:
    """What is wrong with a calendar, each in a sentence."""
    found: list[str] = []
    for one in sorted(rounds, key=lambda planned: (planned.first, planned.round)):
        found += _faults_of(one, forms, most_items)
    names = [one.round for one in rounds]
    found += [f"{name}: two rounds have this name" for name in dict.fromkeys(names) if names.count(name) > 1]
    return found + _gaps(rounds, forms) + _at_once(rounds, forms, most_items)


def _faults_of(one: Planned, forms: Forms, most: int) -> list[str]:
    found = [f"{one.round}: {_unusable(form, forms)}" for form in one.forms if not _is_usable(form, forms)]
    known = [form for form in one.forms if form in forms]
    if one.last < one.first:
        found.append(f"{one.round}: ends on {one.last}, before it begins")
    instruments = [forms[form].instrument for form in known]
    twice = sorted({name for name in instruments if instruments.count(name) > 1})
    found += [f"{one.round}: asks two forms of {name}: ask them in different rounds" for name in twice]
    if len({forms[form].sensitive for form in known}) > 1:
        found.append(f"{one.round}: asks sensitive forms among others: give them a round of their own")
    if len(known) > 1 and one.items(forms) > most:
        found.append(f"{one.round}: asks {one.items(forms)} items, more than {most}")
    return found


def _gaps(rounds: Sequence[Planned], forms: Forms) -> list[str]:
    found = []
    for form in sorted({form for one in rounds for form in one.forms} & set(forms)):
        least = forms[form].min_interval_days
        asked = sorted((one for one in rounds if form in one.forms), key=lambda one: (one.first, one.round))
        for before, after in pairwise(asked):
            days = (after.first - before.last).days
            if days < least:
                said = f"{days} day{'' if days == 1 else 's'}"
                found.append(
                    f"{form}: {after.round} begins {said} after the end of {before.round}; its instrument needs {least}"
                )
    return found


def _at_once(rounds: Sequence[Planned], forms: Forms, most: int) -> list[str]:
    ordered = sorted(rounds, key=lambda one: (one.first, one.round))
    found = []
    for index, one in enumerate(ordered):
        for other in ordered[index + 1 :]:
            items = one.items(forms) + other.items(forms)
            if other.first <= one.last and items > most:
                found.append(f"{one.round} and {other.round}: open on the same days, {items} items; {most} is most")
    return found


def check(programme: Programme, forms: Forms, start: date, weeks: int = YEAR_WEEKS) -> list[str]:
    """What is wrong with a programme, each in a sentence; of series also what they ask more seldom than they say."""
    if programme.calendar:
        given = [Planned(one.round, one.forms, one.first, one.last) for one in programme.calendar]
        return faults(given, forms, programme.most_items)
    found = [sentence for series in programme.series if series.active for sentence in _definition(series, forms)]
    rounds = plan(programme, forms, start, weeks)
    found += faults(rounds, forms, programme.most_items)
    active = [series for series in programme.series if series.active]
    for series in active:
        for entry in series.forms:
            if _is_usable(entry.form, forms):
                found += _held_back(entry, series, rounds, start, weeks)
    return found


def _definition(series: Series, forms: Forms) -> list[str]:
    found = []
    for entry in series.forms:
        if not _is_usable(entry.form, forms):
            found.append(f"{series.name}: {_unusable(entry.form, forms)}")
            continue
        form = forms[entry.form]
        if entry.every_days - series.days + 1 < form.min_interval_days:
            least = form.min_interval_days + series.days - 1
            found.append(
                f"{entry.form}: every {entry.every_days} days in rounds of {series.days} days leaves too few between "
                f"them; its instrument needs {form.min_interval_days}, so ask it every {least} days or more seldom"
            )
    return found


def _held_back(entry: Entry, series: Series, rounds: Sequence[Planned], start: date, weeks: int) -> list[str]:
    """Whether a form waits longer than for the next round of its series."""
    asked = [one for one in rounds if entry.form in one.forms]
    begins = start + timedelta(weeks=max(entry.from_week, series.first_week))
    if not asked:
        is_over = begins >= start + timedelta(weeks=weeks)
        why = "it begins later than that" if is_over else "no round has room for it"
        return [f"{entry.form}: is never asked in {weeks} weeks, as {why}"]
    wait, found = timedelta(weeks=max(series.weeks)), []
    due = begins
    for one in asked:
        if one.first - due >= wait:
            found.append(
                f"{entry.form}: waits for {one.round}, {(one.first - due).days} days after it is due, as earlier "
                "rounds have no room for it"
            )
        due = one.first + timedelta(days=entry.every_days)
    if due + wait <= start + timedelta(weeks=weeks):
        found.append(f"{entry.form}: is not asked again after {asked[-1].round}, as no round has room for it")
    return found
