"""A deployment on this machine: broker, worker and writer in processes of their own, for trials and tests."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol, Self

from deploy.connection import Connection
from deploy.embedded import embedded_kafka
from deploy.settings import PREFIX, Settings
from schemas.errors import FatalError, SinkUnavailable
from schemas.topics import WORKER_GROUP, WRITER_GROUP, Topic
from stream_processors.kafka_log import KafkaLog

STOP_SECONDS: Final = 10.0
POLL_SECONDS: Final = 0.2
OPERATOR: Final = "admin"
"""The user that looks after a local deployment."""


class Broker(Protocol):
    """Kafka, running."""

    def settings(self, settings: Settings, user: str) -> Settings:
        """These settings with this Kafka, as one of its users; where there are none, as anybody."""


Kafka = Callable[[Settings, Path], AbstractContextManager[Broker]]
"""Runs Kafka with the topics that settings name, on a folder if it needs one, for as long as the context lasts."""


@dataclass(frozen=True)
class Child:
    """One of our processes. Its log is in a file; its end is noticed."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @classmethod
    def start(cls, name: str, command: Sequence[str], settings: Settings, folder: Path) -> Self:
        """Start a command of ours with these settings; what it says goes to NAME.log in the folder."""
        log = folder / f"{name}.log"
        kept = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        with log.open("ab") as file:
            process = subprocess.Popen(
                [sys.executable, *command],
                env=kept | settings.environment(),
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
            )
        return cls(name, process, log)

    def check(self) -> None:
        """FatalError if the process has ended."""
        code = self.process.poll()
        if code is not None:
            raise FatalError(f"the {self.name} ended with exit code {code}; see {self.log}")

    def stop(self) -> None:
        """Ask it to end, and end it if it does not."""
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stdin is not None:
            self.process.stdin.close()


class Local:
    """A running deployment. `settings` are its operator's."""

    def __init__(self, settings: Settings, folder: Path, broker: Broker) -> None:
        self.settings, self.folder, self.broker = broker.settings(settings, OPERATOR), folder, broker
        self.connection = Connection.of(self.settings)
        self.log = KafkaLog(self.connection)
        self.children: dict[str, Child] = {}

    def start(self, name: str, *command: str, user: str | None = None) -> Child:
        """Start one of our processes, as the user of its name or another; one of that name from before is stopped."""
        if name in self.children:
            self.children[name].stop()
        self.children[name] = Child.start(name, command, self.settings_of(user or name), self.folder)
        return self.children[name]

    def settings_of(self, user: str) -> Settings:
        """The settings of one of this deployment's users."""
        return self.broker.settings(self.settings, user)

    def stop(self) -> None:
        """Stop every process but the broker; the published tables can be opened then."""
        for child in self.children.values():
            child.process.terminate()
        for child in self.children.values():
            child.stop()
        self.children.clear()

    def topic(self, topic: Topic) -> str:
        """A topic's name here."""
        return self.settings.topic_prefix + topic

    def wait_until_drained(self, timeout: float, waiting: Callable[[], None] = lambda: None) -> None:
        """Return when every record sent so far has come through to ClickHouse, no round being open."""
        until = time.monotonic() + timeout
        while not self._is_drained():
            waiting()
            for child in self.children.values():
                child.check()
            if time.monotonic() > until:
                raise SinkUnavailable(
                    f"not everything was written within {timeout:.0f} s; see the logs in {self.folder}"
                )
            time.sleep(POLL_SECONDS)

    def _is_drained(self) -> bool:
        # in the order of the flow: what one stage has finished, the next one's end includes
        steps = (
            (WORKER_GROUP, Topic.SUBMISSIONS),
            (WORKER_GROUP, Topic.COHORTS),
            (WRITER_GROUP, Topic.COHORTS),
            (WRITER_GROUP, Topic.INDICATORS),
        )
        return all(self._lag(self.settings.topic_prefix + group, self.topic(topic)) == 0 for group, topic in steps)

    def _lag(self, group: str, topic: str) -> int:
        return sum(
            self.log.bounds(topic, partition).end - (self.log.committed(group, topic, partition) or 0)
            for partition in self.log.partitions(topic)
        )


@contextmanager
def local_deployment(folder: Path, settings: Settings, kafka: Kafka = embedded_kafka) -> Iterator[Local]:
    """Run Kafka, and stop whatever was started on it. Topics exist when this yields."""
    folder.mkdir(parents=True, exist_ok=True)
    with kafka(settings, folder) as broker:
        local = Local(settings, folder, broker)
        try:
            yield local
        finally:
            local.stop()
