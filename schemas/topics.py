"""The topics as data. Every topic has the same partition count and the facility as its key."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class Topic(StrEnum):
    """Topic names, before any deployment prefix."""

    SUBMISSIONS = "wellbeing.submissions.v1"
    ROUNDS = "wellbeing.rounds.v1"
    MANIFESTS = "wellbeing.manifests.v1"
    COHORTS = "wellbeing.cohorts.v1"
    INDICATORS = "wellbeing.indicators.v1"
    DEADLETTERS = "wellbeing.deadletters.v1"


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """What a topic carries, who may read it, and how long it is kept (`None`: for ever)."""

    topic: Topic
    events: tuple[str, ...]
    closed: bool
    retention_days: int | None
    cleanup: str = "delete"


WORKER_GROUP: Final = "wardpulse-worker"
WRITER_GROUP: Final = "wardpulse-writer"
PARTITIONS: Final = 4
AUDIT_WINDOW_DAYS: Final = 400

TOPICS: Final[tuple[TopicSpec, ...]] = (
    TopicSpec(
        Topic.SUBMISSIONS,
        (
            "submission",
            "submission.withdrawn",
            "round.opened",
            "round.closed",
            "round.cancelled",
            "cohort.retirement",
            "organisation.updated",
            "intervention",
        ),
        closed=True,
        retention_days=AUDIT_WINDOW_DAYS,
    ),
    TopicSpec(Topic.ROUNDS, ("echo",), closed=True, retention_days=None),
    TopicSpec(
        Topic.MANIFESTS,
        ("cohort.manifest", "form.manifest", "retirement.manifest"),
        closed=True,
        retention_days=AUDIT_WINDOW_DAYS,
    ),
    TopicSpec(
        Topic.COHORTS,
        ("cohort.sealed", "cohort.retired", "intervention.recorded", "round.sealed"),
        closed=False,
        retention_days=None,
    ),
    TopicSpec(Topic.INDICATORS, ("indicator",), closed=False, retention_days=None),
    TopicSpec(Topic.DEADLETTERS, ("deadletter",), closed=True, retention_days=90),
)
