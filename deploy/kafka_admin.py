"""What an administrator asks of Kafka: which topics there are, how they are kept, and who may do what."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, Final, cast

from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)

from deploy.acls import Entry, Resource, missing
from deploy.connection import Connection
from deploy.roles import Grant, Operation
from deploy.topic_plan import KafkaTopic
from deploy.troubles import Ear, explained, trouble_of
from schemas.errors import AccessRefused, BrokerUnavailable, SettingsError

_ANSWER_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 2.0
_SPREAD_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.1
_RESOURCES: Final[Mapping[ResourceType, Resource]] = {
    ResourceType.TOPIC: "topic",
    ResourceType.GROUP: "group",
    ResourceType.BROKER: "cluster",  # the name that librdkafka has for it
    ResourceType.TRANSACTIONAL_ID: "transactional id",
}
_OPERATIONS: Final[Mapping[Operation, AclOperation]] = {
    "Read": AclOperation.READ,
    "Write": AclOperation.WRITE,
    "Describe": AclOperation.DESCRIBE,
    "DescribeConfigs": AclOperation.DESCRIBE_CONFIGS,
}
_ANYTHING: Final[Any] = None
"""What a filter is told to let everything through; its types leave it out."""
_EVERY_ENTRY: Final = AclBindingFilter(
    ResourceType.ANY,
    _ANYTHING,
    ResourcePatternType.ANY,
    _ANYTHING,
    _ANYTHING,
    AclOperation.ANY,
    AclPermissionType.ANY,
)
_REACH: Final = "check WARDPULSE_BOOTSTRAP_SERVERS and the brokers"
_DO: Final[Mapping[str, str]] = {
    "TOPIC_ALREADY_EXISTS": "somebody else has just made it; run wardpulse topics check",
    "INVALID_REPLICATION_FACTOR": "there are not so many brokers up; start them, or ask for fewer copies",
    "POLICY_VIOLATION": "a rule of the brokers forbids it; ask whoever runs them",
    "SECURITY_DISABLED": "the brokers have no authorizer, so everybody may do everything; see docs/operations.md",
    "UNKNOWN_TOPIC_OR_PART": "there is no such topic; run wardpulse topics check",
}


class KafkaAdmin:
    """Asks Kafka as the user of a connection. Errors are BrokerUnavailable, or AccessRefused."""

    def __init__(self, connection: Connection) -> None:
        self._at = connection.bootstrap
        self._ear = Ear()
        try:
            self._client = AdminClient(connection.librdkafka() | {"log_level": 2, "error_cb": self._ear.told})
        except KafkaException as error:
            raise SettingsError(f"Kafka's client does not take these settings ({error.args[0].name()})") from None

    def brokers(self) -> int:
        """How many brokers are up; 0 if none says so soon."""
        try:
            return len(self._client.list_topics(timeout=_LOOK_SECONDS).brokers)
        except KafkaException:
            return 0

    def topics(self) -> dict[str, KafkaTopic]:
        """Every topic that this user may see."""
        found = self._metadata().topics
        return {name: _topic(name, topic.partitions) for name, topic in found.items() if topic.partitions}

    def create_topics(self, topics: Sequence[KafkaTopic]) -> None:
        """Make topics; returns when every partition has a leader that clients are told of."""
        new = [NewTopic(one.name, one.partitions, one.copies, config=dict(one.settings)) for one in topics]
        if new:
            self._settle(self._client.create_topics(new, request_timeout=_ANSWER_SECONDS))
            self._wait(lambda: all(self._is_led(topic) for topic in topics), "the topics were made, but not shown")

    def delete_topics(self, names: Iterable[str]) -> None:
        """Delete topics, with all that is in them; returns when clients are told of them no more."""
        gone = list(names)
        if gone:
            self._settle(self._client.delete_topics(gone, request_timeout=_ANSWER_SECONDS))
            self._wait(lambda: self.topics().keys().isdisjoint(gone), "the topics were deleted, but are still shown")

    def delete_records(self, topic: str, partition: int, before: int) -> None:
        """Delete the records of a partition before an offset: its log starts there."""
        self._settle(self._client.delete_records([TopicPartition(topic, partition, before)]))

    def entries(self) -> list[Entry]:
        """The whole access control list; AccessRefused for who may not see it, BrokerUnavailable if there is none."""
        # asked by somebody who may not see it, librdkafka says that it is empty
        cluster = self._client.describe_cluster(include_authorized_operations=True, request_timeout=_ANSWER_SECONDS)
        if AclOperation.DESCRIBE not in (self._result(cluster).authorized_operations or ()):
            raise AccessRefused(f"Kafka at {self._at}: this user may not see who may do what: ask as an administrator")
        found = self._result(self._client.describe_acls(_EVERY_ENTRY, request_timeout=_ANSWER_SECONDS))
        if not found and not self._has_authorizer():
            raise BrokerUnavailable(f"Kafka at {self._at}: {_DO['SECURITY_DISABLED']}")
        return [_entry(binding) for binding in found]

    def allow(self, grants: Sequence[Grant]) -> None:
        """Add entries to the list; one that is there already stays. Returns when the list shows them."""
        if grants:
            bindings = [_binding(Entry.of(grant)) for grant in grants]
            self._settle(self._client.create_acls(bindings, request_timeout=_ANSWER_SECONDS))
            self._wait(lambda: not missing(self.entries(), grants), "the entries were added, but are not shown")

    def _has_authorizer(self) -> bool:
        # without one too librdkafka says that the list is empty
        asked = ConfigResource(ResourceType.BROKER, str(min(self._metadata().brokers)))
        (future,) = self._client.describe_configs([asked], request_timeout=_ANSWER_SECONDS).values()
        return bool(self._result(future)["authorizer.class.name"].value)

    def _metadata(self) -> Any:
        def look() -> Any:
            try:
                return self._client.list_topics(timeout=_LOOK_SECONDS)
            except KafkaException as error:
                if error.args[0].code() >= 0:
                    raise
                raise TimeoutError from None  # it was not reached, and may be yet

        return self._patiently(look, "this")

    def _is_led(self, topic: KafkaTopic) -> bool:
        found = self._metadata().topics.get(topic.name)
        leaders = [partition.leader for partition in found.partitions.values()] if found else []
        return len(leaders) == topic.partitions and min(leaders) >= 0

    def _wait(self, until: Callable[[], bool], what: str) -> None:
        give_up = time.monotonic() + _SPREAD_SECONDS
        while not until():
            if time.monotonic() > give_up:
                raise BrokerUnavailable(f"Kafka at {self._at}: {what} within {_SPREAD_SECONDS:.0f} s; look again later")
            time.sleep(_POLL_SECONDS)

    def _settle(self, futures: Mapping[Any, Future[Any]]) -> None:
        for of, future in futures.items():
            self._result(future, f"topic {of}" if isinstance(of, str) else "this")

    def _result(self, future: Future[Any], what: str = "this") -> Any:
        return self._patiently(lambda: future.result(_LOOK_SECONDS), what)

    def _patiently(self, ask: Callable[[], Any], what: str) -> Any:
        """Ask until there is an answer, it is too late, or it is known that there will be none."""
        give_up = time.monotonic() + _ANSWER_SECONDS
        while True:
            try:
                return ask()
            except KafkaException as error:
                raise self._explained(error, what) from None
            except TimeoutError:
                self._client.poll(0)  # what its callback has to tell
                heard, late = self._ear.heard, time.monotonic() > give_up
                if heard is not None and (late or heard.is_lasting):
                    raise explained(heard, self._at, what) from None
                if late:
                    raise BrokerUnavailable(f"Kafka at {self._at} does not answer: {_REACH}") from None

    def _explained(self, error: KafkaException, what: str) -> BrokerUnavailable:
        code = error.args[0]
        if (trouble := trouble_of(code.name(), code.str())) is not None:
            return explained(trouble, self._at, what)
        return BrokerUnavailable(f"Kafka at {self._at}: {code.name()} for {what}: {_DO.get(code.name(), _REACH)}")


def _topic(name: str, partitions: Mapping[int, Any]) -> KafkaTopic:
    return KafkaTopic(name, len(partitions), min(len(partition.replicas) for partition in partitions.values()))


def _binding(entry: Entry) -> AclBinding:
    kind = next(kind for kind, resource in _RESOURCES.items() if resource == entry.resource)
    operation = _OPERATIONS[cast(Operation, entry.operation)]
    allow, literal = AclPermissionType.ALLOW, ResourcePatternType.LITERAL
    return AclBinding(kind, entry.name, literal, entry.principal, entry.host, operation, allow)


def _entry(binding: Any) -> Entry:
    return Entry(
        principal=binding.principal,
        resource=_RESOURCES.get(binding.restype, "other"),
        name=binding.name,
        operation="".join(word.capitalize() for word in binding.operation.name.split("_")),
        prefixed=binding.resource_pattern_type == ResourcePatternType.PREFIXED,
        host=binding.host,
        is_allowed=binding.permission_type == AclPermissionType.ALLOW,
    )
