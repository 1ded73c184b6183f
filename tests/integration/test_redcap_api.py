"""REDCap's API, asked over real sockets: what is asked for, what is read of it, and what is said when it fails."""

import logging
import socket
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deploy.certificates import AUTHORITY, make_authority, make_broker_certificate
from producers.sources.mapping import Header
from producers.sources.redcap import read_redcap
from producers.sources.redcap_api import RedcapApi
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused, RetryableError, SettingsError, SourceRefused, WardpulseError
from stream_processors.exits import exit_code
from tests.redcap_project import FIELDS
from tests.redcap_server import TOKEN, Answer, RedcapServer, served

CANARY = "canary-7f3a"
ROWS = [
    ("2026-10-05 08:00:00", {"record_id": "1", "mail": CANARY, "q1": "2", "box___2": "1", "wellbeing_complete": "2"}),
    ("2026-10-06 08:00:00", {"record_id": "2", "mail": CANARY, "q1": "3", "box___2": "0", "wellbeing_complete": "2"}),
    ("2026-10-07 08:00:00", {"record_id": "3", "mail": CANARY, "q1": "1", "remark": CANARY, "wellbeing_complete": "0"}),
]
ITEMS = ("q1", "box___2")
WANTED = ("$response", *ITEMS)


@pytest.fixture
def redcap() -> Iterator[RedcapServer]:
    with served(RedcapServer(list(ROWS))) as server:
        yield server


def fetched(
    server: RedcapServer, wanted: Sequence[str] = WANTED, items: Sequence[str] = ITEMS, since: datetime | None = None
) -> list[Sheet | Refused]:
    api = RedcapApi(server.url, TOKEN)
    dictionary = api.dictionary()
    records = api.records(dictionary, wanted, items, since)
    return list(read_redcap(records, tuple(wanted), Header(), dictionary, items))


def said(server: RedcapServer, token: str = TOKEN) -> WardpulseError:
    api = RedcapApi(server.url, token)
    with pytest.raises(WardpulseError) as failed:
        api.dictionary()
    assert TOKEN not in repr(failed.value) + str(failed.value)
    assert CANARY not in repr(failed.value) + str(failed.value)
    assert failed.value.__suppress_context__ or failed.value.__context__ is None
    return failed.value


def test_complete_rows_come_as_sheets_as_from_a_file(redcap: RedcapServer) -> None:
    first, second, third = fetched(redcap)
    assert isinstance(first, Sheet)
    assert first.cells == {"$response": '["1","","",""]', "q1": "2", "box___2": "1"}
    assert isinstance(second, Sheet)
    assert isinstance(third, Refused)
    assert third.reason == "not_submitted"


def test_only_what_the_mapping_names_is_asked_for(redcap: RedcapServer) -> None:
    fetched(redcap)
    metadata, records = redcap.requests
    assert (metadata["content"], records["content"]) == ("metadata", "record")
    assert {value for name, value in records.items() if name.startswith("fields[")} == {
        *("record_id", "q1", "box", "wellbeing_complete")
    }
    assert not {"exportSurveyFields", "exportDataAccessGroups", "dateRangeBegin"} & set(records)
    assert (records["format"], records["type"], records["rawOrLabel"]) == ("csv", "flat", "raw")


def test_survey_and_group_are_asked_for_if_the_mapping_names_them() -> None:
    row = {"record_id": "1", "wellbeing_timestamp": "2026-10-05 07:00:00", "redcap_data_access_group": "ward_a"}
    row |= {"redcap_survey_identifier": "s1", "q1": "2", "wellbeing_complete": "2"}
    with served(RedcapServer([("2026-10-05 08:00:00", row)])) as server:
        wanted = ("$response", "wellbeing_timestamp", "$group", "redcap_survey_identifier", "q1")
        (sheet,) = fetched(server, wanted, ("q1",))
    assert isinstance(sheet, Sheet)
    assert list(sheet.cells.values()) == ['["1","","",""]', "2026-10-05 07:00:00", "ward_a", "s1", "2"]
    assert {server.requests[-1][name] for name in ("exportSurveyFields", "exportDataAccessGroups")} == {"True"}


def test_events_and_instances_come_with_the_record() -> None:
    row = {"redcap_event_name": "week_1_arm_1", "redcap_repeat_instrument": "wellbeing", "redcap_repeat_instance": "2"}
    row |= {"record_id": "1", "q1": "2", "wellbeing_complete": "2"}
    with served(RedcapServer([("2026-10-05 08:00:00", row)], is_longitudinal=True)) as server:
        (sheet,) = fetched(server, ("$response", "q1"), ("q1",))
    assert isinstance(sheet, Sheet)
    assert sheet.cells["$response"] == '["1","week_1_arm_1","wellbeing","2"]'


def test_rows_are_those_that_changed_since(redcap: RedcapServer) -> None:
    found = fetched(redcap, since=datetime.fromisoformat("2026-10-06"))
    assert redcap.requests[-1]["dateRangeBegin"] == "2026-10-06 00:00:00"
    assert [one.cells["$response"] for one in found if isinstance(one, Sheet)] == ['["2","","",""]']
    # REDCap leaves out the header too where there is no row
    assert fetched(redcap, since=datetime.fromisoformat("2026-10-08")) == []


@pytest.mark.parametrize(
    ("wanted", "items", "why"),
    [
        (("$response", "secret"), ("secret",), "secret is marked as an identifier"),
        (("$response", "remark"), ("remark",), "remark is free text"),
        (("$response", "gone", "q1"), ("q1",), "the project has no field gone"),
        (("$response", "gone_timestamp", "q1"), ("q1",), "the project has no field gone_timestamp"),
        (("$dag", "q1"), ("q1",), r"REDCap has no field \$dag"),
    ],
)
def test_what_may_not_be_read_is_not_even_asked_for(
    redcap: RedcapServer, wanted: Sequence[str], items: Sequence[str], why: str
) -> None:
    with pytest.raises(InputRefused, match=why):
        fetched(redcap, wanted, items)
    assert [request["content"] for request in redcap.requests] == ["metadata"]


def test_a_token_that_redcap_does_not_know_is_said_to_be_refused(redcap: RedcapServer) -> None:
    error = said(redcap, "F" * 32)
    assert (type(error), exit_code(error)) == (SourceRefused, 77)
    assert "check redcap_token_file" in str(error)


@pytest.mark.parametrize(
    ("status", "body", "kind", "why"),
    [
        (400, f"ERROR: Insufficient user privileges {CANARY}", SourceRefused, "API Export and Full Data Set"),
        (401, CANARY, SourceRefused, "check redcap_token_file"),
        (404, CANARY, SettingsError, "is not REDCap's API"),
        (405, CANARY, SettingsError, "is not REDCap's API"),
        (200, f"<!DOCTYPE html><p>{CANARY}", SettingsError, "is not REDCap's API"),
        (200, f"ERROR: You do not have permissions to use the API {CANARY}", SourceRefused, "redcap_token_file"),
        (200, f"ERROR: {CANARY}", SourceRefused, "API Export and Full Data Set"),
        (429, CANARY, RetryableError, "cannot answer now .status 429.: nothing was sent; run it again"),
        (500, CANARY, RetryableError, "cannot answer now .status 500."),
        (503, CANARY, RetryableError, "cannot answer now .status 503."),
    ],
)
def test_each_failure_says_what_to_do_and_quotes_nothing(
    redcap: RedcapServer, status: int, body: str, kind: type[WardpulseError], why: str
) -> None:
    redcap.instead = Answer(status, body.encode())
    error = said(redcap)
    assert type(error) is kind
    with pytest.raises(kind, match=why):
        raise error


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_the_token_follows_to_no_other_address(redcap: RedcapServer, status: int) -> None:
    with served(RedcapServer()) as other:
        redcap.instead = Answer(status, b"", {"Location": other.url})
        assert "set redcap_url to the address it leads to" in str(said(redcap))
    assert other.requests == []


def test_an_answer_that_breaks_off_is_not_taken_for_a_whole_one(redcap: RedcapServer) -> None:
    redcap.instead = Answer(200, b"field_name,form_name\nrecord_id,intake\n", cut=9)
    assert isinstance(said(redcap), RetryableError)


@pytest.mark.parametrize("body", [b"", b"\xff\xfe\x00", b"record_id\n1\n", b"[]", b"null", b"{}"])
def test_an_answer_of_another_kind_is_refused_as_no_dictionary(redcap: RedcapServer, body: bytes) -> None:
    redcap.instead = Answer(200, body)
    api = RedcapApi(redcap.url, TOKEN)
    with pytest.raises(InputRefused, match="data dictionary"):
        api.records(api.dictionary(), WANTED, ITEMS)


def test_nobody_at_the_address_may_be_tried_again() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    error = said(RedcapServer(url=f"http://127.0.0.1:{port}/api/"))
    assert (type(error), exit_code(error)) == (RetryableError, 69)
    assert "nothing was sent; run it again" in str(error)


def test_only_a_server_that_the_authorities_vouch_for_is_given_the_token(tmp_path: Path) -> None:
    make_authority(tmp_path / "tls", datetime.now(UTC), 2)
    make_broker_certificate(tmp_path / "tls", tmp_path / "server.pem", ["127.0.0.1"], datetime.now(UTC), 2)
    with served(RedcapServer(list(ROWS)), tmp_path / "server.pem") as server:
        error = said(server)
        assert (type(error), server.requests) == (SettingsError, [])
        assert "check redcap_url and redcap_ca_location" in str(error)
        assert RedcapApi(server.url, TOKEN, tmp_path / "tls" / AUTHORITY).dictionary().startswith(b"field_name,")


@pytest.mark.parametrize(
    ("address", "token", "why"),
    [
        ("", TOKEN, "redcap_url is not set"),
        ("http://redcap.example.org/api/", TOKEN, "must begin with https"),
        ("https://redcap.example.org/", TOKEN, "must be an address such as"),
        ("https://redcap.example.org/api/", f"{CANARY}", "32 letters and digits"),
        ("https://redcap.example.org/api/", "", "32 letters and digits"),
        ("https://redcap.example.org/api/", f"{TOKEN}\n", "32 letters and digits"),
    ],
)
def test_an_address_or_token_that_cannot_be_one_is_refused_unquoted(address: str, token: str, why: str) -> None:
    with pytest.raises(SettingsError, match=why) as refused:
        RedcapApi(address, token)
    assert CANARY not in str(refused.value)


def test_the_authorities_must_be_a_file(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="redcap_ca_location"):
        RedcapApi("https://redcap.example.org/api/", TOKEN, tmp_path / "gone.pem")


def test_neither_its_text_nor_any_log_holds_the_token(
    redcap: RedcapServer, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # whoever sets up logging in this process may have switched it off
    for name in ("urllib3", "urllib3.connectionpool"):
        caplog.set_level(logging.DEBUG, name)
        monkeypatch.setattr(logging.getLogger(name), "disabled", False)
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    monkeypatch.setattr(logging.root.manager, "disable", 0)
    api = RedcapApi(redcap.url, TOKEN)
    api.dictionary()
    assert caplog.records
    assert TOKEN not in caplog.text + repr(api) + str(api)


@pytest.fixture(scope="module")
def hostile() -> Iterator[RedcapServer]:
    with served(RedcapServer()) as server:
        yield server


@settings(max_examples=60, deadline=None)
@given(
    st.sampled_from([200, 200, 200, 201, 204, 226, 302, 400, 418, 500]),
    st.one_of(st.binary(max_size=200), st.binary(max_size=90).map((CANARY.encode() + b"\n").__add__)),
    st.sampled_from(["text/csv; charset=utf-8", "text/csv; charset=no-such", "application/json", "\u00e4", ""]),
)
def test_whatever_answers_nothing_but_our_errors_come_of_it(
    hostile: RedcapServer, status: int, body: bytes, kind: str
) -> None:
    hostile.instead = Answer(status, b"" if status == 204 else body, {"Content-Type": kind})
    api, said = RedcapApi(hostile.url, TOKEN), ""
    try:
        api.records(api.dictionary(), WANTED, ITEMS)
    except WardpulseError as error:
        said = str(error)
    assert said
    assert CANARY not in said


def test_the_fields_of_the_project_are_unlike_so_that_the_test_means_something() -> None:
    assert {"record_id", "mail", "secret", "remark"} <= {name for name, *_ in FIELDS}
