"""What may change in a schema: the cases that Confluent's registry describes, and those of our own contract."""

from typing import Any

import pytest

from schemas.compatibility import Mode, problems
from schemas.json_schema import event_schemas

Schema = dict[str, Any]


def closed(**properties: Any) -> Schema:
    """An object of these properties and no others."""
    return {"type": "object", "properties": properties, "additionalProperties": False}


def opened(**properties: Any) -> Schema:
    """An object of these properties and any others."""
    return {"type": "object", "properties": properties}


def partly(**properties: Any) -> Schema:
    """An object of these properties and others that are whole numbers."""
    return {"type": "object", "properties": properties, "additionalProperties": {"type": "integer"}}


def needing(schema: Schema, *names: str) -> Schema:
    """The schema with required properties."""
    return {**schema, "required": list(names)}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}
WITH_DEFAULT = {"type": "string", "default": "x"}


@pytest.mark.parametrize(
    ("old", "new", "is_compatible"),
    [
        # a property that comes
        (closed(a=TEXT), closed(a=TEXT, b=TEXT), True),
        (opened(a=TEXT), opened(a=TEXT, b=TEXT), False),
        (opened(a=TEXT), opened(a=TEXT, b={}), True),
        (partly(a=TEXT), partly(a=TEXT, b=NUMBER), True),
        (partly(a=TEXT), partly(a=TEXT, b=TEXT), False),
        (closed(a=TEXT), needing(closed(a=TEXT, b=TEXT), "b"), False),
        (closed(a=TEXT), needing(closed(a=TEXT, b=WITH_DEFAULT), "b"), True),
        # one that goes
        (closed(a=TEXT, b=TEXT), closed(a=TEXT), False),
        (opened(a=TEXT, b=TEXT), opened(a=TEXT), True),
        (partly(a=TEXT, b=WHOLE), partly(a=TEXT), True),
        (partly(a=TEXT, b=TEXT), partly(a=TEXT), False),
        (needing(closed(a=TEXT), "a"), closed(a=TEXT), True),
        # types, values, bounds
        (WHOLE, NUMBER, True),
        (NUMBER, WHOLE, False),
        (TEXT, {"type": ["string", "null"]}, True),
        ({"enum": ["a"]}, {"enum": ["a", "b"]}, True),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, False),
        ({"const": 1}, WHOLE, True),
        (WHOLE, {"const": 1}, False),
        ({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 6}, True),
        ({"type": "integer", "maximum": 5}, {"type": "integer", "maximum": 4}, False),
        (WHOLE, {"type": "integer", "minimum": 0}, False),
        (TEXT, {"type": "string", "pattern": "^a"}, False),
        ({"type": "string", "pattern": "^a"}, TEXT, True),
        # content
        (opened(), closed(), False),
        (closed(), opened(), True),
        ({"type": "array", "items": WHOLE}, {"type": "array", "items": NUMBER}, True),
        ({"type": "array", "items": NUMBER}, {"type": "array", "items": WHOLE}, False),
        # choices
        (TEXT, {"anyOf": [TEXT, WHOLE]}, True),
        ({"anyOf": [TEXT, WHOLE]}, TEXT, False),
        ({"anyOf": [TEXT, WHOLE]}, {"anyOf": [NUMBER, TEXT]}, True),
        # what cannot be decided
        (TEXT, {"type": "string", "not": {"const": "x"}}, False),
        ({"$ref": "elsewhere.json"}, TEXT, False),
    ],
)
def test_what_may_change_backwards(old: Schema, new: Schema, is_compatible: bool) -> None:
    assert (problems(old, new, "backward") == []) is is_compatible
    assert (problems(new, old, "forward") == []) is is_compatible


def test_a_problem_names_its_place() -> None:
    old = closed(a={"type": "array", "items": closed(b=NUMBER)})
    new = closed(a={"type": "array", "items": closed(b=WHOLE)})
    (found,) = problems(old, new, "backward")
    assert found.path == "/properties/a/items/properties/b"
    assert "number" in found.why
    (back,) = problems(new, old, "full")
    assert back.why.startswith("going back")


def test_references_are_followed_also_to_themselves() -> None:
    def tree(value: Schema) -> Schema:
        node = closed(value=value, below={"type": "array", "items": {"$ref": "#/$defs/node"}})
        return {"$ref": "#/$defs/node", "$defs": {"node": node}}

    assert problems(tree(WHOLE), tree(NUMBER), "backward") == []
    assert {one.path for one in problems(tree(NUMBER), tree(WHOLE), "backward")} == {"/properties/value"}


@pytest.mark.parametrize("mode", ["backward", "forward", "full"])
def test_our_contract_is_compatible_with_itself(mode: Mode) -> None:
    for schema in event_schemas().values():
        assert problems(schema, schema, mode) == []


def test_an_item_more_is_no_change_of_our_contract() -> None:
    """Answers are a map, so that instruments change without a change of the schema."""
    submission = event_schemas()["submission"]
    assert submission["properties"]["answers"]["additionalProperties"] is False
    assert "patternProperties" in submission["properties"]["answers"]
    wider = {**submission, "properties": {**submission["properties"], "note": {"type": "string"}}}
    assert problems(submission, wider, "backward") == []
    assert problems(submission, wider, "full") != []
