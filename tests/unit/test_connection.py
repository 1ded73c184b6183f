"""What each of Kafka's clients is told, what of it is never shown, and which files cannot serve."""

import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from deploy.certificates import make_authority, make_broker_certificate
from deploy.connection import Connection, read_password, read_token
from deploy.settings import Settings
from schemas.errors import SettingsError

PASSWORD = "canary pass=wörd, 7"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority, a certificate of its making with its key, and a password."""
    made = tmp_path_factory.mktemp("kafka")
    now = datetime.now(UTC)
    make_authority(made / "authority", now, days=10)
    make_broker_certificate(made / "authority", made / "client.pem", ["client"], now, days=10)
    (made / "password").write_text(f"{PASSWORD}\n", "utf-8")
    return made


def secured(folder: Path, **settings: Any) -> Settings:
    given: dict[str, Any] = {
        "bootstrap_servers": "kafka-1:9093, kafka-2:9093",
        "client_id": "st-anna",
        "security_protocol": "SASL_SSL",
        "sasl_username": "anna",
        "sasl_password_file": folder / "password",
        "ssl_ca_location": folder / "authority" / "ca.pem",
    }
    return Settings(**(given | settings))


def with_certificate(folder: Path) -> Settings:
    certificate = folder / "client.pem"
    return secured(folder, ssl_certificate_location=certificate, ssl_key_location=certificate)


def test_without_settings_every_client_speaks_plaintext() -> None:
    connection = Connection.of(Settings())
    assert connection == Connection("localhost:9092")
    assert connection.librdkafka() == {
        "bootstrap.servers": "localhost:9092",
        "client.id": "wardpulse",
        "security.protocol": "PLAINTEXT",
    }
    assert connection.kafka_python() == {
        "bootstrap_servers": ["localhost:9092"],
        "client_id": "wardpulse",
        "security_protocol": "PLAINTEXT",
        "reconnect_backoff_max_ms": 1000,
    }
    assert connection.ssl_context() is None


def test_librdkafka_is_told_its_own_names(folder: Path) -> None:
    assert Connection.of(with_certificate(folder)).librdkafka() == {
        "bootstrap.servers": "kafka-1:9093, kafka-2:9093",
        "client.id": "st-anna",
        "security.protocol": "SASL_SSL",
        "ssl.endpoint.identification.algorithm": "https",
        "ssl.ca.location": str(folder / "authority" / "ca.pem"),
        "ssl.certificate.location": str(folder / "client.pem"),
        "ssl.key.location": str(folder / "client.pem"),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "anna",
        "sasl.password": PASSWORD,
    }


def test_kafka_python_is_given_a_list_of_servers_a_login_and_a_context(folder: Path) -> None:
    given = Connection.of(secured(folder, sasl_mechanism="SCRAM-SHA-256")).kafka_python()
    context = given.pop("ssl_context")
    assert given == {
        "bootstrap_servers": ["kafka-1:9093", "kafka-2:9093"],
        "client_id": "st-anna",
        "security_protocol": "SASL_SSL",
        "reconnect_backoff_max_ms": 1000,
        "sasl_mechanism": "SCRAM-SHA-256",
        "sasl_plain_username": "anna",
        "sasl_plain_password": PASSWORD,
    }
    assert isinstance(context, ssl.SSLContext)


def test_tls_alone_gives_no_login(folder: Path) -> None:
    settings = Settings(security_protocol="SSL", ssl_ca_location=folder / "authority" / "ca.pem")
    connection = Connection.of(settings)
    assert not connection.has_password
    assert not any("sasl" in name for name in {**connection.librdkafka(), **connection.kafka_python()})


def test_producers_are_idempotent_but_on_the_embedded_broker() -> None:
    assert Connection("kafka:9092").kafka_python_producer()["enable_idempotence"] is True
    embedded = Connection("localhost:9092", embedded=True)
    assert embedded.kafka_python()["api_version"] == (2, 0)
    assert embedded.kafka_python_producer() == embedded.kafka_python() | {
        "enable_idempotence": False,
        "max_in_flight_requests_per_connection": 1,
    }


@pytest.mark.parametrize("trusted", [True, False])
def test_the_brokers_name_and_certificate_are_always_checked(folder: Path, trusted: bool) -> None:
    authority = folder / "authority" / "ca.pem" if trusted else None
    context = Connection("kafka:9093", protocol="SSL", authorities=authority).ssl_context()
    assert context is not None
    assert context.check_hostname
    assert context.verify_mode is ssl.CERT_REQUIRED
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2


def test_a_stated_authority_is_the_only_one(folder: Path) -> None:
    context = Connection.of(secured(folder)).ssl_context()
    assert context is not None
    assert len(context.get_ca_certs()) == 1


def test_the_password_is_shown_nowhere(folder: Path) -> None:
    connection = Connection.of(secured(folder))
    assert connection.password == PASSWORD
    assert "canary" not in f"{connection!r} {connection}"
    assert "anna" in repr(connection)
    assert "canary" not in f"{secured(folder)!r} {secured(folder).shown()} {secured(folder).environment()}"


@pytest.mark.parametrize(
    ("content", "password"),
    [
        (b"s3cret", "s3cret"),
        (b"s3cret\n", "s3cret"),
        (b"s3cret\r\n", "s3cret"),
        (b" s3 cret \n", " s3 cret "),
        ("wörd".encode(), "wörd"),
    ],
)
def test_the_end_of_the_line_is_no_part_of_the_password(tmp_path: Path, content: bytes, password: str) -> None:
    (tmp_path / "password").write_bytes(content)
    assert read_password(tmp_path / "password") == password


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"canary\ncanary", b"canary\n\n", b"canary\x00", b"\xef\xbb\xbfcanary", b"canary" * 200, b"canary\t"],
)
def test_a_file_with_anything_else_is_refused_without_being_quoted(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "password").write_bytes(content)
    with pytest.raises(
        SettingsError, match=r"password must hold the password on one line, and nothing else"
    ) as refused:
        read_password(tmp_path / "password")
    assert "canary" not in str(refused.value)


def test_a_binary_file_is_no_password(tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"canary\xff\xfe")
    with pytest.raises(SettingsError, match="must hold the password in UTF-8") as refused:
        read_password(tmp_path / "password")
    assert "canary" not in str(refused.value)
    assert refused.value.__cause__ is None


def test_a_token_is_read_as_a_password_is_and_named_as_a_token(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"s3cret\n")
    assert read_token(tmp_path / "token") == "s3cret"
    (tmp_path / "token").write_bytes(b"canary\ncanary")
    with pytest.raises(SettingsError, match="must hold the token on one line, and nothing else") as refused:
        read_token(tmp_path / "token")
    assert "canary" not in str(refused.value)
    with pytest.raises(SettingsError, match="cannot read redcap_token_file"):
        read_token(tmp_path / "none")


@pytest.mark.parametrize("name", ["none", ""])
def test_a_password_that_cannot_be_read_names_setting_and_file(tmp_path: Path, name: str) -> None:
    with pytest.raises(SettingsError, match=f"cannot read sasl_password_file {tmp_path / name}: "):
        Connection.of(Settings(security_protocol="SASL_SSL", sasl_password_file=tmp_path / name))


@pytest.mark.parametrize("content", [b"", b"no certificate", b"\xff\x00", None])
def test_a_bad_file_of_authorities_is_named(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError, match=f"cannot use ssl_ca_location {file}: "):
        Connection.of(Settings(security_protocol="SSL", ssl_ca_location=file))


@pytest.mark.parametrize("made", ["missing", "another's", "encrypted", "no key"])
def test_a_bad_key_is_named_and_nobody_is_asked_for_its_passphrase(folder: Path, tmp_path: Path, made: str) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    secret = serialization.BestAvailableEncryption(b"p") if made == "encrypted" else serialization.NoEncryption()
    file = tmp_path / "key.pem"
    if made != "missing":
        pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, secret)
        file.write_bytes(b"" if made == "no key" else pem)
    with pytest.raises(SettingsError, match=f"and ssl_key_location {file}: "):
        Connection.of(secured(folder, ssl_certificate_location=folder / "client.pem", ssl_key_location=file))
