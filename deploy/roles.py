"""Who may do what in Kafka: the roles of a deployment, as data. Nobody may do more than a role here says.

Microdata is on the submissions topic alone: the worker reads it, auditors do, and coordinators, for the preview of a
close. Whoever may only send answers cannot read one back.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from schemas.topics import WORKER_GROUP, WRITER_GROUP, Topic

Operation = Literal["Read", "Write", "Describe", "DescribeConfigs"]
"""What is allowed; Kafka lets whoever reads or writes describe too."""


@dataclass(frozen=True, slots=True)
class Role:
    """What one kind of user does. `group` is joined or committed to, `seen_groups` only looked at."""

    name: str
    meaning: str
    reads: tuple[Topic, ...] = ()
    writes: tuple[Topic, ...] = ()
    group: str | None = None
    seen_groups: tuple[str, ...] = ()
    sees_settings: bool = False


@dataclass(frozen=True, slots=True, order=True)
class Grant:
    """One entry of an access control list: a user may do this with that topic or group."""

    user: str
    resource: Literal["topic", "group"]
    name: str
    operation: Operation


ROLES: Final = {
    role.name: role
    for role in (
        Role(
            "producer",
            "Sends answers; sees which rounds are open.",
            reads=(Topic.ROUNDS,),
            writes=(Topic.SUBMISSIONS,),
        ),
        Role(
            "coordinator",
            "Opens and closes rounds, retires cohorts, records interventions, sends answers; previews read them.",
            reads=(Topic.SUBMISSIONS, Topic.ROUNDS, Topic.DEADLETTERS, Topic.COHORTS),
            writes=(Topic.SUBMISSIONS,),
        ),
        Role(
            "worker",
            "Anonymises.",
            reads=(Topic.SUBMISSIONS, Topic.ROUNDS, Topic.DEADLETTERS, Topic.COHORTS),
            writes=(Topic.ROUNDS, Topic.MANIFESTS, Topic.COHORTS, Topic.INDICATORS, Topic.DEADLETTERS),
            group=WORKER_GROUP,
        ),
        Role(
            "writer",
            "Moves what is published into ClickHouse.",
            reads=(Topic.COHORTS, Topic.INDICATORS),
            writes=(Topic.DEADLETTERS,),
            group=WRITER_GROUP,
        ),
        Role(
            "auditor",
            "Reads everything, and how it is kept; writes nothing.",
            reads=tuple(Topic),
            seen_groups=(WORKER_GROUP, WRITER_GROUP),
            sees_settings=True,
        ),
        Role("viewer", "Reads what is published.", reads=(Topic.COHORTS, Topic.INDICATORS)),
    )
}
"""Role by name."""


def grants(users: Mapping[str, Iterable[str]], prefix: str) -> list[Grant]:
    """The whole access control list of a deployment: role to the names of its users, and the topics' prefix."""
    return sorted(
        {grant for role, names in users.items() for user in names for grant in _grants(ROLES[role], user, prefix)}
    )


def _grants(role: Role, user: str, prefix: str) -> Iterator[Grant]:
    yield from (Grant(user, "topic", prefix + topic, "Read") for topic in role.reads)
    yield from (Grant(user, "topic", prefix + topic, "Write") for topic in role.writes)
    if role.sees_settings:
        yield from (Grant(user, "topic", prefix + topic, "DescribeConfigs") for topic in role.reads)
    if role.group is not None:
        yield Grant(user, "group", prefix + role.group, "Read")
    yield from (Grant(user, "group", prefix + group, "Describe") for group in role.seen_groups)
