"""`wardpulse settings` and docs/settings.md say what the code does."""

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from typer.testing import CliRunner

from deploy.check_commands import settings_rows
from deploy.settings import Settings, origins
from schemas.errors import SettingsError
from wardpulse import application

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"
SECRET = "canary-pass-word"


def documented() -> list[tuple[str, ...]]:
    rows = re.findall(r"^\| `(\w+)` \| (.*?) \| (.*?) \| (.*?) \|$", DOCS.read_text("utf-8"), re.MULTILINE)
    return [tuple(row) for row in rows]


def test_the_table_in_the_documentation_is_the_code() -> None:
    shown = Settings().shown()
    assert documented() == [
        (
            item.name,
            f"`{shown[item.name]}`" if shown[item.name] else "none",
            item.metadata["needed_by"],
            item.metadata["meaning"],
        )
        for item in fields(Settings)
    ]


def test_the_file_in_the_documentation_is_one_that_can_be_read(tmp_path: Path) -> None:
    example = re.search(r"```toml\n(.*?)```", DOCS.read_text("utf-8"), re.DOTALL)
    assert example is not None
    file = tmp_path / "wardpulse.toml"
    file.write_text(example[1], "utf-8")
    settings = Settings.read({"WARDPULSE_SETTINGS": str(file)})
    assert settings.bootstrap_servers == "kafka-1:9092,kafka-2:9092"
    assert settings.clickhouse == f"chdb:{tmp_path / 'clickhouse'}"
    assert settings.audit_key_file == tmp_path / "audit.key"
    assert settings.minimum_k == 10


def test_each_setting_says_where_it_comes_from(tmp_path: Path) -> None:
    file = tmp_path / "wardpulse.toml"
    file.write_text('client.id = "from-file"\nminimum_k = 5\nlog_level = "debug"\n', "utf-8")
    mapping = {"WARDPULSE_SETTINGS": str(file), "WARDPULSE_LOG_LEVEL": "info", "PATH": "/bin"}
    rows = {row["setting"]: row for row in settings_rows(mapping)}
    assert {name: row["from"] for name, row in rows.items() if row["from"] != "default"} == {
        "client_id": "file",
        "minimum_k": "file",  # although it is what it would be without the file
        "log_level": "environment",
    }
    assert (rows["client_id"]["value"], rows["client_id"]["default"]) == ("from-file", "wardpulse")
    assert rows["log_level"]["value"] == "info"
    assert rows["log_level"]["variable"] == "WARDPULSE_LOG_LEVEL"
    assert list(rows) == [item.name for item in fields(Settings)]


def test_a_file_that_cannot_be_used_has_no_origins(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot read the settings"):
        origins({"WARDPULSE_SETTINGS": str(tmp_path / "none.toml")})


@pytest.mark.parametrize("arguments", [["settings"], ["settings", "--json"]])
def test_the_command_leaves_the_password_out(arguments: list[str]) -> None:
    given = {"WARDPULSE_CLICKHOUSE": f"https://writer:{SECRET}@db.example:8443/wellbeing", "COLUMNS": "200"}
    result = CliRunner().invoke(application(), arguments, env=given)
    assert result.exit_code == 0
    assert SECRET not in result.output
    assert "https://writer:***@db.example:8443/wellbeing" in result.output


def test_the_listing_for_programs_has_every_field() -> None:
    rows = json.loads(CliRunner().invoke(application(), ["settings", "--json"]).stdout)
    assert set(rows[0]) == {"setting", "value", "from", "default", "variable", "needed_by", "meaning"}
    assert len(rows) == len(fields(Settings))
