"""Commands that steer a facility's rounds: open, list, answers, close, cancel, retire."""

import os
import secrets
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final, get_args

import typer

from deploy.control import Control, open_keystore, refusal
from deploy.output import AsJson, print_rows, working
from deploy.rounds import (
    cancelling,
    closing,
    is_over,
    opening,
    organisation_of,
    policy,
    preview,
    published_answers,
    retiring,
    rounds_rows,
    still_open,
    today,
)
from deploy.settings import Settings
from producers.client import ControlEvent
from producers.keystore import Keystore
from schemas.errors import InputRefused, Reason
from schemas.events import CohortRetirement, RoundOpened, WhyRetired
from schemas.organisation import Organisation
from schemas.topics import Topic
from stream_processors.steps.preview import Outlook, Prospect, too_small
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
_OPEN_HELP = """Open a round: from now on answers to its forms are taken.

Makes the round's key in the facility's keystore, sends the signed marker and waits until the worker has taken it. What
the rules would refuse is refused here already, with the reason.

Example: wardpulse rounds open 2026-W47 --form cbi.work --first 2026-11-16 --last 2026-11-29
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
_PROSPECTS: Final[dict[Prospect, str]] = {
    "published": "has figures of its own",
    "pooled": "pooled in the figures of {where}",
    "withheld": "withheld: too few answered here and above",
    "overfull": "withheld: {where} has more answers than people; check its feed before you close",
}

Round = Annotated[str, typer.Argument(help="The round's name, such as 2026-W47.")]
Facility = Annotated[
    str | None, typer.Option(help="The facility; may be left out where the keystore folder holds one.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. For scripts.")]
_DATE: Final = ["%Y-%m-%d"]


def register(app: typer.Typer) -> None:
    """Add the commands for rounds to the front door."""
    rounds = typer.Typer(name="rounds", help=_HELP, no_args_is_help=True)
    rounds.command("open", help=_OPEN_HELP)(_open)
    rounds.command("list", help=_LIST_HELP)(_list)
    rounds.command("close", help=_CLOSE_HELP)(_close)
    rounds.command("cancel", help=_CANCEL_HELP)(_cancel)
    rounds.command("retire", help=_RETIRE_HELP)(_retire)
    rounds.command("answers", help=_ANSWERS_HELP)(_answers)
    app.add_typer(rounds)


def _open(
    round: Round,
    form: Annotated[list[str], typer.Option(help="A form to field; may be given more than once.")],
    first: Annotated[datetime, typer.Option(formats=_DATE, help="First answer date.")],
    last: Annotated[datetime, typer.Option(formats=_DATE, help="Last answer date.")],
    facility: Facility = None,
    unit: Annotated[list[str] | None, typer.Option(help="A unit to field; every unit if left out.")] = None,
    k: Annotated[int | None, typer.Option(help="Smallest group against an outsider; 10 if left out.")] = None,
    coalition: Annotated[int | None, typer.Option(help="Members who may pool what they know; 1 if left out.")] = None,
    outside: Annotated[
        int | None, typer.Option(help="Members of a pooled group outside its largest unit; 3 if left out.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option(help="person, or response where the survey does not know people.")
    ] = None,
) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    known = control.ledger()
    organisation = organisation_of(known, keystore.facility)
    event = opening(
        known,
        keystore.facility,
        settings.minimum_k,
        round=round,
        forms=tuple(form),
        first_answer_date=first.date(),
        last_answer_date=last.date(),
        leaves=tuple(unit or organisation.leaves()),
        policy=policy(k=k, coalition=coalition, outside=outside, identity=identity),
    )
    key_id = keystore.new_round(round, secrets.token_bytes).key_id
    announce(control, keystore, event.model_copy(update={"key_id": key_id}))
    typer.echo(
        f"round {round} of {keystore.facility} is open for answers dated {event.first_answer_date} to "
        f"{event.last_answer_date}: {', '.join(event.forms)} in {len(event.leaves)} units"
    )
    _say_too_small(organisation, event)


def _list(facility: Facility = None, as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    rows = rounds_rows(Control.connect(settings).ledger(), today(settings, _now))
    chosen = [row for row in rows if facility in (None, row["facility"])]
    shown = [{**row, "state": _state(row)} for row in chosen]
    print_rows(chosen if as_json else shown, as_json, _COLUMNS, "no round was opened yet: wardpulse rounds open --help")


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
        _say_too_small(found.organisation, terms)
    else:
        with working().status("Reading the log"):
            prospects = preview(control, keystore, round)
        _show_preview(prospects)
    _ask(f"Close {round} of {keystore.facility} and seal it? This cannot be undone", yes)
    announce(control, keystore, closing(keystore.facility, round))
    typer.echo(f"round {round} of {keystore.facility} is sealed; see wardpulse figures")


def _cancel(round: Round, facility: Facility = None, yes: Yes = False) -> None:
    settings = Settings.read(os.environ)
    keystore, control = open_keystore(settings, facility), Control.connect(settings)
    still_open(control.ledger(), keystore.facility, round)
    _ask(f"Give up {round} of {keystore.facility}? What was answered will never be published", yes)
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
    _ask(f"Retire {form} of {unit} in {round} of {keystore.facility}? This cannot be undone", yes)
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


def announce(control: Control, keystore: Keystore, event: ControlEvent) -> None:
    """Send a control event and show that an answer is waited for."""
    with working().status(f"Sending {event.type}, waiting for the worker"):
        control.announce(event, keystore)


def _now() -> datetime:
    return datetime.now(UTC)


def _ask(question: str, yes: bool) -> None:
    if not yes:
        typer.confirm(question, abort=True)


def _state(row: dict[str, Any]) -> str:
    days, retired = row["days_overdue"], len(row["retired"])
    if retired:
        return f"{row['state']}, {retired} {'cohort' if retired == 1 else 'cohorts'} retired"
    return f"open, overdue by {days} days" if days else str(row["state"])


def _say_too_small(organisation: Organisation, terms: RoundOpened) -> None:
    small = too_small(organisation, terms.leaves, terms.policy)
    if small:
        size = terms.policy.cohort_size
        typer.echo(f"with fewer than {size} people, and so only in pooled figures: {', '.join(small)}")


def _show_preview(found: Sequence[Outlook]) -> None:
    for form in sorted({one.form for one in found}):
        rows = [{"unit": one.place, "if_closed_now": _sentence(one)} for one in found if one.form == form]
        print_rows(rows, False, ("unit", "if_closed_now"), "")
        counts = Counter(one.prospect for one in found if one.form == form)
        typer.echo(f"{form}: " + ", ".join(f"{counts[name]} units {name}" for name in _PROSPECTS if counts[name]))


def _sentence(one: Outlook) -> str:
    return _PROSPECTS[one.prospect].format(where=one.where)
