"""What goes over the wire, without a broker: key, bytes, headers, signature, and the settings of each mode."""

from datetime import date
from typing import Any

import pytest
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaTimeoutError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)

from deploy.connection import Connection
from producers.client import Message, Sendable, WellbeingProducer, _configuration, message, raw_message
from producers.simulate import Simulation, lines
from schemas.codec import MAX_BYTES, decode
from schemas.errors import AccessRefused, DataError, Reason, RetryableError, SettingsError
from schemas.events import Node, OrganisationUpdated, RoundCancelled, RoundClosed, Submission, SubmissionWithdrawn

EVENT_ID = "00000000-0000-8000-8000-000000000000"
SUBMISSION = Submission(
    facility="north",
    event_id=EVENT_ID,
    round="2026-W02",
    form="sib5",
    form_version=1,
    node="icu",
    respondent="ab" * 32,
    revision=0,
    answers={"1": 3},
    submitted_on=date(2026, 1, 7),
    source="sdk",
    key_id="0123456789abcdef",
)
CLOSED = RoundClosed(facility="north", event_id=EVENT_ID, round="2026-W02")
WITHDRAWN = SubmissionWithdrawn(
    facility="north", event_id=EVENT_ID, round="2026-W02", form="sib5", respondent="ab" * 32
)


def sign(facility: str, value: bytes) -> bytes:
    return f"{facility}:{len(value)}".encode()


def test_a_submission_is_keyed_by_facility_and_described_in_headers() -> None:
    record = message(SUBMISSION, None)
    assert record.key == b"north"
    assert decode(record.value) == SUBMISSION
    assert record.headers == (
        ("ce_specversion", b"1.0"),
        ("ce_type", b"submission"),
        ("ce_source", b"wardpulse/north"),
        ("ce_id", EVENT_ID.encode()),
        ("ce_dataschema", b"urn:wardpulse:schema:submission:1"),
        ("content-type", b"application/json"),
    )


@pytest.mark.parametrize("event", [CLOSED, WITHDRAWN])
def test_a_control_event_carries_the_signature_of_its_bytes(event: Sendable) -> None:
    record = message(event, sign)
    assert dict(record.headers)["signature"] == sign("north", record.value)
    assert dict(record.headers)["ce_type"] == event.type.encode()


def test_a_control_event_that_cannot_be_signed_is_refused() -> None:
    with pytest.raises(SettingsError, match="keystore"):
        message(CLOSED, None)


@pytest.mark.parametrize("event", [SUBMISSION, CLOSED, WITHDRAWN])
def test_no_header_tells_a_time_a_token_or_an_answer(event: Sendable) -> None:
    headers = dict(message(event, sign).headers)
    assert not any("time" in name for name in headers)
    assert not any(b"2026-01-07" in value or b"abab" in value for value in headers.values())


def test_a_message_never_prints_its_content() -> None:
    assert "ab" * 32 not in repr(message(SUBMISSION, None))
    assert "answers" not in repr(message(SUBMISSION, None))


def test_an_event_over_the_limit_is_refused_before_it_is_sent() -> None:
    nodes = [Node(id="north", parent=None, kind="facility", name="North")]
    nodes += [Node(id=f"unit-{n}", parent="north", kind="unit", name="x" * 120, headcount=4) for n in range(7000)]
    large = OrganisationUpdated(
        facility="north",
        event_id=EVENT_ID,
        levels=("facility", "unit"),
        nodes=tuple(nodes),
        effective_from=date(2026, 1, 5),
    )
    with pytest.raises(DataError) as refused:
        message(large, sign)
    assert refused.value.reason == Reason.TOO_LARGE


def test_raw_bytes_keep_what_they_are() -> None:
    assert raw_message("north", b"{", None) == Message(b"north", b"{", (("content-type", b"application/json"),))
    assert raw_message(None, b"{", b"s").headers[-1] == ("signature", b"s")
    assert raw_message(None, b"{", b"s").key is None


def test_a_real_broker_confirms_on_every_replica_and_once() -> None:
    settings: dict[str, Any] = _configuration(Connection("kafka:9092"), timeout=30)
    assert settings["acks"] == "all"
    assert settings["enable_idempotence"] is True
    assert settings["allow_auto_create_topics"] is False
    assert settings["max_request_size"] > MAX_BYTES
    assert "api_version" not in settings


def test_the_embedded_broker_keeps_order_with_one_request_in_flight() -> None:
    settings = _configuration(Connection("kafka:9092", embedded=True), timeout=30)
    assert settings["acks"] == "all"
    assert settings["api_version"] == (2, 0)
    assert settings["enable_idempotence"] is False
    assert settings["max_in_flight_requests_per_connection"] == 1


class Unconfirming:
    """A producer of kafka-python whose records all fail in one way."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, *_: Any, **__: Any) -> "Unconfirming":
        return self

    is_done = True

    def get(self, timeout: float) -> None:
        raise self.error

    def flush(self, timeout: float) -> None:
        """Nothing waits."""

    def close(self, timeout: float) -> None:
        """Nothing is open."""


@pytest.mark.parametrize(
    ("error", "raised", "said"),
    [
        (KafkaTimeoutError("late"), RetryableError, "Kafka did not confirm 2 events; sending them again is safe"),
        (
            TopicAuthorizationFailedError({"t"}),
            AccessRefused,
            "may not use topic .*submissions.*did not confirm 2 events",
        ),
        (ClusterAuthorizationFailedError(), AccessRefused, "may not do what it asks of the cluster.*did not confirm 2"),
        (SaslAuthenticationFailedError("no"), AccessRefused, "refused the user or password.*did not confirm 2 events"),
    ],
)
def test_records_refused_for_want_of_a_right_are_told_apart(
    monkeypatch: pytest.MonkeyPatch, error: Exception, raised: type[Exception], said: str
) -> None:
    monkeypatch.setattr("producers.client._connect", lambda *_: Unconfirming(error))
    with WellbeingProducer(Connection("kafka:9092")) as producer:
        producer._deliver(message(SUBMISSION, None))
        producer._pending *= 2
        with pytest.raises(raised, match=said):
            producer.flush()


def test_a_refusal_at_the_end_of_a_context_does_not_hide_the_callers_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("producers.client._connect", lambda *_: Unconfirming(SaslAuthenticationFailedError("no")))

    def work() -> None:
        with WellbeingProducer(Connection("kafka:9092")) as producer:
            producer.send(SUBMISSION)
            raise LookupError("the caller's own")

    with pytest.raises(LookupError, match="the caller's own") as found:
        work()
    assert "refused the user or password" in found.value.__notes__[0]


CANCELLED = RoundCancelled(facility="north", event_id=EVENT_ID, round="2026-W02")
SENT = (*(decode(line.value) for line in lines(Simulation(1, 100, 1, clean=True))), WITHDRAWN, CANCELLED)
EVERY_KIND: dict[str, Any] = {event.type: event for event in SENT}


@pytest.mark.parametrize("kind", sorted(EVERY_KIND))
def test_what_decides_about_others_is_sent_when_all_before_it_is_confirmed(
    monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr("producers.client._connect", lambda *_: Unconfirming(KafkaTimeoutError("late")))
    calls: list[str] = []
    with WellbeingProducer(Connection("kafka:9092"), sign=sign) as producer:
        monkeypatch.setattr(producer, "flush", lambda: calls.append("flush"))
        monkeypatch.setattr(producer, "_deliver", lambda _: calls.append("deliver"))
        producer.send(EVERY_KIND[kind])
        # answers and withdrawals are counted alike in any order
        assert calls == (["deliver"] if kind.startswith("submission") else ["flush", "deliver"])
