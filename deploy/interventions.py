"""Interventions from the command line: what is checked, what they mean, and which stand."""

from datetime import date
from typing import Any

from pydantic import ValidationError

from deploy.control import refusal
from deploy.resources import interventions
from schemas.canonical import derived_id
from schemas.errors import DataError, InputRefused
from schemas.events import Intervention, InterventionRecorded
from stream_processors.steps.intervening import recorded, standing
from stream_processors.steps.ledger import Ledger
from stream_processors.steps.rounds import Act


def intervening(
    known: Ledger, facility: str, what: Act, rebase: bool = False, withdrawn: bool = False
) -> tuple[Intervention, InterventionRecorded]:
    """The event that says what was done, or takes it back, and what comes of it; InputRefused if it is refused."""
    node, on, kind, label = what
    before = known.facility(facility).interventions.get(what)
    # asked again before it is answered it is the same event; said anew after it was taken back it is another
    said = 0 if before is None else before.version
    event_id = derived_id("intervention", facility, node, on.isoformat(), kind, label, said, rebase, withdrawn)
    try:
        event = Intervention(
            facility=facility,
            event_id=event_id,
            node=node,
            on=on,
            kind=kind,
            label=label,
            rebase=rebase,
            withdrawn=withdrawn,
        )
    except ValidationError as error:
        fields = sorted({str(detail["loc"][0]) for detail in error.errors(include_input=False)})
        raise InputRefused(
            f"the intervention cannot be: {', '.join(fields)} must be written as wardpulse organisation show and "
            "wardpulse interventions kinds have it"
        ) from None
    try:
        return event, recorded(known.facility(facility), event, interventions())
    except DataError as error:
        raise refusal(f"the intervention of {facility}", error.reason) from None


def meaning(event: InterventionRecorded, known: Ledger, today: date) -> list[str]:
    """What recording it means, in sentences."""
    kind = interventions().kinds[event.kind]
    facility = known.facility(event.facility)
    places = [] if facility.organisation is None else facility.organisation.paths.values()
    under = sum(event.node in path[:-1] for path in places)
    beside = f" and the {under} places under it" if under else ""
    found = [
        f"{kind.labels[event.label]} ({kind.name.lower()}), from {event.on} on, at {event.node}{beside}.",
        "Everybody who sees figures will see it. It names no person and changes no figure.",
    ]
    if event.on > today:
        found.append("That day has not come yet: it is shown as something that is planned.")
    if event.version > 1 and not facility.interventions[event.node, event.on, event.kind, event.label].taken_back:
        found.append("It stands already: from now on it stands like this.")
    if event.rebase:
        found.append(
            "Control limits are worked out anew from that day on: what was before it counts in them no more, so a "
            "chart cannot show whether it helped. That is meant for a known change that stays."
        )
    return found


def interventions_rows(known: Ledger, facility: str | None) -> list[dict[str, Any]]:
    """The interventions that stand, by facility and day."""
    names = sorted(name for name in known.facilities if facility in (None, name))
    return [_row(event) for name in names for event in standing(known.facility(name))]


def kinds_rows() -> list[dict[str, str]]:
    """The catalogue: every label with its kind."""
    return [
        {"kind": kind, "label": label, "meaning": sentence, "kind_meaning": found.name}
        for kind, found in interventions().kinds.items()
        for label, sentence in found.labels.items()
    ]


def _row(event: InterventionRecorded) -> dict[str, Any]:
    kind = interventions().kinds.get(event.kind)
    return {
        "facility": event.facility,
        "on": event.on.isoformat(),
        "node": event.node,
        "path": list(event.path),
        "kind": event.kind,
        "label": event.label,
        # one of a later version of the catalogue is shown by its id
        "meaning": (kind.labels.get(event.label) if kind else None) or event.label,
        "rebase": event.rebase,
    }
