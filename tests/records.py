"""Helpers that put events on a log for the pure steps."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from deploy.resources import catalogue, interventions
from schemas.canonical import canonical_json
from schemas.closed import ClosedCounts
from schemas.events import FormManifest
from stream_processors.steps.conservation import Bucket
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Record

RULES = Rules(
    catalogue(),
    lambda facility, value, signature: True,
    b"audit key of the tests",
    "0" * 64,
    interventions=interventions(),
)


def records(events: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Events as one partition's records, keyed by facility."""
    return [
        Record(0, offset, str(event["facility"]).encode(), canonical_json(dict(event)), None)
        for offset, event in enumerate(events)
    ]


def numbers(counts: Mapping[Bucket, ClosedCounts]) -> dict[Bucket, Counter[str]]:
    """Conservation counts as numbers; a test is on the closed side."""
    return {bucket: Counter(given.for_the_closed_side()) for bucket, given in counts.items()}


def outcomes_of(manifest: FormManifest) -> Counter[str]:
    """A form's outcomes as numbers."""
    return Counter({name: count.for_the_closed_side() for name, count in manifest.outcomes})


def replayed(events: Iterable[Mapping[str, Any]]) -> Replay:
    """What the events lead to."""
    return replay(records(events), RULES)
