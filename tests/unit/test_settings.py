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
    topic_prefix="trial-",
    embedded=True,
    clickhouse="https://writer:a-secret@clickhouse:8443/wellbeing",
    verify_keys=Path("/run/secrets/verify-keys.json"),
    audit_key_file=Path("/run/secrets/audit.key"),
    minimum_k=11,
    keystores=Path("/run/secrets/keys"),
    timezone="Europe/Berlin",
    journal=Path("/run/journal/kept.json"),
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
