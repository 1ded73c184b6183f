"""Programme files, and what a calendar needs to know of the instruments."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from deploy.library import Library
from producers.sources.mapping import sentence
from producers.sources.yaml_text import parse_yaml
from schemas.errors import InputRefused
from schemas.instruments.model import Instrument
from schemas.programme import Asked, Forms, Planned, Programme

EXAMPLE: Final = "docs/examples/programme-default.yaml"
_MOST_REPORTED: Final = 5


def load_programme(path: Path) -> Programme:
    """Read a programme; InputRefused names what is wrong with it."""
    try:
        return Programme.model_validate(parse_yaml(path))
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:_MOST_REPORTED]
        wrong = "; ".join(sentence(detail, "the file") for detail in details)
        raise InputRefused(f"{path}: {wrong}. {EXAMPLE} shows a complete one") from None


def asked_forms(library: Library) -> Forms:
    """What a calendar needs to know of every form that the deployment knows."""
    return {
        form: Asked(
            instrument=instrument.id,
            items=len(_items(instrument, scales)),
            sensitive=instrument.sensitive,
            min_interval_days=instrument.min_interval_days,
            in_use=library.is_enabled(instrument),
        )
        for instrument in library.instruments
        for form, scales in instrument.forms.items()
    }


def _items(instrument: Instrument, scales: Iterable[str]) -> set[int]:
    # a gate is a question before the others, and part of no scale
    gate = {instrument.gate.item} if instrument.gate else set[int]()
    return gate | {item for scale in scales for item in instrument.scales[scale].items}


def calendar(programme: Programme) -> tuple[Planned, ...]:
    """The rounds of a programme that is a calendar, by day."""
    given = (Planned(one.round, one.forms, one.first, one.last) for one in programme.calendar)
    return tuple(sorted(given, key=lambda one: (one.first, one.round)))


def rounds_rows(rounds: Iterable[Planned], forms: Forms) -> list[dict[str, Any]]:
    """Each round as a row, with the command that opens it."""
    return [
        {
            "round": one.round,
            "first": one.first.isoformat(),
            "last": one.last.isoformat(),
            "forms": list(one.forms),
            "items": one.items(forms),
            "sensitive": any(forms[form].sensitive for form in one.forms if form in forms),
            "command": opening(one),
        }
        for one in rounds
    ]


def opening(one: Planned) -> str:
    """The command that opens a round."""
    forms = " ".join(f"--form {form}" for form in one.forms)
    return f"wardpulse rounds open {one.round} {forms} --first {one.first} --last {one.last}"


def answered_items(rounds: Iterable[Planned], forms: Forms) -> int:
    """How many items a person answers who answers everything but the sensitive forms."""
    usual = (form for one in rounds for form in one.forms if form in forms)
    return sum(forms[form].items for form in usual if not forms[form].sensitive)
