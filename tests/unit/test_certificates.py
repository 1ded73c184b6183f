"""The certificates made on the spot: taken by strict verifiers, for their names alone, while they last."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deploy.certificates import AUTHORITY, AUTHORITY_KEY, make_authority, make_broker_certificate

DAYS = 10


def shake_hands(authority: Path, broker: Path, name: str) -> None:
    """A TLS handshake in memory, as strict as Python's own from 3.13 on; SSLError if the client refuses."""
    client, server = ssl.create_default_context(cafile=str(authority)), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    server.load_cert_chain(broker)
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [client.wrap_bio(down, up, server_hostname=name), server.wrap_bio(up, down, server_side=True)]
    while sides:
        for side in tuple(sides):
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                continue
            sides.remove(side)


def made(folder: Path, at: datetime, hosts: tuple[str, ...] = ("kafka-1.example", "127.0.0.1")) -> tuple[Path, Path]:
    """An authority's certificate, and a broker's that it signed."""
    make_authority(folder / "tls", at, DAYS)
    make_broker_certificate(folder / "tls", folder / "broker.pem", hosts, at, DAYS)
    return folder / "tls" / AUTHORITY, folder / "broker.pem"


def test_a_client_trusts_a_broker_under_each_of_its_names(tmp_path: Path) -> None:
    authority, broker = made(tmp_path, datetime.now(UTC))
    for name in ("kafka-1.example", "127.0.0.1"):
        shake_hands(authority, broker, name)


def test_a_client_trusts_no_broker_under_another_name_or_of_another_authority(tmp_path: Path) -> None:
    authority, broker = made(tmp_path, datetime.now(UTC))
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, broker, "kafka-2.example")
    make_authority(tmp_path / "other", datetime.now(UTC), DAYS)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(tmp_path / "other" / AUTHORITY, broker, "kafka-1.example")


@pytest.mark.parametrize("away", [timedelta(days=DAYS + 1), timedelta(days=-1)])
def test_a_certificate_is_good_for_its_days_alone(tmp_path: Path, away: timedelta) -> None:
    authority, broker = made(tmp_path, datetime.now(UTC) - away)
    with pytest.raises(ssl.SSLCertVerificationError):
        shake_hands(authority, broker, "kafka-1.example")


def test_keys_are_for_their_owner_alone_and_nothing_is_overwritten(tmp_path: Path) -> None:
    authority, broker = made(tmp_path, datetime.now(UTC))
    assert {path.stat().st_mode & 0o777 for path in (broker, tmp_path / "tls" / AUTHORITY_KEY)} == {0o600}
    assert b"PRIVATE" not in authority.read_bytes()
    with pytest.raises(FileExistsError):
        make_authority(tmp_path / "tls", datetime.now(UTC), DAYS)
