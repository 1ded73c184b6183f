"""What tests of faults share: a publisher that sends again, a supervisor, and what a cluster tells of itself."""

import json
import pickle
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.apache import Cluster, Node, wait_until_ready
from deploy.apache_trial import is_ready
from deploy.connection import Connection
from deploy.local import Child, Local
from producers.keystore import Keystore
from producers.simulate import LogLine
from schemas.codec import decode
from schemas.errors import BrokerUnavailable
from schemas.topics import WORKER_GROUP, Topic
from tests.clusters import connection_of
from tests.e2e.pipeline import DRAIN_SECONDS, Tables, events, stored_tables, versions

EMITTED = (Topic.COHORTS, Topic.INDICATORS, Topic.MANIFESTS, Topic.ROUNDS, Topic.DEADLETTERS)
WAIT_SECONDS = 90.0
MOST_RESTARTS = 12
ROLES = {"worker": "worker", "second": "worker", "writer": "writer"}
"""The product's command and user by the name of a process."""


def wait_until(condition: Callable[[], object], what: str, look: Callable[[], None] = lambda: None) -> None:
    """Return when a condition holds; `look` meanwhile. A broker that is away or about to change is asked again."""
    until = time.monotonic() + WAIT_SECONDS
    while True:
        look()
        try:
            if condition():
                return
        except (BrokerUnavailable, KafkaException):
            pass
        assert time.monotonic() < until, f"{what}: not within {WAIT_SECONDS:.0f} s"
        time.sleep(0.1)


class Publisher:
    """A process that sends a log, and again what Kafka did not confirm; see `tests.e2e.publisher`."""

    def __init__(
        self, local: Local, keystores: Mapping[str, Keystore], log: Sequence[LogLine], from_marker: bool = False
    ) -> None:
        connection = Connection.of(local.settings_of("producer"))
        task = (connection, local.settings.topic_prefix, dict(keystores), list(log), from_marker, closed(log))
        self.child = local.start(f"publisher-{closed(log)}", "-m", "tests.e2e.publisher", user="producer")
        self._total, self._stdin = len(log), self.child.process.stdin
        assert self._stdin is not None
        pickle.dump(task, self._stdin)
        self._stdin.flush()

    def start(self) -> None:
        """Begin to send."""
        self._tell()

    def hurry(self) -> None:
        """Send what is left."""
        self._tell()

    def _tell(self) -> None:
        assert self._stdin is not None
        self._stdin.write(b"\n")
        self._stdin.flush()

    @property
    def confirmed(self) -> int:
        """How many lines Kafka has confirmed."""
        return max((int(one["confirmed"]) for one in self._said() if "confirmed" in one), default=0)

    @property
    def errors(self) -> list[str]:
        """What it was told when it could not send."""
        return [one["error"] for one in self._said() if "error" in one]

    def _said(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.child.log.read_text().splitlines() if line.startswith("{")]

    @property
    def is_busy(self) -> bool:
        """Whether it has begun, and has something left to send."""
        return self.child.process.poll() is None and 0 < self.confirmed < self._total

    @property
    def has_ended(self) -> bool:
        """Whether everything is confirmed."""
        code = self.child.process.poll()
        assert code in (None, 0), self.child.log.read_text()[-3000:]
        return code == 0


class Supervisor:
    """Starts worker and writer again when they end with 69, as a service manager would. Any other end is a failure."""

    def __init__(self, local: Local) -> None:
        self._local, self.restarts = local, list[str]()

    def look(self) -> None:
        """Start again what has ended."""
        for name, child in list(self._local.children.items()):
            code = child.process.poll()
            if code is not None and name in ROLES:
                assert code == BrokerUnavailable.exit_code, (name, code, child.log.read_text()[-3000:])
                self.restarts.append(name)
                assert len(self.restarts) <= MOST_RESTARTS, (self.restarts, child.log.read_text()[-3000:])
                self.start(name)

    def start(self, name: str) -> None:
        """Start a process of the product, in place of one of the same name."""
        self._local.start(name, "-m", "wardpulse", ROLES[name], "--with-parent", user=ROLES[name])

    def wait_for(self, publisher: Publisher) -> None:
        """Wait until everything is published."""
        wait_until(lambda: publisher.has_ended, "everything published", self.look)
        self._local.children.pop(publisher.child.name).stop()

    def finish(self) -> Tables:
        """Wait until everything is written, each event in one version; stop all, and return what ClickHouse holds."""
        wait_until_drained(self._local, self.look)
        for topic in EMITTED:
            assert all(len(forms) == 1 for forms in versions(events(self._local, topic)).values()), topic
        self._local.stop()
        return stored_tables(self._local.settings.clickhouse)


def middle(log: Sequence[LogLine]) -> int:
    """Where the second half of a log's rounds begins."""
    opened = _places(log, "round.opened")
    return opened[len(opened) // 2]


def closed(log: Sequence[LogLine]) -> int:
    """Where the first round has been closed."""
    return _places(log, "round.closed")[0] + 1


def _places(log: Sequence[LogLine], kind: str) -> list[int]:
    return [at for at, line in enumerate(log) if decode(line.value).type == kind]


def wait_until_drained(local: Local, look: Callable[[], None] = lambda: None) -> None:
    """Wait until everything has come through, whatever the broker says meanwhile."""
    until = time.monotonic() + DRAIN_SECONDS
    while True:
        try:
            return local.wait_until_drained(max(1.0, until - time.monotonic()), look)
        except BrokerUnavailable:
            assert time.monotonic() < until


def restart(cluster: Cluster, node: Node) -> None:
    """Start a broker that is to end or has ended; return when the whole cluster is up, and it is another process."""
    before = node.pid
    node.kill()
    node.start()
    wait_until_ready(cluster, is_ready)
    assert node.pid != before


def wait_until_ended(node: Node) -> None:
    """Wait until the process of a broker is gone."""
    process = node.process
    assert process is not None
    process.wait(WAIT_SECONDS)


@contextmanager
def mended(cluster: Cluster) -> Iterator[None]:
    """Whatever happens within, every broker of a shared cluster is up afterwards."""
    try:
        yield
    finally:
        for node in cluster.nodes:
            if node.process is None or node.process.poll() is not None:
                restart(cluster, node)


class Eye:
    """What a cluster tells an administrator. For one look: a client that was refused waits before it asks again."""

    def __init__(self, cluster: Cluster) -> None:
        self._client = AdminClient(connection_of(cluster).librdkafka() | {"log_level": 2})

    def leader(self, topic: str, partition: int) -> int:
        """The number of the broker that leads a partition; -1 if there is none."""
        return int(self._client.list_topics(topic, timeout=5).topics[topic].partitions[partition].leader)

    def in_sync(self) -> int:
        """The fewest copies in step of any partition."""
        topics = self._client.list_topics(timeout=5).topics.values()
        return min(len(one.isrs) for topic in topics for one in topic.partitions.values())

    def coordinator(self, group: str) -> int:
        """The number of the broker that coordinates a group."""
        return int(self._group(group).coordinator.id)

    def members(self, group: str) -> set[str]:
        """The ids of a group's members."""
        return {member.member_id for member in self._group(group).members}

    def _group(self, group: str) -> Any:
        return self._client.describe_consumer_groups([group], request_timeout=5)[group].result(6)


def worker_group(local: Local) -> str:
    """The worker's group in a deployment."""
    return local.settings.topic_prefix + WORKER_GROUP


def start_signalled(local: Local, kind: str, count: int, how: str, *options: str | int, name: str = "worker") -> Child:
    """Start a worker of `tests.e2e.signalled`; return when it has joined its group."""
    log = local.folder / f"{name}.log"
    before = len(generations(log))
    point = (kind, str(count), how, *map(str, options))
    worker = local.start(name, "-m", "tests.e2e.signalled", *point, user="worker")
    wait_until(lambda: len(generations(log)) > before, "the worker has joined", worker.check)
    return worker


def generations(log: Path) -> list[int]:
    """The generations of the group that a worker of `tests.e2e.signalled` has been in."""
    return [
        int(number)
        for number in re.findall(r"^generation (\d+)$", log.read_text() if log.exists() else "", re.MULTILINE)
    ]


def state_of(pid: int) -> str:
    """How a process is, in one letter: T is stopped."""
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
