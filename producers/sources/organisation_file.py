"""The organisation of a facility as a YAML file: levels, and every node with its headcount."""

from pathlib import Path

from pydantic import ValidationError

from producers.sources.mapping import OrganisationSection, sentence
from producers.sources.yaml_text import parse_yaml, quoted
from schemas.errors import DataError, InputRefused
from schemas.events import Node, OrganisationUpdated
from schemas.fields import Id
from schemas.organisation import organisation

EXAMPLE = "docs/examples/organisation.yaml"
_MOST_REPORTED = 5


class OrganisationFile(OrganisationSection):
    """What the file holds."""

    facility: Id


def load_organisation(path: Path) -> OrganisationUpdated:
    """Read an organisation; InputRefused names what is wrong with it."""
    try:
        found = OrganisationFile.model_validate(parse_yaml(path))
        event = found.event(found.facility)
        organisation(event)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)[:_MOST_REPORTED]
        wrong = "; ".join(sentence(detail, "the file") for detail in details)
        raise InputRefused(f"{path}: {wrong}. {EXAMPLE} shows a complete one") from None
    except DataError as error:
        raise InputRefused(f"{path}: {error.detail}") from None
    return event


def organisation_text(event: OrganisationUpdated) -> str:
    """A record as such a file; read again it is the same record."""
    lines = [
        f"facility: {quoted(event.facility)}",
        f"levels: [{', '.join(map(quoted, event.levels))}]",
        f"effective_from: {event.effective_from}",
        "nodes:",
    ]
    return "\n".join([*lines, *map(_line, event.nodes)]) + "\n"


def _line(node: Node) -> str:
    parent = "null" if node.parent is None else quoted(node.parent)
    fields = [f"id: {quoted(node.id)}", f"parent: {parent}", f"kind: {quoted(node.kind)}", f"name: {quoted(node.name)}"]
    if node.headcount is not None:
        fields.append(f"headcount: {node.headcount}")
    if node.staff_group is not None:
        fields.append(f"staff_group: {quoted(node.staff_group)}")
    return f"  - {{{', '.join(fields)}}}"
