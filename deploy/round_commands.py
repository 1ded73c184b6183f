"""Commands that steer a facility's rounds: open, list, answers, close, cancel, retire."""

import os
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args

import typer

from deploy.control import Control, open_keystore, refusal
from deploy.open_command import OPEN_HELP, open_command
from deploy.output import AsJson, print_rows, working
from deploy.round_options import Facility, Round, Yes, announce, ask, say_who_is_too_small, sensitive_forms
from deploy.rounds import (
    cancelling,
    closing,
    is_over,
    preview,
    published_answers,
    retiring,
    rounds_rows,
    still_open,
    today,
)
from deploy.settings import Settings
from schemas.errors import InputRefused, Reason
from schemas.events import CohortRetirement, WhyRetired
from schemas.topics import Topic
from stream_processors.steps.preview import Outlook, Prospect
from stream_processors.steps.rounds import EndedRound

WHY_NO_COUNT: Final = (
    "how many have answered is not told while a round is open: asked twice, it would tell who answered in between. "
    "It is known when the round is sealed"
)
NO_PREVIEW: Final = (
    "What will be published is not shown until that day is over: looked at twice, it would tell when somebody answered."
)
_HELP = """Open, list, close and cancel rounds, and retire what should not have been published.

A round is one fielding of one or more forms between two dates. Answers are held until it is closed; then it is
sealed, published, and never changes.
"""
_CLOSE_HELP = """Close a round and seal it. That cannot be undone.

Shows first what would be published, pooled and withheld, and asks. Before the last answer date is over the preview is
by headcount alone: answers still come in, and looked at twice it would tell when somebody answered.

Example: wardpulse rounds close 2026-W47
"""
_CANCEL_HELP = """Give a round up: nothing of it is ever published, and its dates may be fielded again.

For a round that was opened wrongly. The name cannot be used again; people who answered must answer anew.

Example: wardpulse rounds cancel 2026-W47
"""
_RETIRE_HELP = """Retire a cohort of a sealed round: from then on no figure rests on it. That cannot be undone.

For answers that should not have been published: a feed that was wrong, units mixed up, consent that was lacking. It is
always a whole cohort, nothing replaces it, and copies of figures that were already made cannot be recalled.

Example: wardpulse rounds retire 2026-W47 --form cbi.work --unit icu --reason feed_error
"""
_LIST_HELP = """List the rounds of every facility, or of one, with their state.

Example: wardpulse rounds list --facility st-anna --json
"""
_ANSWERS_HELP = """How many answers the published figures of a sealed round rest on, per place.

Refused while the round is open.

Example: wardpulse rounds answers 2026-W47
"""

_COLUMNS: Final = ("facility", "round", "forms", "first_answer_date", "last_answer_date", "units", "state")
_OF_SEASON: Final = ("season",)
_PROSPECTS: Final[dict[Prospect, str]] = {
    "published": "has figures of its own",
    "pooled": "pooled in the figures of {where}",
    "withheld": "withheld: too few answered here and above",
    "overfull": "withheld: {where} has more answers than people; check its feed before you close",
    "not_published": "nothing is published",
}
_SENSITIVE: Final[dict[Prospect, str]] = {**_PROSPECTS, "published": "has figures"}


def register(app: typer.Typer) -> None:
    """Add the commands for rounds to the front door."""
    rounds = typer.Typer(name="rounds", help=_HELP, no_args_is_help=True)
    rounds.command("open", help=OPEN_HELP)(open_command)
    rounds.command("list", help=_LIST_HELP)(_list)
    rounds.command("close", help=_CLOSE_HELP)(_close)
    rounds.command("cancel", help=_CANCEL_HELP)(_cancel)
    rounds.command("retire", help=_RETIRE_HELP)(_retire)
    rounds.command("answers", help=_ANSWERS_HELP)(_answers)
    app.add_typer(rounds)


def _list(facility: Facility = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    rows = rounds_rows(Control.connect(settings).ledger(), today(settings, _now))
    chosen = [row for row in rows if facility in (None, row["facility"])]
    shown = [{**row, "state": _state(row), "season": _season(row)} for row in chosen]
    # who uses no seasons need not hear of them
    columns = (*_COLUMNS[:-1], *_OF_SEASON, _COLUMNS[-1]) if any(row["season"] for row in chosen) else _COLUMNS
    print_rows(chosen if as_json else shown, as_json, columns, "no round was opened yet: wardpulse rounds open --help")


def _close(round: Round, facility: Facility = None, yes: Yes = False) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    known = control.ledger()
    found = still_open(known, keystore.facility, round)
    terms = found.terms
    if not is_over(terms.last_answer_date, _now):
        typer.echo(
            f"The last answer date of {round} is {terms.last_answer_date}: people may still answer.\n{NO_PREVIEW}"
        )
        if terms.season is not None and terms.season.calendar == "long":
            typer.echo(f"Closed now, its units are not asked again in season {terms.season.id}.")
        say_who_is_too_small(found.organisation, terms)
    else:
        with working().status("Reading the log"):
            prospects = preview(control, keystore, round)
        _show_preview(prospects, sensitive_forms(terms))
    ask(f"Close {round} of {keystore.facility} and seal it? This cannot be undone", yes)
    announce(control, keystore, closing(keystore.facility, round))
    typer.echo(f"round {round} of {keystore.facility} is sealed; see wardpulse figures")


def _cancel(round: Round, facility: Facility = None, yes: Yes = False) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    still_open(control.ledger(), keystore.facility, round)
    ask(f"Give up {round} of {keystore.facility}? What was answered will never be published", yes)
    announce(control, keystore, cancelling(keystore.facility, round))
    typer.echo(f"round {round} of {keystore.facility} is cancelled; its dates may be fielded again under another name")


def _retire(
    round: Round,
    form: Annotated[str, typer.Option(help="The form whose cohort is retired.")],
    unit: Annotated[str, typer.Option(help="The place the cohort was sealed at: a unit, or where units were pooled.")],
    reason: Annotated[str, typer.Option(help=f"Why, for auditors alone: {', '.join(get_args(WhyRetired))}.")],
    facility: Facility = None,
    yes: Yes = False,
) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    event, found = retiring(control.ledger(), keystore.facility, round, form=form, node=unit, reason=reason)
    _say_what_vanishes(event, found)
    ask(f"Retire {form} of {unit} in {round} of {keystore.facility}? This cannot be undone", yes)
    announce(control, keystore, event)
    typer.echo(f"{form} of {unit} in {round} of {keystore.facility} is retired; see wardpulse figures")


def _say_what_vanishes(event: CohortRetirement, found: EndedRound) -> None:
    places = ", ".join(found.organisation.paths[event.node])
    typer.echo(
        f"The {found.ending.cohorts[event.form][event.node]} answers to {event.form} that were sealed at {event.node} "
        f"in {event.round} vanish from every figure of {places}.\nNothing replaces them: they cannot be sealed again, "
        "nor can these dates be fielded again. Copies of figures that were already made cannot be recalled."
    )


def _answers(round: Round, facility: Facility = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    control = Control.connect(settings)
    name = facility or open_keystore(settings, None).facility
    found = control.ledger().find(name, round)
    if found is None:
        raise refusal(f"round {round} of {name}", Reason.UNKNOWN_ROUND)
    if found.state == "open":
        raise InputRefused(WHY_NO_COUNT)
    rows = published_answers(control.records_of(Topic.COHORTS, name), name, round)
    print_rows(rows, as_json, ("form", "place", "answers"), f"nothing of {round} is published")


def _now() -> datetime:
    return datetime.now(UTC)


def _state(row: dict[str, Any]) -> str:
    days, retired = row["days_overdue"], len(row["retired"])
    if retired:
        return f"{row['state']}, {retired} {'cohort' if retired == 1 else 'cohorts'} retired"
    return f"open, overdue by {days} days" if days else str(row["state"])


def _season(row: dict[str, Any]) -> str:
    return f"{row['season']} {row['calendar']}" if row["season"] else ""


def _show_preview(found: Sequence[Outlook], sensitive: Sequence[str]) -> None:
    for form in sorted({one.form for one in found}):
        # a sensitive form is no matter of single units
        place, sentences = ("place", _SENSITIVE) if form in sensitive else ("unit", _PROSPECTS)
        mine = [one for one in found if one.form == form]
        rows = [{place: one.place, "if_closed_now": sentences[one.prospect].format(where=one.where)} for one in mine]
        print_rows(rows, False, (place, "if_closed_now"), "")
        counts = Counter(one.prospect for one in mine)
        shown = (f"{counts[name]} {place}s {name.replace('_', ' ')}" for name in sentences if counts[name])
        typer.echo(f"{form}: " + ", ".join(shown))
