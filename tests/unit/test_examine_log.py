"""What the doctor sees of a Kafka that answers everything, as Apache Kafka does."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pytest

import deploy.examine
from deploy.certificates import make_authority, make_broker_certificate
from deploy.doctor import Finding, wanted_settings
from deploy.examine import examine
from schemas.codec import encode
from schemas.errors import AccessRefused, BrokerUnavailable
from schemas.topics import PARTITIONS, TOPICS, WORKER_GROUP, WRITER_GROUP, Topic
from stream_processors.kafka_log import Bounds, LogRecord
from tests.unit.test_doctor import closed, opened, seen

NOW = datetime(2026, 10, 18, 22, 30, tzinfo=UTC)
PREFIX = "trial-"


@dataclass
class Kafka:
    """A log: records of the rounds topic, ends of the others, offsets committed."""

    echoes: dict[int, list[bytes]] = field(default_factory=dict)
    ends: dict[tuple[str, int], int] = field(default_factory=dict)
    done: dict[tuple[str, str, int], int] = field(default_factory=dict)
    kept: dict[str, dict[str, str]] = field(
        default_factory=lambda: {PREFIX + spec.topic: wanted_settings(spec) for spec in TOPICS}
    )
    silent: set[str] = field(default_factory=set)
    looks: int = 0

    def _answer(self, what: str) -> None:
        if what in self.silent:
            raise BrokerUnavailable(f"no {what}")

    def topics(self, timeout: float) -> dict[str, int]:
        self._answer("topics")
        return {PREFIX + spec.topic: PARTITIONS for spec in TOPICS} | {"of-others": 1}

    def topic_settings(self, topics: list[str], timeout: float) -> dict[str, dict[str, str]]:
        self._answer("settings")
        return {name: self.kept[name] for name in topics}

    def read(self, topic: str, partition: int) -> Iterator[LogRecord]:
        self._answer("echoes")
        assert topic == PREFIX + Topic.ROUNDS
        for offset, value in enumerate(self.echoes.get(partition, ())):
            yield LogRecord(partition, offset, b"north", value, None)

    def bounds(self, topic: str, partition: int) -> Bounds:
        self._answer("bounds")
        return Bounds(0, self.ends.get((topic, partition), 0))

    def committed(self, group: str, topic: str, partition: int) -> int | None:
        self.looks += 1
        return self.done.get((group, topic, partition))


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> Kafka:
    made = Kafka()
    monkeypatch.setattr(deploy.examine, "KafkaLog", lambda _: made)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return made


def look(**settings: str) -> dict[str, Finding]:
    given = {"WARDPULSE_TOPIC_PREFIX": PREFIX, "WARDPULSE_CLICKHOUSE": "chdb:/none/such"}
    found = examine(given | {f"WARDPULSE_{name.upper()}": value for name, value in settings.items()}, lambda: NOW)
    return {one.check: one for one in found}


def test_a_deployment_in_order_has_no_problem(kafka: Kafka, tmp_path: Path) -> None:
    found = look()
    assert {one.state for one in found.values()} == {"ok", "skipped", "warning"}
    assert [name for name, one in found.items() if one.state == "warning"] == ["clickhouse"]
    assert {found[f"retention of {topic}"].state for topic in Topic} == {"ok"}


def test_each_silence_is_a_finding_of_its_own(kafka: Kafka) -> None:
    kafka.silent = {"settings"}
    found = look()
    assert (found["retention"].state, found["open rounds"].state) == ("skipped", "ok")
    kafka.silent = {"echoes"}
    found = look()
    assert (found["open rounds"].state, found["worker has caught up"].state) == ("problem", "ok")
    kafka.silent = {"bounds"}
    found = look()
    assert (found["topics"].state, found["worker has caught up"].state) == ("ok", "problem")
    kafka.silent = {"topics"}
    assert [name for name, one in look().items() if one.state == "problem"] == ["kafka"]


def test_retention_is_compared_topic_by_topic(kafka: Kafka) -> None:
    kafka.kept[PREFIX + Topic.SUBMISSIONS]["retention.ms"] = "604800000"
    found = look()
    assert found[f"retention of {Topic.SUBMISSIONS}"].found == "records go after 7 days, needed are 400 days"
    assert found[f"retention of {Topic.COHORTS}"].state == "ok"


def test_a_round_is_past_its_dates_by_the_calendar_of_the_settings(kafka: Kafka) -> None:
    kafka.echoes = {2: [encode(echo) for echo in seen(opened()).by_partition[2]]}
    assert look()["rounds past their dates"].state == "ok"
    assert look(timezone="Europe/Berlin")["rounds past their dates"].state == "warning"
    kafka.echoes = {2: [encode(echo) for echo in seen(opened(), closed()).by_partition[2]]}
    assert look(timezone="Europe/Berlin")["rounds past their dates"].state == "ok"


def test_records_that_are_no_echoes_are_found(kafka: Kafka) -> None:
    kafka.echoes = {1: [b"not an event"]}
    assert look()["open rounds"].state == "problem"


def test_a_worker_behind_an_open_round_cannot_be_judged(kafka: Kafka) -> None:
    place = (PREFIX + Topic.SUBMISSIONS, 2)
    kafka.ends = {place: 500}
    assert look()["worker has caught up"].state == "warning"
    kafka.echoes = {2: [encode(echo) for echo in seen(opened()).by_partition[2]]}
    assert look()["worker has caught up"].state == "skipped"
    kafka.done = {(PREFIX + WORKER_GROUP, *place): 500}
    assert look()["worker has caught up"].state == "ok"


def test_a_writer_is_given_a_moment(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    place = (PREFIX + Topic.INDICATORS, 3)
    kafka.ends = {place: 500}
    kafka.done = {(PREFIX + WRITER_GROUP, *place): 499}
    assert look()["writer has caught up"].state == "warning"
    slept = iter(range(10))

    def sleep(seconds: float) -> None:
        if seconds and next(slept) == 0:
            kafka.done[(PREFIX + WRITER_GROUP, *place)] = 500

    monkeypatch.setattr("time.sleep", sleep)
    assert look()["writer has caught up"].state == "ok"


@pytest.fixture
def login(tmp_path: Path) -> dict[str, str]:
    """Settings of a secured Kafka, whose files only their owner may read."""
    make_authority(tmp_path / "authority", NOW, days=10)
    make_broker_certificate(tmp_path / "authority", tmp_path / "client.pem", ["client"], NOW, days=10)
    (tmp_path / "password").write_text("a-secret\n", "utf-8")
    (tmp_path / "password").chmod(0o600)
    return {
        "security_protocol": "SASL_SSL",
        "sasl_username": "anna",
        "sasl_password_file": str(tmp_path / "password"),
        "ssl_ca_location": str(tmp_path / "authority" / "ca.pem"),
        "ssl_certificate_location": str(tmp_path / "client.pem"),
        "ssl_key_location": str(tmp_path / "client.pem"),
    }


SECRETS = ("kafka password", "kafka client key")


def test_password_and_key_for_kafka_are_their_owners_alone(kafka: Kafka, login: dict[str, str]) -> None:
    found = look(**login)
    assert [found[name].state for name in (*SECRETS, "kafka")] == ["ok", "ok", "ok"]
    for name, setting in zip(SECRETS, ("sasl_password_file", "ssl_key_location"), strict=True):
        Path(login[setting]).chmod(0o640)
        found = look(**login)
        assert (found[name].state, found[name].do) == ("warning", f"Run chmod 600 {login[setting]}.")


def test_a_password_or_key_that_cannot_be_read_is_a_problem_and_stops_nothing(
    kafka: Kafka, login: dict[str, str]
) -> None:
    for setting in ("sasl_password_file", "ssl_key_location"):
        Path(login[setting]).unlink()
    found = look(**login)
    assert [found[name].state for name in (*SECRETS, "kafka")] == ["problem", "problem", "problem"]
    assert "cannot read sasl_password_file" in found["kafka"].found
    assert found["kafka"].do == "Correct the setting."
    assert found["python"].state == "ok"
    assert "a-secret" not in str(found)


def test_without_a_login_there_is_nothing_to_say_of_its_files(kafka: Kafka) -> None:
    assert not set(SECRETS) & set(look())


def test_a_refused_login_is_no_matter_of_reaching_kafka(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise AccessRefused("Kafka at kafka:9093 refused the user or password")

    monkeypatch.setattr(kafka, "_answer", refuse)
    assert look()["kafka"].do == "Correct the user, the password or the rights, then check again."
