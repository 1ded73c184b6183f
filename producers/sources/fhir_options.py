"""The options that a Questionnaire gives for an item, and whether an answer is one of them."""

from collections.abc import Iterable
from typing import Any, Final

from producers.sources.fhir_json import Object, objects, part
from producers.sources.fhir_questionnaire import Questionnaire, concepts, value_set
from producers.sources.fhir_values import equal

NOT_OPTION: Final = "the answer is not one of the options of the questionnaire: correct it at the source"


def option_names(item: Object, questionnaire: Questionnaire) -> list[Object]:
    """The options of an item, of the Questionnaire or of a ValueSet inside it; none if they cannot all be known."""
    options = [*objects(item, "answerOption"), *objects(item, "option")]
    return options or _of_value_set(questionnaire.contained(value_set(item)))


def not_an_option(options: Iterable[Object], answer: tuple[str, Any]) -> bool:
    """Whether there are options and an answer is surely none of them."""
    name, value = answer
    given = list(options)
    verdicts = [_is(option, name, value) for option in given]
    return bool(given) and not any(verdict is not False for verdict in verdicts)


def _is(option: Object, name: str, value: Any) -> bool | None:
    kind = name.removeprefix("value")
    return equal(kind, value, option[name]) if name in option else False


def _of_value_set(resource: Object) -> list[Object]:
    compose = part(resource, "compose")
    includes = objects(compose, "include")
    listed = includes and all(_is_listed(one) for one in includes) and not objects(compose, "exclude")
    if not listed and (compose or not _is_whole(part(resource, "expansion"))):
        return []
    found = (one.coding for one in concepts(resource))
    return [{"valueCoding": {"system": system, "code": code}} for system, code in found]


def _is_listed(include: Object) -> bool:
    return bool(objects(include, "concept")) and not any(name in include for name in ("filter", "valueSet"))


def _is_whole(expansion: Object) -> bool:
    """Whether an expansion holds every code: servers may cut it off, and then say how many there are."""
    return "contains" in expansion and not any(name in expansion for name in ("total", "offset", "next"))
