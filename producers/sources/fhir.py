"""FHIR QuestionnaireResponses of R4, R4B, R5 and STU3: a resource, a Bundle, or NDJSON.

A cell is named by the linkId of its item. Where an item has several answers, or a linkId stands at several places, the
cells are `linkId#1`, `linkId#2`, and there is none without a number. Of a coded answer a cell holds the weight, if the
answer or the Questionnaire gives it one, else the code. The fields of a response itself begin with `$`:

- `$id`, `$status`, `$authored`, `$questionnaire` (without its version) and `$questionnaire.version`;
- `$revision`: the version on the server, if it is a number; else 0, or 1 for what was amended;
- `$author`, `$source`, `$subject`: who they are, for `columns.person`; they are never sent;
- `$organization`, `$location`: of the author's role, the author, or the subject; with `.identifier` their number;
- `$tag:SYSTEM`: the code of that system among the tags; `$tag`, if there is one tag.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from producers.sources.fhir_check import violations
from producers.sources.fhir_questionnaire import Questionnaire, parse, read_questionnaires, value_of, weight_of
from producers.sources.fhir_resources import (
    Found,
    Resource,
    block,
    id_of,
    identifier_of,
    name_of,
    objects,
    read_resources,
    text,
)
from producers.sources.fhir_shape import Violation, shape_violations
from producers.sources.json_text import text_of
from producers.sources.sheet import NOT_SUBMITTED, Refused, RowReason, Sheet

_PARTIAL: Final = ("in-progress", "stopped")
_FINAL: Final = ("completed", "amended", "entered-in-error")
_LONGEST_VERSION: Final = 7
_PLACES: Final = ("Organization", "Location")
Weights = Mapping[tuple[str, str, str], str]


def read_fhir(file: Path | bytes, questionnaires: Sequence[Path | bytes] = ()) -> Iterator[Sheet | Refused]:
    """The responses of a file, checked against the Questionnaires given.

    InputRefused, before the first, if the file holds none, or if a Questionnaire cannot be used.
    """
    known = read_questionnaires(questionnaires)
    weights = {id(one): _weights(one) for one in known}
    found = read_resources(file, "QuestionnaireResponse")
    return (one if isinstance(one, Refused) else _sheet(one, known, weights) for one in found)


def read_checks(
    file: Path | bytes, questionnaires: Sequence[Path | bytes] = ()
) -> Iterator[tuple[bool, Refused | None]]:
    """For every response of a file whether it was sent off, and why it is refused, whatever a mapping may say."""
    known = read_questionnaires(questionnaires)
    for one in read_resources(file, "QuestionnaireResponse"):
        if isinstance(one, Refused):
            yield False, one
        else:
            yield one.resource.get("status") in _FINAL, check(one, known)


def check(found: Found, known: Sequence[Questionnaire]) -> Refused | None:
    """Why a response cannot be used, whatever a mapping may say; None if it fits."""
    form = _questionnaire_of(found, known)
    broken = list(violations(found.resource, form) if form else shape_violations(found.resource))
    if broken:
        return _refused(found.line, broken)
    if found.resource.get("status") not in _PARTIAL + _FINAL:
        return Refused(found.line, "$status", str(RowReason.WRONG_SHAPE), "a status that FHIR does not have")
    return None


def _sheet(found: Found, known: Sequence[Questionnaire], weights: Mapping[int, Weights]) -> Sheet | Refused:
    status = found.resource.get("status")
    # what is taken back may have lost its content; only who and what it was matters
    if status == "entered-in-error":
        return Sheet(found.line, _own_fields(found), withdrawn=True)
    refused = check(found, known)
    if refused is not None:
        return refused
    if status in _PARTIAL:
        return Refused(found.line, "$status", str(RowReason.NOT_SUBMITTED), f"{NOT_SUBMITTED}: it is {status}")
    form = _questionnaire_of(found, known)
    answers = _answers(found, weights[id(form)] if form else _own_weights(found))
    return Sheet(found.line, {**answers, **_own_fields(found)})


def _refused(line: int, broken: Sequence[Violation]) -> Refused:
    (link, rule), more = broken[0], f"; and {len(broken) - 1} more" if len(broken) > 1 else ""
    if link is None:
        return Refused(line, None, str(RowReason.WRONG_SHAPE), f"{rule}{more}: correct the system that wrote it")
    other = "the questionnaire" if link else "give the questionnaire that was asked"
    return Refused(
        line, link or None, str(RowReason.QUESTIONNAIRE), f"{rule}{more}: correct it at the source, or {other}"
    )


def _questionnaire_of(found: Found, known: Sequence[Questionnaire]) -> Questionnaire | None:
    """The Questionnaire that a response names; the only one given, if it names none."""
    url, version = _named(found.resource)
    if not url:
        return known[0] if len(known) == 1 else None
    # a canonical address of another Questionnaire may end in the same id; a place on a server is where it is
    is_place = isinstance(found.resource.get("questionnaire"), dict) or ":" not in url
    fitting = [
        *(one for one in known if url == one.url),
        *(
            one
            for one in known
            if one.id and f"/{url}".endswith(f"/Questionnaire/{one.id}") and (is_place or not one.url)
        ),
    ]
    exact = [one for one in fitting if version == one.version]
    near = [one for one in fitting if not version or not one.version]
    return next(iter([*exact, *near]), None)


def _named(resource: Resource) -> tuple[str, str]:
    """Address and version of the Questionnaire; STU3 names it by a reference."""
    named = text(resource, "questionnaire") or text(resource.get("questionnaire"), "reference")
    url, _, version = named.partition("|")
    return url, version


def _own_weights(found: Found) -> Weights:
    """The weights of a Questionnaire inside the response: it is believed, and not checked against."""
    named, _ = _named(found.resource)
    inside = found.resolved({"reference": named}) if named.startswith("#") else {}
    try:
        return _weights(parse(inside))
    except ValueError:
        return {}


def _weights(form: Questionnaire) -> Weights:
    found: dict[tuple[str, str, str], str] = {}
    for item in form.all_items():
        for option in item.options or ():
            if option.kind == "Coding" and option.weight is not None:
                found[item.link, text(option.value, "system"), text(option.value, "code")] = option.weight
                found.setdefault((item.link, "", text(option.value, "code")), option.weight)
    return found


def _answers(response: Found, weights: Weights) -> dict[str, str]:
    found: dict[str, list[str]] = {}
    waiting = objects(response.resource, "item")[::-1]
    while waiting:
        item = waiting.pop()
        answers = objects(item, "answer")
        given = [_cell(text(item, "linkId"), answer, response, weights) for answer in answers]
        found.setdefault(text(item, "linkId"), []).extend(one for one in given if one is not None)
        waiting += reversed([one for around in (item, *answers) for one in objects(around, "item")])
    named = [
        (f"{link}#{number}" if len(values) > 1 else link, value)
        for link, values in found.items()
        for number, value in enumerate(values, 1)
    ]
    counts = Counter(name for name, _ in named)
    # no item passes for a field of the response, nor for the numbered answer of another
    return {name: value for name, value in named if counts[name] == 1 and not name.startswith("$")}


def _cell(link: str, answer: Resource, found: Found, weights: Weights) -> str | None:
    kind, value = value_of(answer)
    if kind == "Reference":
        return id_of(value) if _kind(value) in _PLACES else _who(found, value)
    if kind != "Coding":
        own = weight_of(block(answer, f"_value{kind}")) if kind else None
        return own or (text_of(value) if kind else None)
    code, system = text(value, "code"), text(value, "system")
    known = weights.get((link, system, code)) if system else weights.get((link, "", code))
    return weight_of(value, answer) or known or code or None


def _own_fields(found: Found) -> dict[str, str]:
    resource = found.resource
    url, version = _named(resource)
    own = {
        "$id": text(resource, "id"),
        "$status": text(resource, "status"),
        "$authored": text(resource, "authored"),
        "$questionnaire": url,
        "$questionnaire.version": version,
        "$revision": _revision(resource),
        **{f"${name}": _who(found, resource.get(name)) for name in ("author", "source", "subject")},
    }
    return own | _places(found) | _tags(resource)


def _revision(resource: Resource) -> str:
    # never a time: it would tell when somebody answered
    version = text(block(resource, "meta"), "versionId")
    if version.isascii() and version.isdigit() and len(version) <= _LONGEST_VERSION:
        return version
    return "1" if resource.get("status") == "amended" else "0"


def _who(found: Found, reference: Any) -> str:
    """What names a person: of a role the one who has it, or nobody: with two roles a person would be two. A mark within
    the response alone names nobody either."""
    if not isinstance(reference, dict):
        return ""
    resolved = found.resolved(reference)
    if "PractitionerRole" in (text(resolved, "resourceType"), _kind(reference)):
        reference = block(resolved, "practitioner")
        resolved = found.resolved(reference)
    # one person, whether a response names a version of them or not, with the server's address or without
    return name_of(reference) or identifier_of(reference, resolved)


def _places(found: Found) -> dict[str, str]:
    """Organisation and location of the author's role; else of author or subject, if they are one."""
    role: Resource = {}
    for name in ("author", "subject"):
        reference = found.resource.get(name)
        resolved = found.resolved(reference)
        if name == "author" and text(resolved, "resourceType") == "PractitionerRole":
            locations = objects(resolved, "location")
            role = {
                "organization": resolved.get("organization"),
                "location": locations[0] if len(locations) == 1 else None,
            }
            break
        kind = text(resolved, "resourceType") or _kind(reference)
        if kind in _PLACES:
            role.setdefault(kind.lower(), reference)
    places = {}
    for name in ("organization", "location"):
        resolved = found.resolved(role.get(name))
        # an id inside the response is a mark that every response may use for another place
        is_inside = text(role.get(name), "reference").startswith("#")
        places[f"${name}"] = id_of(role.get(name)) or ("" if is_inside else text(resolved, "id"))
        places[f"${name}.identifier"] = identifier_of(role.get(name), resolved)
    return places


def _kind(reference: Any) -> str:
    parts = text(reference, "reference").split("/_history/")[0].split("/")
    return parts[-2] if len(parts) > 1 else text(reference, "type")


def _tags(resource: Resource) -> dict[str, str]:
    tags = objects(resource.get("meta"), "tag")
    # two codes of one system: which of them is meant cannot be known
    counts = Counter(text(tag, "system") for tag in tags)
    found = {f"$tag:{text(tag, 'system')}": text(tag, "code") for tag in tags if counts[text(tag, "system")] == 1}
    return found | ({"$tag": text(tags[0], "code")} if len(tags) == 1 else {})
