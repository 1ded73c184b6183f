"""Helpers that put events on a log for the pure steps."""

from collections.abc import Iterable, Mapping
from typing import Any

from deploy.resources import catalogue
from schemas.canonical import canonical_json
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Record

RULES = Rules(catalogue(), lambda facility, value, signature: True, b"audit key of the tests", "0" * 64)


def records(events: Iterable[Mapping[str, Any]]) -> list[Record]:
    """Events as one partition's records, keyed by facility."""
    return [
        Record(0, offset, str(event["facility"]).encode(), canonical_json(dict(event)), None)
        for offset, event in enumerate(events)
    ]


def replayed(events: Iterable[Mapping[str, Any]]) -> Replay:
    """What the events lead to."""
    return replay(records(events), RULES)
