"""Markers and records that steer a facility's log: sent with its keys, and the worker's answer waited for."""

import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.connection import Connection
from deploy.journal import is_kept
from deploy.output import working
from deploy.settings import Settings
from producers.client import ControlEvent, Place, WellbeingProducer, partition_of
from producers.keystore import Keystore
from schemas.codec import decode
from schemas.errors import BrokerUnavailable, DataError, InputRefused, Reason, RetryableError, SettingsError
from schemas.events import AnyEvent, DeadLetter, Echo
from schemas.topics import Topic
from stream_processors.kafka_log import KafkaLog, LogRecord
from stream_processors.steps.ledger import Ledger, ledger
from stream_processors.steps.restart import JUDGED_BY_SETTINGS

ANSWER_SECONDS: Final = 120.0
KEPT_SECONDS: Final = 30.0
_POLL_SECONDS: Final = 0.3

ADVICE: Final[Mapping[Reason, str]] = {
    Reason.BAD_DATE: "its last answer date lies before its first",
    Reason.BAD_ORGANISATION: "the organisation is no tree of the levels named",
    Reason.BAD_SEASON: (
        "the rounds of a season keep its dates, its threshold, and the units that its first headcounts gave them"
    ),
    Reason.BAD_SIGNATURE: "the worker does not know this facility's key: see wardpulse keystore init --trust",
    Reason.DAY_TOO_FAR: "it lies over a year off every round and organisation record of the facility: see the year",
    Reason.LEVELS_REORDERED: (
        "its levels are in another order than before while a round is open: close or cancel the round first"
    ),
    Reason.NO_COHORT: (
        "no cohort of this form was sealed at exactly that place: see wardpulse rounds answers, and name the place "
        "its answers were pooled at"
    ),
    Reason.NO_INTERVENTION: "none like it stands there: see wardpulse interventions list",
    Reason.NO_ORGANISATION: "the facility has no organisation yet: wardpulse organisation announce FILE",
    Reason.OTHER_SCORING_KEY: (
        "the worker scores one of its forms with another key: give both the same instruments_folder and version, see "
        "wardpulse instruments list"
    ),
    Reason.POLICY_UNDER_FLOOR: "its policy is under a floor",
    Reason.POLICY_UNDER_MINIMUM: "its k is under the smallest that this deployment accepts (minimum_k)",
    Reason.RECORDED_TWICE: "it stands like this already: see wardpulse interventions list",
    Reason.REPEATED_EVENT: "exactly this record was announced before: to go back to it, give it a new effective_from",
    Reason.REPEATED_INSTRUMENT: "two of its forms belong to one instrument: field them in different rounds",
    Reason.RETIRED_TWICE: "it was retired before",
    Reason.ROUND_CANCELLED: "its round was cancelled: nothing of it is published",
    Reason.ROUND_CLOSED_TWICE: "it has ended already",
    Reason.ROUND_OPEN: "its round is open: nothing of it is published yet, and wardpulse rounds cancel gives it up",
    Reason.ROUND_OPENED_TWICE: "a round of this name was opened before: names are used once",
    Reason.ROUND_OVERLAPS: (
        "another round fields one of its forms on one of its days, and that in one of its units, or the form is "
        "sensitive, or units were added or removed between the two: "
        "the same answers sealed twice would give single ones away. wardpulse rounds list has the dates of all rounds"
    ),
    Reason.SENSITIVE_FORM: (
        "a sensitive form is not fielded in a season's calendars: open a round without a season for it"
    ),
    Reason.TOO_LARGE: "it is too large for one record",
    Reason.UNKNOWN_INTERVENTION: "there is no such kind, or no such label of it: see wardpulse interventions kinds",
    Reason.UNKNOWN_FORM: "it names a form that no instrument has, or that its round does not field",
    Reason.UNKNOWN_ROUND: "no such round was opened: see wardpulse rounds list",
    Reason.UNKNOWN_UNIT: (
        "it names what is not there. A round asks units of the organisation in force, each once; an intervention is "
        "about any place of it; retired is a place of the round. wardpulse organisation show has the one in force"
    ),
}


def refusal(what: str, reason: str, detail: str = "") -> InputRefused:
    """The error of a marker that the rules refuse, with what it means; `detail` is what they say beside it."""
    advice = ADVICE.get(Reason(reason), "see docs/decisions.md")
    return InputRefused(f"{what} is refused ({reason}): {detail}{'; ' if detail else ''}{advice}")


@dataclass(frozen=True)
class Control:
    """A facility's controls over a running deployment."""

    settings: Settings
    log: KafkaLog

    @classmethod
    def connect(cls, settings: Settings) -> "Control":
        """Controls over the deployment of these settings; nothing is opened yet."""
        return cls(settings, KafkaLog(Connection.of(settings)))

    def topic(self, topic: Topic) -> str:
        """A topic's name in this deployment."""
        return self.settings.topic_prefix + topic

    def echoes(self, partition: int) -> list[Echo]:
        """What the worker has acted on in a partition."""
        events = _events(record.value for record in self.log.read(self.topic(Topic.ROUNDS), partition))
        return [event for event in events if isinstance(event, Echo)]

    def refused(self, partition: int) -> list[DeadLetter]:
        """What the worker has refused in a partition, whatever keys and instruments are known by now."""
        name = self.topic(Topic.DEADLETTERS)
        records = self.log.read(name, partition, self.log.bounds(name, partition).start)
        reasons = [reason.encode() for reason in (Reason.BAD_SIGNATURE, *JUDGED_BY_SETTINGS)]
        marked = (record.value for record in records if any(reason in (record.value or b"") for reason in reasons))
        return [event for event in _events(marked) if isinstance(event, DeadLetter)]

    def records_of(self, topic: Topic, facility: str) -> Iterator[LogRecord]:
        """The records of the partition a facility's story is in."""
        name = self.topic(topic)
        return self.log.read(name, partition_of(facility, len(self.log.partitions(name))))

    def ledger(self) -> Ledger:
        """Every facility's organisation and rounds, from the log."""
        with working().status("Reading the log"), self._explained():
            partitions = self.log.partitions(self.topic(Topic.ROUNDS))
            return ledger([echo for partition in partitions for echo in self.echoes(partition)])

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except BrokerUnavailable as error:
            if not self.settings.embedded:
                raise
            raise BrokerUnavailable(f"{error}. It is the embedded one: is wardpulse up still running?") from None

    def producer(self, keystore: Keystore) -> WellbeingProducer:
        """A producer that signs with a facility's key."""
        return WellbeingProducer(
            Connection.of(self.settings),
            topic_prefix=self.settings.topic_prefix,
            sign=lambda _, value: keystore.sign(value),
        )

    def announce(self, event: ControlEvent, keystore: Keystore, wait: float = ANSWER_SECONDS) -> None:
        """Send a control event and return when the worker has acted on it.

        InputRefused if the worker refuses it, RetryableError if no worker answers in time.
        """
        starts = [(topic, self._ends(topic)) for topic in (Topic.ROUNDS, Topic.DEADLETTERS)]
        with self.producer(keystore) as producer:
            place = producer.place(event)
        until = time.monotonic() + wait
        while time.monotonic() < until:
            for topic, ends in starts:
                if self._is_answered(event, place, topic, ends[place.partition]):
                    self.wait_until_kept()
                    return
            time.sleep(_POLL_SECONDS)
        raise RetryableError(
            f"the {event.type} is in the log, but no worker has answered within {wait:.0f} s: "
            "see that wardpulse worker runs; wardpulse rounds list shows what it has acted on"
        )

    def wait_until_kept(self) -> None:
        """Return when everything sent so far would survive a restart; RetryableError if that takes too long."""
        if self.settings.journal is None:
            return  # a broker of its own keeps what it has confirmed
        ends = {
            (self.topic(topic), partition): end
            for topic in (Topic.SUBMISSIONS, Topic.ROUNDS)
            for partition, end in self._ends(topic).items()
        }
        until = time.monotonic() + KEPT_SECONDS
        while not is_kept(self.settings.journal, ends):
            if time.monotonic() > until:
                raise RetryableError("what was sent is not kept yet: see that wardpulse up runs, and send it again")
            time.sleep(_POLL_SECONDS)

    def _ends(self, topic: Topic) -> dict[int, int]:
        name = self.topic(topic)
        return {partition: self.log.bounds(name, partition).end for partition in self.log.partitions(name)}

    def _is_answered(self, event: ControlEvent, place: Place, topic: Topic, start: int) -> bool:
        for answer in _events(record.value for record in self.log.read(self.topic(topic), place.partition, start)):
            if isinstance(answer, Echo) and answer.offset == place.offset and answer.facility == event.facility:
                return True
            if isinstance(answer, DeadLetter) and (answer.topic, answer.offset) == (Topic.SUBMISSIONS, place.offset):
                raise refusal(f"the {event.type}", answer.reason)
        return False


def open_keystore(settings: Settings, facility: str | None) -> Keystore:
    """The keystore of a facility, or of the only one there is; SettingsError says what is missing."""
    folder = settings.keystores
    if folder is None:
        raise SettingsError(
            "WARDPULSE_KEYSTORES must name the folder of the facilities' keystores: is WARDPULSE_SETTINGS set?"
        )
    if facility is not None:
        return Keystore.open(folder / f"{facility}.json")
    found = keystore_files(folder)
    if len(found) != 1:
        names = ", ".join(path.stem for path in found)
        raise SettingsError(
            f"{folder} holds the keys of {names}: choose with --facility"
            if found
            else f"{folder} holds no keystore: make one with wardpulse keystore init FACILITY"
        )
    return Keystore.open(found[0])


def keystore_files(folder: Path) -> list[Path]:
    """The keystores in a folder, in order of their names."""
    return sorted(path for path in folder.glob("*.json") if path.is_file())


def _events(values: Iterable[bytes | None]) -> Iterable[AnyEvent]:
    for value in values:
        try:
            yield decode(value)
        except DataError:
            continue  # no worker of ours wrote it
