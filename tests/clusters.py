"""Apache Kafka for tests: secured clusters that leave nothing behind, shared by all tests of a session.

Each test has topics of its own, under a prefix.
"""

import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.apache import ADMIN, Cluster, missing, prepare, running
from deploy.apache_trial import furnish, is_ready
from deploy.connection import Connection
from deploy.kafka_admin import KafkaAdmin
from deploy.local import Kafka
from deploy.roles import ROLES
from deploy.settings import Settings
from schemas.topics import TOPICS
from stream_processors.exits import describe, exit_code

STRANGER = "stranger"
"""A user that may do nothing."""
USERS = (*ROLES, STRANGER)
_QUICK = {
    "group.initial.rebalance.delay.ms": 0,
    "broker.session.timeout.ms": 4_000,
    "broker.heartbeat.interval.ms": 500,
}
_REMOVE = """
import shutil, signal, sys, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.stdin.read()
until = time.monotonic() + 60
while time.monotonic() < until:
    try:
        shutil.rmtree(sys.argv[1])
    except FileNotFoundError:
        break
    except OSError:
        time.sleep(0.2)  # a broker that is about to end still writes
"""


def require_apache() -> None:
    """Skip the test where Apache Kafka is not; where everything must be tested, fail it."""
    why = missing()
    if why is not None and os.environ.get("CI") == "true":
        pytest.fail(why)
    if why is not None:
        pytest.skip(why)


@contextmanager
def cluster_of(brokers: int) -> Iterator[Cluster]:
    """A secured cluster in a folder of its own, with a user for each role, named after it, and a stranger."""
    with _temporary_folder() as folder:
        prepared = quickly(prepare(folder / "cluster", brokers, USERS, datetime.now(UTC), secrets.token_bytes))
        with running(prepared, is_ready):
            yield prepared


def quickly(prepared: Cluster) -> Cluster:
    """A cluster that waits less: for more members of a group that is new, and for a broker that is silent."""
    for node in prepared.nodes:
        with (node.folder / "server.properties").open("a", encoding="utf-8") as file:
            file.write("".join(f"{name}={value}\n" for name, value in _QUICK.items()))
    return prepared


def settings_of(cluster: Cluster, user: str = ADMIN, prefix: str = "") -> Settings:
    """The settings of one of a cluster's users."""
    return cluster.settings(Settings(topic_prefix=prefix), user)


def connection_of(cluster: Cluster, user: str = ADMIN) -> Connection:
    """The connection of one of a cluster's users."""
    return Connection.of(settings_of(cluster, user))


def granted(cluster: Cluster, prefix: str) -> KafkaAdmin:
    """Make every topic under a prefix, and let the user of each role do what it may there."""
    return furnish(cluster, prefix)


def on(cluster: Cluster) -> Kafka:
    """A cluster that runs already, for a deployment with topics of its own; they are deleted at its end."""

    @contextmanager
    def joined(settings: Settings, _: Path) -> Iterator[Cluster]:
        admin = furnish(cluster, settings.topic_prefix)
        yield cluster
        admin.delete_topics(settings.topic_prefix + spec.topic for spec in TOPICS)

    return joined


def new_prefix() -> str:
    """A topic prefix that no other test has."""
    return f"t{secrets.token_hex(4)}-"


def run(settings: Settings, *arguments: str) -> tuple[int, str, str]:
    """A wardpulse command with these settings, in this process: exit code, output, errors."""
    # imported here: it needs every library there is, and most tests need no command
    from wardpulse import application

    done = CliRunner().invoke(application(), arguments, env={**settings.environment(), "COLUMNS": "200"})
    if done.exception is None or isinstance(done.exception, SystemExit):
        return done.exit_code, done.stdout, done.stderr
    return exit_code(done.exception), done.stdout, f"{done.stderr}{describe(done.exception)}\n"


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder that is removed at the end, and by a process of its own if this one is killed."""
    folder = tempfile.mkdtemp(prefix="wardpulse-apache-")
    with subprocess.Popen([sys.executable, "-c", _REMOVE, folder], stdin=subprocess.PIPE) as remover:
        yield Path(folder)
        assert remover.stdin is not None
        remover.stdin.close()
        remover.wait(60)
