"""Why Kafka does not let us in, in one sentence, whichever of its clients has met with it.

Each client names the same refusal in a way of its own, and most tell it only beside the call, in a callback or in
their logs: the call itself tries again until its time is up. What they log on their way must hold no password.
"""

import logging
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import Final, Protocol

from schemas.errors import AccessRefused, BrokerUnavailable


class Trouble(StrEnum):
    """What a person can put right, and the sentence about it."""

    LOGIN = "Kafka at {at} refused the user or password: check sasl_username, sasl_password_file and sasl_mechanism"
    CERTIFICATE = (
        "the certificate of Kafka at {at} is not trusted, has ended or is not for that name: "
        "check ssl_ca_location and bootstrap_servers"
    )
    TLS = (
        "Kafka at {at} and this client do not agree on TLS: check security_protocol and the port, "
        "and whether Kafka asks for a certificate (ssl_certificate_location)"
    )
    TOPIC = "Kafka at {at}: this user may not use {what}: see docs/operations.md"
    GROUP = "Kafka at {at}: this user may not use the consumer group: see docs/operations.md"
    CLUSTER = "Kafka at {at}: this user may not do what it asks of the cluster: see docs/operations.md"

    @property
    def is_lasting(self) -> bool:
        """Whether trying again is of no use; TLS can fail with a connection that breaks."""
        return self is not Trouble.TLS


_REFUSED: Final = frozenset({Trouble.LOGIN, Trouble.TOPIC, Trouble.GROUP, Trouble.CLUSTER})

# names of errors and codes, alike but for capitals, underscores and the word Error
_NAMED: Final = {
    "authentication": Trouble.LOGIN,
    "authenticationfailed": Trouble.LOGIN,
    "authenticationmethodnotsupported": Trouble.LOGIN,
    "saslauthenticationfailed": Trouble.LOGIN,
    "unsupportedsaslmechanism": Trouble.LOGIN,
    "illegalsaslstate": Trouble.LOGIN,
    "topicauthorizationfailed": Trouble.TOPIC,
    "groupauthorizationfailed": Trouble.GROUP,
    "clusterauthorizationfailed": Trouble.CLUSTER,
    "transactionalidauthorizationfailed": Trouble.CLUSTER,
    "ssl": Trouble.TLS,
    "sslcertverification": Trouble.CERTIFICATE,
}


def trouble_of(name: str, text: str = "") -> Trouble | None:
    """The trouble that an error of this name and text tells of; None if it may be anything."""
    found = _NAMED.get(name.replace("_", "").lower().removesuffix("error"))
    if found in (None, Trouble.TLS) and "SSL" in text:
        # in capitals it is OpenSSL that speaks; sasl_ssl:// is the address
        return Trouble.CERTIFICATE if "verify failed" in text else Trouble.TLS
    return found


def trouble_in(error: BaseException) -> Trouble | None:
    """The trouble that an error of kafka-python or aiokafka tells of."""
    return trouble_of(type(error).__name__, str(error))


def explained(trouble: Trouble, at: str, what: str = "a topic that is needed") -> BrokerUnavailable:
    """The error to raise. `at` is Kafka's address as it was given."""
    kind = AccessRefused if trouble in _REFUSED else BrokerUnavailable
    return kind(trouble.format(at=at, what=what))


class _Code(Protocol):
    """An error of librdkafka."""

    def name(self) -> str: ...
    def str(self) -> str: ...


class Ear(logging.Filter):
    """Remembers the last trouble that a client told of beside its calls. As a filter it lets every record pass."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: Trouble | None = None

    def told(self, error: _Code) -> None:
        """For librdkafka's `error_cb`."""
        self.heard = trouble_of(error.name(), error.str()) or self.heard

    def hear(self, error: BaseException) -> None:
        """For what a call of kafka-python or aiokafka raised."""
        self.heard = trouble_in(error) or self.heard

    def filter(self, record: logging.LogRecord) -> bool:
        """Look at the errors that a library's log record is about."""
        given = record.args if isinstance(record.args, tuple) else ()
        raised = record.exc_info[1] if record.exc_info else None
        for error in (*given, raised):
            if isinstance(error, BaseException):
                self.hear(error)
        return True

    @contextmanager
    def at(self, loggers: Iterable[str]) -> Iterator[None]:
        """Listen to these loggers."""
        for name in loggers:
            logging.getLogger(name).addFilter(self)
        try:
            yield
        finally:
            for name in loggers:
                logging.getLogger(name).removeFilter(self)


KAFKA_PYTHON: Final = ("kafka.net.connection",)
"""Where kafka-python says that a connection was lost, and why."""
AIOKAFKA: Final = (
    "aiokafka",
    "aiokafka.consumer.group_coordinator",
    "aiokafka.consumer.fetcher",
    "aiokafka.producer.sender",
    "faust.transport.consumer",
    "faust.transport.drivers.aiokafka",
    "mode.services",
)
"""Where aiokafka and Faust say what failed in the background."""
_TALKATIVE: Final = ("kafka.net.connection", "kafka.protocol.parser", "kafka.producer.kafka", "aiokafka.conn")


class _Discretion(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


_DISCRETION: Final = _Discretion()


def keep_discreet() -> None:
    """Let no client log requests, however its logger is set: a login is one, and PLAIN sends the password in it."""
    for name in _TALKATIVE:
        logging.getLogger(name).addFilter(_DISCRETION)
