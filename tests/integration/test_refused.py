"""Kafka refuses a login, shows a wrong certificate, or allows nothing: whoever is told of it reads which of them."""

import gc
import logging
import os
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.certificates import make_authority, make_broker_certificate
from deploy.connection import Connection
from deploy.settings import PREFIX, Settings
from producers.client import WellbeingProducer
from schemas.errors import AccessRefused, BrokerUnavailable
from stream_processors.kafka_log import KafkaLog
from tests.integration.refusing_broker import Refusing, refusing_broker

PASSWORD: Final = "canary-pass"
LOGIN: Final = "refused the user or password"
CERTIFICATE: Final = "the certificate of Kafka at localhost:.* is not trusted, has ended or is not for that name"
TLS: Final = "do not agree on TLS"
CALLS: Final[dict[str, Callable[[KafkaLog], object]]] = {
    "partitions": lambda log: log.partitions("t"),
    "topics": lambda log: log.topics(timeout=5),
    "committed": lambda log: log.committed("g", "t", 0),
    "bounds": lambda log: log.bounds("t", 0),
    "read": lambda log: list(log.read("t", 0)),
    "settings": lambda log: log.topic_settings(["t"], timeout=2),
}

# kafka-python leaves the sockets of refused connections to the garbage collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <s:ResourceWarning")


@pytest.fixture(autouse=True)
def _collect_sockets(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    # what kafka-python logged holds the exceptions, and through them the sockets
    caplog.get_records("call").clear()
    gc.collect()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two authorities; certificates by the first for this machine and for another; what a worker needs besides."""
    made = tmp_path_factory.mktemp("kafka")
    now = datetime.now(UTC)
    for name in ("ours", "other"):
        make_authority(made / name, now, days=10)
    make_broker_certificate(made / "ours", made / "here.pem", ["localhost"], now, days=10)
    make_broker_certificate(made / "ours", made / "elsewhere.pem", ["kafka.example"], now, days=10)
    (made / "password").write_text(f"{PASSWORD}\n", "utf-8")
    (made / "verify-keys.json").write_text("{}", "utf-8")
    (made / "audit.key").write_bytes(bytes(32))
    return made


def server(folder: Path, certificate: str = "here.pem", *, asks: bool = False) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / certificate)
    if asks:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(folder / "ours" / "ca.pem")
    return context


def settings(broker: Refusing, folder: Path, authority: str = "ours", **given: Any) -> Settings:
    return Settings(
        bootstrap_servers=broker.address,
        security_protocol="SASL_SSL",
        sasl_username="anna",
        sasl_password_file=folder / "password",
        ssl_ca_location=folder / authority / "ca.pem",
        verify_keys=folder / "verify-keys.json",
        audit_key_file=folder / "audit.key",
        **given,
    )


def connection(broker: Refusing, folder: Path, authority: str = "ours", **given: Any) -> Connection:
    return Connection.of(settings(broker, folder, authority, **given))


@pytest.mark.parametrize("call", CALLS)
def test_a_refused_login_is_told_soon_by_whatever_is_asked(folder: Path, call: str) -> None:
    began = time.monotonic()
    with refusing_broker(server(folder)) as broker, pytest.raises(AccessRefused, match=LOGIN) as refused:
        CALLS[call](KafkaLog(connection(broker, folder)))
    assert time.monotonic() - began < 5
    assert broker.logins > 0
    assert broker.address in str(refused.value)
    assert PASSWORD not in str(refused.value)


@pytest.mark.parametrize(("certificate", "authority"), [("here.pem", "other"), ("elsewhere.pem", "ours")])
def test_a_certificate_of_somebody_else_is_told_before_any_login(
    folder: Path, certificate: str, authority: str
) -> None:
    with refusing_broker(server(folder, certificate)) as broker:
        with pytest.raises(BrokerUnavailable, match=CERTIFICATE):
            KafkaLog(connection(broker, folder, authority)).partitions("t")
        with pytest.raises(BrokerUnavailable, match=CERTIFICATE):
            WellbeingProducer(connection(broker, folder, authority), timeout=2)
    assert broker.logins == 0


def test_a_broker_that_asks_for_a_certificate_is_told_apart(folder: Path) -> None:
    with refusing_broker(server(folder, asks=True)) as broker:
        with pytest.raises(BrokerUnavailable, match=TLS):
            KafkaLog(connection(broker, folder)).topics(timeout=2)
        with pytest.raises(BrokerUnavailable, match=TLS):
            WellbeingProducer(connection(broker, folder), timeout=2)


def test_a_broker_without_tls_gets_no_password(folder: Path) -> None:
    with refusing_broker() as broker:
        with pytest.raises(BrokerUnavailable, match=TLS):
            KafkaLog(connection(broker, folder)).topics(timeout=2)
        with pytest.raises(BrokerUnavailable, match=TLS):
            WellbeingProducer(connection(broker, folder), timeout=2)
    assert broker.logins == 0


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"])
def test_a_refused_login_stops_the_producer_and_logs_no_password(
    folder: Path, mechanism: str, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("kafka.net.connection", "kafka.protocol.parser")
    for name in names:
        caplog.set_level(logging.DEBUG, logger=name)
    with refusing_broker(server(folder)) as broker, caplog.at_level(logging.DEBUG):
        with pytest.raises(AccessRefused, match=LOGIN) as refused:
            WellbeingProducer(connection(broker, folder, sasl_mechanism=mechanism), timeout=2)
        with pytest.raises(AccessRefused, match=LOGIN):
            KafkaLog(connection(broker, folder, sasl_mechanism=mechanism)).partitions("t")
    assert broker.logins > 1
    assert PASSWORD not in f"{caplog.text} {refused.value}"


def test_a_topic_that_may_not_be_used_is_named() -> None:
    with refusing_broker() as broker:
        with pytest.raises(AccessRefused, match=r"may not use topic secret-t: see docs/operations\.md"):
            KafkaLog(Connection(broker.address)).require(["secret-t"])
        with pytest.raises(AccessRefused, match=r"this user may not use topic wellbeing\.submissions"):
            WellbeingProducer(Connection(broker.address, embedded=True), timeout=2)


def run(command: list[str], settings: Settings) -> tuple[int, str]:
    """The exit code of a process of ours with these settings, and what it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    ended = subprocess.run(
        [sys.executable, *command], env=kept | settings.environment(), capture_output=True, text=True, timeout=60
    )
    return ended.returncode, ended.stdout + ended.stderr


@pytest.mark.parametrize("process", ["worker", "writer"])
def test_a_process_ends_with_a_line_and_its_code(folder: Path, tmp_path: Path, process: str) -> None:
    with refusing_broker(server(folder)) as broker:
        given = settings(broker, folder, clickhouse=f"chdb:{tmp_path / 'clickhouse'}", log_level="debug")
        code, said = run(["-m", "wardpulse", process], given)
    assert code == AccessRefused.exit_code, said
    assert f"stopping: AccessRefused: Kafka at {broker.address} {LOGIN}" in said
    assert PASSWORD not in said


UNWARNED: Final = """
import runpy, sys
from stream_processors.kafka_log import KafkaLog
KafkaLog.require = KafkaLog.committed = lambda *_: None  # as when the password was right at first
sys.argv = ["wardpulse", "worker"]
runpy.run_module("wardpulse", run_name="__main__")
"""


@pytest.mark.parametrize(
    ("certificate", "line", "code"),
    [
        ("here.pem", f"AccessRefused: Kafka at .* {LOGIN}", 77),
        ("elsewhere.pem", f"BrokerUnavailable: {CERTIFICATE}", 69),
    ],
)
def test_what_aiokafka_only_logs_ends_the_worker_too(folder: Path, certificate: str, line: str, code: int) -> None:
    with refusing_broker(server(folder, certificate)) as broker:
        ended, said = run(["-c", UNWARNED], settings(broker, folder))
    assert ended == code, said
    assert re.search(f"stopping: {line}", said)
    assert PASSWORD not in said
