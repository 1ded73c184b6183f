"""Apache Kafka for a trial: a cluster in a temporary folder, with topics, and users who may do what their roles say."""

import secrets
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.apache import Cluster, Node, prepare, running
from deploy.connection import Connection
from deploy.embedded import embedded_kafka
from deploy.kafka_admin import KafkaAdmin
from deploy.local import OPERATOR, Kafka
from deploy.roles import ROLES, grants
from deploy.settings import Settings
from deploy.topic_plan import copies_for, missing_topics
from schemas.errors import BrokerUnavailable
from schemas.topics import Topic
from stream_processors.kafka_log import KafkaLog

SPREAD_SECONDS: Final = 30.0
POLL_SECONDS: Final = 0.1


@contextmanager
def apache_kafka(settings: Settings, _: Path, brokers: int = 1) -> Iterator[Cluster]:
    """Run a cluster that is gone afterwards, with the topics of these settings and a user for each role."""
    with tempfile.TemporaryDirectory(prefix="wardpulse-kafka-") as name:
        cluster = prepare(Path(name) / "kafka", brokers, tuple(ROLES), datetime.now(UTC), secrets.token_bytes)
        with running(cluster, is_ready):
            furnish(cluster, settings.topic_prefix)
            yield cluster


def is_ready(cluster: Cluster) -> bool:
    """Whether every broker is up. A client that was refused waits before it tries again: each look has its own."""
    return operator(cluster).brokers() == len(cluster.nodes)


def operator(cluster: Cluster) -> KafkaAdmin:
    """An administrator's access to a cluster."""
    return KafkaAdmin(Connection.of(cluster.settings(Settings(), OPERATOR)))


def furnish(cluster: Cluster, prefix: str) -> KafkaAdmin:
    """Make every topic under a prefix, and let the user of each role do what it may there."""
    admin = operator(cluster)
    admin.create_topics(missing_topics(admin.topics(), prefix, copies_for(None, len(cluster.nodes))))
    admin.allow(grants({role: [role] for role in ROLES}, prefix))
    # the list is shown by one broker, and the others may hear of it later
    until = time.monotonic() + SPREAD_SECONDS
    while not all(_may_send(cluster, node, prefix) for node in cluster.nodes):
        if time.monotonic() > until:
            raise BrokerUnavailable(f"not every broker knows who may do what within {SPREAD_SECONDS:.0f} s")
        time.sleep(POLL_SECONDS)
    return admin


def _may_send(cluster: Cluster, node: Node, prefix: str) -> bool:
    """Whether a broker lets a producer see its topic; entries made together arrive together."""
    settings = replace(cluster.settings(Settings(), "producer"), bootstrap_servers=node.address)
    return prefix + Topic.SUBMISSIONS in KafkaLog(Connection.of(settings)).topics()


KAFKAS: Final[Mapping[str, Kafka]] = {"embedded": embedded_kafka, "apache": apache_kafka}
"""What a trial can run on, by name."""
