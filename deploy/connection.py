"""How to reach Kafka: one value, and what each of the clients we use wants to be told of it.

Kafka's own names are used in settings; the clients spell them differently.
"""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from deploy.settings import Settings
from schemas.errors import SettingsError

_LONGEST_PASSWORD: Final = 1024
_RECONNECT_MILLISECONDS: Final = 1_000


@dataclass(frozen=True, slots=True)
class Connection:
    """Kafka's addresses, what a client calls itself, and how it proves who it is.

    `embedded` says that the broker is the embedded one, which knows neither idempotent producers nor newer protocols.
    """

    bootstrap: str
    client_id: str = "wardpulse"
    embedded: bool = False
    protocol: str = "PLAINTEXT"
    mechanism: str = "SCRAM-SHA-512"
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    authorities: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """The connection that settings describe; SettingsError if a file they name cannot be used."""
        found = cls(
            bootstrap=settings.bootstrap_servers,
            client_id=settings.client_id,
            embedded=settings.embedded,
            protocol=settings.security_protocol,
            mechanism=settings.sasl_mechanism,
            username=settings.sasl_username or None,
            password=read_password(settings.sasl_password_file) if settings.sasl_password_file else None,
            authorities=settings.ssl_ca_location,
            certificate=settings.ssl_certificate_location,
            key=settings.ssl_key_location,
        )
        # each client would say in its own way, and some only when they connect, what is wrong with a file
        found.ssl_context()
        return found

    @property
    def servers(self) -> list[str]:
        """The addresses, HOST:PORT each."""
        return [server.strip() for server in self.bootstrap.split(",") if server.strip()]

    @property
    def has_password(self) -> bool:
        """Whether a client logs in with a name and a password."""
        return self.protocol.startswith("SASL_")

    @property
    def has_tls(self) -> bool:
        """Whether what is sent is encrypted, and the broker proves who it is."""
        return self.protocol.endswith("SSL")

    def librdkafka(self) -> dict[str, Any]:
        """For confluent-kafka."""
        given: dict[str, Any] = {
            "bootstrap.servers": self.bootstrap,
            "client.id": self.client_id,
            "security.protocol": self.protocol,
        }
        if self.has_tls:
            # otherwise whoever has a certificate of the same authority could pass for the broker
            given["ssl.endpoint.identification.algorithm"] = "https"
            files = {
                "ssl.ca.location": self.authorities,
                "ssl.certificate.location": self.certificate,
                "ssl.key.location": self.key,
            }
            given |= {name: str(path) for name, path in files.items() if path is not None}
        if self.has_password:
            given |= {
                "sasl.mechanism": self.mechanism,
                "sasl.username": self.username,
                "sasl.password": self.password,
            }
        return given

    def kafka_python(self) -> dict[str, Any]:
        """For every client of kafka-python."""
        given: dict[str, Any] = {
            "bootstrap_servers": self.servers,
            "client_id": self.client_id,
            "security_protocol": self.protocol,
            # as Kafka's own client: left alone it would wait up to half a minute, with a broker long back
            "reconnect_backoff_max_ms": _RECONNECT_MILLISECONDS,
        }
        if self.embedded:
            given["api_version"] = (2, 0)
        if self.has_tls:
            given["ssl_context"] = self.ssl_context()
        if self.has_password:
            given |= {
                "sasl_mechanism": self.mechanism,
                "sasl_plain_username": self.username,
                "sasl_plain_password": self.password,
            }
        return given

    def kafka_python_producer(self) -> dict[str, Any]:
        """For its producers: idempotence, and where the embedded broker does not know it, one request in flight, which
        keeps the order."""
        embedded = {"enable_idempotence": False, "max_in_flight_requests_per_connection": 1}
        return self.kafka_python() | (embedded if self.embedded else {"enable_idempotence": True})

    def ssl_context(self) -> ssl.SSLContext | None:
        """For clients that take Python's own; None without TLS. The broker's name is checked."""
        if not self.has_tls:
            return None
        context = _trusting(self.authorities)
        if self.certificate is not None:
            _show(context, self.certificate, self.key)
        return context


def _trusting(authorities: Path | None) -> ssl.SSLContext:
    """A context that trusts these authorities alone, or the machine's own."""
    try:
        return ssl.create_default_context(cafile=None if authorities is None else str(authorities))
    except OSError as error:
        why = "it holds no certificate in PEM" if isinstance(error, ssl.SSLError) else error.strerror
        raise SettingsError(f"cannot use ssl_ca_location {authorities}: {why}") from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path | None) -> None:
    try:
        # without a password given, OpenSSL would ask the terminal for that of an encrypted key
        context.load_cert_chain(certificate, key, password="")
    except OSError as error:
        why = (
            "they are no certificate and its own key, unencrypted, in PEM"
            if isinstance(error, ssl.SSLError)
            else error.strerror
        )
        raise SettingsError(
            f"cannot use ssl_certificate_location {certificate} and ssl_key_location {key}: {why}"
        ) from None


def read_password(path: Path, setting: str = "sasl_password_file", what: str = "password") -> str:
    """The password that a file holds on its only line; SettingsError, which does not quote it, if it cannot serve."""
    try:
        text = path.read_bytes().decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"cannot read {setting} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} must hold the {what} in UTF-8") from None
    if not text or len(text) > _LONGEST_PASSWORD or not text.isprintable():
        raise SettingsError(f"{path} must hold the {what} on one line, and nothing else")
    return text


def read_token(path: Path) -> str:
    """The API token of a REDCap project, from its file; SettingsError, which does not quote it, if it cannot serve."""
    return read_password(path, "redcap_token_file", "token")
