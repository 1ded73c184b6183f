"""One made-up survey as every source would export it, in the exact format of each and with its quirks.

The people, their answers and what must come of each sheet are known, so that what is read can be compared. Nothing
here is a wording of an instrument. The same seed gives the same bytes.

    python -m tests.exports     # writes the exports of docs/examples/sources anew
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Final

from tests.surveyed import ITEMS, LABELS, ZONE, Export, Person, mapping_of, people

EXAMPLES: Final = Path(__file__).parents[1] / "docs" / "examples" / "sources"
SUFFIXES: Final = {"questionnaire": ".json", "dictionary": ".csv"}


def _table(rows: Iterable[Iterable[str]], **how: Any) -> str:
    text = io.StringIO(newline="")
    csv.writer(text, **{"lineterminator": "\r\n", **how}).writerows(rows)
    return text.getvalue()


def limesurvey(unit: str, count: int, seed: int = 1) -> Export:
    """UTF-8 with BOM, `;`, every cell quoted, a blank line at the end; answer codes; one sheet not sent off."""
    known = people(unit, count, seed)
    columns = [f"Q1[SQ{place:03}]" for place in range(1, 8)]
    header = ["id", "submitdate", "lastpage", "startlanguage", "seed", "token", "ipaddr", "Q0", "Qfree", *columns]
    rows = []
    for p in known:
        answers = [f"A{p.answers[item] + 1}" if item in p.answers else "" for item in ITEMS]
        own = [p.response, p.local("%Y-%m-%d %H:%M:%S"), "3", "de", "81", p.staff_number, "203.0.113.9", unit]
        rows.append([*own, f"I am {p.name};\nsee me", *answers])
    rows.append(["99", "", "1", "de", "82", "EMP-unfinished", "203.0.113.9", unit, "", "A1", *[""] * 6])
    text = _table([header, *rows], delimiter=";", quoting=csv.QUOTE_ALL)
    mapping = mapping_of(
        "limesurvey",
        {"unit": "Q0"},
        dict(zip(ITEMS, columns, strict=True)),
        values={f"A{code + 1}": code for code in range(5)},
    )
    return Export(
        "limesurvey", "csv", (text + "\r\n").encode("utf-8-sig"), mapping, known, Counter({"not_submitted": 1})
    )


_QUALTRICS: Final = (
    *("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished", "RecordedDate"),
    *("ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail", "ExternalReference"),
    *("LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage"),
)


def _qualtrics_rows(known: tuple[Person, ...]) -> Iterable[list[str]]:
    for p in known:
        stamp = p.local("%Y-%m-%d %H:%M:%S")
        first, last = p.name.split(" ")
        own = [stamp, stamp, "0", "203.0.113.7", "100", "61", "1", stamp, f"R_{p.response}", last, first, p.mail]
        answers = (str(p.answers.get(item, "")) for item in ITEMS)
        yield [*own, p.staff_number, "48.137", "11.575", "email", "DE", p.unit, *answers]


def qualtrics(unit: str, count: int, seed: int = 2, header_rows: int = 3) -> Export:
    """Two or three header rows, question texts over two lines; a preview and an unfinished response."""
    known = people(unit, count, seed)
    questions = ["unit", *(f"Q{number}" for number in range(1, 8))]
    header = [*_QUALTRICS, *questions]
    texts = [f"Text of {name},\nsecond line" for name in header]
    ids = [json.dumps({"ImportId": name}) for name in header]
    rows = list(_qualtrics_rows(known))
    preview, unfinished = list(rows[0]), list(rows[1])
    preview[2], preview[8] = "1", "R_previewed1"
    unfinished[6], unfinished[8] = "0", "R_unfinished1"
    text = _table([header, texts, *([ids] if header_rows == 3 else []), *rows, preview, unfinished])
    mapping = mapping_of("qualtrics", {"unit": "unit"}, dict(zip(ITEMS, questions[1:], strict=True)))
    return Export("qualtrics", "csv", text.encode(), mapping, known, Counter({"not_accepted": 2}))


def qualtrics_json(unit: str, count: int, seed: int = 3) -> Export:
    """The JSON export: numbers, `Z` stamps, ids for questions."""
    known = people(unit, count, seed)
    found = []
    for p in known:
        stamp = p.sent.strftime("%Y-%m-%dT%H:%M:%SZ")
        values = {
            "startDate": stamp,
            "endDate": stamp,
            "status": 0,
            "ipAddress": "203.0.113.5",
            "progress": 100,
            "finished": 1,
            "recordedDate": stamp,
            "_recordId": f"R_{p.response}",
            "recipientEmail": p.mail,
            "externalDataReference": p.staff_number,
            "unit": unit,
            "QID9_TEXT": f"call {p.name}",
            **{f"QID{place}": p.answers[item] for place, item in enumerate(ITEMS, 1) if item in p.answers},
        }
        found.append({"responseId": f"R_{p.response}", "values": values, "labels": {"QID1": "level one"}})
    found.append({"responseId": "R_broken1"})
    items = {item: f"QID{place}" for place, item in enumerate(ITEMS, 1)}
    mapping = mapping_of("qualtrics-json", {"unit": "unit"}, items)
    data = json.dumps({"responses": found}, ensure_ascii=False).encode()
    return Export("qualtrics", "json", data, mapping, known, Counter({"wrong_shape": 1}))


def ms_forms(unit: str, count: int, seed: int = 4) -> Export:
    """Saved from Excel: Windows code page with dashes and quotation marks, `M/D/YY`, a header over two lines."""
    known = people(unit, count, seed)
    questions = [f"{number} \u2013 \u201chow\noften\u201d" for number in range(1, 8)]
    header = ["ID", "Start time", "Completion time", "Email", "Name", "Ward", "Wishes", *questions]
    rows = []
    for p in known:
        local = p.sent.astimezone(ZONE)
        stamp = f"{local.month}/{local.day}/{local:%y} {local.hour}:{local:%M:%S}"
        answers = [LABELS[p.answers[item]] if item in p.answers else "" for item in ITEMS]
        rows.append([p.response, stamp, stamp, p.mail, p.name, unit, "a;b;", *answers])
    rows.append([*rows[0][:3], "anonymous", "", *rows[0][5:]])
    text = _table([header, *rows])
    mapping = mapping_of(
        "forms",
        {"unit": "Ward"},
        dict(zip(ITEMS, (" ".join(question.split()) for question in questions), strict=True)),
        values={label: code for code, label in enumerate(LABELS)},
    )
    return Export("ms-forms", "csv", text.encode("cp1252"), mapping, known, Counter({"missing_person": 1}))


def google_forms(unit: str, count: int, seed: int = 5) -> Export:
    """No number for a response and no sign-in; two responses within one second; checkboxes with commas."""
    known = people(unit, count, seed)
    questions = [f"How often [row {number}]" for number in range(1, 8)]
    header = ["Timestamp", "Where do you work?", "Your name (optional)", "Pick any", *questions]
    rows = []
    for p in known:
        stamp = (known[4] if p is known[5] else p).local("%m/%d/%Y %H:%M:%S")
        answers = [LABELS[p.answers[item]] if item in p.answers else "" for item in ITEMS]
        rows.append([stamp, unit, p.name, "tea, coffee", *answers])
    rows.append([rows[0][0], "a place that is not there", *rows[0][2:]])
    mapping = mapping_of(
        "google",
        {"unit": "Where do you work?"},
        dict(zip(ITEMS, questions, strict=True)),
        identity="response",
        values={label: code for code, label in enumerate(LABELS)},
    )
    text = _table([header, *rows], lineterminator="\n")
    return Export("google-forms", "csv", text.encode(), mapping, known, Counter({"unknown_unit": 1}))


def json_lines(unit: str, count: int, seed: int = 6) -> Export:
    """Nested objects; a line cut off, a line that is no object, one name twice; the first sheet twice."""
    known = people(unit, count, seed)
    lines = [
        json.dumps(
            {
                "response": p.response,
                "person": p.staff_number,
                "unit": unit,
                "name": p.name,
                "submitted": p.sent.astimezone(ZONE).isoformat(),
                "answers": {item: p.answers.get(item) for item in ITEMS},
            }
        )
        for p in known
    ]
    broken = [lines[0][:-20], "[1, 2]", '{"unit": "a", "unit": "b"}', ""]
    mapping = mapping_of("kiosk", {}, {item: f"answers.{item}" for item in ITEMS})
    data = "\ufeff" + "\r\n".join([*lines, *broken, lines[0]]) + "\n"
    refused = Counter({"unreadable_row": 2, "wrong_shape": 1})
    return Export("jsonl", "jsonl", data.encode(), mapping, known, refused, again=1)


def redcap(unit: str, count: int, seed: int = 7) -> Export:
    """A longitudinal project with a repeating instrument: rows of the record alone, a page begun and not finished."""
    known = people(unit, count, seed)
    items = [f"pulse_{number}" for number in range(1, 8)]
    header = ["record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"]
    header += ["redcap_data_access_group", "redcap_survey_identifier", "email", "intake_complete", "pulse_timestamp"]
    header += [*items, "pulse_note", "pulse_complete"]
    rows = []
    for p in known:
        own = [p.response, "week_1_arm_1"]
        rows.append([*own, "", "", unit, p.staff_number, p.mail, "2", "", *[""] * 9])
        answers = [str(p.answers.get(item, "")) for item in ITEMS]
        stamp = p.local("%Y-%m-%d %H:%M:%S")
        rows.append([*own, "pulse", "1", unit, p.staff_number, "", "", stamp, *answers, p.name, "2"])
    rows.append([*rows[1][:3], "2", *rows[1][4:8], "[not completed]", "1", *[""] * 7, "0"])
    dictionary = [_DICTIONARY, ["record_id", "intake", "", "text", "Record"] + [""] * 13]
    dictionary.append(["email", "intake", "", "text", "Mail", "", "", "email", "", "", "y"] + [""] * 7)
    choices = " | ".join(f"{code}, {label}" for code, label in enumerate(LABELS))
    dictionary += [[item, "pulse", "", "radio", "Item", choices] + [""] * 12 for item in items]
    dictionary.append(["pulse_note", "pulse", "", "notes", "Note"] + [""] * 13)
    mapping = mapping_of("redcap", {"submitted": "pulse_timestamp"}, dict(zip(ITEMS, items, strict=True)))
    text = _table([header, *rows], lineterminator="\n")
    refused = Counter({"not_accepted": count, "not_submitted": 1})
    beside = {"dictionary": _table(dictionary, lineterminator="\n").encode()}
    return Export("redcap", "csv", text.encode(), mapping, known, refused, beside)


_DICTIONARY: Final = [
    *("Variable / Field Name", "Form Name", "Section Header", "Field Type", "Field Label"),
    *("Choices, Calculations, OR Slider Labels", "Field Note", "Text Validation Type OR Show Slider Number"),
    *("Text Validation Min", "Text Validation Max", "Identifier?", "Branching Logic (Show field only if...)"),
    *("Required Field?", "Custom Alignment", "Question Number (surveys only)", "Matrix Group Name", "Matrix Ranking?"),
    "Field Annotation",
]
_CODES: Final = "https://hospital.example/codes"
_URL: Final = "https://hospital.example/Questionnaire/pulse"


def questionnaire() -> dict[str, Any]:
    """The Questionnaire of the FHIR export: items within a group, with options that carry weights."""
    weight = "http://hl7.org/fhir/StructureDefinition/itemWeight"
    options = [
        {
            "valueCoding": {
                "system": _CODES,
                "code": f"o{code}",
                "display": label,
                "extension": [{"url": weight, "valueDecimal": code}],
            }
        }
        for code, label in enumerate(LABELS)
    ]
    item = [{"linkId": f"w{item}", "type": "choice", "answerOption": options} for item in ITEMS]
    return {
        "resourceType": "Questionnaire",
        "url": _URL,
        "status": "active",
        "item": [{"linkId": "work", "type": "group", "item": item}],
    }


def _fhir_response(p: Person, status: str = "completed", version: int = 1) -> dict[str, Any]:
    answers = [
        {"linkId": f"w{item}", "answer": [{"valueCoding": {"system": _CODES, "code": f"o{code}"}}]}
        for item, code in p.answers.items()
    ]
    role = {
        "resourceType": "PractitionerRole",
        "id": "role",
        "practitioner": {"reference": f"Practitioner/{p.staff_number}", "display": p.name},
        "organization": {"reference": f"Organization/{p.unit}"},
        "telecom": [{"system": "email", "value": p.mail}],
    }
    return {
        "resourceType": "QuestionnaireResponse",
        "id": p.response,
        "meta": {"versionId": str(version)},
        "text": {"status": "generated", "div": f"<div>{p.name}</div>"},
        "contained": [role],
        "questionnaire": f"{_URL}|1.0",
        "status": status,
        "authored": p.sent.astimezone(ZONE).isoformat(),
        "author": {"reference": "#role"},
        "source": {"reference": f"Practitioner/{p.staff_number}", "display": p.name},
        "item": [{"linkId": "work", "item": answers}],
    }


def fhir(unit: str, count: int, seed: int = 8) -> Export:
    """NDJSON with coded answers: one amended, one entered in error, one in progress, one cut off."""
    known = people(unit, count, seed)
    found = [_fhir_response(p) for p in known]
    old = Person(known[0].number, unit, known[0].sent, dict.fromkeys(ITEMS, 0))
    resources = [
        _fhir_response(old),
        {**_fhir_response(known[0], "amended", 2)},
        *found[1:],
        _fhir_response(known[1], "entered-in-error", 2),
        _fhir_response(Person(900, unit, known[2].sent, known[2].answers), "in-progress"),
    ]
    lines = [json.dumps(resource) for resource in resources]
    text = "\n".join([*lines, lines[0][:200]]) + "\n"
    mapping = mapping_of("ehr", {"person": "$source"}, {item: f"w{item}" for item in ITEMS}, survey=_URL)
    refused = Counter({"not_submitted": 1, "unreadable_row": 1})
    beside = {"questionnaire": json.dumps(questionnaire()).encode()}
    return Export("fhir", "ndjson", text.encode(), mapping, known, refused, beside, frozenset({2}), again=1)


EXPORTS: Final[dict[str, Callable[[str, int], Export]]] = {
    "limesurvey": limesurvey,
    "qualtrics": qualtrics,
    "qualtrics-json": qualtrics_json,
    "ms-forms": ms_forms,
    "google-forms": google_forms,
    "jsonl": json_lines,
    "redcap": redcap,
    "fhir": fhir,
}


def examples() -> dict[str, bytes]:
    """The files of `docs/examples/sources/`, by name."""
    found = {}
    for name, make in EXPORTS.items():
        export = make("icu-1", 14)
        found[f"{name}.{export.suffix}"] = export.data
        found |= {f"{name}.{beside}{SUFFIXES[beside]}": data for beside, data in export.beside.items()}
    return found


if __name__ == "__main__":
    for file_name, content in examples().items():
        (EXAMPLES / file_name).write_bytes(content)
