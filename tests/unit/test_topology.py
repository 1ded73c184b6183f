"""What Faust and aiokafka are told of Kafka, and their names that the worker reaches for without being offered them."""

import asyncio
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from aiokafka import AIOKafkaConsumer

from deploy.certificates import make_authority
from deploy.settings import Settings
from stream_processors.delivery import FETCH_MILLISECONDS
from stream_processors.topology import build
from tests.records import RULES

PASSWORD: Final = "canary-pass"


async def _worker_wait() -> int:
    app: Any = build(Settings(), RULES)
    consumer = app.consumer._new_consumer_thread()._create_worker_consumer(app.transport)
    await consumer.stop()
    return int(consumer._fetch_max_wait_ms)


async def _given_wait(milliseconds: int) -> int:
    consumer = AIOKafkaConsumer(fetch_max_wait_ms=milliseconds)
    await consumer.stop()
    return int(consumer._fetch_max_wait_ms)


def test_the_worker_lets_a_broker_wait_for_records_only_briefly() -> None:
    assert asyncio.run(_worker_wait()) == FETCH_MILLISECONDS


def test_the_name_it_sets_is_still_the_one_that_counts() -> None:
    assert asyncio.run(_given_wait(7)) == 7


def secured(tmp_path: Path) -> Settings:
    make_authority(tmp_path / "authority", datetime.now(UTC), days=10)
    password = tmp_path / "password"
    password.write_text(f"{PASSWORD}\n", "utf-8")
    return Settings(
        bootstrap_servers="kafka-1:9093,kafka-2:9094, [::1]:9095",
        security_protocol="SASL_SSL",
        sasl_username="worker",
        sasl_password_file=password,
        ssl_ca_location=tmp_path / "authority" / "ca.pem",
    )


async def _given(settings: Settings) -> tuple[dict[str, Any], dict[str, Any]]:
    """What Faust gives to aiokafka's consumer and producer."""
    app: Any = build(settings, RULES)
    with pytest.MonkeyPatch.context() as patch:
        made: list[dict[str, Any]] = []
        for kind in ("AIOKafkaConsumer", "AIOKafkaProducer"):
            patch.setattr(f"faust.transport.drivers.aiokafka.aiokafka.{kind}", lambda **given: made.append(given))
        with suppress(AttributeError):  # the consumer is handled further, and here is none
            app.consumer._new_consumer_thread()._create_worker_consumer(app.transport)
        app.producer._new_producer()
    return made[0], made[1]


def test_consumer_and_producer_get_every_server_and_the_login(tmp_path: Path) -> None:
    for given in asyncio.run(_given(secured(tmp_path))):
        assert given["bootstrap_servers"] == ["kafka-1:9093", "kafka-2:9094", "[::1]:9095"]
        assert given["security_protocol"] == "SASL_SSL"
        assert given["sasl_mechanism"] == "SCRAM-SHA-512"
        assert (given["sasl_plain_username"], given["sasl_plain_password"]) == ("worker", PASSWORD)
        assert given["ssl_context"].check_hostname
        assert len(given["ssl_context"].get_ca_certs()) == 1


def test_with_tls_alone_there_is_no_login(tmp_path: Path) -> None:
    settings = replace(secured(tmp_path), security_protocol="SSL", sasl_username="", sasl_password_file=None)
    for given in asyncio.run(_given(settings)):
        assert given["security_protocol"] == "SSL"
        assert given["ssl_context"].check_hostname
        assert not [name for name in given if "sasl" in name]


def test_without_settings_the_worker_speaks_plaintext() -> None:
    for given in asyncio.run(_given(Settings())):
        assert (given["security_protocol"], given.get("ssl_context")) == ("PLAINTEXT", None)
        assert given["bootstrap_servers"] == ["localhost:9092"]


def test_faust_shows_its_settings_without_the_password(tmp_path: Path) -> None:
    conf: Any = build(secured(tmp_path), RULES).conf
    shown = f"{conf!r} {conf} {conf.broker_credentials!r} {vars(conf)!r}"
    assert "SASLCredentials: username=worker" in shown
    assert PASSWORD not in shown
