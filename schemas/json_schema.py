"""The contract as JSON Schema, draft 2020-12: one closed schema per event type, from the models that check the events.

What a schema cannot say, `BEYOND` lists: there the code refuses more.
"""

from collections.abc import Iterator
from typing import Any, Final, get_args

from schemas.cloudevents import schema_id
from schemas.events import AnyEvent
from schemas.policy import FLOORS

DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
BEYOND: Final = (
    "a day must be a date of the calendar, from 2000 to 2100",
    "a whole number is written without a decimal point",
    "the coalition of a policy is at most k - 2",
    "bounds stand in order, and no more people are at risk than answered",
    "in round.sealed every place has a state in every form, and sensitive forms have their own states",
    "an organisation is one tree, of the levels named",
    "figures of an indicator are there exactly where it is published",
)
_DAY: Final = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
Schema = dict[str, Any]


def event_schemas() -> dict[str, Schema]:
    """Event type to its schema, in order of type."""
    models = {model.model_fields["type"].default: model for model in get_args(AnyEvent)}
    return {name: _schema(name, models[name].model_json_schema()) for name in sorted(models)}


def _schema(name: str, found: Schema) -> Schema:
    found["required"] = ["type", *found["required"]]
    for part in _parts(found):
        _complete(part)
    for policy in (part for part in _parts(found) if part.get("title") == "Policy"):
        for field, (floor, _) in FLOORS.items():
            policy["properties"][field]["minimum"] = floor
    return {"$schema": DRAFT, "$id": schema_id(name, 1), **found}


def _complete(part: Schema) -> None:
    """Say what the models check and pydantic leaves out of their schemas."""
    if "patternProperties" in part:
        part["additionalProperties"] = False
    if part.get("pattern") == _DAY:
        part["format"] = "date"


def _parts(schema: Any) -> Iterator[Schema]:
    """Every object of a schema, itself first."""
    waiting = [schema]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            yield found
            waiting += found.values()
        elif isinstance(found, list):
            waiting += found
