"""The organisation from FHIR Organization and Location: what is read, what is left out, every refusal."""

import json
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from producers.sources.hr_csv import with_headcounts
from producers.sources.hr_fhir import day_of_bundle, read_fhir_units
from producers.sources.hr_mapping import HrMapping
from producers.sources.hr_units import Built, build
from schemas.errors import InputRefused

DAY = date(2026, 10, 1)
HEADS = "https://general.example/headcount"
SYSTEM = "https://general.example/units"
Resource = dict[str, Any]


def organisation(name: str, above: str | None = None, kind: str = "dept", heads: Any = None, **more: Any) -> Resource:
    found: Resource = {"resourceType": "Organization", "id": name, "name": f"The {name}"}
    found["type"] = [{"coding": [{"system": "http://x", "code": kind}]}]
    if above is not None:
        found["partOf"] = {"reference": above}
    if heads is not None:
        found["extension"] = [{"url": HEADS, "valueInteger": heads}]
    return found | more


def ward(name: str, above: str | None, heads: Any = 10, key: str = "partOf", **more: Any) -> Resource:
    found: Resource = {"resourceType": "Location", "id": name, "name": f"Ward {name}", "mode": "instance"}
    found["physicalType"] = {"coding": [{"code": "wa"}]}
    found["extension"] = [{"url": "https://other", "valueInteger": 3}, {"url": HEADS, "valueInteger": heads}]
    return found | ({} if above is None else {key: {"reference": above}}) | more


TREE = [
    organisation("top", kind="prov"),
    organisation("med", "Organization/top"),
    ward("a", "Organization/med", 40, "managingOrganization"),
    ward("b", "https://fhir.general.example/R4/Organization/med/_history/3", 7, "managingOrganization"),
]


def mapped(**changes: Any) -> HrMapping:
    fields: dict[str, Any] = {
        "facility": "general",
        "levels": ["facility", "department", "unit"],
        "kinds": {"dept": "department", "wa": "unit", "ro": None},
        "fhir": {"headcount_extension": HEADS},
    }
    return HrMapping.model_validate(fields | changes)


def bundle(resources: list[Resource], **more: Any) -> bytes:
    entries = [{"fullUrl": f"urn:uuid:{number}", "resource": one} for number, one in enumerate(resources)]
    return json.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries, **more}).encode()


def lines(resources: list[Resource]) -> bytes:
    return b"\n".join(json.dumps(one).encode() for one in resources)


def read(data: bytes, mapping: HrMapping | None = None) -> Built:
    mapping = mapping or mapped()
    return build("the file", read_fhir_units(data, mapping), mapping, DAY)


def places(built: Built) -> dict[str, tuple[str | None, str, int | None]]:
    return {node.id: (node.parent, node.kind, node.headcount) for node in built.record.nodes}


WHOLE = {
    "general": (None, "facility", None),
    "med": ("general", "department", None),
    "a": ("med", "unit", 40),
    "b": ("med", "unit", 7),
}


@pytest.mark.parametrize("written", [bundle, lines])
def test_organizations_and_locations_become_one_tree(written: Callable[[list[Resource]], bytes]) -> None:
    assert places(read(written(TREE))) == WHOLE
    assert places(read(written(TREE[::-1]))) == WHOLE


def test_references_by_full_url_and_by_identifier_are_followed() -> None:
    known = [{"system": SYSTEM, "value": "M-1"}]
    by_identifier = ward("b", None, 7) | {"partOf": {"identifier": {"system": SYSTEM, "value": "M-1"}}}
    tree = [TREE[0], organisation("med", "urn:uuid:0", identifier=known), ward("a", "urn:uuid:1", 40), by_identifier]
    assert places(read(bundle(tree))) == WHOLE


def test_codes_are_identifiers_of_the_system_named() -> None:
    def numbered(one: Resource, *codes: str) -> Resource:
        old = {"system": SYSTEM, "value": "gone", "use": "old"}
        return one | {"identifier": [{"value": "9"}, old, *({"system": SYSTEM, "value": code} for code in codes)]}

    mapping = mapped(fhir={"headcount_extension": HEADS, "identifier_system": SYSTEM})
    tree = [numbered(one, f"X{number}") for number, one in enumerate(TREE)]
    assert set(places(read(bundle(tree), mapping))) == {"general", "x1", "x2", "x3"}
    for wrong in (numbered(TREE[3]), numbered(TREE[3], "1", "2")):
        with pytest.raises(InputRefused, match="the Location at line or entry 4 has no identifier, or several"):
            read(bundle([*tree[:3], wrong]), mapping)


def test_what_is_not_in_use_and_what_is_no_unit_is_left_out() -> None:
    unused = [
        ward("c", "Organization/med", status="inactive"),
        ward("d", "Organization/med", mode="kind"),
        organisation("e", "Organization/top", active=False),
        {"resourceType": "PractitionerRole", "id": "p", "organization": {"reference": "Organization/med"}},
    ]
    kept = [ward("f", "Organization/med", 2, status="suspended"), organisation("g", "Organization/top", active=True)]
    found = places(read(bundle([*TREE, *unused, *kept])))
    assert set(found) == {*WHOLE, "f", "g"}
    with pytest.raises(InputRefused, match="unit h is under unit e that is not in use"):
        read(bundle([*TREE, *unused, ward("h", "Organization/e")]))


def test_headcounts_come_from_a_file_beside_it() -> None:
    mapping = mapped(columns={"code": "unit", "headcount": "people"}, fhir={})
    with pytest.raises(InputRefused, match="unit a has no headcount"):
        read(bundle(TREE), mapping)
    listed = with_headcounts(read_fhir_units(bundle(TREE), mapping), b"unit,people\na,40\nb,7\n", mapping, DAY)
    assert places(build("x", listed, mapping, DAY)) == WHOLE


def test_contacts_are_in_nothing_that_is_kept() -> None:
    contact = {"telecom": [{"value": "canary"}], "contact": [{"name": {"text": "canary"}}], "alias": ["canary"]}
    data = bundle([*TREE[:3], TREE[3] | contact | {"text": {"div": "canary"}, "description": "canary"}])
    listed = read_fhir_units(data, mapped())
    assert "canary" not in f"{[(unit, unit.name, unit.headcount) for unit in listed.units]}"
    assert "canary" not in read(data).record.model_dump_json()


STRANGE: list[Any] = [-1, 1.5, [], "x", True]
REFUSED: list[tuple[Any, str]] = [
    (ward("c", "Organization/gone"), "unit c is under one that is not in the file"),
    (ward("c", "#inside"), "unit c is under one that is not in the file"),
    (ward("c", None) | {"partOf": "Organization/med"}, "unit c is under one that is not in the file"),
    (ward("c", "Organization/a"), "unit c is under one that is not in the file"),
    (ward("c", None), "has 2 units without one above"),
    (ward("c", "Location/c"), "unit c is under itself"),
    (ward("c", "Location/a"), "unit c is a unit under unit a, a unit"),
    (ward("a", "Organization/med"), "the Location at line or entry 5 has the id of the one at 3"),
    (organisation("a", "Organization/top"), "unit a is there twice at a time, in lines 3 and 5|lines 5 and 3"),
    (ward("", "Organization/med"), "the Location at line or entry 5 has no id"),
    (ward("c", "Organization/med", active="no"), "does not say clearly whether it is in use"),
    (ward("c", "Organization/med", status=["active"]), "does not say clearly whether it is in use"),
    (ward("c", "Organization/med") | {"name": ["x"]}, "unit c needs a name"),
    (ward("c", "Organization/med", physicalType="wa"), "unit c is of no kind"),
    *((ward("c", "Organization/med", heads), "unit c has a headcount that is no") for heads in STRANGE),
    (
        ward("c", "Organization/med", extension=[{"url": HEADS, "valueInteger": 1}] * 2),
        "unit c has a headcount that is no",
    ),
]


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_used_refuses_the_file_with_a_sentence(more: Resource, said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        read(bundle([*TREE, more]))


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (bundle(TREE, link=[{"relation": "self"}, {"relation": "next", "url": "x"}]), "is one page of several"),
        (bundle(TREE, entry={"resource": 1}), "has entries that are no objects"),
        (bundle([])[:-5], "not JSON, or cut off"),
        (b"", "the export: "),
        (b"[" * 100_000, "nested far too deep"),
        (bundle([{"resourceType": "Patient", "id": "p"}]), "holds no Organization"),
        (lines(TREE) + b'\n{"resourceType": "Loc', "line 5 is not JSON, or cut off"),
    ],
)
def test_a_file_that_is_not_whole_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        read(data)


def test_the_day_is_that_of_the_bundle() -> None:
    assert day_of_bundle(bundle(TREE, timestamp="2026-10-01T08:00:00+02:00")) == DAY
    assert day_of_bundle(bundle(TREE, meta={"lastUpdated": "2026-10-01T08:00:00Z"})) == DAY
    for none in (bundle(TREE), bundle(TREE, timestamp="2026"), bundle(TREE, timestamp=7), lines(TREE), b"x"):
        assert day_of_bundle(none) is None
