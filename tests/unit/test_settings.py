"""Settings come from a mapping, are complete or refused, and keep their secrets to themselves."""

from dataclasses import FrozenInstanceError, fields
from pathlib import Path
from typing import Any

import pytest

from deploy.settings import PREFIX, Settings, without_password
from schemas.errors import SettingsError
from schemas.policy import FLOORS

FULL = Settings(
    bootstrap_servers="kafka-1:9092,kafka-2:9092",
    client_id="st-anna",
    session_timeout_ms=20_000,
    group_instance_id="worker-1",
    security_protocol="SASL_SSL",
    sasl_mechanism="SCRAM-SHA-256",
    sasl_username="st-anna",
    sasl_password_file=Path("/run/secrets/kafka-password"),
    ssl_ca_location=Path("/etc/kafka/ca.pem"),
    ssl_certificate_location=Path("/etc/kafka/client.pem"),
    ssl_key_location=Path("/run/secrets/client-key.pem"),
    schema_ids=Path("/etc/wardpulse/schema-ids.json"),
    topic_prefix="trial-",
    clickhouse="https://writer:a-secret@clickhouse:8443/wellbeing",
    verify_keys=Path("/run/secrets/verify-keys.json"),
    audit_key_file=Path("/run/secrets/audit.key"),
    minimum_k=11,
    keystores=Path("/run/secrets/keys"),
    instruments_folder=Path("/etc/wardpulse/instruments"),
    licensed_instruments="mbi_hss,wbi_7",
    timezone="Europe/Berlin",
    journal=Path("/run/journal/kept.json"),
    redcap_url="https://redcap.example.org/api/",
    redcap_token_file=Path("/run/secrets/redcap-token"),
    redcap_ca_location=Path("/etc/redcap/ca.pem"),
    metrics="127.0.0.1:9464",
    log_format="json",
    log_level="debug",
)


def test_an_empty_mapping_gives_the_defaults() -> None:
    assert Settings.read({}) == Settings()


def test_names_of_others_are_passed_over() -> None:
    assert Settings.read({"PATH": "/bin", "BOOTSTRAP": "x", "wardpulse_bootstrap": "x"}) == Settings()


@pytest.mark.parametrize("name", ["WARDPULSE_BOOTSTRAPS", "WARDPULSE_", "WARDPULSE_bootstrap", "WARDPULSE_SKIP_FLOORS"])
def test_an_unknown_name_of_ours_is_refused_and_the_known_ones_are_listed(name: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.read({name: "a-secret"})
    assert name in str(refused.value)
    assert all(PREFIX + item.name.upper() in str(refused.value) for item in fields(Settings))
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("YES", True), ("false", False), ("0", False), ("no", False)],
)
def test_booleans_are_spelled_in_a_few_ways(text: str, value: bool) -> None:
    assert Settings.read({"WARDPULSE_EMBEDDED": text}).embedded is value


@pytest.mark.parametrize("text", ["", "maybe", "on", "2", " true"])
def test_any_other_boolean_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="WARDPULSE_EMBEDDED must be true or false"):
        Settings.read({"WARDPULSE_EMBEDDED": text})


@pytest.mark.parametrize(
    ("text", "value"),
    [("", ""), (" ", ""), ("mbi_hss", "mbi_hss"), (" mbi_hss , wbi_7,mbi_hss", "mbi_hss,wbi_7")],
)
def test_licensed_instruments_are_ids_each_once(text: str, value: str) -> None:
    assert Settings.read({"WARDPULSE_LICENSED_INSTRUMENTS": text}).licensed_instruments == value


@pytest.mark.parametrize("text", ["MBI", "mbi hss", "mbi_hss,", "a\n", "../x", "x" * 65])
def test_what_cannot_be_an_instrument_is_refused(text: str) -> None:
    with pytest.raises(SettingsError, match="WARDPULSE_LICENSED_INSTRUMENTS must be ids such as mbi_hss"):
        Settings.read({"WARDPULSE_LICENSED_INSTRUMENTS": text})


def test_a_file_may_list_licensed_instruments(tmp_path: Path) -> None:
    file = tmp_path / "wardpulse.toml"
    file.write_text('licensed_instruments = ["mbi_hss", "wbi_7"]\ninstruments_folder = "own"\n', "utf-8")
    settings = Settings.read({"WARDPULSE_SETTINGS": str(file)})
    assert (settings.licensed_instruments, settings.instruments_folder) == ("mbi_hss,wbi_7", tmp_path / "own")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://redcap.example.org/api/", "https://redcap.example.org/api/"),
        ("https://redcap.example.org:8443/redcap/api", "https://redcap.example.org:8443/redcap/api/"),
        ("http://localhost:8080/api/", "http://localhost:8080/api/"),
        ("http://[::1]/api/", "http://[::1]/api/"),
        ("", ""),
    ],
)
def test_the_address_of_redcap_is_that_of_its_api(text: str, address: str) -> None:
    assert Settings.read({"WARDPULSE_REDCAP_URL": text}).redcap_url == address


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://redcap.example.org/api/", "must begin with https"),
        ("http://localhost.example.org/api/", "must begin with https"),
        ("https://redcap.example.org/", "must be an address such as"),
        ("redcap.example.org/api/", "must be an address such as"),
        ("ftp://redcap.example.org/api/", "must be an address such as"),
        ("https:///api/", "must be an address such as"),
        ("https://redcap.example.org:x/api/", "must be an address such as"),
        ("https://[redcap/api/", "must be an address such as"),
        ("https://redcap.example.org/api/\n", "must be an address such as"),
        ("https://a-secret@redcap.example.org/api/", "may hold neither user"),
        ("https://redcap.example.org/api/?token=a-secret", "may hold neither user"),
    ],
)
def test_an_address_that_gives_the_token_away_or_is_no_api_is_refused_unquoted(text: str, why: str) -> None:
    with pytest.raises(SettingsError, match=f"WARDPULSE_REDCAP_URL {why}") as refused:
        Settings.read({"WARDPULSE_REDCAP_URL": text})
    assert "a-secret" not in str(refused.value)


@pytest.mark.parametrize("text", ["4", "0", "-1"])
def test_the_smallest_k_a_deployment_accepts_cannot_go_under_the_floor(text: str) -> None:
    floor, why = FLOORS["k"]
    with pytest.raises(SettingsError) as refused:
        Settings.read({"WARDPULSE_MINIMUM_K": text})
    assert str(refused.value) == f"WARDPULSE_MINIMUM_K may not be under {floor}: {why}"


def test_the_smallest_k_may_stand_on_its_floor_or_above() -> None:
    assert Settings().minimum_k == FLOORS["k"][0]
    assert Settings.read({"WARDPULSE_MINIMUM_K": "5"}).minimum_k == 5
    assert Settings.read({"WARDPULSE_MINIMUM_K": "11"}).minimum_k == 11


@pytest.mark.parametrize("text", ["", "five", "5.5"])
def test_a_k_that_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="WARDPULSE_MINIMUM_K"):
        Settings.read({"WARDPULSE_MINIMUM_K": text})


@pytest.mark.parametrize("settings", [Settings(), FULL])
def test_an_environment_reads_back_as_the_settings_it_came_from(settings: Settings) -> None:
    assert Settings.read(settings.environment()) == settings


def test_no_setting_holds_the_password_for_kafka() -> None:
    assert not [item.name for item in fields(Settings) if "password" in item.name and not item.metadata["path"]]
    with pytest.raises(SettingsError, match="WARDPULSE_SASL_PASSWORD is not a setting"):
        Settings.read({"WARDPULSE_SASL_PASSWORD": "S3cret"})


def test_a_password_is_never_sent_unencrypted() -> None:
    with pytest.raises(SettingsError, match="may not be SASL_PLAINTEXT: password and answers would go unencrypted"):
        Settings.read({"WARDPULSE_SECURITY_PROTOCOL": "SASL_PLAINTEXT"})


@pytest.mark.parametrize(
    ("name", "text", "listed"),
    [
        ("SECURITY_PROTOCOL", "TLS", "PLAINTEXT, SSL, SASL_SSL"),
        ("SECURITY_PROTOCOL", "", "PLAINTEXT, SSL, SASL_SSL"),
        ("SASL_MECHANISM", "GSSAPI", "SCRAM-SHA-512, SCRAM-SHA-256, PLAIN"),
    ],
)
def test_what_is_not_spoken_is_refused_with_what_is(name: str, text: str, listed: str) -> None:
    with pytest.raises(SettingsError, match=f"WARDPULSE_{name} must be one of {listed}"):
        Settings.read({f"WARDPULSE_{name}": text})


LOGIN = {"sasl_username": "anna", "sasl_password_file": "pw"}
CERTIFICATE = {"ssl_certificate_location": "c.pem", "ssl_key_location": "k.pem"}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"security_protocol": "SASL_SSL"}, "SASL_SSL needs sasl_username and sasl_password_file"),
        ({"security_protocol": "SASL_SSL", "sasl_username": "anna"}, "SASL_SSL needs sasl_password_file"),
        ({"security_protocol": "SASL_SSL", "sasl_password_file": "pw"}, "SASL_SSL needs sasl_username"),
        (LOGIN, "sasl_username and sasl_password_file would not be used: .* must be SASL_SSL, not PLAINTEXT"),
        ({"security_protocol": "SSL", "sasl_username": "anna"}, "sasl_username would not be used: .* not SSL"),
        ({"ssl_ca_location": "ca.pem"}, "ssl_ca_location would not be used: .* SSL or SASL_SSL, not PLAINTEXT"),
        (CERTIFICATE, "ssl_certificate_location and ssl_key_location would not be used"),
        ({"security_protocol": "SSL", "ssl_key_location": "k.pem"}, "ssl_key_location needs ssl_certificate_location"),
        ({"security_protocol": "SSL", "ssl_certificate_location": "c"}, "ssl_certificate_location needs ssl_key_locat"),
        ({"security_protocol": "SSL", "embedded": "true"}, "embedded needs security_protocol PLAINTEXT"),
        ({"security_protocol": "SASL_SSL", "embedded": "true", **LOGIN}, "embedded needs security_protocol PLAINTEXT"),
    ],
)
def test_settings_that_do_not_go_together_are_refused_by_name(given: dict[str, str], message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        Settings.read({PREFIX + name.upper(): value for name, value in given.items()})


@pytest.mark.parametrize(
    "given",
    [
        {"security_protocol": "SSL"},
        {"security_protocol": "SSL", "ssl_ca_location": "ca.pem", **CERTIFICATE},
        {"security_protocol": "SASL_SSL", **LOGIN},
        {"security_protocol": "SASL_SSL", **LOGIN, "sasl_mechanism": "PLAIN", **CERTIFICATE},
        {"security_protocol": "PLAINTEXT", "embedded": "true", "sasl_username": ""},
    ],
)
def test_settings_that_go_together_are_read(given: dict[str, str]) -> None:
    settings = Settings.read({PREFIX + name.upper(): value for name, value in given.items()})
    assert settings.slip() is None
    assert Settings.read(settings.environment()) == settings


def test_a_file_and_the_environment_must_go_together_too(tmp_path: Path) -> None:
    file = tmp_path / "wardpulse.toml"
    file.write_text('security.protocol = "SASL_SSL"\nsasl.username = "anna"\n', "utf-8")
    with pytest.raises(SettingsError, match="needs sasl_password_file"):
        Settings.read({"WARDPULSE_SETTINGS": str(file)})
    settings = Settings.read({"WARDPULSE_SETTINGS": str(file), "WARDPULSE_SASL_PASSWORD_FILE": "pw"})
    assert settings.sasl_password_file == Path("pw")


def test_an_environment_names_only_what_is_set() -> None:
    assert "WARDPULSE_VERIFY_KEYS" not in Settings().environment()
    assert set(FULL.environment()) == {PREFIX + item.name.upper() for item in fields(Settings)}


def test_no_secret_is_shown() -> None:
    assert "a-secret" not in f"{FULL!r} {FULL}"
    assert "kafka-1:9092" in repr(FULL)


def test_settings_are_frozen() -> None:
    settings: Any = Settings()
    with pytest.raises(FrozenInstanceError):
        settings.minimum_k = 1


@pytest.mark.parametrize("slip", ["https://u:S3cret@h", "u:S3cret@h:8443", "//S3cret@h", "/u:S3cret@h", "S3cret@h"])
def test_an_address_after_chdb_is_refused_and_never_shown(slip: str) -> None:
    with pytest.raises(SettingsError, match="not one within the other") as refused:
        Settings.read({"WARDPULSE_CLICKHOUSE": f"chdb:{slip}"})
    assert "S3cret" not in str(refused.value)
    assert without_password(f"chdb:{slip}") == "***"


@pytest.mark.parametrize("folder", ["tables", "C:/tables", "/home/ana@hospital.example/tables"])
def test_a_folder_after_chdb_is_read(folder: str) -> None:
    assert Settings.read({"WARDPULSE_CLICKHOUSE": f"chdb:{folder}"}).clickhouse == f"chdb:{folder}"


@pytest.mark.parametrize("slip", ["https://kafka:9093", "anna:S3cret@kafka:9092", "PLAINTEXT://kafka:9092"])
def test_addresses_of_kafka_hold_no_password_and_no_protocol(slip: str) -> None:
    with pytest.raises(SettingsError, match="must be HOST:PORT") as refused:
        Settings.read({"WARDPULSE_BOOTSTRAP_SERVERS": slip})
    assert "S3cret" not in str(refused.value)
