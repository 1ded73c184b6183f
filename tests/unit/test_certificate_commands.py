"""Certificates by command: made once, never replaced, and refused in one line."""

import stat
from pathlib import Path

import pytest
from cryptography import x509
from typer.testing import CliRunner

from schemas.errors import SettingsError
from wardpulse import application


def made(*words: str | Path) -> str:
    """What a command says; its error is raised."""
    result = CliRunner().invoke(application(), ["certificates", *map(str, words)], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.output


def test_a_broker_is_certified_for_its_hosts_and_its_file_is_its_own(tmp_path: Path) -> None:
    made("authority", tmp_path / "tls")
    said = made("broker", tmp_path / "tls", "--host", "kafka-1", "--host", "10.0.0.5", "--out", tmp_path / "k.pem")
    assert "kafka-1, 10.0.0.5" in said
    assert stat.S_IMODE((tmp_path / "k.pem").stat().st_mode) == 0o600
    certificate = x509.load_pem_x509_certificate((tmp_path / "k.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["kafka-1"]
    assert [str(ip) for ip in names.get_values_for_type(x509.IPAddress)] == ["10.0.0.5"]


def test_nothing_that_is_there_is_replaced(tmp_path: Path) -> None:
    made("authority", tmp_path)
    before = (tmp_path / "ca-key.pem").read_bytes()
    with pytest.raises(SettingsError, match="is there already"):
        made("authority", tmp_path)
    made("broker", tmp_path, "--host", "kafka-1", "--out", tmp_path / "k.pem")
    with pytest.raises(SettingsError, match="is there already"):
        made("broker", tmp_path, "--host", "kafka-2", "--out", tmp_path / "k.pem")
    assert (tmp_path / "ca-key.pem").read_bytes() == before


def test_what_cannot_be_made_is_said_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="holds no authority: wardpulse certificates authority"):
        made("broker", tmp_path, "--host", "kafka-1", "--out", tmp_path / "k.pem")
    made("authority", tmp_path)
    with pytest.raises(SettingsError, match="a host name is not one"):
        made("broker", tmp_path, "--host", "bücher", "--out", tmp_path / "k.pem")
    assert not (tmp_path / "k.pem").exists()
    with pytest.raises(SettingsError, match="could not be written"):
        made("broker", tmp_path, "--host", "kafka-1", "--out", tmp_path / "none" / "k.pem")
