"""Whatever a file holds, in every source: each sheet is sent, taken back or refused, and only the file as a whole is
refused by an error. No refusal, hint or error tells what somebody wrote."""

import json
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from producers.sources.drafts import Outcome, to_event
from producers.sources.registry import SOURCES, Extra, read
from producers.sources.sheet import Refused
from schemas.codec import decode, encode
from schemas.errors import InputRefused
from tests.exports import EXPORTS
from tests.surveyed import Export
from tests.unit.test_sources import CATALOGUE, KEYS, mapping_of, source_of

PEOPLE = 6
NASTY = (b"", b"\0", b"\xff\xfe", b'"', b";", b",", b"\n", b"{", b"[", b"]", b"}", b"1e999", b"-", b"\\ud800", b"null")
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=8,
)


@cache
def export_of(name: str) -> Export:
    """The export to spoil, always the same."""
    return EXPORTS[name]("icu-1", PEOPLE)


def accounted(name: str, data: bytes) -> list[Outcome]:
    """What becomes of each sheet, checked; nothing if the file is refused."""
    export = export_of(name)
    mapping = mapping_of(export)
    questionnaires = tuple(text for beside, text in export.beside.items() if beside == "questionnaire")
    extra = Extra(questionnaires, export.beside.get("dictionary"))
    try:
        found = list(read(data, mapping, CATALOGUE, source_of(export), extra))
    except InputRefused as refused:
        check_silent(str(refused), export)
        return []
    for outcome in found:
        if isinstance(outcome, Refused):
            check_silent(repr(outcome), export)
        else:
            decode(encode(to_event(outcome, mapping, KEYS)))
    return found


def check_silent(said: str, export: Export) -> None:
    """Nothing of what a person is known by is said."""
    for person in export.people:
        assert not any(identifier in said for identifier in person.identifiers())


@pytest.mark.parametrize("name", EXPORTS)
@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300))
def test_no_bytes_raise_anything_but_a_refusal_of_the_file(name: str, data: bytes) -> None:
    accounted(name, data)
    header, _, rest = export_of(name).data.partition(b"\n")
    accounted(name, header + b"\n" + data + rest[:200])


@pytest.mark.parametrize("name", EXPORTS)
@settings(max_examples=80, deadline=None)
@given(
    spoilt=st.lists(
        st.tuples(st.floats(0, 1), st.integers(0, 40), st.one_of(st.sampled_from(NASTY), st.binary(max_size=6))),
        min_size=1,
        max_size=6,
    )
)
def test_a_spoilt_export_raises_nothing_else(name: str, spoilt: list[tuple[float, int, bytes]]) -> None:
    data = export_of(name).data
    for place, length, put in spoilt:
        at = int(place * len(data))
        data = data[:at] + put + data[at + length :]
    accounted(name, data)


@pytest.mark.parametrize("name", EXPORTS)
@settings(max_examples=30, deadline=None)
@given(first=st.floats(0, 1), second=st.floats(0, 1))
def test_lines_cut_off_doubled_and_out_of_order_raise_nothing_else(name: str, first: float, second: float) -> None:
    header, *lines = export_of(name).data.split(b"\n")
    at, to = (int(place * len(lines)) for place in (first, second))
    accounted(name, b"\n".join([header, *lines[at:], *lines[:to], *lines[to:][::-1]]))
    accounted(name, export_of(name).data[: int(first * len(export_of(name).data))])


@pytest.mark.parametrize("name", ["jsonl", "fhir", "qualtrics-json"])
@settings(max_examples=80, deadline=None)
@given(found=JSON, place=st.lists(st.integers(0, 30), min_size=1, max_size=5))
def test_json_of_any_shape_in_any_place_raises_nothing_else(name: str, found: Any, place: list[int]) -> None:
    """One value of a real sheet is replaced by anything."""
    export = export_of(name)
    whole = json.loads(export.data) if name == "qualtrics-json" else None
    sheet = whole["responses"][0] if whole else json.loads(export.data.decode("utf-8-sig").splitlines()[0])
    _replace(sheet, place, found)
    accounted(name, json.dumps(whole or sheet).encode())
    accounted(name, json.dumps(found).encode())


def _replace(value: Any, place: list[int], found: Any) -> None:
    for step in place:
        keys = list(value) if isinstance(value, dict) else list(range(len(value))) if isinstance(value, list) else []
        if not keys:
            return
        key = keys[step % len(keys)]
        if step is place[-1] or not isinstance(value[key], dict | list):
            value[key] = found
            return
        value = value[key]


def test_every_source_is_tried() -> None:
    assert {source_of(export_of(name)) for name in EXPORTS} == set(SOURCES) - {"csv"}
