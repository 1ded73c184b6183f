"""Every client's way of saying that Kafka refuses us, and what none of them may log."""

import logging
from typing import Any

import aiokafka.errors
import kafka.errors
import pytest
from aiokafka.protocol.admin import SaslAuthenticateRequest_v0
from confluent_kafka import KafkaError
from kafka.protocol.sasl import SaslAuthenticateRequest

from deploy.troubles import AIOKAFKA, KAFKA_PYTHON, Ear, Trouble, explained, keep_discreet, trouble_in, trouble_of
from schemas.errors import AccessRefused, BrokerUnavailable

PASSWORD = "canary-pass"
LOGIN = b"\0anna\0" + PASSWORD.encode()


def code(number: int, text: str | None = None) -> KafkaError:
    return KafkaError(number, text)


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (code(KafkaError._AUTHENTICATION), Trouble.LOGIN),
        (code(KafkaError.SASL_AUTHENTICATION_FAILED), Trouble.LOGIN),
        (code(KafkaError.UNSUPPORTED_SASL_MECHANISM), Trouble.LOGIN),
        (code(KafkaError.TOPIC_AUTHORIZATION_FAILED), Trouble.TOPIC),
        (code(KafkaError.GROUP_AUTHORIZATION_FAILED), Trouble.GROUP),
        (code(KafkaError.CLUSTER_AUTHORIZATION_FAILED), Trouble.CLUSTER),
        (code(KafkaError._SSL, "sasl_ssl://k:1: SSL handshake failed: certificate verify failed"), Trouble.CERTIFICATE),
        (code(KafkaError._TRANSPORT, "ssl://k:1: SSL routines::certificate verify failed"), Trouble.CERTIFICATE),
        (code(KafkaError._TRANSPORT, "ssl://k:1: Disconnected: SSL connection closed by peer"), Trouble.TLS),
        (code(KafkaError._TRANSPORT, "sasl_ssl://k:1: Connect failed: Connection refused"), None),
        (code(KafkaError._ALL_BROKERS_DOWN), None),
        (code(KafkaError._TIMED_OUT), None),
    ],
)
def test_what_librdkafka_says(error: KafkaError, trouble: Trouble | None) -> None:
    assert trouble_of(error.name(), error.str()) is trouble


@pytest.mark.parametrize(
    ("error", "trouble"),
    [
        (kafka.errors.SaslAuthenticationFailedError("no"), Trouble.LOGIN),
        (kafka.errors.UnsupportedSaslMechanismError(), Trouble.LOGIN),
        (kafka.errors.TopicAuthorizationFailedError({"t"}), Trouble.TOPIC),
        (kafka.errors.GroupAuthorizationFailedError("g"), Trouble.GROUP),
        (kafka.errors.ClusterAuthorizationFailedError(), Trouble.CLUSTER),
        (
            kafka.errors.KafkaConnectionError("[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed"),
            Trouble.CERTIFICATE,
        ),
        (kafka.errors.KafkaConnectionError("Handshake failed: [SSL: WRONG_VERSION_NUMBER]"), Trouble.TLS),
        (kafka.errors.KafkaTimeoutError("Unable to bootstrap"), None),
        (aiokafka.errors.SaslAuthenticationFailed("no"), Trouble.LOGIN),
        (aiokafka.errors.AuthenticationFailedError("no"), Trouble.LOGIN),
        (aiokafka.errors.TopicAuthorizationFailedError("t"), Trouble.TOPIC),
        (aiokafka.errors.GroupAuthorizationFailedError("g"), Trouble.GROUP),
        (aiokafka.errors.KafkaConnectionError("Unable to bootstrap"), None),
        (TimeoutError(), None),
    ],
)
def test_what_the_clients_in_python_say(error: BaseException, trouble: Trouble | None) -> None:
    assert trouble_in(error) is trouble


@pytest.mark.parametrize("trouble", Trouble)
def test_each_sentence_names_kafka_and_has_its_exit_code(trouble: Trouble) -> None:
    error = explained(trouble, "kafka:9093")
    assert "Kafka at kafka:9093" in str(error)
    assert "{" not in str(error)
    refused = trouble not in (Trouble.CERTIFICATE, Trouble.TLS)
    assert (type(error), error.exit_code) == ((AccessRefused, 77) if refused else (BrokerUnavailable, 69))


def test_an_ear_hears_errors_in_logs_until_it_listens_no_more() -> None:
    ear = Ear()
    logger = logging.getLogger(KAFKA_PYTHON[0])
    with ear.at(KAFKA_PYTHON):
        logger.error("%s: Connection lost: %s", "node", kafka.errors.KafkaConnectionError("broken"))
        assert ear.heard is None
        logger.error("%s: Connection lost: %s", "node", kafka.errors.SaslAuthenticationFailedError("no"))
        logger.error("%s: Connection lost: %s", "node", kafka.errors.KafkaTimeoutError("later"))
        assert ear.heard is Trouble.LOGIN
    ear.heard = None
    logger.error("Connection lost: %s", kafka.errors.SaslAuthenticationFailedError("no"))
    assert ear.heard is None


def test_an_ear_hears_what_was_raised_with_a_record() -> None:
    ear = Ear()
    with ear.at(AIOKAFKA):
        try:
            raise aiokafka.errors.GroupAuthorizationFailedError("g")
        except aiokafka.errors.KafkaError:
            logging.getLogger("faust.transport.consumer").exception("Drain messages raised")
    assert ear.heard is Trouble.GROUP


def test_an_ear_hears_librdkafka() -> None:
    ear = Ear()
    ear.told(code(KafkaError._AUTHENTICATION, "refused"))
    ear.told(code(KafkaError._ALL_BROKERS_DOWN))
    assert ear.heard is Trouble.LOGIN


@pytest.mark.parametrize(
    ("name", "message", "given"),
    [
        ("kafka.net.connection", "%s Request %d: %s", ("c", 1, SaslAuthenticateRequest(LOGIN))),
        ("kafka.protocol.parser", "%s Send: %r", ("c", LOGIN)),
        ("kafka.producer.kafka", "Sending (value=%r)", (LOGIN,)),
        ("aiokafka.conn", "Request to %s: %s", ("c", SaslAuthenticateRequest_v0(LOGIN))),
    ],
)
def test_no_client_logs_a_login_at_any_level(
    caplog: pytest.LogCaptureFixture, name: str, message: str, given: tuple[Any, ...]
) -> None:
    keep_discreet()
    with caplog.at_level(logging.DEBUG), caplog.at_level(logging.DEBUG, logger=name):
        logging.getLogger(name).debug(message, *given)
        logging.getLogger(name).warning("still heard")
    assert PASSWORD not in caplog.text
    assert "still heard" in caplog.text
