"""FHIR: QuestionnaireResponses of R4, R4B, R5 or STU3 as JSON: one, a Bundle of them, or NDJSON as bulk exports are.

Other resources are looked at only to find out where somebody works.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from producers.sources.csv_text import load
from producers.sources.fhir_cells import cells_of, own_fields
from producers.sources.fhir_check import first_of, violations
from producers.sources.fhir_json import Malformed, Object, load_json, text
from producers.sources.fhir_questionnaire import Questionnaire, Questionnaires, own_score
from producers.sources.fhir_references import Around, Reader
from producers.sources.json_text import NotJson, decoded
from producers.sources.sheet import NOT_SUBMITTED, Refused, RowReason, Sheet
from schemas.errors import InputRefused

RESPONSE: Final = "QuestionnaireResponse"
_NOT_SENT: Final = ("in-progress", "stopped")
_SENT: Final = ("completed", "amended")


class _Found(NamedTuple):
    """A resource, or why there is none; `line` of its file or its number there."""

    line: int
    resource: Any
    full_url: str = ""
    hint: str = ""
    reason: RowReason = RowReason.WRONG_SHAPE


def read_fhir(file: Path | bytes, questionnaires: Sequence[Path | bytes] = ()) -> Iterator[Sheet | Refused]:
    """The responses of a file. InputRefused, before the first, if it has none or a Questionnaire is none."""
    own = tuple(Questionnaire(one, is_given=True) for given in questionnaires for one in _questionnaires(given))
    name, data = load(file)
    around, count = Around(), 0
    # the file is gone through twice, so that a large one need not be held as objects
    for found in _resources(name, data):
        if not found.hint:
            around.add(found.resource, found.full_url)
            count += text(found.resource, "resourceType") == RESPONSE
    if not count:
        raise InputRefused(f"{name}: there is no {RESPONSE} in it: export the answers, not the questions or the people")
    known = Questionnaires(own, tuple(Questionnaire(one) for one in around.questionnaires()))
    return (one for found in _resources(name, data) for one in _outcome(found, around, known))


def _questionnaires(given: Path | bytes) -> list[Object]:
    name, data = load(given)
    found = [one.resource for one in _resources(name, data) if text(one.resource, "resourceType") == "Questionnaire"]
    if not found:
        raise InputRefused(f"{name}: there is no FHIR Questionnaire in it: give the questions that the answers are to")
    return found


def _resources(name: str, data: bytes) -> Iterator[_Found]:
    """Every resource of a file, Bundles opened. InputRefused if the file is neither JSON nor lines of it."""
    try:
        whole = load_json(decoded(data))
    except NotJson as error:
        yield from _lines(name, data, str(error))
        return
    if not isinstance(whole, dict) or not text(whole, "resourceType"):
        raise InputRefused(f"{name}: is JSON, but no FHIR resource: export a {RESPONSE}, a Bundle or NDJSON of them")
    yield from _opened(_Found(1, whole), numbered=True)


def _lines(name: str, data: bytes, why: str) -> Iterator[_Found]:
    content = decoded(data)
    lines: list[Any] = content.split(b"\n") if isinstance(content, bytes) else content.split("\n")
    if not any(text(_line(0, line).resource, "resourceType") for line in lines):
        raise InputRefused(f"{name}: {why}")
    for number, line in enumerate(lines, 1):
        if line.strip():
            yield from _opened(_line(number, line))


def _line(number: int, line: bytes | str) -> _Found:
    try:
        return _Found(number, load_json(line))
    except NotJson as error:
        return _Found(number, None, "", str(error), RowReason.UNREADABLE_ROW)


def _opened(found: _Found, *, numbered: bool = False) -> Iterator[_Found]:
    """A resource, or those of a Bundle, each with its number there if it is not a line of its own."""
    if found.hint:
        yield found
    elif not isinstance(found.resource, dict) or not text(found.resource, "resourceType"):
        yield found._replace(hint="not a FHIR resource: export it again")
    elif text(found.resource, "resourceType") != "Bundle":
        yield found
    else:
        for number, entry in enumerate(_entries(found.resource), 1):
            at = _Found(number if numbered else found.line, None)
            yield from _entry(at, entry)


def _entries(bundle: Object) -> list[Any]:
    entries = bundle.get("entry", [])
    return entries if isinstance(entries, list) else [entries]


def _entry(at: _Found, entry: Any) -> Iterator[_Found]:
    if not isinstance(entry, dict) or not isinstance(entry.get("resource", {}), dict):
        yield at._replace(hint="an entry of the Bundle is no object with a resource: export it again")
    elif text(entry.get("resource"), "resourceType"):
        yield at._replace(resource=entry["resource"], full_url=text(entry, "fullUrl"))


def _outcome(found: _Found, around: Around, known: Questionnaires) -> Iterator[Sheet | Refused]:
    if found.hint:
        yield Refused(found.line, None, str(found.reason), found.hint)
    elif text(found.resource, "resourceType") == RESPONSE:
        try:
            yield _sheet(found.line, Reader(found.resource, around), known)
        except Malformed as error:
            yield Refused(found.line, error.column, str(RowReason.WRONG_SHAPE), error.hint)


def _sheet(line: int, reader: Reader, known: Questionnaires) -> Sheet | Refused:
    status = text(reader.response, "status")
    if status == "entered-in-error":
        # whatever it says is taken back, so it need not be right
        return Sheet(line, own_fields(reader), withdrawn=True)
    if status not in (*_SENT, *_NOT_SENT):
        raise Malformed("$status", "status is none that FHIR has: correct the program that wrote it")
    questionnaire = known.of_response(reader)
    cells = cells_of(reader, questionnaire.score if questionnaire else own_score)
    wrong = first_of(violations(reader.response, questionnaire)) if questionnaire else None
    if questionnaire and wrong:
        link = wrong.link if questionnaire.is_given and (wrong.link or "").isprintable() else None
        return Refused(line, link, str(RowReason.QUESTIONNAIRE), wrong.hint)
    if status in _NOT_SENT:
        return Refused(line, "$status", str(RowReason.NOT_SUBMITTED), NOT_SUBMITTED)
    return Sheet(line, cells)
