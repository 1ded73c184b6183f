"""The embedded broker keeps its log in memory; a journal beside it lets a deployment be stopped and started again.

Every record is appended to a file per partition as it comes, and given back to a new broker in the same order, so that
offsets stay what they were. Groups' committed offsets are kept too: what was emitted is not emitted again.

What is kept never holds a consequence without its cause: committed offsets are read first and echoes next, then what
echoes come after, then the submissions; and they are written in the opposite order. The writer stores no row that the
journal does not hold yet: it waits for the file that says how far it is.
"""

import base64
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO, Final, NamedTuple, Self

from confluent_kafka import Consumer, KafkaException, Message, Producer, TopicPartition

from deploy.files import replacing
from schemas.errors import BrokerUnavailable, FatalError, LogTruncated
from schemas.topics import PARTITIONS, Topic

_COMMITTED: Final = "committed.json"
KEPT: Final = "kept.json"
"""Topic to partition to the offset up to which records are kept."""
_BATCH: Final = 10_000
_ANSWER_SECONDS: Final = 15.0


_OUTPUTS: Final = (Topic.MANIFESTS, Topic.COHORTS, Topic.INDICATORS, Topic.DEADLETTERS)


class Place(NamedTuple):
    """A partition of a topic."""

    topic: str
    partition: int


@dataclass(frozen=True, slots=True)
class Kept:
    """One record of the journal; bytes in base64, headers as (name, value)."""

    offset: int
    timestamp: int
    key: str | None
    value: str | None
    headers: list[tuple[str, str]]


class Journal:
    """Keeps a deployment's records in a folder. Enter it on a broker that has just started, before anybody writes."""

    def __init__(self, folder: Path, bootstrap: str, prefix: str, groups: Sequence[str]) -> None:
        self._folder, self._bootstrap, self._groups = folder, bootstrap, groups
        self._places = [Place(prefix + topic, number) for topic in Topic for number in range(PARTITIONS)]
        self._prefix = prefix
        self._following: dict[Place, int] = {}
        self._files: dict[Place, BinaryIO] = {}
        self._members: dict[str, Consumer] = {}
        self._offsets: dict[str, list[tuple[str, int, int]]] = {}

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with ExitStack() as opened:
            for place in self._places:
                path = self._folder / f"{place.topic}-{place.partition}.jsonl"
                self._following[place] = self._give_back(place, path)
                self._files[place] = opened.enter_context(open(path, "ab", opener=_owner_only))
            self._give_back_offsets()
            # an echo is written after all that it stands for, and that after the submissions it came from
            self._sources, self._outputs, self._echoes = (
                self._reader(opened, topics) for topics in ((Topic.SUBMISSIONS,), _OUTPUTS, (Topic.ROUNDS,))
            )
            # one that fetches would answer only after its fetch
            self._asking = opened.enter_context(_group(self._bootstrap, "wardpulse-journal"))
            for group in self._groups:
                self._members[group] = opened.enter_context(_group(self._bootstrap, group))
            self._say_kept()
            self._opened = opened.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._opened.close()

    def keep(self, wait: float) -> int:
        """Keep what has come since, waiting so many seconds for it; returns how many records that were."""
        committed = {group: self._committed(group) for group in self._groups}
        last = _records(self._echoes, wait)
        before = self._up_to_now(self._outputs, _OUTPUTS)
        first = self._up_to_now(self._sources, (Topic.SUBMISSIONS,))
        kept = sum(self._write(messages) for messages in (first, before, last))
        if kept:
            self._say_kept()
        self._keep_offsets(committed)
        return kept

    def finish(self) -> None:
        """Keep everything there is. Whoever writes must have stopped."""
        while self.keep(wait=1.0):
            pass

    def _places_of(self, topics: Sequence[Topic]) -> list[Place]:
        names = {self._prefix + topic for topic in topics}
        return [place for place in self._places if place.topic in names]

    def _reader(self, opened: ExitStack, topics: Sequence[Topic]) -> Consumer:
        consumer = opened.enter_context(_group(self._bootstrap, "wardpulse-journal"))
        consumer.assign([TopicPartition(*place, self._following[place]) for place in self._places_of(topics)])
        return consumer

    def _up_to_now(self, reader: Consumer, topics: Sequence[Topic]) -> list[Message]:
        """Every record of these topics up to now: whatever was read before this came later than they."""
        found: list[Message] = []
        missing = 0
        for place in self._places_of(topics):
            end = self._asking.get_watermark_offsets(TopicPartition(*place), timeout=_ANSWER_SECONDS)[1]
            missing += end - self._following[place]
        while len(found) < missing:
            found += _records(reader, wait=0.1)
        return found

    def _write(self, messages: Sequence[Message]) -> int:
        touched = {self._append(message) for message in messages}
        for place in touched:
            self._files[place].flush()
            os.fsync(self._files[place].fileno())
        return len(messages)

    def _append(self, message: Message) -> Place:
        place, offset = Place(str(message.topic()), int(message.partition() or 0)), message.offset()
        if offset != self._following[place]:
            raise LogTruncated(
                f"{place.topic} [{place.partition}] lost records before they were kept: more came at once than the "
                "embedded broker holds; use Apache Kafka"
            )
        self._files[place].write(json.dumps(asdict(_kept(message))).encode() + b"\n")
        self._following[place] += 1
        return place

    def _give_back(self, place: Place, path: Path) -> int:
        """Send a partition's records to the new broker; returns how many they are."""
        producer = Producer({"bootstrap.servers": self._bootstrap, "compression.type": "gzip", "log_level": 2})
        following, failed = 0, list[str]()
        for kept in read(path):
            if kept.offset != following:
                raise FatalError(f"{path} lacks offset {following}: restore the folder from its backup")
            following += 1
            _produce(producer, place, kept, failed)
        if producer.flush(_ANSWER_SECONDS) or failed:
            raise BrokerUnavailable("the embedded broker did not take its records back; see docs/operations.md")
        return following

    def _keep_offsets(self, committed: dict[str, list[tuple[str, int, int]]]) -> None:
        if committed != self._offsets:
            with replacing(self._folder / _COMMITTED) as file:
                file.write(json.dumps(committed).encode())
            self._offsets = committed

    def _say_kept(self) -> None:
        kept: dict[str, dict[str, int]] = {}
        for place, following in self._following.items():
            kept.setdefault(place.topic, {})[str(place.partition)] = following
        with replacing(self._folder / KEPT) as file:
            file.write(json.dumps(kept).encode())

    def _committed(self, group: str) -> list[tuple[str, int, int]]:
        asked = [TopicPartition(*place) for place in self._places]
        found = self._members[group].committed(asked, timeout=_ANSWER_SECONDS)
        return [(at.topic, at.partition, at.offset) for at in found if at.offset >= 0]

    def _give_back_offsets(self) -> None:
        path = self._folder / _COMMITTED
        for group, offsets in (json.loads(path.read_bytes()) if path.exists() else {}).items():
            # an offset may have been committed for records that were not kept any more
            known = [TopicPartition(t, p, min(offset, self._following[Place(t, p)])) for t, p, offset in offsets]
            if known:
                with _group(self._bootstrap, group) as consumer:
                    consumer.commit(offsets=known, asynchronous=False)


def is_kept(file: Path | None, ends: Mapping[tuple[str, int], int]) -> bool:
    """Whether a journal says that it holds these partitions up to these offsets; without one there is none to ask."""
    if file is None:
        return True
    try:
        kept = json.loads(file.read_bytes())
    except FileNotFoundError:
        return False
    return all(kept.get(topic, {}).get(str(number), 0) >= end for (topic, number), end in ends.items())


def read(path: Path) -> Iterator[Kept]:
    """The whole records of a journal's file; half a line at its end, of a process that was killed, is cut off."""
    if not path.exists():
        return
    end = 0
    with path.open("r+b") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break
            end += len(line)
            yield Kept(**json.loads(line))
        file.truncate(end)


def _owner_only(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _kept(message: Message) -> Kept:
    given: Any = message.headers() or ()
    headers = [(name, base64.b64encode(value or b"").decode()) for name, value in given]
    return Kept(
        int(message.offset() or 0), message.timestamp()[1], _text(message.key()), _text(message.value()), headers
    )


def _produce(producer: Producer, place: Place, kept: Kept, failed: list[str]) -> None:
    def confirmed(error: Any, _: Any) -> None:
        if error is not None:
            failed.append(error.name())

    record: dict[str, Any] = {
        "partition": place.partition,
        "key": _bytes(kept.key),
        "value": _bytes(kept.value),
        "headers": [(name, base64.b64decode(value)) for name, value in kept.headers],
        "timestamp": kept.timestamp,
        "on_delivery": confirmed,
    }
    try:
        producer.produce(place.topic, **record)
    except BufferError:
        producer.flush(_ANSWER_SECONDS)
        producer.produce(place.topic, **record)


def _records(consumer: Consumer, wait: float) -> list[Message]:
    messages = consumer.consume(_BATCH, timeout=wait)
    errors = [error for message in messages if (error := message.error()) is not None]
    if errors:
        raise BrokerUnavailable(f"the embedded broker: {errors[0].name()}")
    return messages


def _text(value: Any) -> str | None:
    return None if value is None else base64.b64encode(value).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


def _reading(bootstrap: str, group: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": bootstrap,
        "group.id": group,
        "enable.auto.commit": False,
        "auto.offset.reset": "error",
        "log_level": 2,
    }


@contextmanager
def _group(bootstrap: str, group: str) -> Iterator[Consumer]:
    consumer = Consumer(_reading(bootstrap, group))
    try:
        yield consumer
    except KafkaException as error:
        raise BrokerUnavailable(f"the embedded broker: {error.args[0].name()}") from None
    finally:
        consumer.close()
