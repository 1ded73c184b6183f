"""The doctor, and the commands for tables, against the embedded broker and the embedded engine."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.connection import Connection
from deploy.embedded import embedded_broker
from deploy.local import Kafka, Local
from deploy.settings import PREFIX, Settings
from producers.client import partition_of
from producers.simulate import Simulation, simulate
from schemas.errors import BrokerUnavailable
from schemas.topics import PARTITIONS, Topic
from stream_processors.kafka_log import KafkaLog
from tests.e2e.pipeline import deployed, publish

SIMULATION = Simulation(facilities=1, staff=200, rounds=1, seed=5, clean=True)
HOLD = """
import sys, time
from stream_processors.database import Database
with Database.connect(sys.argv[1]):
    print("open", flush=True)
    sys.stdin.read()
"""


def run(*arguments: str, **settings: str) -> tuple[int, str, str]:
    """A wardpulse command: exit code, output, errors."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    command = [sys.executable, "-m", "wardpulse", *arguments]
    done = subprocess.run(command, env=kept | settings, capture_output=True, text=True, timeout=120, check=False)
    return done.returncode, done.stdout, done.stderr


def doctor(settings: Settings) -> tuple[int, dict[str, dict[str, str]]]:
    code, out, _ = run("doctor", "--json", **settings.environment())
    return code, {one["check"]: one for one in json.loads(out)}


def wait(until: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not until():
        assert time.monotonic() < deadline
        time.sleep(0.3)


def _echoed(local: Local, facility: str, count: int) -> bool:
    local.children["worker"].check()
    return local.log.bounds(local.topic(Topic.ROUNDS), partition_of(facility, PARTITIONS)).end >= count


def test_the_doctor_follows_a_deployment_through_its_life(tmp_path: Path, kafka: Kafka) -> None:
    lines = list(simulate(SIMULATION).lines())
    close = next(number for number, line in enumerate(lines) if b'"round.closed"' in line.value)
    with deployed(SIMULATION, tmp_path, kafka=kafka) as (local, keystores):
        settings = replace(local.settings_of("auditor"), keystores=tmp_path / "keys")
        facility = next(iter(keystores))
        publish(local, keystores, lines[:close])
        wait(lambda: _echoed(local, facility, 2))
        code, found = doctor(settings)
        assert code == 0, found
        states = {name: one["state"] for name, one in found.items()}
        fine = (
            f"keystore {facility}",
            "keys of open rounds",
            "verify keys",
            "audit key",
            "kafka",
            "topics",
            "partitions",
        )
        assert {states[name] for name in fine} == {"ok"}
        assert found["keys of open rounds"]["found"].startswith(f"there for {facility} ")
        # the simulated rounds lie in the past
        assert states["rounds past their dates"] == "warning"
        assert states["log of open rounds"] == "ok"
        assert (states["worker has caught up"], states["writer has caught up"]) == ("skipped", "ok")
        kept = {state for name, state in states.items() if name.startswith("retention")}
        assert (kept, states["clock"]) == ({"skipped" if settings.embedded else "ok"}, "skipped")

        publish(local, keystores, lines[close:])
        local.wait_until_drained(120)
        code, found = doctor(settings)
        assert code == 0, found
        assert {one["state"] for one in found.values()} == {"ok", "skipped"}
        assert found["worker has caught up"]["found"] == found["writer has caught up"]["found"] == "yes"

        local.stop()
        publish(local, keystores, lines[:2])
        keystores[facility].destroy_round(next(iter(keystores[facility].rounds())))
        (tmp_path / "keys" / f"{facility}.json").chmod(0o640)
        code, found = doctor(settings)
        assert code == 1
        assert found["worker has caught up"]["state"] == "warning"
        assert not any(letter.isdigit() for letter in found["worker has caught up"]["found"])
        assert "chmod 600" in found[f"keystore {facility}"]["found"]


@pytest.fixture(scope="module")
def bare() -> Iterator[Settings]:
    """A broker with one topic alone, not marked as embedded."""
    with embedded_broker([Topic.ROUNDS]) as broker:
        yield Settings(bootstrap_servers=broker.bootstrap)


def test_what_a_broker_has_is_told_without_making_anything(bare: Settings) -> None:
    log = KafkaLog(Connection.of(bare))
    assert log.topics() == {Topic.ROUNDS: PARTITIONS}
    assert log.topics() == {Topic.ROUNDS: PARTITIONS}
    with pytest.raises(BrokerUnavailable):
        log.topic_settings([Topic.ROUNDS], timeout=0.5)


def test_topics_that_are_missing_are_named_and_not_made(bare: Settings, tmp_path: Path) -> None:
    code, found = doctor(replace(bare, clickhouse=f"chdb:{tmp_path / 'none'}"))
    assert code == 1
    assert Topic.SUBMISSIONS in found["topics"]["found"]
    assert (found["retention"]["state"], found["open rounds"]["state"]) == ("skipped", "skipped")
    assert "does not say" in found["retention"]["found"]
    assert found["clickhouse"]["do"].startswith("Run wardpulse db migrate")
    assert not (tmp_path / "none").exists()
    assert KafkaLog(Connection.of(bare)).topics() == {Topic.ROUNDS: PARTITIONS}


@pytest.mark.parametrize("kafka", ["localhost:1", "no-such-host.invalid:9092"])
def test_with_nothing_reachable_the_doctor_is_soon_done(kafka: str, tmp_path: Path) -> None:
    started, token = time.monotonic(), tmp_path / "token"
    token.write_text("a-secret", "ascii")
    token.chmod(0o640)
    clickhouse = "http://writer:a-secret@localhost:1/wellbeing"
    code, found = doctor(Settings(bootstrap_servers=kafka, clickhouse=clickhouse, redcap_token_file=token))
    assert time.monotonic() - started < 20
    assert code == 1
    assert [name for name, one in found.items() if one["state"] == "problem"] == ["kafka", "clickhouse"]
    assert found["redcap token"]["found"] == f"others may read {token}"
    assert "a-secret" not in str(found)


def test_a_server_that_cannot_be_reached_is_one_line() -> None:
    code, out, error = run("db", "status", WARDPULSE_CLICKHOUSE="http://writer:a-secret@localhost:1/wellbeing")
    assert (code, out) == (69, "")
    assert error == "wardpulse: ClickHouse: OperationalError; check its address and that it is running\n"


def test_tables_are_pending_applied_and_edited(tmp_path: Path) -> None:
    where = {"WARDPULSE_CLICKHOUSE": f"chdb:{tmp_path / 'tables'}"}
    code, out, _ = run("db", "status", "--json", **where)
    assert (code, {row["state"] for row in json.loads(out)}) == (1, {"pending"})
    assert not (tmp_path / "tables").exists()
    names = [row["migration"] for row in json.loads(out)]
    code, out, _ = run("db", "migrate", **where)
    assert (code, out) == (0, f"applied {', '.join(names)}\n")
    assert run("db", "migrate", **where)[1] == "every migration was applied already\n"
    assert run("db", "status", **where)[0] == 0
    edit = (
        "import sys; from stream_processors.database import Database\n"
        "with Database.connect(sys.argv[1]) as d: d.query(\"INSERT INTO schema_migrations VALUES ('%s', 'other')\")"
    )
    subprocess.run([sys.executable, "-c", edit % names[0], where["WARDPULSE_CLICKHOUSE"]], check=True, timeout=60)
    code, out, _ = run("db", "status", "--json", **where)
    assert (code, json.loads(out)[0]) == (78, {"migration": names[0], "state": "edited"})
    code, _, error = run("db", "migrate", **where)
    assert (code, "was edited after it was applied" in error) == (78, True)


def test_a_folder_that_another_process_has_open_says_which(tmp_path: Path) -> None:
    address = f"chdb:{tmp_path / 'tables'}"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "open\n"
        code, _, error = run("db", "status", WARDPULSE_CLICKHOUSE=address)
        assert code == 69
        assert error.count("\n") == 1
        assert f"process {holder.pid}" in error
        assert "stop that process, such as the writer, or wait" in error
        _, found = doctor(Settings(bootstrap_servers="localhost:1", clickhouse=address))
        assert (found["clickhouse"]["state"], str(holder.pid) in found["clickhouse"]["found"]) == ("skipped", True)
        holder.communicate()
    assert run("db", "status", WARDPULSE_CLICKHOUSE=address)[0] == 1
