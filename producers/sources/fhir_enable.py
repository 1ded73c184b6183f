"""Whether an item of a Questionnaire was to be answered, given the other answers: True, False, or None if unknown."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from producers.sources.fhir_json import Object, extensions, objects, text
from producers.sources.fhir_values import compare, equal

_EXPRESSION: Final = ("http://hl7.org/fhir/uv/sdc/StructureDefinition/sdc-questionnaire-enableWhenExpression",)


@dataclass(frozen=True)
class Scope:
    """Items of a response that stand together, and the scope around them."""

    items: list[Object] = field(repr=False)
    outer: "Scope | None" = field(default=None, repr=False)

    @cached_property
    def by_link(self) -> dict[str, list[Object]]:
        """The items that stand here, by linkId."""
        found: dict[str, list[Object]] = {}
        for item in self.items:
            found.setdefault(text(item, "linkId"), []).append(item)
        return found

    @cached_property
    def answers(self) -> dict[str, list[Object]]:
        """The answers to every item here and below, by linkId."""
        found: dict[str, list[Object]] = {}
        waiting = list(self.items)
        while waiting:
            item = waiting.pop()
            answers = objects(item, "answer")
            found.setdefault(text(item, "linkId"), []).extend(answers)
            waiting += [*objects(item, "item"), *(one for answer in answers for one in objects(answer, "item"))]
        return found

    def nearest(self, link: str) -> list[Object]:
        """The answers to an item: of the same repetition of a group if it is there, else further out."""
        scope: Scope | None = self
        while scope is not None:
            if link in scope.answers:
                return scope.answers[link]
            scope = scope.outer
        return []


def is_enabled(item: Object, scope: Scope) -> bool | None:
    """Whether an item's own conditions hold."""
    conditions = objects(item, "enableWhen")
    if next(extensions(item, _EXPRESSION), None) is not None:
        return None
    if not conditions:
        return True
    held = [_holds(condition, scope) for condition in conditions]
    behaviour = text(item, "enableBehavior")
    verdicts = {_all(held), _any(held)}
    if behaviour == "all":
        return _all(held)
    if behaviour == "any":
        return _any(held)
    return verdicts.pop() if len(verdicts) == 1 else None


def _all(held: list[bool | None]) -> bool | None:
    return False if False in held else None if None in held else True


def _any(held: list[bool | None]) -> bool | None:
    return True if True in held else None if None in held else False


def _holds(condition: Object, scope: Scope) -> bool | None:
    given = [answer for answer in scope.nearest(text(condition, "question")) if _value(answer, "value")]
    wanted, operator = _value(condition, "answer"), text(condition, "operator") or "="
    if isinstance(condition.get("hasAnswer"), bool):  # as STU3 says it
        return bool(given) is condition["hasAnswer"]
    if operator == "exists":
        flag = condition.get("answerBoolean")
        return bool(given) is flag if isinstance(flag, bool) else None
    if wanted is None:
        return None
    verdicts = [_compared(operator, answer, *wanted) for answer in given]
    if operator == "!=":
        # versions of FHIR differ on several answers and on none
        return verdicts[0] if verdicts and len(set(verdicts)) == 1 else None
    return _any(verdicts)


def _compared(operator: str, answer: Object, name: str, wanted: Any) -> bool | None:
    found = _value(answer, "value")
    if found is None or found[0] != name:
        return None
    if operator in ("=", "!="):
        same = equal(name, found[1], wanted)
        return None if same is None else same is (operator == "=")
    order = compare(name, found[1], wanted)
    if order is None:
        return None
    verdicts = {">": order > 0, "<": order < 0, ">=": order >= 0, "<=": order <= 0}
    return verdicts.get(operator)


def _value(holder: Object, prefix: str) -> tuple[str, Any] | None:
    found = ((name.removeprefix(prefix), value) for name, value in holder.items() if name.startswith(prefix))
    return next((one for one in found if one[1] is not None), None)
