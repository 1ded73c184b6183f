"""What the commands for rounds and for the organisation share: options, questions, and sending."""

from typing import Annotated, Final

import typer

from deploy.control import Control
from deploy.library import in_use
from deploy.output import working
from producers.client import ControlEvent
from producers.keystore import Keystore
from schemas.events import RoundOpened
from schemas.instruments.enabled import known_forms
from schemas.organisation import Organisation
from stream_processors.steps.preview import too_small
from stream_processors.steps.seal import is_sensitive

Round = Annotated[str, typer.Argument(help="The round's name, such as 2026-W47.")]
Facility = Annotated[
    str | None, typer.Option(help="The facility; may be left out where the keystore folder holds one.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask. For scripts.")]
DATE: Final = ["%Y-%m-%d"]


def announce(control: Control, keystore: Keystore, event: ControlEvent) -> None:
    """Send a control event and show that an answer is waited for."""
    with working().status(f"Sending {event.type}, waiting for the worker"):
        control.announce(event, keystore)


def ask(question: str, yes: bool) -> None:
    """Ask, unless the answer was given with the command; No ends it."""
    if not yes:
        typer.confirm(question, abort=True)


def sensitive_forms(terms: RoundOpened) -> tuple[str, ...]:
    """The forms of a round that are sealed as sensitive."""
    known = known_forms(in_use())
    return tuple(form for form in terms.forms if is_sensitive(known[form], terms.policy))


def say_who_is_too_small(organisation: Organisation, terms: RoundOpened) -> None:
    """Say which units have no figures of their own whoever answers, and where sensitive forms have any at all."""
    sensitive, size = sensitive_forms(terms), terms.policy.cohort_size
    small = too_small(organisation, terms.leaves, terms.policy)
    if small and len(sensitive) < len(terms.forms):
        typer.echo(f"with fewer than {size} people, and so only in pooled figures: {', '.join(small)}")
    if sensitive:
        levels = {node.kind for name, node in organisation.nodes.items() if organisation.may_seal_sensitive(name)}
        where = " and ".join(level for level in organisation.levels if level in levels)
        typer.echo(
            f"sensitive, and so with figures for {where} alone, of {terms.policy.sensitive_size} people or more: "
            f"{', '.join(sensitive)}"
        )
