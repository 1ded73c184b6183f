"""Whether what is valid under one JSON Schema is valid under another, as schema registries ask it. Pure.

BACKWARD: whoever has the new schema reads what was written under the old one. FORWARD: the other way round. FULL: both.
The rules are those of Confluent's Schema Registry for JSON Schema, strict: what a closed, partially open or open
content model lets in decides about properties that come and go, and a required property may come if it has a default.
https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/serdes-json.html

What cannot be decided counts as incompatible.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal, NamedTuple

Mode = Literal["backward", "forward", "full"]
Schema = Any
"""A JSON Schema: an object or a boolean."""

_TYPES: Final = frozenset({"null", "boolean", "integer", "number", "string", "array", "object"})
_NOTES: Final = frozenset(
    {
        *(
            "$schema",
            "$id",
            "$defs",
            "definitions",
            "$comment",
            "$anchor",
            "title",
            "description",
            "default",
            "examples",
        ),
        *("deprecated", "readOnly", "writeOnly", "discriminator", "contentMediaType"),
    }
)
_LOWER: Final = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER: Final = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EQUAL: Final = ("pattern", "format", "multipleOf", "uniqueItems", "propertyNames")
_KNOWN: Final = _NOTES.union(
    {"$ref", "type", "enum", "const", "anyOf", "oneOf", "required", "properties", "patternProperties"},
    {"additionalProperties", "items", *_LOWER, *_UPPER, *_EQUAL},
)
_MOST_DEEP: Final = 200


class Problem(NamedTuple):
    """A place in a schema, as a JSON pointer, and why data may not pass there."""

    path: str
    why: str


class _Pair(NamedTuple):
    """Two whole documents, in which references are looked up."""

    old: Schema
    new: Schema


class _Place(NamedTuple):
    """Where in both documents we are, and which pairs of references led here."""

    docs: _Pair
    path: str = ""
    depth: int = 0
    seen: frozenset[tuple[str, str]] = frozenset()

    def under(self, part: str = "") -> "_Place":
        """A place one step farther in."""
        return self._replace(path=self.path + part, depth=self.depth + 1)

    def following(self, old: Schema, new: Schema) -> "_Place | None":
        """The same place behind the references of both; None if that pair is being compared already."""
        pair = tuple(str(one.get("$ref", "")) if isinstance(one, dict) else "" for one in (old, new))
        if not all(pair):
            return self
        return None if pair in self.seen else self._replace(seen=self.seen | {(pair[0], pair[1])})


def problems(old: Schema, new: Schema, mode: Mode) -> list[Problem]:
    """What keeps the new schema from being compatible with the old one in a mode."""
    found = [] if mode == "forward" else list(_narrowed(old, new, _Place(_Pair(old, new))))
    if mode != "backward":
        back = _narrowed(new, old, _Place(_Pair(new, old)))
        found += [Problem(one.path, f"going back: {one.why}") for one in back]
    return list(dict.fromkeys(found))


def _narrowed(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    """Where the new schema may refuse what the old one accepts."""
    if at.depth > _MOST_DEEP:
        yield Problem(at.path, "it refers to itself without end, which is not decided here")
        return
    behind = at.following(old, new)
    if behind is None or (at.docs.old == at.docs.new and old == new):
        return
    at = behind
    old, new = _resolved(old, at.docs.old), _resolved(new, at.docs.new)
    if new is True or old is False or (isinstance(new, dict) and new.keys() <= _NOTES):
        return
    if new is False or old is True:
        yield Problem(at.path, "nothing passes any more" if new is False else "anything passed before")
        return
    strange = sorted(name for name in old.keys() | new.keys() if name not in _KNOWN)
    # equal words may refer to what has changed elsewhere in the documents
    if strange and (at.docs.old != at.docs.new or any(old.get(name) != new.get(name) for name in strange)):
        yield Problem(at.path, f"{strange[0]} is not looked into here")
        return
    branches = old.get("anyOf") or old.get("oneOf")
    if branches:
        for number, branch in enumerate(branches):
            yield from _narrowed(_with(old, branch), new, at.under(f"/{number}"))
        return
    if new.get("anyOf") or new.get("oneOf"):
        yield from _into_one(old, new, at)
        return
    for rule in _RULES:
        yield from rule(old, new, at)


def _resolved(schema: Schema, document: Schema) -> Schema:
    for _ in range(_MOST_DEEP):
        if not (isinstance(schema, dict) and isinstance(schema.get("$ref"), str)):
            break
        beside = {name: value for name, value in schema.items() if name != "$ref"}
        found = _at(document, schema["$ref"])
        schema = {**found, **beside} if isinstance(found, dict) else found
    return schema


def _at(document: Schema, reference: str) -> Schema:
    """What a reference within the document means; a schema that is unlike any other if it leads elsewhere."""
    found = document
    for part in reference.removeprefix("#").split("/")[1:] if reference.startswith("#") else ["?"]:
        name = part.replace("~1", "/").replace("~0", "~")
        if not isinstance(found, dict) or name not in found:
            return {f"unresolved {reference}": True}
        found = found[name]
    return found


def _with(schema: Mapping[str, Any], branch: Schema) -> Schema:
    """One branch of a choice with what stands beside the choice, which goes before it: more passes, never less."""
    beside = {name: value for name, value in schema.items() if name not in ("anyOf", "oneOf") and name not in _NOTES}
    if not isinstance(branch, dict):
        return beside if branch is True else branch
    return {**branch, **beside}


def _into_one(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    branches = new.get("anyOf") or new["oneOf"]
    if "oneOf" in new and not _are_disjoint(branches, at.docs.new):
        yield Problem(at.path, "whether only one branch of oneOf fits is not decided here")
    yield from _narrowed(old, _with(new, True), at.under())
    tried = [list(_narrowed(old, branch, at.under())) for branch in branches]
    if all(tried):
        yield Problem(at.path, f"it fits none of the choices: {min(tried, key=len)[0].why}")


def _are_disjoint(branches: list[Schema], document: Schema) -> bool:
    resolved = [_resolved(branch, document) for branch in branches]
    marks = [_mark(branch) for branch in resolved]
    return None not in marks and len(set(marks)) == len(marks)


def _mark(branch: Schema) -> tuple[str, str] | None:
    """What a value of the branch is told by: a required property with one value, or a type."""
    if not isinstance(branch, dict):
        return None
    for name in sorted(branch.get("required", [])):
        value = branch.get("properties", {}).get(name)
        if isinstance(value, dict) and "const" in value:
            return name, str(value["const"])
    kind = branch.get("type")
    return ("type", kind) if isinstance(kind, str) and kind not in ("integer", "number") else None


def _types(schema: Schema) -> frozenset[str]:
    found = schema.get("type")
    named = frozenset([found]) if isinstance(found, str) else frozenset(found) if found is not None else _TYPES
    return named | {"integer"} if "number" in named else named


def _type(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    lost = _types(old) - _types(new)
    if lost and not ("enum" in old or "const" in old):
        yield Problem(at.path, f"type {' and '.join(sorted(lost))} passes no more")


def _values(schema: Schema) -> list[Any] | None:
    if "const" in schema:
        return [schema["const"]]
    return list(schema["enum"]) if "enum" in schema else None


def _enumerated(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    before, after = _values(old), _values(new)
    if after is not None:
        if before is None:
            yield Problem(at.path, "only some values pass now")
        elif any(not any(_same(one, other) for other in after) for one in before):
            yield Problem(at.path, "a value passes no more")
    if before is not None and any(_type_of(one) not in _types(new) for one in before):
        yield Problem(at.path, "a value is of a type that passes no more")


def _same(one: Any, other: Any) -> bool:
    # in JSON true is not 1, but 1.0 is
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _type_of(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "integer" if float(value).is_integer() else "number"
    return {str: "string", list: "array", dict: "object", type(None): "null"}[type(value)]


def _bounds(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    for name in (*_LOWER, *_UPPER):
        sign = 1 if name in _LOWER else -1
        if name in new and (name not in old or (new[name] - old[name]) * sign > 0) and _matters(name, old):
            yield Problem(at.path, f"{name} is narrower")
    for name in _EQUAL:
        refers = name == "propertyNames" and at.docs.old != at.docs.new
        if name in new and (new[name] != old.get(name) or refers) and new[name] is not False and _matters(name, old):
            yield Problem(at.path, f"{name} has come or changed")


_FOR: Final = {
    "string": ("minLength", "maxLength", "pattern", "format"),
    "array": ("minItems", "maxItems", "uniqueItems"),
    "object": ("minProperties", "maxProperties", "propertyNames"),
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
}


def _matters(name: str, old: Schema) -> bool:
    """Whether a rule can meet any value that the old schema lets through."""
    return any(name in names and kind in (_types(old) | _integers(old)) for kind, names in _FOR.items())


def _integers(schema: Schema) -> frozenset[str]:
    return frozenset({"number"}) if "integer" in _types(schema) else frozenset()


def _items(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    if "array" in _types(old) and old.get("maxItems") != 0:
        yield from _narrowed(old.get("items", True), new.get("items", True), at.under("/items"))


def _required(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    if "object" not in _types(old):
        return
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        value = _resolved(new.get("properties", {}).get(name, {}), at.docs.new)
        if not (isinstance(value, dict) and "default" in value):
            yield Problem(at.under(f"/properties/{_pointer(name)}").path, "it is required now and has no default")


def _properties(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    if "object" not in _types(old):
        return
    before, after = old.get("properties", {}), new.get("properties", {})
    for name in sorted(before.keys() | after.keys()):
        place = at.under(f"/properties/{_pointer(name)}")
        if name in before and name in after:
            yield from _narrowed(before[name], after[name], place)
        elif old.get("patternProperties") or new.get("patternProperties"):
            yield Problem(place.path, "it came or went beside patternProperties, which is not decided here")
        elif name in before:
            yield from _told(before[name], _rest(new), place, "it went, and what remains is closed to it")
        else:
            yield from _told(_rest(old), after[name], place, "it came, and anything could stand there")


def _told(old: Schema, new: Schema, at: _Place, why: str) -> Iterator[Problem]:
    found = list(_narrowed(old, new, at))
    yield from [Problem(at.path, why)] if found and (old is True or new is False) else found


def _rest(schema: Schema) -> Schema:
    """What properties that are not named may be: closed, open, or something of a kind."""
    return schema.get("additionalProperties", True)


def _patterns(old: Schema, new: Schema, at: _Place) -> Iterator[Problem]:
    if "object" not in _types(old):
        return
    before, after = old.get("patternProperties", {}), new.get("patternProperties", {})
    if before.keys() != after.keys():
        yield Problem(at.path, "patternProperties came or went, which is not decided here")
        return
    for pattern in sorted(before):
        yield from _narrowed(before[pattern], after[pattern], at.under("/patternProperties"))
    yield from _told(
        _rest(old), _rest(new), at.under("/additionalProperties"), "the content was open and is not any more"
    )


def _pointer(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


_Rule = Callable[[Any, Any, _Place], Iterator[Problem]]
_RULES: Final[tuple[_Rule, ...]] = (_type, _enumerated, _bounds, _items, _required, _properties, _patterns)
