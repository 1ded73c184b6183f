"""Serving metrics: a real scrape, an address that is taken, an end without leftovers."""

import socket
from urllib.error import URLError
from urllib.request import urlopen

import pytest

from schemas.errors import SettingsError
from stream_processors.metrics import WriterMetrics, serving


@pytest.fixture
def address() -> str:
    """An address of this machine that is free."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    return f"127.0.0.1:{port}"


def scrape(address: str) -> str:
    """What Prometheus would read."""
    with urlopen(f"http://{address}/metrics", timeout=10) as answer:
        return str(answer.read(), "utf-8")


def test_metrics_are_served_for_as_long_as_the_process_runs(address: str) -> None:
    metrics = WriterMetrics("0" * 64)
    with serving(address, metrics):
        metrics.inserted("cohorts", 3, 0.2)
        text = scrape(address)
    assert 'wardpulse_rows_written_total{table="cohorts"} 3.0' in text
    assert "_created" not in text
    with pytest.raises(URLError):
        scrape(address)
    with serving(address, metrics):
        assert scrape(address) == text


def test_an_address_in_use_is_a_settings_error_that_says_what_to_do(address: str) -> None:
    with (
        serving(address, WriterMetrics("0")),
        pytest.raises(SettingsError, match="is in use; give every process on this machine a port of its own"),
        serving(address, WriterMetrics("0")),
    ):
        pass
    assert SettingsError.exit_code == 78


def test_an_address_of_another_machine_is_a_settings_error() -> None:
    with (
        pytest.raises(SettingsError, match="name an address of this machine"),
        serving("192.0.2.1:9464", WriterMetrics("0")),
    ):
        pass


def test_a_scrape_that_is_broken_off_prints_nothing(address: str, capfd: pytest.CaptureFixture[str]) -> None:
    with serving(address, WriterMetrics("0")):
        host, _, port = address.rpartition(":")
        for request in (b"GET /metrics HTTP/1.1\r\n", b"\xff\xff\r\n\r\n", b""):
            with socket.create_connection((host, int(port))) as client:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                client.sendall(request)
        scrape(address)
    assert capfd.readouterr() == ("", "")


def test_without_an_address_nothing_is_served() -> None:
    with serving("", WriterMetrics("0")):
        pass
