"""The command that opens a round, alone or in a season."""

import os
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Final

import typer

from deploy.control import Control, open_keystore
from deploy.library import in_use
from deploy.output import printable
from deploy.round_options import DATE, Facility, Round, announce, say_who_is_too_small
from deploy.rounds import opening, organisation_of, policy
from deploy.seasons import TERMS, Split, season_of, split_of
from deploy.settings import Settings
from schemas.errors import InputRefused
from schemas.events import RoundOpened
from schemas.instruments.enabled import why_not
from schemas.organisation import Organisation
from schemas.season import Calendar, Season
from stream_processors.steps.ledger import Ledger

OPEN_HELP: Final = """Open a round: from now on answers to its forms are taken.

Makes the round's key in the facility's keystore, sends the signed marker and waits until the worker has taken it. What
the rules would refuse is refused here already, with the reason.

In a season small units are asked once, in a long round as long as the season, and the others in short rounds. The
season's first round fixes its terms, and headcounts decide who is in which calendar: docs/operations.md, "A season".

Examples:

wardpulse rounds open 2026-W47 --form cbi.work --first 2026-11-16 --last 2026-11-29

wardpulse rounds open 2026-Q4-long --form sib5 --season 2026-Q4 --calendar long
--long-below 20 --season-first 2026-10-05 --season-last 2026-12-27

wardpulse rounds open 2026-W47 --form sib5 --season 2026-Q4 --calendar short --first 2026-11-16 --last 2026-11-29
"""
_Day = datetime | None
_Coalition = Annotated[int | None, typer.Option(help="Members who may pool what they know; 1 if left out.")]
_Outside = Annotated[
    int | None, typer.Option(help="Members of a pooled group outside its largest unit; 3 if left out.")
]
_Identity = Annotated[str | None, typer.Option(help="person, or response where the survey does not know people.")]


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom a round asks, and when."""

    first: date
    last: date
    leaves: tuple[str, ...]
    season: Season | None = None
    split: Split | None = None


def open_command(
    round: Round,
    form: Annotated[list[str], typer.Option(help="A form to field; may be given more than once.")],
    first: Annotated[_Day, typer.Option(formats=DATE, help="First answer date; of a long round the season's.")] = None,
    last: Annotated[_Day, typer.Option(formats=DATE, help="Last answer date; of a long round the season's.")] = None,
    facility: Facility = None,
    unit: Annotated[list[str] | None, typer.Option(help="A unit to field; every unit if left out.")] = None,
    season: Annotated[str | None, typer.Option(help="The season it belongs to, such as 2026-Q4.")] = None,
    calendar: Annotated[Calendar | None, typer.Option(help="short, or long for units asked once a season.")] = None,
    long_below: Annotated[
        int | None, typer.Option(help="Units of fewer people are asked once; for a season's first round.")
    ] = None,
    season_first: Annotated[
        _Day, typer.Option(formats=DATE, help="The season's first day; for its first round.")
    ] = None,
    season_last: Annotated[_Day, typer.Option(formats=DATE, help="The season's last day; for its first round.")] = None,
    sensitive: Annotated[
        list[str] | None, typer.Option(help="A form to seal as sensitive, beside those that are; may be repeated.")
    ] = None,
    k: Annotated[int | None, typer.Option(help="Smallest group against an outsider; 10 if left out.")] = None,
    coalition: _Coalition = None,
    outside: _Outside = None,
    k_sensitive: Annotated[int | None, typer.Option(help="Smallest group of a sensitive form; 30 if left out.")] = None,
    identity: _Identity = None,
) -> None:
    """Open a round."""
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    known = control.ledger()
    organisation = organisation_of(known, keystore.facility)
    terms = {"long_below": long_below, "first": _day(season_first), "last": _day(season_last)}
    if season is None:
        asked = _alone(organisation, _day(first), _day(last), unit, {"calendar": calendar, **terms})
    else:
        asked = _in_season(known, organisation, (season, calendar), terms, (_day(first), _day(last)), unit)
    _check_forms(form, sensitive or ())
    event = opening(
        known,
        keystore.facility,
        settings.minimum_k,
        round=round,
        forms=tuple(form),
        first_answer_date=asked.first,
        last_answer_date=asked.last,
        leaves=asked.leaves,
        season=asked.season,
        policy=policy(
            k=k,
            coalition=coalition,
            outside=outside,
            k_sensitive=k_sensitive,
            identity=identity,
            sensitive_forms=tuple(sensitive or ()),
        ),
    )
    key_id = keystore.new_round(round, secrets.token_bytes).key_id
    announce(control, keystore, event.model_copy(update={"key_id": key_id}))
    _say_opened(organisation, event, asked.split)


def _day(given: _Day) -> date | None:
    return None if given is None else given.date()


def _alone(
    organisation: Organisation, first: date | None, last: date | None, unit: list[str] | None, of_season: dict[str, Any]
) -> _Asked:
    if any(value is not None for value in of_season.values()):
        raise InputRefused(f"--calendar, {', '.join(TERMS.values())} are a season's: name it with --season")
    if first is None or last is None:
        raise InputRefused("the round needs --first and --last, its first and last answer date")
    return _Asked(first, last, tuple(unit or organisation.leaves()))


def _in_season(
    known: Ledger,
    organisation: Organisation,
    name: tuple[str, Calendar | None],
    terms: dict[str, Any],
    dates: tuple[date | None, date | None],
    unit: list[str] | None,
) -> _Asked:
    season_name, calendar = name
    if calendar is None:
        raise InputRefused("a round of a season is of one of its calendars: give --calendar short or --calendar long")
    if unit:
        raise InputRefused(
            "--unit does not go with --season: the headcounts that the season begins with say which units are asked. "
            "Whoever chose them could tell with two figures who answered what"
        )
    season = season_of(known, organisation.facility, season_name, calendar, **terms)
    first, last = dates if calendar == "short" else (dates[0] or season.first, dates[1] or season.last)
    if first is None or last is None:
        raise InputRefused("a short round needs --first and --last, its first and last answer date within the season")
    split = split_of(known, organisation.facility, season, organisation)
    return _Asked(first, last, split.asked, season, split)


def _check_forms(forms: Sequence[str], sensitive: Sequence[str]) -> None:
    known = in_use()
    unknown = sorted(set(forms) - set(known))
    if unknown:
        raise InputRefused(f"{printable(unknown[0])} {why_not(unknown[0], known)}")
    strays = sorted(set(sensitive) - set(forms))
    if strays:
        raise InputRefused(f"--sensitive {strays[0]}: the round does not field that form; give it with --form too")


def _say_opened(organisation: Organisation, event: RoundOpened, split: Split | None) -> None:
    people = organisation.asked(event.leaves)[organisation.facility]
    where = f", the {event.season.calendar} calendar of season {event.season.id}" if event.season else ""
    typer.echo(
        f"round {event.round} of {event.facility} is open for answers dated {event.first_answer_date} to "
        f"{event.last_answer_date}: {', '.join(event.forms)} in {len(event.leaves)} units with {people} people{where}"
    )
    if split is not None:
        assert event.season is not None
        other = "short" if event.season.calendar == "long" else "long"
        there = sum(organisation.headcounts[unit] for unit in split.other)
        typer.echo(f"in the {other} calendar, {there} people: {', '.join(split.other) or 'no unit'}")
        if split.waiting:
            typer.echo(f"not asked until the next season: {', '.join(split.waiting)}")
    say_who_is_too_small(organisation, event)
