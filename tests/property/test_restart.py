"""A worker killed at any instant and started again writes what an uninterrupted one writes, and nothing else.

The outputs that Kafka acknowledged and the committed offset survive a kill; the story does not.
"""

import asyncio
import json
import random
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

import pytest

from schemas.canonical import canonical_json
from schemas.codec import encode
from schemas.events import (
    CohortRetired,
    CohortSealed,
    Echo,
    InterventionRecorded,
    RetirementManifest,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
    RoundSealed,
)
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.runner import Analyst
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.replay import replay
from stream_processors.steps.restart import refused_offsets, resume
from stream_processors.steps.story import Output, Record, Stage, Story, advance
from tests.random_logs import random_log
from tests.records import RULES, records

LOGS, BATCHES = 200, 10
LONGEST_CLOSE = 25
Written = dict[tuple[str, str], set[bytes]]


class Killed(Exception):
    """The process ends here."""


@dataclass
class Fate:
    """How many more steps a process lives; a step is an acknowledged output, a handled record or a commit.

    Steps at records before `since` do not count.
    """

    steps: int
    since: int = 0

    def step(self, offset: int = 0) -> None:
        """Live one step more, or not."""
        if offset < self.since:
            return
        if self.steps <= 0:
            raise Killed
        self.steps -= 1


FOR_EVER = 10**9


@dataclass
class Cluster:
    """What outlives a worker: a partition of the submissions log, acknowledged outputs, a committed offset."""

    log: list[Record]
    durable: list[Output] = field(default_factory=list)
    committed: int | None = None
    handled: int = 0
    """The records before it were handled by some worker, their outputs acknowledged."""

    def resumed(self) -> tuple[Story, int]:
        """The story a new worker rebuilds, and where it reads on."""
        events = [output.event for output in self.durable]
        echoes = [event for event in events if isinstance(event, Echo)]
        return resume(echoes, self.committed, refused_offsets(events))

    def written(self) -> Written:
        """(topic, event id) to the versions written of it."""
        return versions(self.durable)


def versions(outputs: list[Output]) -> Written:
    """(topic, event id) to the versions of it among the outputs."""
    found: Written = defaultdict(set)
    for output in outputs:
        found[output.topic, output.event.event_id].add(encode(output.event))
    return dict(found)


def work(cluster: Cluster, rng: random.Random, fate: Fate) -> None:
    """One life of a worker: to the end of the log, or until it is killed."""
    story, following = cluster.resumed()
    assert following <= cluster.handled, "reading on from here would pass over a record that nobody handled"
    while following < len(cluster.log):
        offset = following
        for stage in advance(story, cluster.log[offset], RULES):
            for output in stage:
                fate.step(offset)
                cluster.durable.append(output)
        following += 1
        cluster.handled = max(cluster.handled, following)
        fate.step(offset)
        if rng.random() < 0.3:
            cluster.committed = story.low_water(following)
            fate.step(offset)


def with_kills(log: list[Record], rng: random.Random) -> Cluster:
    """What there is after a log was worked off by workers that were killed, some having lost their offset."""
    cluster = Cluster(log)
    for _ in range(rng.randint(2, 8)):
        steps = rng.choice([rng.randint(0, 5), rng.randint(0, 60), rng.randint(0, 2 * len(log))])
        try:
            work(cluster, rng, Fate(steps, rng.choice([0, 0, cluster.handled])))
        except Killed:
            cluster.committed = None if rng.random() < 0.15 else cluster.committed
    work(cluster, rng, Fate(FOR_EVER))
    return cluster


def killed_at_every_step(log: list[Record], offset: int, rng: random.Random) -> Cluster:
    """What there is when workers are killed after each output of the record at `offset`, and around its commit."""
    cluster = Cluster(log)
    for steps in range(LONGEST_CLOSE):
        try:
            work(cluster, rng, Fate(steps, offset))
        except Killed:
            continue
        break
    else:
        work(cluster, rng, Fate(FOR_EVER))
    return cluster


def several_facilities(rng: random.Random) -> list[Record]:
    """One partition's log: one to three random logs of different facilities, interleaved or one after another."""
    logs = []
    for number in range(rng.choice([1, 1, 2, 3])):
        text = json.dumps(random_log(rng))
        for name in ("st-anna", "st-bert"):
            text = text.replace(f'"{name}"', f'"{name}-{number}"')
        logs.append(json.loads(text))
    if rng.random() < 0.2:
        return records([event for log in logs for event in log])
    turns = [number for number, log in enumerate(logs) for _ in log]
    rng.shuffle(turns)
    rest = [iter(log) for log in logs]
    return records([next(rest[turn]) for turn in turns])


def uninterrupted(log: list[Record]) -> Cluster:
    """What there is after a worker that nothing happened to."""
    cluster = Cluster(log)
    work(cluster, random.Random(0), Fate(FOR_EVER))
    return cluster


def assert_sealed_once(cluster: Cluster) -> None:
    """Every row precedes its round's seal; after it none that is new appears, and after the echo none at all."""
    rows: dict[tuple[str, str], set[bytes]] = defaultdict(set)
    sealed, echoed, cancelled = set(), set(), set()
    for _, event in cluster.durable:
        if isinstance(event, CohortSealed):
            name = (event.facility, event.round)
            assert name not in echoed
            assert name not in sealed or encode(event) in rows[name]
            rows[name].add(encode(event))
        elif isinstance(event, RoundSealed):
            sealed.add((event.facility, event.round))
        elif isinstance(event, Echo) and isinstance(event.event, RoundClosed):
            echoed.add((event.facility, event.event.round))
        elif isinstance(event, Echo) and isinstance(event.event, RoundCancelled):
            cancelled.add((event.facility, event.event.round))
    assert set(rows) <= sealed
    assert not sealed & cancelled


def assert_retired_once(cluster: Cluster) -> None:
    """A retired cohort's round is sealed and its evidence written before; after its echo nothing more is."""
    echoed, evident, done = set(), set(), set()
    for _, event in cluster.durable:
        if isinstance(event, Echo) and isinstance(event.event, RoundClosed):
            echoed.add((event.facility, event.event.round))
        elif isinstance(event, Echo) and isinstance(event.event, CohortRetired):
            done.add((event.facility, event.event.round, event.event.form, event.event.node))
        elif isinstance(event, RetirementManifest | CohortRetired):
            assert (event.facility, event.round) in echoed
            assert (event.facility, event.round, event.form, event.node) not in done
            if isinstance(event, RetirementManifest):
                evident.add(event.cohort_id)
            assert event.cohort_id in evident


def assert_same(cluster: Cluster, expected: Cluster, what: str) -> None:
    """One version of every event, the one that an uninterrupted worker writes."""
    written = cluster.written()
    assert all(len(found) == 1 for found in written.values()), what
    assert written == expected.written(), what
    assert_sealed_once(cluster)
    assert_retired_once(cluster)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_a_worker_killed_at_random_instants_writes_what_an_uninterrupted_one_writes(batch: int) -> None:
    for seed in range(batch, LOGS, BATCHES):
        rng = random.Random(seed)
        log = several_facilities(rng)
        assert_same(with_kills(log, rng), uninterrupted(log), f"seed {seed}")


@pytest.mark.parametrize("seed", range(10))
def test_a_worker_killed_after_each_output_of_a_close_seals_the_round_once(seed: int) -> None:
    rng = random.Random(1000 + seed)
    log = several_facilities(rng)
    closes = [record.offset for record in log if b'"round.c' in (record.value or b"")]
    expected = uninterrupted(log)
    for offset in closes[:2]:
        assert_same(killed_at_every_step(log, offset, rng), expected, f"seed {seed}, close at {offset}")


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("kind", [CohortRetired, InterventionRecorded])
def test_a_worker_killed_after_each_output_of_a_request_does_it_once(kind: type, seed: int) -> None:
    rng = random.Random(2000 + seed)
    log = several_facilities(rng)
    expected = uninterrupted(log)
    echoes = [output.event for output in expected.durable if isinstance(output.event, Echo)]
    for echo in [echo for echo in echoes if isinstance(echo.event, kind)][:2]:
        assert_same(killed_at_every_step(log, echo.offset, rng), expected, f"seed {seed}, request at {echo.offset}")


@pytest.mark.parametrize("seed", range(10))
def test_the_offset_to_commit_never_passes_the_opening_of_a_round_not_ended(seed: int) -> None:
    log, story = several_facilities(random.Random(seed)), Story()
    waiting: dict[tuple[str, str], int] = {}
    for record in log:
        for stage in advance(story, record, RULES):
            for _, event in stage:
                if isinstance(event, Echo) and isinstance(event.event, RoundOpened):
                    waiting[event.facility, event.event.round] = event.offset
                elif isinstance(event, Echo) and isinstance(event.event, RoundClosed | RoundCancelled):
                    del waiting[event.facility, event.event.round]
        assert story.low_water(record.offset + 1) == min(waiting.values(), default=record.offset + 1)


def test_random_logs_seal_rounds_and_refuse_records_in_every_topic() -> None:
    topics: dict[str, int] = defaultdict(int)
    retired = recorded = 0
    for seed in range(0, LOGS, 4):
        cluster = uninterrupted(several_facilities(random.Random(seed)))
        for topic, _ in cluster.written():
            topics[topic] += 1
        retired += sum(isinstance(event, CohortRetired) for _, event in cluster.durable)
        recorded += sum(isinstance(event, InterventionRecorded) for _, event in cluster.durable)
    assert retired > 3
    assert recorded > 10
    assert set(topics) == {Topic.MANIFESTS, Topic.COHORTS, Topic.ROUNDS, Topic.DEADLETTERS}
    assert min(topics.values()) > 20


# --- the analyst ---


@dataclass
class Analysis:
    """What outlives an analyst: a partition of the cohorts log, acknowledged indicators, a committed offset."""

    log: list[LogRecord]
    durable: list[Output] = field(default_factory=list)
    committed: int | None = None

    def start(self, analyst: Analyst) -> None:
        """Give the analyst its partition."""
        start = analyst.take_over(0, iter(self.log), self.committed)
        assert start == (self.committed or 0)


def cohorts_log(cluster: Cluster) -> list[LogRecord]:
    """The cohorts topic as workers left it, repeats and all."""
    events = [output.event for output in cluster.durable if output.topic is Topic.COHORTS]
    return [LogRecord(0, offset, b"", encode(event), None) for offset, event in enumerate(events)]


async def analyse(analysis: Analysis, rng: random.Random, fate: Fate) -> None:
    """One life of an analyst, which may lose its partition and get it back while it waits for Kafka."""

    async def write(partition: int, stage: Stage) -> None:
        for output in stage:
            fate.step()
            analysis.durable.append(output)
        if rng.random() < 0.05:
            analyst.release(partition)
            analysis.start(analyst)
        await asyncio.sleep(0)

    analyst = Analyst(RULES.catalogue, write)
    analysis.start(analyst)
    while (following := analyst.following(0)) is not None and following < len(analysis.log):
        analyst.take(Record(*analysis.log[following]))
        await analyst.settle()
        fate.step()
        if rng.random() < 0.3:
            analysis.committed = analyst.low_waters()[0]


def analysed_with_kills(log: list[LogRecord], rng: random.Random) -> Analysis:
    """What there is after analysts that were killed."""
    analysis = Analysis(log)
    for _ in range(rng.randint(2, 6)):
        try:
            asyncio.run(analyse(analysis, rng, Fate(rng.choice([rng.randint(0, 5), rng.randint(0, 200)]))))
        except Killed:
            analysis.committed = None if rng.random() < 0.15 else analysis.committed
    asyncio.run(analyse(analysis, rng, Fate(FOR_EVER)))
    return analysis


@pytest.mark.parametrize("batch", range(BATCHES))
def test_an_analyst_killed_at_random_instants_writes_the_indicators_of_an_uninterrupted_run(batch: int) -> None:
    for seed in range(batch, LOGS // 2, BATCHES):
        rng = random.Random(seed)
        log = several_facilities(rng)
        expected = [Output(Topic.INDICATORS, event) for event in replay(log, RULES).indicators]
        found = analysed_with_kills(cohorts_log(with_kills(log, rng)), rng)
        assert versions(found.durable) == versions(expected), f"seed {seed}"


# --- records so large that they are refused ---


def control(kind: str, facility: str, **fields: Any) -> dict[str, Any]:
    """A control event."""
    event_id = "00000000-0000-4000-8000-000000000000"
    return {"type": kind, "facility": facility, "event_id": event_id, "schema_version": 1, **fields}


def organised(facility: str, units: int) -> dict[str, Any]:
    """An organisation of so many units of 20 people."""
    root = {"id": facility, "parent": None, "kind": "facility", "name": "Facility"}
    nodes = [
        {"id": f"u{n}", "parent": facility, "kind": "unit", "name": f"Unit {n}", "headcount": 20} for n in range(units)
    ]
    levels = ["facility", "unit"]
    return control("organisation.updated", facility, levels=levels, nodes=[root, *nodes], effective_from="2026-10-05")


def opened(facility: str) -> dict[str, Any]:
    """A round of one form in the first unit."""
    dates = {"first_answer_date": "2026-10-05", "last_answer_date": "2026-10-11"}
    asked = {"forms": ["sib5"], "leaves": ["u0"], "policy": {}, "key_id": "k"}
    return control("round.opened", facility, round="w41", **dates, **asked)


def answered(facility: str, number: int) -> dict[str, Any]:
    """One person's answer."""
    event_id, token = f"{number:08}-0000-4000-8000-000000000000", f"{number:064}"
    asked = {"round": "w41", "form": "sib5", "form_version": 1, "node": "u0", "answers": {"1": 3}}
    rest = {"revision": 0, "submitted_on": "2026-10-06", "source": "csv", "key_id": "k", "respondent": token}
    return {**control("submission", facility, **asked, **rest), "event_id": event_id}


def open_nodes(story: Story, facility: str) -> int:
    """How many nodes the organisation of a facility's open round has."""
    (found,) = story.facilities[facility].rounds.values()
    assert isinstance(found, OpenRound)
    return len(found.organisation.nodes)


def test_an_organisation_too_large_to_echo_is_refused_again_after_a_restart(monkeypatch: pytest.MonkeyPatch) -> None:
    large = organised("south", 40)
    monkeypatch.setattr("schemas.codec.MAX_BYTES", len(canonical_json(large)) + 50)
    north = [organised("north", 2), opened("north")]
    cluster = uninterrupted(records([*north, organised("south", 2), large, opened("south")]))
    story, start = cluster.resumed()
    for record in cluster.log[start:]:
        advance(story, record, RULES)
    assert open_nodes(story, "south") == 3


def test_a_round_that_was_opened_can_be_sealed_whatever_is_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    log = [organised("north", 60), opened("north"), *(answered("north", n) for n in range(15))]
    log.append(control("round.closed", "north", round="w41"))
    longest = max(len(encode(output.event)) for output in uninterrupted(records(log)).durable)
    monkeypatch.setattr("schemas.codec.MAX_BYTES", longest - 1)
    kinds = [output.event.type for output in uninterrupted(records(log)).durable]
    assert "round.sealed" in kinds or kinds == ["echo", *["deadletter"] * 17]
