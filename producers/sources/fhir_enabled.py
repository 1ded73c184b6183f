"""Whether an item was asked at all, by the other answers: `enableWhen` of R4, R5 and STU3."""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

from producers.sources.fhir_answers import Value, is_option, values_of
from producers.sources.fhir_compare import difference
from producers.sources.fhir_questionnaire import Item, Option, value_of
from producers.sources.fhir_resources import Resource, objects, text

_ORDER: Final = {">": (1,), "<": (-1,), ">=": (0, 1), "<=": (-1, 0)}


class Around:
    """An element of a response, and the answers below it by the linkId of their question, found once."""

    def __init__(self, element: Resource) -> None:
        self._element = element

    @cached_property
    def answers(self) -> dict[str, list[Value]]:
        """The values of every question below."""
        found: dict[str, list[Value]] = {}
        for item in _below(self._element):
            found.setdefault(text(item, "linkId"), []).extend(values_of(item))
        return found


def is_enabled(item: Item, around: Sequence[Around]) -> bool | None:
    """Whether it was asked; None if it cannot be told here. `around`: the elements it stands in, outermost first."""
    conditions = objects(item.raw, "enableWhen")
    if item.extension("enableWhenExpression"):
        return None
    if not conditions:
        return True
    found = [_holds(one, around) for one in conditions]
    behaviour = text(item.raw, "enableBehavior") or ("any" if not text(conditions[0], "operator") else "")
    if len(found) == 1 or len(set(found)) == 1:
        return found[0]
    if behaviour == "any":
        return True if True in found else None if None in found else False
    if behaviour == "all":
        return False if False in found else None if None in found else True
    return None


def _holds(condition: Resource, around: Sequence[Around]) -> bool | None:
    values = _answers(text(condition, "question"), around)
    operator = text(condition, "operator") or ("exists" if "hasAnswer" in condition else "=")
    kind, expected = value_of(condition, "answer")
    if operator == "exists":
        wanted = condition.get("hasAnswer", expected)
        return bool(values) == wanted if isinstance(wanted, bool) else None
    if not values:
        return None if operator == "!=" else False
    if kind not in {value[0] for value in values}:
        # a condition on a type that the question does not have says nothing
        return None
    if operator in ("=", "!="):
        same = [is_option(value, Option(kind, expected, None, False)) for value in values]
        is_there = any(same)
        if operator == "!=" and is_there and not all(same):
            # versions of FHIR differ on several answers of which one is it
            return None
        return is_there if operator == "=" else not is_there
    compared = [_sign(value, kind, expected) for value in values]
    if operator not in _ORDER or None in compared:
        return None
    return any(sign in _ORDER[operator] for sign in compared)


def _sign(value: Value, kind: str, expected: Any) -> int | None:
    if value[0] != kind:
        return None
    return difference(value[1], expected, kind)


def _answers(link: str, around: Sequence[Around]) -> list[Value]:
    """The answers to a question, looked for next to the item first, and then farther out."""
    return next((found for one in reversed(around) if (found := one.answers.get(link))), [])


def _below(element: Resource) -> Iterator[Resource]:
    waiting = [element]
    while waiting:
        inner = waiting.pop()
        for item in objects(inner, "item"):
            yield item
            waiting.append(item)
            waiting += objects(item, "answer")
