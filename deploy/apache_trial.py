"""Apache Kafka for a trial: a cluster in a temporary folder, with topics, and users who may do what their roles say."""

import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from deploy.apache import Cluster, prepare, running
from deploy.connection import Connection
from deploy.embedded import embedded_kafka
from deploy.kafka_admin import KafkaAdmin
from deploy.local import OPERATOR, Kafka
from deploy.roles import ROLES, grants
from deploy.settings import Settings
from deploy.topic_plan import copies_for, missing_topics


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
    return admin


KAFKAS: Final[Mapping[str, Kafka]] = {"embedded": embedded_kafka, "apache": apache_kafka}
"""What a trial can run on, by name."""
