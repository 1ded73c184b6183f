"""What the worker says about itself: from outputs that Kafka has acknowledged, and from a look at it now and then."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from schemas.events import (
    CohortManifest,
    CohortRetired,
    DeadLetter,
    Echo,
    FormManifest,
    InterventionRecorded,
    OrganisationUpdated,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
)
from schemas.topics import Topic
from stream_processors.logs import say
from stream_processors.metrics import WorkerMetrics
from stream_processors.steps.overdue import Overdue, overdue
from stream_processors.steps.release import Round, Waiting
from stream_processors.steps.story import Output

GRACE_SECONDS: Final = 60.0
"""A round must be seen overdue for so long: after a restart its close may lie in a part of the log not read yet."""

STALL_SECONDS: Final = 900.0
"""A partition with unread records that has not moved between two quarters of an hour is stalled."""

MARKERS: Final = (
    "organisation.updated",
    "round.opened",
    "round.closed",
    "round.cancelled",
    "cohort.retirement",
    "intervention",
)
_MARKS: Final = tuple(f'"{kind}"'.encode() for kind in MARKERS)

Held = Mapping[int, Mapping[str, Sequence[RoundOpened]]]
"""Partition to facility to the terms of its rounds open."""


class Watch:
    """Turns what the worker does into metrics and log events, each fact once."""

    def __init__(self, metrics: WorkerMetrics, zone: str, clock: Callable[[], float] = time.time) -> None:
        self._metrics, self._zone, self._clock = metrics, ZoneInfo(zone), clock
        self._waiting = Waiting()
        self._echoes: set[str] = set()
        self._began: dict[Round, float] = {}
        self._partitions: list[int] = []
        self._overdue_since: dict[Round, float] = {}
        self._warned: dict[Round, int] = {}
        self._unread: dict[int, int] = {}
        self._looked_at = 0.0

    def observe(self, output: Output) -> None:
        """Take an output that is acknowledged."""
        match output.event:
            case Echo() as echo if echo.event_id not in self._echoes:
                self._echoes.add(echo.event_id)
                self._echo(echo)
            case CohortManifest() | FormManifest() as manifest:
                self._began.setdefault((manifest.facility, manifest.round), self._clock())
                if isinstance(manifest, FormManifest):
                    self._waiting.manifest(manifest)
            case DeadLetter() as letter if letter.topic == Topic.SUBMISSIONS:
                self._waiting.letter(letter)
            case DeadLetter() as letter:
                self._metrics.unreadable(Topic(letter.topic))
                say("records.unreadable", topic=letter.topic, reason=letter.reason)

    def refused(self, value: bytes | None, letter: DeadLetter) -> None:
        """Say at once that a facility's marker came to nothing; of all other refused records only after a seal."""
        kind = _marker(value or b"")
        if kind is not None and self._waiting.is_new(letter):
            say("marker.refused", kind=kind, facility=letter.facility or "a facility not known", reason=letter.reason)

    def tick(self, held: Held, unread: Mapping[int, int] | None) -> None:
        """Look at the worker: call this every few seconds.

        `unread` has the partitions with records not handled yet, and how far they were; None if Kafka does not answer.
        """
        now = self._clock()
        if unread is not None:
            self._metrics.beat(now)
            self._look_for_stalls(unread, now)
        opened = {facility: rounds for facilities in held.values() for facility, rounds in facilities.items()}
        late = self._overdue(opened, now)
        self._warn(late)
        if sorted(held) != self._partitions:
            self._partitions = sorted(held)
            say("partitions.taken_over", partitions=", ".join(map(str, self._partitions)) or "none")
        counts = {facility: sum(name == facility for name, _, _ in late) for facility in opened}
        self._metrics.holds(len(held), {facility: len(rounds) for facility, rounds in opened.items()}, counts)

    def _look_for_stalls(self, unread: Mapping[int, int], now: float) -> None:
        # seldom, at fixed times: an alarm that went off so long after a record would tell when it was sent
        if now // STALL_SECONDS != self._looked_at:
            stuck = [number for number, at in unread.items() if self._unread.get(number) == at]
            self._metrics.stalled(len(stuck))
            self._looked_at, self._unread = now // STALL_SECONDS, dict(unread)

    def _echo(self, echo: Echo) -> None:
        match echo.event:
            case OrganisationUpdated(facility=facility):
                say("organisation.accepted", facility=facility)
            case RoundOpened(facility=facility, round=round_):
                self._metrics.opened(facility)
                say("round.opened", facility=facility, round=round_)
            case RoundCancelled(facility=facility, round=round_):
                self._began.pop((facility, round_), None)
                self._waiting.cancelled((facility, round_))
                self._metrics.cancelled(facility)
                say("round.cancelled", facility=facility, round=round_)
            case RoundClosed(facility=facility, round=round_):
                self._sealed((facility, round_))
            case CohortRetired(facility=facility, round=round_):
                say("cohort.retired", facility=facility, round=round_)
            case InterventionRecorded(facility=facility, taken_back=taken_back):
                say("intervention.taken_back" if taken_back else "intervention.recorded", facility=facility)

    def _sealed(self, name: Round) -> None:
        now = self._clock()
        released = self._waiting.sealed(name)
        self._metrics.sealed(name[0], now - self._began.pop(name, now), released)
        say("round.sealed", facility=name[0], round=name[1])
        if released.reasons:
            say("records.refused", reasons=", ".join(sorted(released.reasons)))

    def _overdue(self, opened: Mapping[str, Sequence[RoundOpened]], now: float) -> list[Overdue]:
        today = datetime.fromtimestamp(now, self._zone).date()
        late = overdue((terms for rounds in opened.values() for terms in rounds), today)
        self._overdue_since = {(o.facility, o.round): self._overdue_since.get((o.facility, o.round), now) for o in late}
        return [found for found in late if now - self._overdue_since[found.facility, found.round] >= GRACE_SECONDS]

    def _warn(self, late: Sequence[Overdue]) -> None:
        for found in late:
            if self._warned.get((found.facility, found.round)) != found.days:
                say("round.overdue", facility=found.facility, round=found.round, days=found.days)
        self._warned = {(found.facility, found.round): found.days for found in late}


def _marker(value: bytes) -> str | None:
    """The type of a record that only a facility's own people send. A withdrawal is a person's act and none of them."""
    if not any(name in value for name in _MARKS):
        return None
    try:
        content = json.loads(value)
    except ValueError:
        return None
    kind = content.get("type") if isinstance(content, dict) else None
    return kind if kind in MARKERS else None
