"""Whatever a personnel system writes, the answer is a record that holds, or an error of ours that quotes nothing."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from producers.sources.hr_csv import read_units, with_headcounts
from producers.sources.hr_fhir import day_of_bundle, read_fhir_units
from producers.sources.hr_mapping import HrMapping
from producers.sources.hr_units import Built, Listed, build
from schemas.errors import InputRefused
from schemas.organisation import organisation

DAY = date(2026, 10, 1)
SECRET = "Eva Muster canary"
FIELDS = ("code", "name", "parent", "level", "headcount", "staff_group", "valid_from", "valid_to")
CODES = st.sampled_from(["h", "m", "a", "b", "A", "", SECRET, "\0", "c" * 70])
DATES = st.sampled_from(["", "2026-10-01", "2026-09-30", "9999-12-31", "0001-01-01", "1.1.2026", SECRET])
COUNTS = st.sampled_from(["", "0", "5", "40", "-1", "1,5", "1.000", "9" * 30, "\u0663", SECRET])
KINDS = st.sampled_from(["", "facility", "department", "unit", "UNIT", "team", SECRET])
ROWS = st.lists(st.tuples(CODES, st.sampled_from(["", "Ward", SECRET]), CODES, KINDS, COUNTS, KINDS, DATES, DATES))
MAPPINGS = st.builds(
    lambda root, kinds, end: HrMapping.model_validate(
        {
            "facility": "general",
            "levels": ["facility", "department", "unit"],
            "columns": {name: name for name in FIELDS},
            "root": root,
            "kinds": kinds,
            "valid_to": end,
            "fhir": {"headcount_extension": "u"},
        }
    ),
    st.sampled_from([None, "h", "m"]),
    st.sampled_from([{}, {"team": None}, {"team": "unit"}]),
    st.sampled_from(["last_day", "day_after"]),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.sampled_from(["h", "m", "u", SECRET]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["coding", "code", "url"]), inner),
    max_leaves=6,
)
REFERENCES = st.sampled_from(["Organization/h", "Location/m", "urn:uuid:1", "#x", "/", SECRET]).map(
    lambda target: {"reference": target}
)


def _resource(kind: str) -> st.SearchStrategy[dict[str, Any]]:
    fields: dict[str, Any] = {
        "id": CODES | JSON,
        "name": st.sampled_from(["Ward", SECRET, "\ud800"]) | JSON,
        "partOf": REFERENCES | JSON,
        "managingOrganization": REFERENCES | JSON,
        "active": st.booleans() | JSON,
        "status": JSON,
        "type": JSON,
        "identifier": JSON,
        "physicalType": KINDS.map(lambda code: {"coding": [{"code": code}]}) | JSON,
        "extension": COUNTS.map(lambda heads: [{"url": "u", "valueInteger": heads}]) | JSON,
    }
    return st.fixed_dictionaries({"resourceType": st.just(kind)}, optional=fields)


RESOURCES = st.lists(_resource("Organization") | _resource("Location"), max_size=6)


def checked(read: Callable[[], object]) -> None:
    """Do it; it may only be refused by an error of ours, which quotes nothing."""
    said = ""
    try:
        read()
    except InputRefused as refused:
        said = str(refused)
    assert SECRET not in said


def holds(listed: Listed, mapping: HrMapping) -> Built:
    built = build("the file", listed, mapping, DAY)
    assert organisation(built.record.event("general")).facility == "general"
    # nobody is lost between the file and the record
    assert len(built.record.nodes) + built.elsewhere + built.left_out == len(listed.units)
    return built


@given(ROWS, MAPPINGS, st.integers(0, 400), st.sampled_from(["utf-8", "utf-16", "cp1252"]))
def test_any_csv_gives_a_record_or_a_sentence(
    rows: list[tuple[str, ...]], mapping: HrMapping, cut: int, how: str
) -> None:
    text = "\n".join(";".join(row) for row in [FIELDS, *rows])
    data = text.encode(how, "replace")[: -cut or None]

    def read() -> None:
        listed = read_units(data, mapping, DAY)
        holds(listed, mapping)
        holds(with_headcounts(listed, data, mapping, DAY), mapping)

    checked(read)


@given(RESOURCES, MAPPINGS, st.booleans(), st.integers(0, 60))
def test_any_fhir_gives_a_record_or_a_sentence(
    resources: list[dict[str, Any]], mapping: HrMapping, is_bundle: bool, cut: int
) -> None:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    whole = {"resourceType": "Bundle", "entry": entries}
    text = json.dumps(whole) if is_bundle else "\n".join(map(json.dumps, resources))
    data = text.encode()[: -cut or None]
    day_of_bundle(data)
    checked(lambda: holds(read_fhir_units(data, mapping), mapping))


@given(st.binary(max_size=200), MAPPINGS)
def test_any_bytes_give_a_record_or_a_sentence(data: bytes, mapping: HrMapping) -> None:
    checked(lambda: holds(read_units(data, mapping, DAY), mapping))
    checked(lambda: holds(read_fhir_units(data, mapping), mapping))
