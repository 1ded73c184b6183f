"""Bytes to event and back: what is refused and why, without ever quoting it, and one byte form per event."""

import json
import traceback
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import canonical_json
from schemas.codec import MAX_BYTES, decode, encode
from schemas.errors import DataError, Reason
from schemas.events import Node, OrganisationUpdated, Submission
from schemas.policy import Policy

SECRET: Final = "zq7-what-nobody-may-read"
EVENT_ID: Final = "00000000-0000-8000-8000-000000000000"
SUBMISSION: Final[dict[str, Any]] = {
    "type": "submission",
    "schema_version": 1,
    "facility": "north",
    "event_id": EVENT_ID,
    "round": "2026-W41",
    "form": "cbi.work",
    "form_version": 1,
    "node": "icu",
    "respondent": "ab" * 32,
    "revision": 0,
    "answers": {"7": 3, "13": 0},
    "submitted_on": "2026-10-06",
    "source": "limesurvey",
    "key_id": "0123456789abcdef",
}
OPENED: Final[dict[str, Any]] = {
    "type": "round.opened",
    "facility": "north",
    "event_id": EVENT_ID,
    "round": "2026-W41",
    "forms": ["cbi.work"],
    "first_answer_date": "2026-10-05",
    "last_answer_date": "2026-10-11",
    "leaves": ["icu"],
    "policy": Policy().model_dump(),
    "key_id": "0123456789abcdef",
}
ORGANISATION: Final[dict[str, Any]] = {
    "type": "organisation.updated",
    "facility": "north",
    "event_id": EVENT_ID,
    "levels": ["facility"],
    "nodes": [{"id": "north", "parent": None, "kind": "facility", "name": "North", "headcount": 12}],
    "effective_from": "2026-01-01",
}


def sent(event: dict[str, Any], **changed: Any) -> bytes:
    """An event as bytes with some fields changed; Python's own JSON, so that NaN can be sent as well."""
    return json.dumps({**event, **changed}).encode()


def refusal(value: bytes | None) -> DataError:
    """What the codec says of a value it must refuse."""
    with pytest.raises(DataError) as refused:
        decode(value)
    return refused.value


def outcome(value: bytes) -> bytes | Reason:
    """The one byte form of what was read, or why it was refused."""
    try:
        return encode(decode(value))
    except DataError as error:
        return error.reason


NOT_EVENTS: Final = [
    pytest.param(b"", Reason.EMPTY, id="no bytes"),
    pytest.param(None, Reason.EMPTY, id="no value"),
    pytest.param(b" " * 10_000_000, Reason.TOO_LARGE, id="ten megabytes"),
    pytest.param(sent(SUBMISSION, source="x" * MAX_BYTES), Reason.TOO_LARGE, id="one long field"),
    pytest.param(SECRET.encode(), Reason.NOT_JSON, id="text"),
    pytest.param(b"[" * 200_000, Reason.NOT_JSON, id="deep nesting"),
    pytest.param(b'{"a":' * 5_000 + b"1" + b"}" * 5_000, Reason.NOT_JSON, id="deep objects"),
    pytest.param(sent(SUBMISSION).replace(b"icu", b"ic\xfc"), Reason.NOT_JSON, id="invalid UTF-8"),
    pytest.param(b"\xef\xbb\xbf" + sent(SUBMISSION), Reason.NOT_JSON, id="a byte order mark"),
    pytest.param(sent(SUBMISSION).decode().encode("utf-16"), Reason.NOT_JSON, id="UTF-16"),
    pytest.param(sent(SUBMISSION, source="\ud800"), Reason.NOT_JSON, id="half a surrogate pair"),
    pytest.param(sent(SUBMISSION) * 2, Reason.NOT_JSON, id="two events"),
    pytest.param(b'{"revision":' + b"9" * 5_000 + b"}", Reason.NOT_JSON, id="a number of 5000 digits"),
    pytest.param(b"[]", Reason.BAD_SCHEMA, id="a list"),
    pytest.param(b"null", Reason.BAD_SCHEMA, id="null"),
    pytest.param(b"{}", Reason.UNKNOWN_TYPE, id="no type"),
    pytest.param(sent(SUBMISSION, type=SECRET), Reason.UNKNOWN_TYPE, id="an unknown type"),
    pytest.param(sent(SUBMISSION, type=None), Reason.UNKNOWN_TYPE, id="type null"),
]
BAD_FIELDS: Final[list[tuple[dict[str, Any], Reason]]] = [
    ({"comment": SECRET}, Reason.BAD_SCHEMA),
    ({SECRET: 1}, Reason.BAD_SCHEMA),
    ({"content": SECRET}, Reason.UNSUPPORTED),
    ({"schema_version": 2}, Reason.BAD_SCHEMA),
    ({"node": SECRET.upper()}, Reason.BAD_SCHEMA),
    ({"node": "icu\n"}, Reason.BAD_SCHEMA),
    ({"node": "x" * 65}, Reason.BAD_SCHEMA),
    ({"facility": None}, Reason.BAD_SCHEMA),
    ({"event_id": SECRET}, Reason.BAD_SCHEMA),
    ({"revision": "1"}, Reason.BAD_SCHEMA),
    ({"revision": True}, Reason.BAD_SCHEMA),
    ({"revision": 1.0}, Reason.BAD_SCHEMA),
    ({"revision": -1}, Reason.BAD_SCHEMA),
    ({"revision": 2**31}, Reason.BAD_SCHEMA),
    ({"revision": 10**40}, Reason.BAD_SCHEMA),
    ({"revision": float("nan")}, Reason.BAD_SCHEMA),
    ({"respondent": SECRET}, Reason.BAD_TOKEN),
    ({"respondent": "AB" * 32}, Reason.BAD_TOKEN),
    ({"respondent": "ab" * 32 + "\n"}, Reason.BAD_TOKEN),
    ({"respondent": "ab" * 33}, Reason.BAD_TOKEN),
    ({"respondent": "\u0661" * 64}, Reason.BAD_TOKEN),
    ({"answers": {"7": SECRET}}, Reason.BAD_ANSWER),
    ({"answers": {"7": float("nan")}}, Reason.BAD_ANSWER),
    ({"answers": {"7": float("inf")}}, Reason.BAD_ANSWER),
    ({"answers": {"7": 3.0}}, Reason.BAD_ANSWER),
    ({"answers": {"7": True}}, Reason.BAD_ANSWER),
    ({"answers": {"7": None}}, Reason.BAD_ANSWER),
    ({"answers": {"7": 10**7}}, Reason.BAD_ANSWER),
    ({"answers": {"07": 3}}, Reason.BAD_ANSWER),
    ({"answers": {SECRET: 3}}, Reason.BAD_ANSWER),
    ({"answers": {str(item): 1 for item in range(1, 202)}}, Reason.BAD_ANSWER),
    ({"answers": [3]}, Reason.BAD_ANSWER),
    ({"submitted_on": SECRET}, Reason.BAD_DATE),
    ({"submitted_on": "2026-10-06T00:00:00"}, Reason.BAD_DATE),
    ({"submitted_on": "2026-10-06T22:14:03Z"}, Reason.BAD_DATE),
    ({"submitted_on": "2026-10-06T22:14:03+05:45"}, Reason.BAD_DATE),
    ({"submitted_on": "20261006"}, Reason.BAD_DATE),
    ({"submitted_on": "2026-10-6"}, Reason.BAD_DATE),
    ({"submitted_on": " 2026-10-06"}, Reason.BAD_DATE),
    ({"submitted_on": "2026-02-30"}, Reason.BAD_DATE),
    ({"submitted_on": 1759622400}, Reason.BAD_DATE),
    ({"submitted_on": None}, Reason.BAD_DATE),
]
BAD_CONTROL: Final[list[tuple[dict[str, Any], dict[str, Any], Reason]]] = [
    (OPENED, {"policy": {"k": 4}}, Reason.POLICY_UNDER_FLOOR),
    (OPENED, {"policy": {"k": 5, "coalition": 4}}, Reason.POLICY_UNDER_FLOOR),
    (OPENED, {"policy": {"headcount_slack": -0.1}}, Reason.POLICY_UNDER_FLOOR),
    (OPENED, {"policy": {"headcount_slack": float("nan")}}, Reason.BAD_SCHEMA),
    (OPENED, {"policy": {"k": "4"}}, Reason.BAD_SCHEMA),
    (OPENED, {"policy": {SECRET: 1}}, Reason.BAD_SCHEMA),
    (OPENED, {"policy": None}, Reason.BAD_SCHEMA),
    (OPENED, {"first_answer_date": SECRET}, Reason.BAD_DATE),
    (OPENED, {"last_answer_date": "2026-10-11T00:00:00"}, Reason.BAD_DATE),
    (OPENED, {"forms": []}, Reason.BAD_SCHEMA),
    (OPENED, {"leaves": SECRET}, Reason.BAD_SCHEMA),
    (ORGANISATION, {"nodes": []}, Reason.BAD_ORGANISATION),
    (ORGANISATION, {"nodes": [{SECRET: SECRET}]}, Reason.BAD_ORGANISATION),
    (ORGANISATION, {"levels": [SECRET.upper()]}, Reason.BAD_ORGANISATION),
    (ORGANISATION, {"effective_from": SECRET}, Reason.BAD_DATE),
]
INDICATOR: Final[dict[str, Any]] = json.loads(
    (Path(__file__).parents[2] / "schemas/examples/indicators/valid/indicator_published.json").read_bytes()
)
ALL_BAD: Final = [
    *NOT_EVENTS,
    *(pytest.param(sent(SUBMISSION, **changed), reason) for changed, reason in BAD_FIELDS),
    *(pytest.param(sent(event, **changed), reason) for event, changed, reason in BAD_CONTROL),
]


@pytest.mark.parametrize(("value", "reason"), ALL_BAD)
def test_a_bad_value_is_refused_for_its_reason(value: bytes | None, reason: Reason) -> None:
    assert refusal(value).reason == reason


@pytest.mark.parametrize(("value", "reason"), ALL_BAD)
def test_a_refusal_never_quotes_the_value(value: bytes | None, reason: Reason) -> None:
    shown = "".join(traceback.format_exception(refusal(value)))
    assert SECRET not in shown
    assert SECRET.upper() not in shown


@pytest.mark.parametrize("field", [name for name in SUBMISSION if name not in {"type", "schema_version"}])
def test_a_missing_field_is_refused(field: str) -> None:
    of_a_field = {"respondent": Reason.BAD_TOKEN, "answers": Reason.BAD_ANSWER, "submitted_on": Reason.BAD_DATE}
    value = {name: given for name, given in SUBMISSION.items() if name != field}
    assert refusal(sent(value)).reason == of_a_field.get(field, Reason.BAD_SCHEMA)


def test_of_several_faults_one_that_says_more_is_named() -> None:
    assert refusal(sent(SUBMISSION, comment=SECRET, respondent=SECRET)).reason == Reason.BAD_TOKEN


def test_a_number_of_seconds_is_no_date() -> None:
    for text in ("0", "1759622400", "1759622400000"):
        assert outcome(sent(SUBMISSION, submitted_on=text)) == Reason.BAD_DATE


@pytest.mark.parametrize("figure", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_is_refused(figure: float) -> None:
    for name in (name for name, value in INDICATOR.items() if isinstance(value, float)):
        assert outcome(sent(INDICATOR, **{name: figure})) == Reason.BAD_SCHEMA


def test_an_event_as_long_as_the_limit_is_read_and_one_byte_more_is_not() -> None:
    value = sent(SUBMISSION)
    assert decode(value.ljust(MAX_BYTES))
    assert refusal(value.ljust(MAX_BYTES + 1)).reason == Reason.TOO_LARGE


def test_what_would_be_too_large_to_read_is_not_written() -> None:
    nodes = tuple(Node(id=f"n{i}", parent=None, kind="unit", name="x" * 120) for i in range(6_000))
    event = OrganisationUpdated(
        facility="north", event_id=EVENT_ID, levels=("unit",), nodes=nodes, effective_from=date(2026, 1, 1)
    )
    with pytest.raises(DataError) as refused:
        encode(event)
    assert refused.value.reason == Reason.TOO_LARGE


def test_the_limit_leaves_room_for_headers_within_kafkas_default() -> None:
    assert MAX_BYTES <= 1_048_576 - 16_384


def test_an_event_has_one_byte_form_whatever_its_spelling() -> None:
    shuffled = dict(reversed(SUBMISSION.items()))
    spaced = json.dumps(shuffled, indent=3).encode()
    escaped = sent(SUBMISSION).replace(b"icu", b"\\u0069cu")
    assert encode(decode(spaced)) == encode(decode(escaped)) == canonical_json(SUBMISSION)


def test_names_are_written_as_utf_8() -> None:
    node = {**ORGANISATION["nodes"][0], "name": "Köln-Süd 北"}
    assert "Köln-Süd 北".encode() in encode(decode(sent(ORGANISATION, nodes=[node])))


def test_a_default_that_is_left_out_is_written_out() -> None:
    short = {name: given for name, given in SUBMISSION.items() if name != "schema_version"}
    assert encode(decode(sent(short))) == canonical_json(SUBMISSION)


@given(
    st.dictionaries(st.integers(1, 9999).map(str), st.integers(-(10**6), 10**6), max_size=200),
    st.dates(date(2000, 1, 1), date(2100, 1, 1)),
    st.integers(0, 2**31 - 1),
)
def test_what_is_encoded_decodes_to_the_same_event(answers: dict[str, int], day: date, revision: int) -> None:
    value = {**SUBMISSION, "answers": answers, "submitted_on": day.isoformat(), "revision": revision}
    event = decode(canonical_json(value))
    assert isinstance(event, Submission)
    assert event.submitted_on == day
    assert encode(event) == canonical_json(value)


@given(st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_an_event_or_a_data_error(value: bytes) -> None:
    assert outcome(value)


@given(
    st.sampled_from([SUBMISSION, OPENED, ORGANISATION]),
    st.data(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=5,
    ),
)
def test_any_value_in_any_field_is_an_event_or_a_data_error(
    event: dict[str, Any], data: st.DataObject, value: Any
) -> None:
    field = data.draw(st.sampled_from(sorted(event)))
    assert outcome(sent(event, **{field: value}))
