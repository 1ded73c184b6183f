"""Each user of Kafka may do what its role says, and nothing else: every role, topic and group on a real broker."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from typing import Any, Final

import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from deploy.apache import Cluster
from deploy.connection import Connection
from deploy.kafka_admin import KafkaAdmin
from deploy.roles import ROLES, Role
from producers.client import WellbeingProducer
from schemas.errors import AccessRefused, BrokerUnavailable
from schemas.topics import WORKER_GROUP, WRITER_GROUP, Topic
from stream_processors.kafka_log import KafkaLog
from tests.clusters import STRANGER, USERS, connection_of, granted, new_prefix

SECONDS: Final = 20.0
GROUPS: Final = (WORKER_GROUP, WRITER_GROUP, "another-group")
NOBODY: Final = Role(STRANGER, "Nobody we know.")
Matrix = dict[str, dict[str, bool]]
"""What is done, by topic or group, and whether it is allowed."""


def may(done: Callable[[], Any]) -> bool:
    """Whether Kafka lets it be done; any other error is an error."""
    until = time.monotonic() + SECONDS
    while True:
        try:
            done()
        except KafkaException as error:
            name = error.args[0].name()
            if name in ("COORDINATOR_LOAD_IN_PROGRESS", "NOT_COORDINATOR") and time.monotonic() < until:
                time.sleep(0.1)
                continue
            # of a topic that it may not see, a client does not find the leader
            assert name == "_NOENT" or name.endswith("_AUTHORIZATION_FAILED"), name
            return False
        return True


class User:
    """What one user tries, with a client of each kind."""

    def __init__(self, connection: Connection, prefix: str) -> None:
        self.names = {topic.value: prefix + topic for topic in Topic}
        self.groups = {group: prefix + group for group in GROUPS}
        self.configuration = connection.librdkafka() | {"log_level": 0}
        self.admin = AdminClient(self.configuration)

    def sees(self) -> dict[str, bool]:
        """Which topics it is told of."""
        known = self.admin.list_topics(timeout=SECONDS).topics
        return {topic: name in known for topic, name in self.names.items()}

    def reads(self) -> dict[str, bool]:
        """Which topics it reads. Of those it may not see, its client asks no broker for records."""
        given = {"group.id": "none", "enable.auto.commit": False, "auto.offset.reset": "error"}
        consumer = Consumer(self.configuration | given)
        seen = [self.names[topic] for topic, is_seen in self.sees().items() if is_seen]
        consumer.assign([TopicPartition(name, 0, 0) for name in seen])
        found: dict[str | None, bool] = {}
        until = time.monotonic() + SECONDS
        while not found.keys() >= set(seen) and time.monotonic() < until:
            for message in consumer.consume(10, timeout=0.1):
                error = message.error()
                assert error is None or error.name().endswith("_AUTHORIZATION_FAILED"), error
                found[message.topic()] = error is None
        consumer.close()
        assert found.keys() >= set(seen)
        return {topic: found.get(name, False) for topic, name in self.names.items()}

    def writes(self) -> dict[str, bool]:
        """Which topics it writes."""
        producer = Producer(self.configuration | {"message.timeout.ms": int(SECONDS * 1000)})
        found: dict[str, bool] = {}

        def delivered(error: Any, message: Any) -> None:
            assert error is None or error.name() == "TOPIC_AUTHORIZATION_FAILED", error
            found[message.topic()] = error is None

        for name in self.names.values():
            producer.produce(name, b"{}", partition=0, on_delivery=delivered)
        assert producer.flush(SECONDS) == 0
        return {topic: found[name] for topic, name in self.names.items()}

    def matrix_of_topics(self) -> Matrix:
        """Everything it tries with topics."""
        single: dict[str, Callable[[str], Mapping[Any, Any]]] = {
            "describe settings": lambda name: self.admin.describe_configs([_config(name)]),
            "alter settings": lambda name: self.admin.incremental_alter_configs([_config(name, "1")]),
            "add partitions": lambda name: self.admin.create_partitions([NewPartitions(name, 9)]),
            "delete records": lambda name: self.admin.delete_records([TopicPartition(name, 0, 1)]),
            "delete": lambda name: self.admin.delete_topics([name]),
        }
        tried = {what: _tried(do, self.names) for what, do in single.items()}
        return {"see": self.sees(), "read": self.reads(), "write": self.writes(), **tried}

    def matrix_of_groups(self) -> Matrix:
        """Everything it tries with groups. To commit, one must be allowed to read the topic too."""
        seen = [topic for topic, is_read in self.reads().items() if is_read]
        at = TopicPartition(self.names[seen[0] if seen else Topic.ROUNDS], 0, 1)
        ask = ConsumerGroupTopicPartitions
        single: dict[str, Callable[[str], Mapping[Any, Any]]] = {
            "see offsets": lambda group: self.admin.list_consumer_group_offsets([ask(group)]),
            "see": lambda group: self.admin.describe_consumer_groups([group]),
            "commit": lambda group: self.admin.alter_consumer_group_offsets([ask(group, [at])]),
            "delete": lambda group: self.admin.delete_consumer_groups([group]),
        }
        return {what: _tried(do, self.groups) for what, do in single.items()}

    def rules(self) -> dict[str, bool]:
        """What it tries with the cluster itself."""
        entry = AclBinding(
            ResourceType.TOPIC,
            self.names[Topic.SUBMISSIONS],
            ResourcePatternType.LITERAL,
            "User:*",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        broker = ConfigResource(ResourceType.BROKER, "1")
        return {
            "make a topic": may(lambda: _only(self.admin.create_topics([NewTopic(f"{self.names[Topic.ROUNDS]}x", 1)]))),
            "allow something": may(lambda: _only(self.admin.create_acls([entry]))),
            "see the settings of brokers": may(lambda: _only(self.admin.describe_configs([broker]))),
        }


def _config(name: str, retention: str | None = None) -> ConfigResource:
    change = ConfigEntry("retention.ms", retention, incremental_operation=AlterConfigOpType.SET)
    return ConfigResource(ResourceType.TOPIC, name, incremental_configs=[change] if retention else None)


def _tried(do: Callable[[str], Mapping[Any, Any]], names: Mapping[str, str]) -> dict[str, bool]:
    return {of: may(partial(lambda name: _only(do(name)), name)) for of, name in names.items()}


def _only(futures: Mapping[Any, Any]) -> None:
    """The result of a request about one thing; an error within it is raised."""
    (future,) = futures.values()
    result = future.result(SECONDS)
    for partition in getattr(result, "topic_partitions", None) or ():
        if partition.error is not None:
            raise KafkaException(partition.error)


def expected_of_topics(role: Role) -> Matrix:
    """What the role says."""
    never: dict[str, bool] = dict.fromkeys(Topic, False)
    return {
        "see": {topic: topic in role.reads or topic in role.writes for topic in Topic},
        "read": {topic: topic in role.reads for topic in Topic},
        "write": {topic: topic in role.writes for topic in Topic},
        "describe settings": {topic: role.sees_settings and topic in role.reads for topic in Topic},
        "alter settings": never,
        "add partitions": never,
        "delete records": never,
        "delete": never,
    }


def expected_of_groups(role: Role) -> Matrix:
    """What the role says."""
    seen = {group: group == role.group or group in role.seen_groups for group in GROUPS}
    return {
        "see offsets": seen,
        "see": seen,
        "commit": {group: group == role.group for group in GROUPS},
        "delete": dict.fromkeys(GROUPS, False),
    }


@pytest.fixture(scope="module")
def shared(apache: Cluster) -> Iterator[str]:
    """The prefix of topics with a record in each, and of groups that the broker has made up its mind about."""
    prefix = new_prefix()
    admin = granted(apache, prefix)
    producer = Producer(connection_of(apache).librdkafka())
    for topic in Topic:
        producer.produce(prefix + topic, b"{}", partition=0)
    assert producer.flush(SECONDS) == 0
    yield prefix
    admin.delete_topics([prefix + topic for topic in Topic])


@pytest.mark.parametrize("name", USERS)
def test_a_user_does_its_work_and_nothing_else(name: str, apache: Cluster, shared: str) -> None:
    role, user = ROLES.get(name, NOBODY), User(connection_of(apache, name), shared)
    assert user.matrix_of_topics() == expected_of_topics(role)
    assert user.matrix_of_groups() == expected_of_groups(role)
    assert not any(user.rules().values())


def test_the_matrix_finds_what_is_allowed(apache: Cluster, shared: str) -> None:
    admin = User(connection_of(apache), shared)
    assert all(admin.reads().values())
    assert all(admin.writes().values())
    assert all(admin.matrix_of_groups()["see"].values())
    assert may(lambda: _only(admin.admin.describe_configs([_config(admin.names[Topic.ROUNDS])])))


def test_whoever_may_not_see_the_list_is_told_so_and_not_that_it_is_empty(apache: Cluster) -> None:
    for name in USERS:
        with pytest.raises(AccessRefused, match="ask as an administrator"):
            KafkaAdmin(connection_of(apache, name)).entries()
    assert KafkaAdmin(connection_of(apache)).entries()


def refused(connection: Connection) -> set[str]:
    """The errors that a client tells of when it cannot connect."""
    said: set[str] = set()
    given = connection.librdkafka() | {"log_level": 0, "error_cb": lambda error: said.add(error.name())}
    client = AdminClient(given)
    with pytest.raises(KafkaException):
        client.list_topics(timeout=1.0)
    client.poll(0.1)
    return said


def test_an_unknown_user_and_a_wrong_password_are_refused(apache: Cluster) -> None:
    worker = connection_of(apache, "worker")
    assert "_AUTHENTICATION" in refused(replace(worker, password="wrong"))
    assert "_AUTHENTICATION" in refused(replace(worker, username="nobody"))
    assert "_AUTHENTICATION" in refused(replace(worker, password=connection_of(apache, "writer").password))
    assert "_AUTHENTICATION" in refused(replace(worker, mechanism="PLAIN"))
    assert KafkaAdmin(replace(worker, password="wrong")).brokers() == 0
    with pytest.raises(AccessRefused, match="refused the user or password"):
        KafkaAdmin(replace(worker, password="wrong")).topics()


def test_a_client_that_does_not_trust_the_authority_goes_no_further(apache: Cluster) -> None:
    assert "_SSL" in refused(replace(connection_of(apache, "worker"), authorities=None))


def test_a_client_without_encryption_or_password_is_refused(apache: Cluster) -> None:
    worker = connection_of(apache, "worker")
    for protocol in ("PLAINTEXT", "SSL", "SASL_PLAINTEXT"):
        refused(replace(worker, protocol=protocol))


def test_the_listeners_of_brokers_want_a_certificate_of_theirs(apache: Cluster) -> None:
    for listener in ("BROKERS", "CONTROLLERS"):
        at = f"localhost:{apache.nodes[0].ports[listener]}"
        refused(replace(connection_of(apache), bootstrap=at, protocol="SSL"))


@pytest.mark.parametrize("name", ROLES)
def test_logs_are_read_without_any_group(name: str, apache: Cluster, shared: str) -> None:
    role, log = ROLES[name], KafkaLog(connection_of(apache, name))
    for topic in Topic:
        if topic in role.reads:
            assert next(iter(log.read(shared + topic, 0))).offset == 0
        else:
            with pytest.raises(BrokerUnavailable):
                list(log.read(shared + topic, 0))
    for group in (WORKER_GROUP, WRITER_GROUP):
        if group == role.group or group in role.seen_groups:
            assert log.committed(shared + group, shared + role.reads[0], 1) is None


def test_whoever_may_not_see_a_topic_is_told_so(apache: Cluster, shared: str) -> None:
    with pytest.raises(AccessRefused):
        KafkaLog(connection_of(apache, "viewer")).bounds(shared + Topic.SUBMISSIONS, 0)


def test_whoever_may_not_see_a_group_is_told_so(apache: Cluster, shared: str) -> None:
    with pytest.raises(AccessRefused):
        KafkaLog(connection_of(apache, "viewer")).committed(shared + WORKER_GROUP, shared + Topic.COHORTS, 1)


def test_an_auditor_sees_how_topics_are_kept_and_a_producer_does_not(apache: Cluster, shared: str) -> None:
    name = shared + Topic.SUBMISSIONS
    kept = KafkaLog(connection_of(apache, "auditor")).topic_settings([name])
    assert kept[name]["cleanup.policy"] == "delete"
    with pytest.raises(AccessRefused):
        KafkaLog(connection_of(apache, "producer")).topic_settings([name])


def test_answers_are_sent_by_a_producer_and_by_nobody_who_only_reads(apache: Cluster, shared: str) -> None:
    with WellbeingProducer(connection_of(apache, "producer"), topic_prefix=shared) as producer:
        producer.send_raw("north", b"{}")
    with (
        pytest.raises(BrokerUnavailable),
        WellbeingProducer(connection_of(apache, "viewer"), topic_prefix=shared, timeout=5) as producer,
    ):
        producer.send_raw("north", b"{}")
