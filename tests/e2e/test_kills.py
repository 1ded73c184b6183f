"""A kill at any instant changes nothing in what is finally published."""

import signal
from pathlib import Path

from deploy.local import Kafka, Local
from producers.simulate import Simulation, lines
from schemas.topics import Topic
from tests.e2e.pipeline import (
    DRAIN_SECONDS,
    deployed,
    events,
    expected_tables,
    publish,
    replayed,
    stored_tables,
    versions,
)

WORKER_KILLS = (
    ("echo", 3),
    ("form.manifest", 1),
    # between a round's first cohort and its round.sealed
    ("cohort.sealed", 1),
    ("cohort.sealed", 2),
    ("cohort.sealed", 5),
    ("round.sealed", 1),
    ("indicator", 4),
    # in the middle of dead letters that were written together
    ("deadletter", 2),
)
AGAIN_ON_APACHE = (("cohort.sealed", 2), ("round.sealed", 1), ("deadletter", 2))
"""Those in which the broker has a part: what it has acknowledged is there, and offsets not committed are not."""
WRITER_KILLS = 3
KILL_SECONDS = 60.0
EMITTED = (Topic.COHORTS, Topic.INDICATORS, Topic.MANIFESTS, Topic.DEADLETTERS)


def test_kills_of_worker_and_writer_leave_the_same_rows_in_one_version(tmp_path: Path, kafka: Kafka) -> None:
    simulation = Simulation(facilities=2, staff=600, rounds=4, seed=5)
    log = list(lines(simulation))
    expected = replayed(log)
    with deployed(simulation, tmp_path, processes=False, kafka=kafka) as (local, keystores):
        publish(local, keystores, log)
        for kind, count in WORKER_KILLS if local.settings.embedded else AGAIN_ON_APACHE:
            _run_until_killed(local, "worker", kind, count)
        local.start("worker", "-m", "wardpulse", "worker")
        for count in range(1, WRITER_KILLS + 1):
            _run_until_killed(local, "writer", "inserted", count)
        local.start("writer", "-m", "wardpulse", "writer")
        local.wait_until_drained(DRAIN_SECONDS)
        emitted = {topic: events(local, topic) for topic in EMITTED}
        local.stop()
        stored = stored_tables(local.settings.clickhouse)
    for topic, found in emitted.items():
        assert all(len(forms) == 1 for forms in versions(found).values()), topic
    assert len(versions(emitted[Topic.DEADLETTERS])) == len(expected.dead_letters) > 2
    repeated = len(emitted[Topic.COHORTS]) - len(versions(emitted[Topic.COHORTS]))
    assert repeated > 0, "no kill fell between a cohort and the end of its round"
    assert stored == expected_tables(expected)


def _run_until_killed(local: Local, what: str, kind: str, count: int) -> None:
    child = local.start(f"killed-{what}", "-m", "tests.e2e.killed", what, kind, str(count), user=what)
    assert child.process.wait(KILL_SECONDS) == -signal.SIGKILL, (kind, count, child.log.read_text()[-2000:])
    local.children.pop(child.name).stop()
