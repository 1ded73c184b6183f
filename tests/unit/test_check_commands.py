"""The commands that look at a deployment, without one."""

import json
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

import deploy.examine
import deploy.figures
import deploy.organisation_commands
from deploy.doctor import Finding
from deploy.examine import examine
from deploy.output import print_rows, printable
from producers.keystore import Keystore
from producers.sources.organisation_file import load_organisation
from schemas.errors import BrokerUnavailable, SinkUnavailable
from schemas.organisation import organisation
from schemas.organisation_changes import changes
from stream_processors.database import Database
from stream_processors.kafka_log import KafkaLog
from tests.limesurvey import LIMESURVEY_FILE
from wardpulse import application, main

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


def random(size: int) -> bytes:
    return bytes(range(size))


@pytest.fixture
def nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither Kafka nor ClickHouse answers."""

    def no_broker(*_: object) -> None:
        raise BrokerUnavailable("Kafka at kafka:9092: _TRANSPORT; check WARDPULSE_BOOTSTRAP_SERVERS and the broker")

    def no_tables(*_: object) -> None:
        raise SinkUnavailable("ClickHouse: OperationalError; check its address and that it is running")

    monkeypatch.setattr(KafkaLog, "topics", no_broker)
    monkeypatch.setattr(Database, "connect", no_tables)


def look(**settings: str | Path) -> dict[str, Finding]:
    mapping = {"WARDPULSE_CLICKHOUSE": "https://writer:a-secret@db/wellbeing"} | {
        f"WARDPULSE_{name.upper()}": str(value) for name, value in settings.items()
    }
    found = examine(mapping, lambda: NOW)
    assert "a-secret" not in str(found)
    assert all(one.do for one in found if one.state != "ok")
    return {one.check: one for one in found}


def states(found: Mapping[str, Finding]) -> dict[str, str]:
    return {name: one.state for name, one in found.items()}


@pytest.mark.usefixtures("nothing")
def test_what_cannot_be_reached_is_a_finding_and_stops_nothing() -> None:
    found = states(look())
    assert [name for name, state in found.items() if state == "problem"] == ["kafka", "clickhouse"]
    assert found["settings"] == found["python"] == found["packages"] == "ok"
    later = (
        "topics",
        "retention",
        "open rounds",
        "worker has caught up",
        "writer has caught up",
        "migrations",
        "clock",
    )
    assert {found[name] for name in later} == {"skipped"}


@pytest.mark.usefixtures("nothing")
def test_keys_are_checked_without_a_broker(tmp_path: Path) -> None:
    keys, trusted, audit = tmp_path / "keys", tmp_path / "verify-keys.json", tmp_path / "audit.key"
    north = Keystore.create(keys / "north.json", "north", random)
    trusted.write_text(json.dumps({"north": [north.verify_key.hex()]}), "utf-8")
    audit.write_bytes(b"a" * 32)
    audit.chmod(0o600)
    given = {"keystores": keys, "verify_keys": trusted, "audit_key_file": audit}
    checks = ("keystore north", "verify keys", "audit key", "keys of open rounds")
    assert [states(look(**given))[name] for name in checks] == ["ok", "ok", "ok", "skipped"]
    Keystore.create(keys / "south.json", "south", lambda size: b"s" * size)
    assert "keystore trust south" in look(**given)["verify keys"].do
    (keys / "south.json").chmod(0o644)
    trusted.chmod(0o666)
    audit.chmod(0o644)
    found = look(**given)
    assert [found[name].state for name in ("keystore south", *checks)] == [
        "problem",
        "ok",
        "problem",
        "warning",
        "skipped",
    ]
    assert found["verify keys"].do == f"Run chmod go-w {trusted}."
    trusted.write_text("[]", "utf-8")
    audit.write_bytes(b"short")
    assert [look(**given)[name].state for name in ("verify keys", "audit key")] == ["problem", "problem"]
    assert look(keystores=tmp_path / "none")["keystores"].state == "problem"


@pytest.mark.usefixtures("nothing")
def test_a_settings_file_with_a_password_is_its_owners_alone(tmp_path: Path) -> None:
    file = tmp_path / "wardpulse.toml"
    file.write_text('clickhouse = "https://writer:a-secret@db/wellbeing"\n', "utf-8")
    mapping = {"WARDPULSE_SETTINGS": str(file)}
    file.chmod(0o640)
    assert examine(mapping, lambda: NOW)[0].do == f"Run chmod 600 {file}."
    file.chmod(0o600)
    assert examine(mapping, lambda: NOW)[0].state == "ok"
    file.write_text("client_id = 'north'\n", "utf-8")
    file.chmod(0o644)
    assert examine(mapping, lambda: NOW)[0].state == "ok"


def test_settings_that_cannot_be_read_are_the_first_finding() -> None:
    found = examine({"WARDPULSE_MINIMUM_K": "4"}, lambda: NOW)
    assert (found[0].check, found[0].state) == ("settings", "problem")
    assert "may not be under 5" in found[0].found
    assert [one.check for one in found if one.state == "ok"] == ["python", "packages"]


@pytest.mark.usefixtures("nothing")
def test_a_fault_of_our_own_is_a_finding_that_quotes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> None:
        raise KeyError("canary")

    monkeypatch.setattr(KafkaLog, "topics", fault)
    found = look()["kafka"]
    assert (found.state, found.found) == ("problem", "unexpected KeyError")


@pytest.mark.usefixtures("nothing")
def test_an_address_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Database, "connect", lambda *_: time.sleep(30))
    monkeypatch.setattr(deploy.examine, "TABLES_SECONDS", 0.2)
    started = time.monotonic()
    assert look()["clickhouse"].found == "no answer in time"
    assert time.monotonic() - started < 5


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize("arguments", [["doctor"], ["doctor", "--json"]])
def test_the_command_ends_with_1_where_there_is_a_problem(arguments: list[str]) -> None:
    result = CliRunner().invoke(application(), arguments, env={"WARDPULSE_CLICKHOUSE": "https://w:a-secret@db/x"})
    assert result.exit_code == 1
    assert "a-secret" not in result.output
    assert "_TRANSPORT" in result.output


@pytest.mark.usefixtures("nothing")
def test_the_findings_for_programs_have_every_field() -> None:
    result = CliRunner().invoke(application(), ["doctor", "--json"])
    assert {tuple(sorted(one)) for one in json.loads(result.stdout)} == {("check", "do", "found", "state")}


@pytest.mark.parametrize(
    ("arguments", "example"),
    [
        (["db"], "wardpulse db status"),
        (["db", "migrate"], "wardpulse db migrate"),
        (["db", "status"], "wardpulse db status --json"),
        (["settings"], "wardpulse settings"),
        (["doctor"], "wardpulse doctor --json"),
    ],
)
def test_every_command_has_an_example(arguments: list[str], example: str) -> None:
    said = CliRunner().invoke(application(), [*arguments, "--help"], env={"COLUMNS": "200"}).stdout
    assert "Example:" in said
    assert example in said


class _Server:
    """A ClickHouse server with a clock of its own."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def __enter__(self) -> "_Server":
        return self

    def __exit__(self, *_: object) -> None:
        return None

    def migration_states(self, migrations: Sequence[tuple[str, str]]) -> dict[str, str]:
        return {name: "applied" for name, _ in migrations}

    def query(self, _: str) -> list[dict[str, object]]:
        return [{"version": "25.8.1", "seconds": int(time.time() + self._ahead)}]


@pytest.mark.usefixtures("nothing")
@pytest.mark.parametrize(("ahead", "state"), [(0.0, "ok"), (-50.0, "ok"), (90.0, "warning"), (-90.0, "warning")])
def test_the_clock_is_compared_with_the_servers(monkeypatch: pytest.MonkeyPatch, ahead: float, state: str) -> None:
    monkeypatch.setattr(Database, "connect", lambda *_: _Server(ahead))
    found = look()
    assert (found["clickhouse"].found, found["migrations"].state) == ("version 25.8.1", "ok")
    assert found["clock"].state == state
    if state == "warning":
        assert ("behind" if ahead > 0 else "ahead of") in found["clock"].found


HOSTILE = "\x1b]0;owned\x07\x9b2J\r\N{RIGHT-TO-LEFT OVERRIDE}ICU"


def test_what_a_terminal_would_obey_is_replaced() -> None:
    assert printable("Sta. Ana \N{LATIN SMALL LETTER E WITH ACUTE}") == "Sta. Ana \N{LATIN SMALL LETTER E WITH ACUTE}"
    assert printable("a\nb\x1bc") == "a\N{REPLACEMENT CHARACTER}b\N{REPLACEMENT CHARACTER}c"
    assert printable("a\nb\rc", keep_newlines=True) == "a\nb\N{REPLACEMENT CHARACTER}c"
    assert printable(HOSTILE).isprintable()


def test_a_listing_and_an_error_steer_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    print_rows([{"name": HOSTILE, "names": [HOSTILE]}], False, ("name", "names"), "")
    export, mapping = tmp_path / "export.csv", tmp_path / "mapping.yaml"
    export.write_text("a\n1\n", "utf-8")
    mapping.write_text('"\\e[2J\\u202ex": 1\n', "utf-8")
    arguments = ["wardpulse", "submit", str(export), "--mapping", str(mapping), "--dry-run"]
    monkeypatch.setattr("sys.argv", arguments)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr()
    assert "has no setting" in said.err
    assert "ICU" in said.out
    assert all(line.isprintable() for line in (said.out + said.err).splitlines())


def test_changes_and_figures_steer_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    place = load_organisation(LIMESURVEY_FILE.with_name("organisation.yaml"))
    renamed = tuple(node.model_copy(update={"name": HOSTILE}) for node in place.nodes)
    before, after = organisation(place), organisation(place.model_copy(update={"nodes": renamed}))
    deploy.organisation_commands._show_changes(before, after, changes(before, after))
    said = capsys.readouterr().out
    assert "is renamed from" in said
    assert all(line.isprintable() for line in said.splitlines())
    row = {"depth": 2, "name": HOSTILE, "state": "withheld", "staff_group": ""}
    assert all(cell.isprintable() for cell in deploy.figures._cells(row, ("state", "mean")))


@pytest.mark.parametrize(("width", "whole"), [("100", True), ("62", True), ("40", False)])
def test_words_of_a_listing_stay_whole_where_there_is_room(
    width: str, whole: bool, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", width)
    row = {"label": "protected-breaks-at-night", "kind": "support_programme", "meaning": "breaks are covered " * 5}
    print_rows([row], False, ("label", "meaning", "kind"), "")
    printed = capsys.readouterr().out
    assert max(map(len, printed.splitlines())) <= int(width)
    assert all(name in printed for name in ("protected-breaks-at-night", "support_programme")) == whole
    # what does not fit goes on in the next line: no letter is cut off
    letters = "".join(sorted("".join(row.values()) + "".join(row)))
    assert "".join(sorted(printed)).strip() == letters.strip()
