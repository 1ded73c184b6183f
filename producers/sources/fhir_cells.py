"""The cells of a QuestionnaireResponse: its answers by linkId, and fields of its own that begin with `$`.

An answer is named by the linkId of its item. Where an item has several answers, or its group is repeated, they are
named `linkId#1`, `linkId#2` and so on in the order of the resource, and nothing is named by the linkId alone.
"""

import re
from collections import Counter
from collections.abc import Callable
from typing import Any, Final

from producers.sources.fhir_json import Number, Object, objects, part, string, text
from producers.sources.fhir_references import Reader
from producers.sources.fhir_shape import answer_items, value_of
from producers.sources.mapping import tidy

_VERSION: Final = re.compile(r"[0-9]{1,7}")
Score = Callable[[str, Object, Object], str | None]
"""From linkId, answer and its coding to the number it stands for, if one is known."""


def cells_of(reader: Reader, score: Score) -> dict[str, str]:
    """All cells of a response. Malformed if it is not built as FHIR says."""
    found: dict[str, list[str]] = {}
    for link, answers in answer_items(reader.response):
        for answer in answers:
            value = value_of(answer)
            if value is not None:
                found.setdefault(tidy(link), []).append(_text_of(link, answer, value, reader, score))
    named = [
        (_numbered(link, place, len(many)), cell) for link, many in found.items() for place, cell in enumerate(many, 1)
    ]
    counts = Counter(name for name, _ in named)
    own = own_fields(reader)
    # a field of ours is never what an item says, whatever the item is called
    return {name: cell for name, cell in named if counts[name] == 1 and not name.startswith("$")} | own


def own_fields(reader: Reader) -> dict[str, str]:
    """The fields that describe a response; those it does not have are empty or left out."""
    response = reader.response
    canonical, _, version = _questionnaire(response).partition("|")
    people = {f"${name}": reader.who(part(response, name)) for name in ("author", "source", "subject")}
    return {
        "$id": text(response, "id"),
        "$status": text(response, "status"),
        "$authored": text(response, "authored"),
        "$questionnaire": canonical,
        "$questionnaire.version": version,
        "$revision": _revision(response),
        **people,
        **reader.units(),
        **_tags(response),
    }


def _questionnaire(response: Object) -> str:
    return text(response, "questionnaire") or text(part(response, "questionnaire"), "reference")


def _revision(response: Object) -> str:
    version = text(part(response, "meta"), "versionId")
    if _VERSION.fullmatch(version):
        return version
    return "1" if text(response, "status") == "amended" else "0"


def _tags(response: Object) -> dict[str, str]:
    found = objects(part(response, "meta"), "tag")
    counts = Counter(text(tag, "system") for tag in found)
    named = {
        f"$tag:{tidy(text(tag, 'system'))}": text(tag, "code") for tag in found if counts[text(tag, "system")] == 1
    }
    return named | ({"$tag": text(found[0], "code")} if len(found) == 1 else {})


def _numbered(link: str, place: int, count: int) -> str:
    return link if count == 1 else f"{link}#{place}"


def _text_of(link: str, answer: Object, value: tuple[str, Any], reader: Reader, score: Score) -> str:
    name, found = value
    match name:
        case "valueCoding":
            known = score(link, answer, found)
            return text(found, "code") if known is None else known
        case "valueQuantity":
            return _number(found.get("value"))
        case "valueReference":
            kind = reader.kind(found)
            return reader.name(found) if kind in ("Organization", "Location") else reader.who(found)
        case "valueBoolean":
            return "true" if found else "false"
        case _:
            return found.text if isinstance(found, Number) else string(found)


def _number(value: Any) -> str:
    return value.text if isinstance(value, Number) else ""
