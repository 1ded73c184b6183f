"""While answers arrive, metrics and logs of the real processes stand still; at the seal they are the counts."""

import json
import os
import re
import signal
import socket
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from deploy.local import Kafka, Local
from producers.client import partition_of
from producers.simulate import LogLine, Simulation, lines
from schemas.codec import decode
from schemas.errors import SettingsError
from schemas.events import DeadLetter, Echo, FormManifest, RoundClosed
from schemas.topics import PARTITIONS, Topic
from stream_processors.steps.conservation import OUTCOMES, tally
from stream_processors.topology import LOOK_SECONDS
from tests.e2e.operated import PROCESSES, Operated, wait
from tests.e2e.pipeline import DRAIN_SECONDS, deployed, publish, replayed
from tests.records import numbers

SIMULATION = Simulation(facilities=1, staff=300, rounds=2, seed=2)
FACILITY = "north-general"
REFUSED = LogLine(FACILITY, b'{"facility":"north-general"}', control=False)


def _parts() -> list[list[LogLine]]:
    """The log of one facility: up to its first round's opening, its deliveries in three parts, the rest.

    Each part of the deliveries ends with a record that is refused: its dead letter tells that the part was handled.
    """
    log = [line for line in lines(SIMULATION) if line.facility == FACILITY]
    opened = next(index for index, line in enumerate(log) if b'"round.opened"' in line.value) + 1
    closed = next(index for index, line in enumerate(log) if b'"round.closed"' in line.value)
    third = (closed - opened) // 3
    cuts = (opened, opened + third, opened + 2 * third, closed)
    parts = [[*log[start:end], REFUSED] for start, end in pairwise(cuts)]
    return [log[:opened], *parts, log[closed:]]


def _is_handled(local: Local) -> bool:
    """Whether the last record sent was refused."""
    partition = partition_of(FACILITY, PARTITIONS)
    topic = local.topic(Topic.DEADLETTERS)
    letters = [decode(record.value) for record in local.log.read(topic, partition)]
    last = local.log.bounds(local.topic(Topic.SUBMISSIONS), partition).end - 1
    return last in {letter.offset for letter in letters if isinstance(letter, DeadLetter)}


def _released(log: list[LogLine]) -> tuple[Counter[str], Counter[str]]:
    """Outcomes and reasons of everything up to the last seal of a log."""
    found = replayed(log).events
    seals = [index for index, e in enumerate(found) if isinstance(e, Echo) and isinstance(e.event, RoundClosed)]
    before = found[: seals[-1]]
    letters = [event for event in before if isinstance(event, DeadLetter)]
    outcomes: Counter[str] = Counter()
    buckets = tally([event for event in before if isinstance(event, FormManifest)], letters)
    for counts in numbers(buckets).values():
        outcomes.update(counts)
    return outcomes, Counter(letter.reason for letter in letters)


def test_metrics_and_logs_stand_still_while_answers_arrive_and_are_the_counts_after_the_seal(
    tmp_path: Path, kafka: Kafka
) -> None:
    beginning, *deliveries, rest = parts = _parts()
    with deployed(SIMULATION, tmp_path, processes=False, kafka=kafka) as (local, keystores):
        operated = Operated(local)
        operated.start()
        publish(local, keystores, beginning)
        wait(lambda: operated.said("worker", "round.opened") == 1 and operated.said("writer", "writer.caught_up") == 1)
        wait(lambda: operated.served("worker").get(("wardpulse_rounds_open", (("facility", FACILITY),))) == 1)
        wait(lambda: operated.said("worker", "partitions.taken_over") == 1)
        before = operated.everything()
        for part in deliveries:
            publish(local, keystores, part)
            wait(lambda: _is_handled(local))
            time.sleep(LOOK_SECONDS + 1)
            assert operated.everything() == before
        publish(local, keystores, rest)
        local.wait_until_drained(DRAIN_SECONDS)
        wait(lambda: operated.said("worker", "round.sealed") == 2)
        _check_counts(operated, [line for part in parts for line in part])
        logs = {name: local.children[name].log for name in PROCESSES}
        local.stop()
        _check_logs(logs)


def _check_counts(operated: Operated, log: list[LogLine]) -> None:
    served, (outcomes, reasons) = operated.served("worker"), _released(log)
    assert served["wardpulse_deliveries_received_total", ()] == outcomes["received"] > 100
    for outcome in OUTCOMES[:-1]:
        assert served["wardpulse_deliveries_total", (("outcome", outcome),)] == outcomes[outcome], outcome
    name = "wardpulse_refused_records_total"
    found = {labels[0][1]: value for (series, labels), value in served.items() if series == name and value}
    assert found == reasons
    assert served["wardpulse_rounds_sealed_total", (("facility", FACILITY),)] == SIMULATION.rounds
    written = operated.served("writer")
    tables = replayed(log)
    assert written["wardpulse_rows_written_total", (("table", "cohorts"),)] == len(tables.cohorts)
    assert written["wardpulse_lag_records", (("topic", Topic.INDICATORS),)] == 0


def _check_logs(logs: Mapping[str, Path]) -> None:
    for name, path in logs.items():
        text = path.read_text("utf-8")
        found = [json.loads(line) for line in text.splitlines()]
        assert [line["event"] for line in (found[0], found[-1])] == ["process.started", "process.stopped"], name
        assert not re.search(r"\b[0-9a-f]{32}\b|\b[0-9a-f]{8}-[0-9a-f]{4}-", text)
        assert not re.search(r'"(offset|respondent|token|value|answers)"', text)


def test_a_signal_that_makes_faust_print_every_variable_prints_nothing(tmp_path: Path) -> None:
    with deployed(SIMULATION, tmp_path, processes=False) as (local, _):
        operated = Operated(local)
        operated.start()
        wait(lambda: operated.said("worker", "partitions.taken_over") == 1)
        before = operated.logged("worker")
        for number in (signal.SIGUSR1, signal.SIGUSR2):
            os.kill(local.children["worker"].process.pid, number)
        time.sleep(2)
        assert local.children["worker"].process.poll() is None
        assert operated.logged("worker") == before


@pytest.mark.parametrize("name", PROCESSES)
def test_an_address_in_use_stops_a_process_with_its_code(tmp_path: Path, name: str) -> None:
    with deployed(SIMULATION, tmp_path, processes=False) as (local, _), socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        local.settings = replace(local.settings, metrics=f"127.0.0.1:{taken.getsockname()[1]}", log_format="json")
        child = local.start(name, "-m", "wardpulse", name)
        assert child.process.wait(DRAIN_SECONDS) == SettingsError.exit_code
        (_, last) = [json.loads(line) for line in child.log.read_text("utf-8").splitlines()]
        assert last["level"] == "critical"
        assert "is in use; give every process on this machine a port of its own" in last["message"]
