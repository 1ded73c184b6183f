"""Which topics are to be made, and how those that are there differ from what is needed. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from deploy.doctor import Finding, check_copies, check_kept, check_topics, wanted_settings
from schemas.errors import SettingsError
from schemas.topics import PARTITIONS, TOPICS, TopicSpec

USUAL_COPIES: Final = 3
_WORSE: Final = ("ok", "skipped", "warning", "problem")
Kept = Mapping[str, Mapping[str, str]]
"""Kafka's settings by topic."""


@dataclass(frozen=True, slots=True)
class KafkaTopic:
    """A topic as it is, or as it is to be made: partitions, copies of each (the fewest, if they differ), and what it
    is told beside the defaults of the brokers."""

    name: str
    partitions: int
    copies: int
    settings: Mapping[str, str] = field(default_factory=dict)


def missing_topics(there: Iterable[str], prefix: str, copies: int) -> list[KafkaTopic]:
    """The topics to make."""
    known = set(there)
    return [wanted_topic(spec, prefix, copies) for spec in TOPICS if prefix + spec.topic not in known]


def wanted_topic(spec: TopicSpec, prefix: str, copies: int) -> KafkaTopic:
    """A topic as it should be. All copies but one must have a record before it counts as written."""
    settings = wanted_settings(spec) | {
        # said for one copy too: the brokers' default may ask for more than there are
        "min.insync.replicas": str(max(1, copies - 1)),
        "unclean.leader.election.enable": "false",
    }
    return KafkaTopic(prefix + spec.topic, PARTITIONS, copies, settings)


def copies_for(asked: int | None, brokers: int) -> int:
    """How many copies of each partition to make; SettingsError if there are not so many brokers."""
    if asked is not None and asked > brokers:
        raise SettingsError(f"{asked} copies need as many brokers, and {brokers} are up")
    return min(USUAL_COPIES, brokers) if asked is None else asked


def differing(there: Mapping[str, KafkaTopic], kept: Kept, prefix: str) -> list[Finding]:
    """How topics that are there differ from what is needed, numbers of copies left aside."""
    counts = {name: topic.partitions for name, topic in there.items()}
    odd = [
        Finding(f"partitions of {spec.topic}", "problem", _count(counts[name]))
        for spec in TOPICS
        if (name := prefix + spec.topic) in counts and counts[name] != PARTITIONS
    ]
    return odd + [finding for finding in check_kept(kept, prefix) if finding.state != "ok"]


def topic_rows(there: Mapping[str, KafkaTopic], kept: Kept | None, prefix: str) -> list[dict[str, Any]]:
    """Every topic with what is not right about it. `kept` is None if the broker cannot be asked."""
    found = [*check_topics({name: topic.partitions for name, topic in there.items()}, prefix)]
    if kept is not None:
        copies = {name: topic.copies for name, topic in there.items()}
        found += [*check_kept(kept, prefix), *check_copies(copies, kept, prefix)]
    return [_row(spec, there.get(prefix + spec.topic), found, prefix) for spec in TOPICS]


def _row(spec: TopicSpec, topic: KafkaTopic | None, found: Sequence[Finding], prefix: str) -> dict[str, Any]:
    row = {"topic": prefix + spec.topic, "partitions": None, "copies": None}
    if topic is None:
        return {**row, "state": "missing", "found": "there is no such topic", "do": "Run wardpulse topics create."}
    own = [finding for finding in found if finding.check.endswith(f" of {spec.topic}")]
    if topic.partitions != PARTITIONS:
        own += [replace(one, found=_count(topic.partitions)) for one in found if one.check == "partitions"]
    wrong = [finding for finding in own if finding.state != "ok"]
    return {
        **row,
        "partitions": topic.partitions,
        "copies": topic.copies,
        "state": max((finding.state for finding in own), key=_WORSE.index, default="ok"),
        "found": "; ".join(finding.found for finding in wrong or own),
        "do": " ".join(finding.do for finding in wrong),
    }


def _count(partitions: int) -> str:
    return f"{partitions} partitions, not {PARTITIONS}"
