"""What the doctor makes of what it sees: each fault is found, and each finding says what to do."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from deploy.doctor import (
    Echoes,
    Finding,
    Tables,
    check_flow,
    check_kept,
    check_keystores,
    check_round_keys,
    check_rounds,
    check_tables,
    check_topics,
    check_trusted,
    check_versions,
    pinned_partitions,
    wanted_settings,
)
from schemas.canonical import derived_id
from schemas.events import Echo, Node, OrganisationUpdated, RoundClosed, RoundOpened
from schemas.policy import Policy
from schemas.topics import PARTITIONS, TOPICS, Topic
from stream_processors.steps.ledger import Ledger, ledger

NAMES = ["t-" + spec.topic for spec in TOPICS]
ALL = dict.fromkeys(NAMES, PARTITIONS)
KEPT = {"t-" + spec.topic: wanted_settings(spec) for spec in TOPICS}
OFFSET = 7


def opened(facility: str = "north", round: str = "2026-W42", key_id: str = "aa") -> RoundOpened:
    return RoundOpened(
        facility=facility,
        event_id=derived_id(facility, round),
        round=round,
        forms=("cbi.work",),
        first_answer_date=date(2026, 10, 12),
        last_answer_date=date(2026, 10, 18),
        leaves=("icu",),
        policy=Policy(),
        key_id=key_id,
    )


def seen(*events: RoundOpened | RoundClosed, start: int = 0, foreign: bool = False) -> Echoes:
    """The echoes of partition 2: an organisation for each facility, and from OFFSET on these events."""
    facilities = sorted({event.facility for event in events})
    all_events = [*map(organisation, facilities), *events]
    echoes = [
        Echo(facility=event.facility, event_id=derived_id(event.type, at), offset=at, event=event)
        for at, event in enumerate(all_events, OFFSET - len(facilities))
    ]
    return Echoes({0: [], 2: echoes}, {0: 99, 2: start}, foreign)


def organisation(facility: str) -> OrganisationUpdated:
    nodes = (
        Node(id=facility, parent=None, kind="hospital", name=facility),
        Node(id="icu", parent=facility, kind="unit", name="Intensive care", headcount=30),
    )
    return OrganisationUpdated(
        facility=facility,
        event_id=derived_id("organisation", facility),
        levels=("hospital", "unit"),
        nodes=nodes,
        effective_from=date(2026, 1, 1),
    )


def known(echoes: Echoes) -> Ledger:
    return ledger([echo for many in echoes.by_partition.values() for echo in many])


def closed(facility: str = "north", round: str = "2026-W42") -> RoundClosed:
    return RoundClosed(facility=facility, event_id=derived_id("close", facility, round), round=round)


def row(facility: str = "north", problem: str | None = None, **key_ids: str) -> dict[str, Any]:
    return {
        "facility": facility,
        "problem": problem,
        "rounds": list(key_ids),
        "key_ids": key_ids,
        "public_key": f"{facility}-key",
    }


def states(found: list[Finding]) -> dict[str, str]:
    assert all(one.do.endswith(".") for one in found if one.state in ("problem", "warning"))
    return {one.check: one.state for one in found}


def test_keystores_are_counted_and_their_problems_passed_on() -> None:
    found = check_keystores([row(**{"2026-W42": "aa"}), row("south", problem="run chmod 600 on it")])
    assert states(found) == {"keystore north": "ok", "keystore south": "problem"}
    assert found[1].found == "run chmod 600 on it"
    assert states(check_keystores([])) == {"keystores": "warning"}


@pytest.mark.parametrize(
    ("rows", "state", "said"),
    [
        ([row(**{"2026-W42": "aa"})], "ok", "north 2026-W42"),
        ([row(**{"2026-W42": "bb"})], "problem", "other keys than north 2026-W42"),
        ([row(**{"2026-W40": "aa"})], "problem", "no keys of north 2026-W42"),
        ([row()], "problem", "no keys of north 2026-W42"),
        ([row("south")], "ok", "no round is open"),
        ([row(problem="damaged")], "warning", "no usable keystore here"),
        ([], "warning", "no usable keystore here"),
    ],
)
def test_an_open_round_needs_the_keys_it_was_opened_with(rows: list[dict[str, Any]], state: str, said: str) -> None:
    found = check_round_keys(rows, known(seen(opened())))
    assert (found.state, said in found.found) == (state, True)
    assert check_round_keys(rows, known(seen(opened(), closed()))).state == "ok"


def test_the_worker_must_know_every_public_key_here() -> None:
    rows = [row("north"), row("south"), row("east", problem="damaged")]
    assert check_trusted({"north": ["old", "north-key"], "south": ["south-key"], "west": ["x"]}, rows).state == "ok"
    found = check_trusted({"north": ["north-key"], "south": ["north-key"]}, rows)
    assert (found.state, found.found) == ("problem", "not the public key of south")
    assert "wardpulse keystore trust south" in found.do
    assert "a running worker reads it by itself" in found.do


def test_topics_are_there_and_split_alike() -> None:
    assert states(check_topics(ALL, "t-")) == {"topics": "ok", "partitions": "ok"}
    assert states(check_topics(ALL, "")) == {"topics": "problem", "partitions": "skipped"}
    missing = {name: count for name, count in ALL.items() if name != NAMES[2]}
    found = check_topics(missing, "t-")
    assert states(found) == {"topics": "problem", "partitions": "ok"}
    assert NAMES[2] in found[0].found
    uneven = check_topics(ALL | {NAMES[3]: 5}, "t-")
    assert states(uneven) == {"topics": "ok", "partitions": "problem"}
    assert f"{NAMES[3]} 5" in uneven[1].found
    assert states(check_topics(dict.fromkeys(NAMES, 12), "t-"))["partitions"] == "warning"


def kept(topic: Topic, **changes: str) -> Finding:
    named = {name.replace("_", "."): value for name, value in changes.items()}
    settings: Mapping[str, Mapping[str, str]] = {**KEPT, "t-" + topic: {**KEPT["t-" + topic], **named}}
    return next(one for one in check_kept(settings, "t-") if one.check == f"retention of {topic}")


def test_topics_kept_as_the_rules_say_are_fine() -> None:
    found = check_kept(KEPT, "t-")
    assert set(states(found).values()) == {"ok"}
    assert len(found) == len(TOPICS)


@pytest.mark.parametrize(
    ("topic", "changes", "state"),
    [
        (Topic.SUBMISSIONS, {"retention_ms": "604800000"}, "problem"),
        (Topic.SUBMISSIONS, {"retention_ms": "-1"}, "warning"),
        (Topic.SUBMISSIONS, {"retention_bytes": "1000000"}, "problem"),
        (Topic.SUBMISSIONS, {"cleanup_policy": "compact"}, "problem"),
        (Topic.SUBMISSIONS, {"message_timestamp_type": "LogAppendTime"}, "problem"),
        (Topic.COHORTS, {"message_timestamp_type": "LogAppendTime"}, "ok"),
        (Topic.COHORTS, {"retention_ms": "34560000000"}, "problem"),
        (Topic.ROUNDS, {"cleanup_policy": "compact"}, "problem"),
        (Topic.ROUNDS, {"cleanup_policy": "compact,delete"}, "problem"),
        (Topic.DEADLETTERS, {"retention_ms": "7776000001"}, "warning"),
        (Topic.DEADLETTERS, {"retention_ms": "not told"}, "problem"),
    ],
)
def test_a_topic_kept_otherwise_is_found(topic: Topic, changes: dict[str, str], state: str) -> None:
    found = kept(topic, **changes)
    assert found.state == state
    if state != "ok":
        assert found.do.startswith("Set cleanup.policy=delete, retention.ms=")


def test_open_rounds_are_named_and_late_ones_are_to_be_closed() -> None:
    echoes = seen(opened(), opened("south", "2026-W40"), closed("south", "2026-W40"))
    on_the_last_day = check_rounds(known(echoes), echoes, date(2026, 10, 18))
    assert set(states(on_the_last_day).values()) == {"ok"}
    assert on_the_last_day[0].found == "north 2026-W42 until 2026-10-18"
    late = check_rounds(known(echoes), echoes, date(2026, 10, 19))
    assert states(late)["rounds past their dates"] == "warning"
    assert "wardpulse rounds close 2026-W42 --facility north" in late[1].do


def test_a_round_whose_beginning_has_left_the_log_is_found() -> None:
    echoes = seen(opened(), start=OFFSET)
    assert states(check_rounds(known(echoes), echoes, date(2026, 10, 13)))["log of open rounds"] == "ok"
    later = replace(echoes, starts={2: OFFSET + 1})
    assert states(check_rounds(known(later), later, date(2026, 10, 13)))["log of open rounds"] == "problem"
    ended = seen(opened(), closed(), start=OFFSET + 1)
    assert states(check_rounds(known(ended), ended, date(2026, 10, 13)))["log of open rounds"] == "ok"


def test_a_round_about_to_lose_its_beginning_is_found() -> None:
    echoes = seen(opened())
    assert states(check_rounds(known(echoes), echoes, date(2027, 10, 17)))["log of open rounds"] == "ok"
    assert states(check_rounds(known(echoes), echoes, date(2027, 10, 18)))["log of open rounds"] == "warning"


def test_records_of_others_among_the_echoes_are_found() -> None:
    echoes = seen(foreign=True)
    assert states(check_rounds(known(echoes), echoes, date(2026, 10, 18)))["open rounds"] == "problem"


SUBMISSIONS, COHORTS = "t-" + Topic.SUBMISSIONS, "t-" + Topic.COHORTS


@pytest.mark.parametrize(
    ("behind", "pinned", "state"),
    [
        ([], [], "ok"),
        ([], [2], "ok"),
        ([], None, "ok"),
        ([(SUBMISSIONS, 1)], [], "warning"),
        ([(SUBMISSIONS, 1)], [2], "warning"),
        ([(SUBMISSIONS, 2)], [2], "skipped"),
        ([(SUBMISSIONS, 2), (SUBMISSIONS, 1)], [2], "warning"),
        ([(SUBMISSIONS, 2), (COHORTS, 2)], [2], "warning"),
        ([(COHORTS, 2)], [2], "warning"),
        ([(SUBMISSIONS, 2)], None, "skipped"),
        ([(COHORTS, 2)], None, "warning"),
    ],
)
def test_a_lag_is_told_without_its_size(behind: list[tuple[str, int]], pinned: list[int] | None, state: str) -> None:
    found = check_flow("worker", frozenset(behind), "t-", None if pinned is None else frozenset(pinned))
    assert found.state == state
    assert not any(letter.isdigit() for letter in found.found + found.do)


def test_a_partition_is_pinned_while_a_round_is_open_in_it() -> None:
    echoes = seen(opened())
    assert pinned_partitions(known(echoes), echoes) == {2}
    ended = seen(opened(), closed())
    assert pinned_partitions(known(ended), ended) == frozenset()


def test_tables_are_up_to_date_or_say_what_to_run() -> None:
    fine = Tables("26.9", {"0001": "applied"}, 0.0)
    assert states(check_tables(fine)) == {"clickhouse": "ok", "migrations": "ok", "clock": "ok"}
    assert (
        states(check_tables(replace(fine, migrations={"0001": "applied", "0002": "pending"})))["migrations"]
        == "problem"
    )
    edited = check_tables(replace(fine, migrations={"0001": "edited", "0002": "pending"}))
    assert "0001" in edited[1].found


@pytest.mark.parametrize(
    ("ahead", "state"), [(None, "skipped"), (60.0, "ok"), (61.0, "warning"), (-61.0, "warning"), (-60.0, "ok")]
)
def test_a_clock_more_than_a_minute_off_is_found(ahead: float | None, state: str) -> None:
    assert states(check_tables(Tables("26.9", {}, ahead)))["clock"] == state


PINS = ["aiokafka==0.14.0", "faust-streaming==0.15.3; extra == 'x'", "kafka-python>=3"]


@pytest.mark.parametrize(
    ("python", "versions", "expected"),
    [
        ((3, 11), {"aiokafka": "0.14.0", "faust-streaming": "0.15.3", "wardpulse": "1"}, ["ok", "ok"]),
        ((3, 13), {"aiokafka": "0.14.1", "faust-streaming": "0.15.3", "wardpulse": "1"}, ["ok", "problem"]),
        ((3, 10), {"aiokafka": "0.14.0", "wardpulse": "1"}, ["problem", "problem"]),
        ((3, 14), {}, ["problem", "problem"]),
    ],
)
def test_versions_are_those_relied_on(python: tuple[int, int], versions: dict[str, str], expected: list[str]) -> None:
    found = check_versions(python, PINS, versions.get)
    assert [one.state for one in found] == expected
