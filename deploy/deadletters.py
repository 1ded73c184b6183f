"""Dead letters: what was refused, read from the log, and records sent again where that can come to something."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

from deploy.connection import Connection
from deploy.control import Control
from deploy.rounds import recorded_rules
from producers.client import WellbeingProducer
from schemas.codec import decode
from schemas.errors import DataError, Reason
from schemas.events import DeadLetter, Echo, Submission, SubmissionWithdrawn
from schemas.reasons import MEANINGS
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.again import Prospect, prospects
from stream_processors.steps.restart import refused_offsets, resume
from stream_processors.steps.story import Record, advance

_GROUPED: Final = ("facility", "round", "form", "source", "reason", "outcome")


@dataclass(frozen=True)
class Filter:
    """Which letters are meant; what is None or empty excludes nothing. Offsets count in the submissions topic."""

    facility: str | None = None
    round: str | None = None
    reasons: frozenset[str] = frozenset()
    partition: int | None = None
    first: int | None = None
    last: int | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """Whether a letter is meant. One that names no facility or round may be of any: its record says."""
        return (
            (not self.reasons or letter.reason in self.reasons)
            and (self.facility is None or letter.facility in (None, self.facility))
            and (self.round is None or letter.round in (None, self.round))
            and self.partition in (None, letter.partition)
            and (self.first is None or letter.offset >= self.first)
            and (self.last is None or letter.offset <= self.last)
        )


@dataclass
class Plan:
    """What a redrive would do. `left` counts what is not sent, by the reason for that."""

    ready: list[Prospect] = field(default_factory=list)
    left: Counter[str] = field(default_factory=Counter)


def letters(control: Control, wanted: Filter) -> list[DeadLetter]:
    """The letters about submissions that are meant, in order of their places."""
    name = control.topic(Topic.DEADLETTERS)
    found: dict[str, DeadLetter] = {}
    for number in control.log.partitions(name):
        start = control.log.bounds(name, number).start
        for record in control.log.read(name, number, start):
            letter = _letter(record.value)
            # a worker may write a letter twice; it has one id
            if letter is not None and letter.topic == Topic.SUBMISSIONS and wanted.takes(letter):
                found[letter.event_id] = letter
    return sorted(found.values(), key=lambda one: (one.partition, one.offset))


def grouped(found: Iterable[DeadLetter]) -> list[dict[str, Any]]:
    """How many letters there are of each kind, with the first and last place, and whether a redrive can help."""
    groups: dict[tuple[Any, ...], list[DeadLetter]] = {}
    for letter in found:
        groups.setdefault(tuple(getattr(letter, name) for name in _GROUPED), []).append(letter)
    return [
        {
            **dict(zip(_GROUPED, key, strict=True)),
            "count": len(members),
            "first": place_of(members[0]),
            "last": place_of(members[-1]),
            "redrive": MEANINGS[Reason(members[0].reason)].again,
        }
        for key, members in sorted(groups.items(), key=lambda item: tuple(str(part) for part in item[0]))
    ]


def place_of(letter: DeadLetter) -> str:
    """Where the record lies in the submissions topic: partition and offset."""
    return f"{letter.partition}:{letter.offset}"


def details(letter: DeadLetter) -> dict[str, Any]:
    """All that may be told of one letter: never the record, never a value of it."""
    meaning = MEANINGS[Reason(letter.reason)]
    own = {name: getattr(letter, name) for name in (*_GROUPED[:4], "reason", "outcome")}
    return {"place": place_of(letter), **own, "means": meaning.what, "repair": meaning.repair, "redrive": meaning.again}


def plan(control: Control, wanted: Filter) -> Plan:
    """Which records of the letters would be taken if they were sent again now; each once, however often it is asked."""
    found = Plan()
    chosen: dict[int, set[int]] = {}
    for letter in letters(control, wanted):
        if MEANINGS[Reason(letter.reason)].again == "never":
            found.left[f"{letter.reason}: sending it again changes nothing"] += 1
        else:
            chosen.setdefault(letter.partition, set()).add(letter.offset)
    for partition, offsets in sorted(chosen.items()):
        _plan_partition(control, partition, offsets, wanted, found)
    return found


def send(found: Sequence[Prospect], control: Control, sent: Callable[[], None]) -> None:
    """Send records again, byte for byte. RetryableError: run it again; what has arrived is not sent twice."""
    with WellbeingProducer(Connection.of(control.settings), topic_prefix=control.settings.topic_prefix) as producer:
        for one in found:
            assert isinstance(one.event, Submission | SubmissionWithdrawn)  # nothing else is ready
            producer.send_again(one.event, one.record.value or b"", one.record.signature)
            sent()
    control.wait_until_kept()


def _plan_partition(control: Control, partition: int, offsets: set[int], wanted: Filter, found: Plan) -> None:
    name = control.topic(Topic.SUBMISSIONS)
    echoes = control.echoes(partition)
    past: list[Echo | DeadLetter] = [*echoes, *control.refused(partition)]
    story, start = resume(echoes, committed=None, refused=refused_offsets(past))
    bounds = control.log.bounds(name, partition)
    found.left["its record is no longer in the log"] += sum(offset < bounds.start for offset in offsets)
    last: dict[bytes, LogRecord] = {}
    rules, following = recorded_rules(), bounds.end
    for record in control.log.read(name, partition, max(bounds.start, min([start, *offsets])), bounds.end):
        if record.offset >= start:
            advance(story, Record(*record), rules)
        digest = sha256(record.value or b"").digest()
        if record.offset in offsets:
            found.left["the same record came again later"] += digest in last
            last[digest] = record
        elif digest in last:
            # sent again since, by its program or by a redrive: what came of it then is what counts
            del last[digest]
            found.left["the same record came again later"] += 1
    for one in prospects(story, following, (Record(*record) for record in last.values()), rules):
        _sort_in(one, wanted, found)


def _sort_in(one: Prospect, wanted: Filter, found: Plan) -> None:
    facility, round_ = getattr(one.event, "facility", None), getattr(one.event, "round", None)
    if wanted.round not in (None, round_) or wanted.facility not in (None, facility):
        return
    if one.refused is None:
        found.ready.append(one)
    else:
        found.left[f"{one.refused}: {MEANINGS[one.refused].what}"] += 1


def _letter(value: bytes | None) -> DeadLetter | None:
    try:
        event = decode(value)
    except DataError:
        return None
    return event if isinstance(event, DeadLetter) else None


def each(found: Iterable[DeadLetter]) -> Iterator[dict[str, Any]]:
    """One row for each letter."""
    for letter in found:
        row = details(letter)
        yield {name: row[name] for name in ("place", *_GROUPED, "redrive")}
