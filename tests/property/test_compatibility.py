"""Where two schemas are called compatible, whatever the one accepts the other accepts: jsonschema judges."""

from itertools import product
from typing import Any, Final

from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from schemas.compatibility import problems

Schema = Any
SCALARS: Final[tuple[Any, ...]] = (None, True, False, -1, 0, 1, 2, 1.5, "", "a", "ab", "b")
VALUES: Final[tuple[Any, ...]] = (
    *SCALARS,
    *([one] for one in SCALARS),
    *([], [0, 1], ["a", 1], [0, 0]),
    *({"a": one} for one in SCALARS),
    *({"b": one} for one in SCALARS),
    *({"a": one, "b": other} for one, other in product((None, 0, 1, "a"), repeat=2)),
    *({}, {"c": 1}, {"a": {"a": 1}}, {"a": [1]}, {"a": 1, "c": "x"}),
)
"""Small values of every kind; the rules are about these alone."""

SCALAR_SCHEMAS: Final = st.one_of(
    st.sampled_from([True, False, {}, {"title": "x"}, {"type": "null"}, {"type": "boolean"}]),
    st.fixed_dictionaries(
        {"type": st.sampled_from(["integer", "number", ["integer", "null"]])},
        optional={
            "minimum": st.integers(-1, 2),
            "maximum": st.integers(0, 2),
            "exclusiveMinimum": st.integers(-1, 1),
            "multipleOf": st.sampled_from([1, 2]),
        },
    ),
    st.fixed_dictionaries(
        {"type": st.just("string")},
        optional={
            "minLength": st.integers(0, 2),
            "maxLength": st.integers(0, 2),
            "pattern": st.sampled_from(["^a", "b$"]),
        },
    ),
    st.builds(lambda values: {"enum": values}, st.lists(st.sampled_from(SCALARS), min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, st.sampled_from(SCALARS)),
)


def nested(inner: st.SearchStrategy[Schema]) -> st.SearchStrategy[Schema]:
    """Objects, lists and choices of schemas."""
    names = st.sampled_from(["a", "b", "c"])
    objects = st.fixed_dictionaries(
        {"type": st.just("object")},
        optional={
            "properties": st.dictionaries(names, inner, max_size=2),
            "required": st.lists(names, max_size=2, unique=True),
            "additionalProperties": inner,
            "patternProperties": st.dictionaries(st.sampled_from(["^a", "^b"]), inner, max_size=1),
            "minProperties": st.integers(0, 2),
            "maxProperties": st.integers(0, 2),
        },
    )
    arrays = st.fixed_dictionaries(
        {"type": st.just("array")},
        optional={
            "items": inner,
            "minItems": st.integers(0, 2),
            "maxItems": st.integers(0, 2),
            "uniqueItems": st.booleans(),
        },
    )
    choices = st.builds(
        lambda kind, branches, beside: {kind: branches, **beside},
        st.sampled_from(["anyOf", "oneOf"]),
        st.lists(inner, min_size=1, max_size=2),
        st.sampled_from([{}, {"type": ["integer", "string"]}, {"minimum": 1}]),
    )
    return st.one_of(objects, arrays, choices)


SCHEMAS: Final = st.recursive(SCALAR_SCHEMAS, nested, max_leaves=5)


def changed(schema: Schema) -> st.SearchStrategy[Schema]:
    """The schema itself, or with one part of it replaced: most pairs that are compatible are alike."""
    if not isinstance(schema, dict) or not schema:
        return SCHEMAS
    return st.one_of(
        st.just(schema),
        st.sampled_from(sorted(schema)).map(lambda name: {key: part for key, part in schema.items() if key != name}),
        st.tuples(st.sampled_from(sorted(schema)), SCHEMAS).map(lambda pair: _replaced(schema, *pair)),
        SCHEMAS,
    )


def _replaced(schema: dict[str, Any], name: str, other: Schema) -> Schema:
    value = schema[name]
    if isinstance(value, dict) and name in ("properties", "patternProperties") and value:
        return {**schema, name: {**value, sorted(value)[0]: other}}
    if name in ("items", "additionalProperties"):
        return {**schema, name: other}
    if isinstance(value, int) and not isinstance(value, bool):
        return {**schema, name: value + 1}
    return schema


def accepted(schema: Schema) -> list[int]:
    """Which of the small values a schema accepts."""
    validator = Draft202012Validator(schema)
    return [place for place, value in enumerate(VALUES) if validator.is_valid(value)]


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_what_the_old_schema_accepts_the_new_one_accepts(data: st.DataObject) -> None:
    old = data.draw(SCHEMAS)
    new = data.draw(changed(old))
    assert problems(old, old, "full") == [] or "oneOf" in str(old)
    if not problems(old, new, "backward"):
        assert set(accepted(old)) <= set(accepted(new))
    if not problems(old, new, "forward"):
        assert set(accepted(new)) <= set(accepted(old))
    assert (problems(old, new, "full") == []) == (problems(old, new, "backward") == [] == problems(old, new, "forward"))
