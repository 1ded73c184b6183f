"""Every delivery is accounted for, whatever is in it, and a refusal repeats nothing of what was refused.

Bad records of every kind are mixed into random logs, each with the reason it must be refused for. A mutation check
then deletes every increment of the counters, one at a time: the rule or the oracle must notice.
"""

import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest

from schemas.canonical import canonical_json
from schemas.codec import MAX_BYTES, encode
from schemas.errors import Reason
from schemas.events import DeadLetter
from schemas.topics import Topic
from stream_processors.steps.conservation import violations
from stream_processors.steps.replay import Replay
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Record, Story, advance
from tests.random_logs import random_log
from tests.records import RULES, numbers

Event = dict[str, Any]
Log = list[Event]

STREAMS, BATCHES = 120, 6
BASE = "st-anna"
FORGED = b"forged"

# planted in refused records only; none of it is a name, a node or an id that a dead letter may repeat
FREE_TEXT = "Zebulon Quackenbush cannot sleep"
TOKEN = "c0ffee" * 10 + "c0de"
ANSWER = 918273
CANARIES = (b"Zebulon", b"Quackenbush", b"cannot sleep", b"c0ffee", b"918273", b"mrs-canary")

RULES_OF_SIGNATURES = Rules(
    RULES.catalogue,
    lambda facility, value, signature: signature != FORGED,
    RULES.audit_key,
    RULES.code_hash,
    interventions=RULES.interventions,
)


@dataclass(frozen=True)
class Planted:
    """A record as it comes from a producer, and what must become of it: a reason, or None where the log decides."""

    key: bytes | None
    value: bytes | None
    signature: bytes | None = None
    reason: Reason | None = None


Bad = Callable[[Event], Planted]
"""Makes a bad record from a valid submission."""


def changed(reason: Reason | None, **fields: Any) -> Bad:
    """The submission with other fields."""
    return lambda event: refused(reason, {**event, **fields})


def refused(reason: Reason | None, event: Event, signature: bytes | None = None) -> Planted:
    """An event under its own key."""
    return Planted(str(event["facility"]).encode(), json.dumps(event).encode(), signature, reason)


def raw(reason: Reason, make: Callable[[bytes], bytes | None]) -> Bad:
    """Bytes that are no event."""
    return lambda event: Planted(BASE.encode(), make(json.dumps({**event, "respondent": TOKEN}).encode()), None, reason)


def control(event: Event, kind: str, /, **fields: Any) -> Event:
    """A control event of the submission's facility and round."""
    kept = {name: event[name] for name in ("facility", "event_id", "schema_version")}
    return {"type": kind, **kept, **fields}


def withdrawal(event: Event, **fields: Any) -> Event:
    """A withdrawal of a canary."""
    rest = {"round": event["round"], "form": event["form"], "respondent": TOKEN}
    return control(event, "submission.withdrawn", **{**rest, **fields})


def retirement(event: Event, **fields: Any) -> Event:
    """A request to retire a cohort of the round."""
    rest = {"round": event["round"], "form": event["form"], "node": event["node"], "reason": "consent"}
    return control(event, "cohort.retirement", **{**rest, **fields})


def intervention(event: Event, **fields: Any) -> Event:
    """What leadership did about the whole facility."""
    rest = {"node": event["facility"], "on": "2026-10-05", "kind": "staffing", "label": "float-pool"}
    return control(event, "intervention", **{**rest, **fields})


def opening(event: Event, **fields: Any) -> Event:
    """A marker that opens a round of the year before."""
    dates = {"first_answer_date": "2025-10-05", "last_answer_date": "2025-10-11"}
    rest = {"round": "2025-W41", "forms": ["sib5"], "leaves": [event["node"]], "policy": {}, "key_id": "mrs-canary"}
    return control(event, "round.opened", **{**dates, **rest, **fields})


def in_season(event: Event, **terms: Any) -> Event:
    """The terms of a season around the round that `opening` opens, in which every unit is asked in short rounds."""
    season = {"id": "mrs-canary", "first": "2025-10-01", "last": "2025-12-31", "long_below": 1, "calendar": "short"}
    return {**season, **terms}


def organised(event: Event, *nodes: Event, **fields: Any) -> Event:
    """An organisation record of a facility and more nodes."""
    root = {"id": event["facility"], "parent": None, "kind": "facility", "name": FREE_TEXT}
    rest = {"levels": ["facility", "unit"], "nodes": [root, *nodes], "effective_from": "2026-10-05"}
    return control(event, "organisation.updated", **{**rest, **fields})


def node(**fields: Any) -> Event:
    """A unit."""
    return {"id": "mrs-canary", "parent": BASE, "kind": "unit", "name": FREE_TEXT, "headcount": 3, **fields}


BAD_BYTES: dict[str, Bad] = {
    "null value": raw(Reason.EMPTY, lambda value: None),
    "no bytes": raw(Reason.EMPTY, lambda value: b""),
    "not JSON": raw(Reason.NOT_JSON, lambda value: FREE_TEXT.encode()),
    "truncated": raw(Reason.NOT_JSON, lambda value: value[:-7]),
    "invalid UTF-8": raw(Reason.NOT_JSON, lambda value: value.replace(b"csv", b"\xff\xfe").replace(b"redcap", b"\xc3")),
    "UTF-16": raw(Reason.NOT_JSON, lambda value: value.decode().encode("utf-16")),
    "encoded surrogate": raw(Reason.NOT_JSON, lambda value: value.replace(b'"source": "', b'"source": "\xed\xa0\x80')),
    "lone surrogate": raw(Reason.NOT_JSON, lambda value: value.replace(b'"source": "', b'"source": "\\ud800')),
    "array bomb": raw(Reason.NOT_JSON, lambda value: b"[" * 100_000),
    "object bomb": raw(Reason.NOT_JSON, lambda value: value[:-1] + b', "deep": ' + b'{"a":' * 50_000),
    "huge integer": raw(Reason.NOT_JSON, lambda value: value.replace(b'"revision": ', b'"revision": ' + b"9" * 9000)),
    "over-size": raw(Reason.TOO_LARGE, lambda value: value + b" " * MAX_BYTES),
    "another type": raw(Reason.UNKNOWN_TYPE, lambda value: value.replace(b'"submission"', b'"cannot sleep"')),
    "no object": raw(Reason.BAD_SCHEMA, lambda value: b'["Zebulon"]'),
    "NaN": raw(Reason.BAD_SCHEMA, lambda value: value.replace(b'"revision": ', b'"revision": NaN, "was": ')),
    "repeated key": raw(Reason.BAD_TOKEN, lambda value: value[:-1] + b', "respondent": "Zebulon"}'),
    "repeated type": raw(Reason.BAD_TOKEN, lambda value: value[:-1] + b', "type": "round.closed"}'),
}

BAD_SUBMISSIONS: dict[str, Bad] = {
    "free text": changed(Reason.BAD_SCHEMA, comment=FREE_TEXT, respondent=TOKEN),
    "another schema": changed(Reason.BAD_SCHEMA, schema_version=2, respondent=TOKEN),
    "facility is a sentence": changed(Reason.BAD_SCHEMA, facility=FREE_TEXT),
    "text for a number": changed(Reason.BAD_SCHEMA, revision=FREE_TEXT),
    "integer beyond the field": changed(Reason.BAD_SCHEMA, revision=ANSWER * 10**9),
    "source is a sentence": changed(Reason.BAD_SCHEMA, source=FREE_TEXT),
    "token is a name": changed(Reason.BAD_TOKEN, respondent="mrs-canary"),
    "token too short": changed(Reason.BAD_TOKEN, respondent=TOKEN[:-1]),
    "token in capitals": changed(Reason.BAD_TOKEN, respondent=TOKEN.upper()),
    "answer is text": changed(Reason.BAD_ANSWER, answers={"1": FREE_TEXT}),
    "answer is true": changed(Reason.BAD_ANSWER, answers={"1": True}, respondent=TOKEN),
    "answer is a fraction": changed(Reason.BAD_ANSWER, answers={"1": 918273.5}),
    "item is text": changed(Reason.BAD_ANSWER, answers={FREE_TEXT: 1}),
    "too many answers": changed(Reason.BAD_ANSWER, answers={str(item): ANSWER for item in range(1, 300)}),
    "date with a time": changed(Reason.BAD_DATE, submitted_on="2026-10-06T07:30:00+02:00", respondent=TOKEN),
    "date at midnight": changed(Reason.BAD_DATE, submitted_on="2026-10-06T00:00:00Z", respondent=TOKEN),
    "date is a number": changed(Reason.BAD_DATE, submitted_on=ANSWER),
    "encrypted content": changed(Reason.UNSUPPORTED, content=FREE_TEXT),
    "unknown round": changed(Reason.UNKNOWN_ROUND, round="mrs-canary", respondent=TOKEN),
    "unknown facility": changed(Reason.NO_ORGANISATION, facility="st-nowhere", respondent=TOKEN),
    "wrong key": lambda event: Planted(b"mrs-canary", canonical_json(event), None, Reason.KEY_MISMATCH),
    "no key": lambda event: Planted(None, canonical_json(event), None, Reason.KEY_MISMATCH),
}

# refused while a round of theirs is open and late after it, so the reason is left to the log
BAD_FIELDS: dict[str, Event] = {
    "unknown form": {"form": "mrs-canary"},
    "another version": {"form_version": ANSWER},
    "unknown unit": {"node": "mrs-canary"},
    "wrong key id": {"key_id": "mrs-canary"},
    "out of range": {"answers": {"1": ANSWER}},
    "unknown item": {"answers": {"9182": 1}},
    "missing answers": {"answers": {}},
    "date before": {"submitted_on": "0001-01-01"},
    "date after": {"submitted_on": "9999-12-31"},
}
BAD_IN_A_ROUND = {name: changed(None, **{"respondent": TOKEN, **fields}) for name, fields in BAD_FIELDS.items()}

BAD_CONTROL: dict[str, Bad] = {
    "forged withdrawal": lambda event: refused(Reason.BAD_SIGNATURE, withdrawal(event), FORGED),
    "forged close": lambda event: refused(
        Reason.BAD_SIGNATURE, control(event, "round.closed", round=event["round"]), FORGED
    ),
    "forged opening": lambda event: refused(Reason.BAD_SIGNATURE, opening(event), FORGED),
    "forged organisation": lambda event: refused(Reason.BAD_SIGNATURE, organised(event, node()), FORGED),
    "close of no round": lambda event: refused(
        Reason.UNKNOWN_ROUND, control(event, "round.closed", round="mrs-canary")
    ),
    "forged retirement": lambda event: refused(Reason.BAD_SIGNATURE, retirement(event), FORGED),
    "retirement in no round": lambda event: refused(Reason.UNKNOWN_ROUND, retirement(event, round="mrs-canary")),
    "retirement for a reason in words": lambda event: refused(
        Reason.BAD_SCHEMA, retirement(event, reason="mrs-canary")
    ),
    "withdrawal from no round": lambda event: refused(Reason.UNKNOWN_ROUND, withdrawal(event, round="mrs-canary")),
    "opening before an organisation": lambda event: refused(
        Reason.NO_ORGANISATION, opening({**event, "facility": "st-nowhere"})
    ),
    "policy under a floor": lambda event: refused(Reason.POLICY_UNDER_FLOOR, opening(event, policy={"k": 4})),
    "coalition beyond k": lambda event: refused(Reason.POLICY_UNDER_FLOOR, opening(event, policy={"coalition": 9})),
    "slack is NaN": lambda event: refused(Reason.BAD_SCHEMA, opening(event, policy={"headcount_slack": float("nan")})),
    "round of an unknown form": lambda event: refused(Reason.UNKNOWN_FORM, opening(event, forms=["mrs-canary"])),
    "another scoring key": lambda event: refused(
        Reason.OTHER_SCORING_KEY, opening(event, scoring_keys=dict.fromkeys(["sib5"], "0" * 64))
    ),
    "sensitive form in a season": lambda event: refused(
        Reason.SENSITIVE_FORM, opening(event, forms=["phq_2"], season=in_season(event))
    ),
    "round of a form twice": lambda event: refused(Reason.REPEATED_INSTRUMENT, opening(event, forms=["sib5"] * 2)),
    "round in an unknown unit": lambda event: refused(Reason.UNKNOWN_UNIT, opening(event, leaves=["mrs-canary"])),
    "round in a unit twice": lambda event: refused(Reason.UNKNOWN_UNIT, opening(event, leaves=[event["node"]] * 2)),
    "round that ends first": lambda event: refused(Reason.BAD_DATE, opening(event, first_answer_date="2026-01-01")),
    "nodes of one id": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, node(), node())),
    "node without a parent": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, node(parent="mrs-c"))),
    "node its own parent": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, node(parent="mrs-canary"))),
    "leaf without a headcount": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, node(headcount=None))),
    "level twice": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, levels=["facility"] * 2)),
    "another root": lambda event: refused(Reason.BAD_ORGANISATION, organised(event, nodes=[node(parent=None)])),
    "intervention nowhere": lambda event: refused(Reason.UNKNOWN_UNIT, intervention(event, node="mrs-canary")),
    "intervention in words": lambda event: refused(
        Reason.UNKNOWN_INTERVENTION, intervention(event, label="mrs-canary")
    ),
    "intervention long ago": lambda event: refused(Reason.DAY_TOO_FAR, intervention(event, on="2016-10-05")),
    "intervention to come": lambda event: refused(Reason.DAY_TOO_FAR, intervention(event, on="2062-10-05")),
    "intervention on no day": lambda event: refused(Reason.BAD_DATE, intervention(event, on="2026-10-35")),
    "intervention with a note": lambda event: refused(Reason.BAD_SCHEMA, intervention(event, note=FREE_TEXT)),
    "intervention never made": lambda event: refused(
        Reason.NO_INTERVENTION, intervention(event, label="mrs-canary", withdrawn=True)
    ),
    "forged intervention": lambda event: refused(Reason.BAD_SIGNATURE, intervention(event), FORGED),
    "intervention before an organisation": lambda event: refused(
        Reason.NO_ORGANISATION, intervention({**event, "facility": "st-nowhere"})
    ),
}

BAD = BAD_BYTES | BAD_SUBMISSIONS | BAD_IN_A_ROUND | BAD_CONTROL


def submissions(log: Log) -> Log:
    """The submissions of the facility every log has."""
    return [event for event in log if event["type"] == "submission" and event["facility"] == BASE]


def with_bad_records(rng: random.Random, log: Log, share: float) -> list[Planted]:
    """The log with bad records of many kinds put in after its first record, the organisation of some facility."""
    models = submissions(log)
    stream = [Planted(event["facility"].encode(), canonical_json(event)) for event in log]
    # by then the facility is known: a log starts with its organisation
    known = next(index for index, event in enumerate(log) if event["facility"] == BASE)
    for make in BAD.values():
        if models and rng.random() < share:
            stream.insert(rng.randint(known + 1, len(stream)), make(rng.choice(models)))
    return stream


def to_records(stream: Sequence[Planted]) -> list[Record]:
    """The stream as a partition's records."""
    return [Record(0, offset, item.key, item.value, item.signature) for offset, item in enumerate(stream)]


def dead_letters(result: Replay, record: Record) -> list[DeadLetter]:
    """Take a record; the dead letters it led to, after checking that they are all it led to."""
    before = len(result.events)
    result.take(record, RULES_OF_SIGNATURES)
    led_to = result.events[before:]
    letters = [event for event in led_to if isinstance(event, DeadLetter)]
    assert not letters or led_to == letters
    return letters


def is_delivery(planted: Planted) -> bool:
    """Whether the record is a submission by its own account."""
    try:
        event = json.loads(planted.value or b"")
    except (ValueError, RecursionError):
        return False
    return isinstance(event, dict) and event.get("type") == "submission"


def assert_accounted_for(stream: Sequence[Planted], what: str) -> None:
    """The rule holds; each record is counted as received once or is an accepted control event."""
    result, accepted = Replay(), 0
    for planted, record in zip(stream, to_records(stream), strict=True):
        letters = dead_letters(result, record)
        assert len(letters) <= 1, what
        accepted += not letters and not is_delivery(planted)
        if planted.reason is not None:
            assert [letter.reason for letter in letters] == [planted.reason], what
        for letter in letters:
            assert (letter.topic, letter.partition, letter.offset) == (Topic.SUBMISSIONS, 0, record.offset)
            assert not any(canary in encode(letter) for canary in CANARIES), what
    assert violations(result.outcomes()) == [], what
    assert sum(counts["received"] for counts in numbers(result.outcomes()).values()) + accepted == len(stream), what


def without_late_withdrawals(stream: list[Planted]) -> list[Planted]:
    """The stream without withdrawals from closed rounds, of which the counts know nothing (see the test of them)."""
    result, kept = Replay(), []
    for planted, record in zip(stream, to_records(stream), strict=True):
        letters = dead_letters(result, record)
        late = [letter for letter in letters if letter.reason == Reason.AFTER_CLOSE and letter.outcome == "invalid"]
        if not late:
            kept.append(planted)
    return kept


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_record_is_accounted_for_and_no_dead_letter_repeats_what_it_refused(batch: int) -> None:
    for seed in range(batch, STREAMS, BATCHES):
        rng = random.Random(seed)
        stream = with_bad_records(rng, random_log(rng), rng.choice([0.2, 0.6]))
        assert_accounted_for(without_late_withdrawals(stream), f"seed {seed}")


@pytest.mark.parametrize("kind", BAD)
def test_a_bad_record_is_refused_for_its_own_reason(kind: str) -> None:
    rng = random.Random(3)
    log = random_log(rng)
    stream = [Planted(event["facility"].encode(), canonical_json(event)) for event in log]
    model = submissions(log)[0]
    where = log.index(model)
    stream.insert(where, BAD[kind](model))
    assert_accounted_for(without_late_withdrawals(stream), kind)


def test_a_withdrawal_after_the_close_is_accounted_for() -> None:
    seeds = map(random.Random, range(50))
    log = next(log for log in map(random_log, seeds) if log[1]["type"] == "round.opened" and len(log) > 50)
    opened = log[1]
    late = control(opened, "submission.withdrawn", round=opened["round"], form=opened["forms"][0], respondent=TOKEN)
    closed = control(opened, "round.closed", round=opened["round"])
    stream = [Planted(event["facility"].encode(), canonical_json(event)) for event in [*log[:50], closed, late]]
    assert_accounted_for(stream, "late withdrawal")


@pytest.mark.parametrize("seed", range(20))
def test_records_with_spoilt_bytes_never_stop_the_worker(seed: int) -> None:
    rng = random.Random(seed)
    story = Story()
    for record in to_records(with_bad_records(rng, random_log(rng), 0.3)):
        advance(story, record, RULES_OF_SIGNATURES)
        for _ in range(3):
            spoilt = bytearray((record.value or b"{}")[:5000])
            for _ in range(rng.randint(1, 3)):
                spoilt[rng.randrange(len(spoilt))] = rng.randrange(256)
            stages = advance(story, record._replace(value=bytes(spoilt)), RULES_OF_SIGNATURES)
            assert all(output.event.type != "submission" for stage in stages for output in stage)


def test_headcounts_of_any_size_never_stop_the_worker() -> None:
    event = next(event for event in random_log(random.Random(0)) if event["type"] == "submission")
    units = [node(id=f"u{number}", headcount=10**6, parent=event["facility"]) for number in range(2200)]
    log = [organised(event, *units), opening(event, leaves=["u0"])]
    assert_accounted_for([refused(None, item) for item in log], "headcounts")


@pytest.mark.parametrize(
    "start", ['{"type":"echo","event":{"type":"round.sealed","nodes":[', '{"type":"round.sealed","nodes":[']
)
def test_a_record_with_very_many_errors_is_refused_as_fast_as_any(start: str) -> None:
    value = start.encode() + b"{}," * 20_000 + b"{}]" + b"}" * start.count("{")
    began = time.perf_counter()
    advance(Story(), Record(0, 0, BASE.encode(), value, None), RULES)
    assert time.perf_counter() - began < 0.3


# --- the mutation check ---
