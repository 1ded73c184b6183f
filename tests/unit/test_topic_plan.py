"""Which topics are to be made, and how those that are there differ from what is needed."""

from dataclasses import replace
from typing import Final

import pytest

from deploy.doctor import check_copies
from deploy.topic_plan import KafkaTopic, copies_for, differing, missing_topics, topic_rows, wanted_topic
from schemas.errors import SettingsError
from schemas.topics import PARTITIONS, TOPICS, Topic

THERE: Final = {topic.name: topic for topic in missing_topics((), "p-", 3)}
KEPT: Final = {name: topic.settings for name, topic in THERE.items()}
ROUNDS: Final = "p-" + Topic.ROUNDS


def kept(**settings: str) -> dict[str, dict[str, str]]:
    """How topics are kept, with these settings of the rounds."""
    changed = {name.replace("_", "."): value for name, value in settings.items()}
    return {name: {**told, **(changed if name == ROUNDS else {})} for name, told in KEPT.items()}


def test_every_topic_is_missing_where_there_is_none_and_none_where_all_are() -> None:
    assert [topic.name for topic in missing_topics((), "p-", 3)] == ["p-" + spec.topic for spec in TOPICS]
    assert missing_topics(THERE, "p-", 3) == []
    assert [topic.name for topic in missing_topics(THERE.keys() - {ROUNDS}, "p-", 3)] == [ROUNDS]
    assert len(missing_topics(THERE, "q-", 3)) == len(TOPICS)


@pytest.mark.parametrize(("copies", "needed"), [(1, "1"), (2, "1"), (3, "2"), (5, "4")])
def test_all_copies_but_one_must_have_what_is_written(copies: int, needed: str) -> None:
    topic = wanted_topic(TOPICS[0], "", copies)
    assert (topic.partitions, topic.copies, topic.settings["min.insync.replicas"]) == (PARTITIONS, copies, needed)
    assert topic.settings["unclean.leader.election.enable"] == "false"


def test_there_are_three_copies_or_as_many_as_brokers() -> None:
    assert [copies_for(None, brokers) for brokers in (1, 2, 3, 9)] == [1, 2, 3, 3]
    assert copies_for(2, 3) == 2
    with pytest.raises(SettingsError, match="and 3 are up"):
        copies_for(4, 3)


def test_topics_as_they_should_be_differ_in_nothing() -> None:
    assert differing(THERE, KEPT, "p-") == []
    assert {row["state"] for row in topic_rows(THERE, KEPT, "p-")} == {"ok"}


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"retention_ms": "1000"}, "needed are for ever"),
        ({"cleanup_policy": "compact"}, "cleanup.policy is compact"),
        ({"retention_bytes": "5"}, "retention.bytes is 5"),
    ],
)
def test_a_topic_kept_in_another_way_differs(settings: dict[str, str], said: str) -> None:
    (found,) = differing(THERE, kept(**settings), "p-")
    assert said in found.found


@pytest.mark.parametrize("partitions", [1, PARTITIONS - 1, PARTITIONS + 1])
def test_a_topic_with_another_partition_count_differs(partitions: int) -> None:
    there = {**THERE, ROUNDS: replace(THERE[ROUNDS], partitions=partitions)}
    (found,) = differing(there, KEPT, "p-")
    assert (found.check, found.found) == (f"partitions of {Topic.ROUNDS}", f"{partitions} partitions, not {PARTITIONS}")
    states = {row["topic"]: row["state"] for row in topic_rows(there, KEPT, "p-")}
    assert states == {**dict.fromkeys(THERE, "ok"), ROUNDS: "problem"}


def test_numbers_of_copies_are_no_reason_to_make_nothing() -> None:
    there = {name: replace(topic, copies=1) for name, topic in THERE.items()}
    assert differing(there, kept(min_insync_replicas="1"), "p-") == []


def test_a_row_says_what_is_missing_wrong_and_to_be_done() -> None:
    there = {name: topic for name, topic in THERE.items() if name != ROUNDS}
    rows = {row["topic"]: row for row in topic_rows(there, {name: KEPT[name] for name in there}, "p-")}
    assert (rows[ROUNDS]["state"], rows[ROUNDS]["do"]) == ("missing", "Run wardpulse topics create.")
    both = kept(retention_ms="1000", unclean_leader_election_enable="true")
    row = next(row for row in topic_rows(THERE, both, "p-") if row["topic"] == ROUNDS)
    assert (row["state"], row["found"].count(";")) == ("problem", 1)


def test_of_a_broker_that_cannot_be_asked_only_partitions_are_checked() -> None:
    there = {name: replace(topic, copies=1) for name, topic in THERE.items()}
    assert {row["state"] for row in topic_rows(there, None, "p-")} == {"ok"}


@pytest.mark.parametrize(
    ("copies", "settings", "state"),
    [
        (3, {}, "ok"),
        (2, {"min_insync_replicas": "1"}, "ok"),
        (1, {"min_insync_replicas": "1"}, "warning"),
        (3, {"min_insync_replicas": "1"}, "warning"),
        (3, {"min_insync_replicas": "3"}, "warning"),
        (1, {"min_insync_replicas": "2"}, "problem"),
        (3, {"unclean_leader_election_enable": "true"}, "problem"),
    ],
)
def test_copies_that_lose_records_or_stop_writing_are_found(copies: int, settings: dict[str, str], state: str) -> None:
    found = {one.check: one for one in check_copies(dict.fromkeys(THERE, copies), kept(**settings), "p-")}
    rounds = found[f"copies of {Topic.ROUNDS}"]
    assert (rounds.state, bool(rounds.do)) == (state, state != "ok")


def test_a_topic_says_no_settings_of_its_own_by_default() -> None:
    assert KafkaTopic("t", 1, 1).settings == {}
