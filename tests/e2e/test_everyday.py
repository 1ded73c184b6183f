"""A hospital's days by hand: started, killed and started again; a round opened, answered, closed and read."""

import base64
import json
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.journal import read
from deploy.wiring import file_rules
from schemas.events import FormManifest
from schemas.topics import Topic
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.story import Record
from tests.e2e.pipeline import expected_tables, stored_tables
from tests.limesurvey import LIMESURVEY_FILE, limesurvey_export
from tests.records import outcomes_of

ORGANISATION = LIMESURVEY_FILE.with_name("organisation.yaml")
DATES = ("--first", "2026-10-05", "--last", "2026-10-18")


@dataclass(frozen=True)
class Hospital:
    """The folder of a deployment, and its commands."""

    folder: Path

    def run(self, *arguments: str | Path, code: int = 0, answer: str = "") -> str:
        """A command against the running deployment; what it says."""
        command = [sys.executable, "-m", "wardpulse", "--settings", str(self.folder / "wardpulse.toml")]
        done = subprocess.run(
            [*command, *map(str, arguments)], capture_output=True, text=True, timeout=200, check=False, input=answer
        )
        assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout + done.stderr

    @contextmanager
    def up(self, killed: bool = False) -> Iterator[None]:
        """The deployment for as long as the context lasts; it ends in peace, or is killed at once."""
        command = [sys.executable, "-m", "wardpulse", "up", "--data", str(self.folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                said = iter(process.stdout or ())
                assert any("WARDPULSE_SETTINGS" in line for line in said)
                yield
            finally:
                process.send_signal(signal.SIGKILL if killed else signal.SIGTERM)
                rest = process.communicate(timeout=60)[0]
        assert process.returncode == (-signal.SIGKILL if killed else 0), rest

    def replayed(self) -> Replay:
        """The log that was kept, through the pure steps."""
        records = []
        for path in sorted((self.folder / "journal").glob(f"{Topic.SUBMISSIONS}-*.jsonl")):
            number = int(path.stem.rpartition("-")[2])
            for kept in read(path):
                key, value = (base64.b64decode(text or "") for text in (kept.key, kept.value))
                records.append(Record(number, kept.offset, key, value, None))
        return replay(records, file_rules())


def test_a_round_is_driven_by_hand_over_two_days(tmp_path: Path) -> None:
    lines = limesurvey_export(1200).splitlines(keepends=True)
    first, whole = tmp_path / "monday.csv", tmp_path / "export.csv"
    first.write_bytes(b"".join(lines[:500]))
    whole.write_bytes(b"".join(lines))
    hospital = Hospital(tmp_path / "trial")
    with hospital.up(killed=True):
        _monday(hospital, first)
    with hospital.up():
        _tuesday(hospital, whole)
        _retire(hospital)
    assert hospital.run("audit", "disclosure", hospital.folder).endswith("verdict: safe\n")
    result = hospital.replayed()
    assert stored_tables(f"chdb:{hospital.folder / 'clickhouse'}") == expected_tables(result)
    assert [event.round for event in result.rounds] == ["2026-W41"]
    # every sheet of Monday came again on Tuesday
    counts = {event.round: outcomes_of(event) for event in result.manifests if isinstance(event, FormManifest)}
    assert counts["2026-W41"]["duplicate"] > 400
    assert counts["2026-W41"]["published"] > 800
    assert counts["spare"]["received"] == 0
    assert [retired.round for retired in result.retired] == ["2026-W41"]
    assert not result.dead_letters


def _monday(hospital: Hospital, export: Path) -> None:
    submit = ("submit", "--source", "csv", export, "--mapping", LIMESURVEY_FILE)
    assert "keystore init" in hospital.run("rounds", "close", "2026-W41", "--facility", "st-anna", code=78)
    hospital.run("keystore", "init", "st-anna", "--trust")
    opening = ("rounds", "open", "2026-W41", "--form", "cbi.work", *DATES)
    assert "organisation announce" in hospital.run(*opening, code=65)
    assert "40 units" in hospital.run("organisation", "announce", ORGANISATION)
    assert "no such round was opened" in hospital.run(*submit, code=65)
    assert "milk-kitchen" in hospital.run(*opening)
    assert "opened before" in hospital.run(*opening, code=65)
    again = hospital.run("rounds", "open", "2026-W42", "--form", "cbi.work", *DATES, code=65)
    assert "round_overlaps" in again
    shown = hospital.run(*submit)
    assert "answer sheets sent" in shown
    refused = hospital.run("rounds", "answers", "2026-W41", code=65)
    assert "not told while a round is open" in refused
    assert not re.search(r"[0-9]{3}", refused)


def _tuesday(hospital: Hospital, export: Path) -> None:
    hospital.run("submit", export, "--mapping", LIMESURVEY_FILE)
    hospital.run("rounds", "open", "spare", "--form", "sib5", *DATES)
    hospital.run("rounds", "cancel", "spare", code=1, answer="n\n")
    hospital.run("rounds", "cancel", "spare", answer="y\n")
    states = {row["round"]: row["state"] for row in json.loads(hospital.run("rounds", "list", "--json"))}
    assert states == {"2026-W41": "open", "spare": "cancelled"}
    assert "Aborted" in hospital.run("rounds", "close", "2026-W41", code=1, answer="n\n")
    preview = hospital.run("rounds", "close", "2026-W41", answer="y\n")
    assert "is sealed" in preview
    figures = _figures(hospital)
    own = {row["node"] for row in figures if row["state"] == "published"}
    for line in preview.splitlines():
        leaf, _, state = line.partition(" ")
        if state.strip() == "has figures of its own":
            assert leaf in own
    answers = json.loads(hospital.run("rounds", "answers", "2026-W41", "--json"))
    assert {row["place"] for row in answers} == own
    assert "is sealed" in hospital.run("rounds", "close", "2026-W41", "--yes", code=65)


def _retire(hospital: Hospital) -> None:
    unit = next(row["node"] for row in _figures(hospital) if row["state"] == "published" and row["kind"] == "unit")
    retiring = ("rounds", "retire", "2026-W41", "--form", "cbi.work", "--unit")
    assert "no_cohort" in hospital.run(*retiring, "milk-kitchen", "--reason", "feed_error", code=65)
    assert "reason" in hospital.run(*retiring, unit, "--reason", "because", code=65)
    asked = hospital.run(*retiring, unit, "--reason", "feed_error", code=1, answer="n\n")
    assert "cannot be recalled" in asked
    assert "Aborted" in asked
    assert "is retired" in hospital.run(*retiring, unit, "--reason", "feed_error", answer="y\n")
    audit = json.loads(hospital.run("audit", "disclosure", "--clickhouse", "--json"))
    assert (audit["verdict"], audit["findings"]) == ("safe", [])
    assert "retired before" in hospital.run(*retiring, unit, "--reason", "feed_error", "--yes", code=65)
    listed = {row["round"]: row["retired"] for row in json.loads(hospital.run("rounds", "list", "--json"))}
    assert listed == {"2026-W41": [{"form": "cbi.work", "node": unit}], "spare": []}
    assert "retired" in hospital.run("rounds", "list")
    answers = json.loads(hospital.run("rounds", "answers", "2026-W41", "--json"))
    assert unit not in {row["place"] for row in answers}
    for _ in range(30):
        states = {row["node"]: row["state"] for row in _figures(hospital)}
        if states[unit] == "withheld":
            return
        time.sleep(1)
    raise AssertionError("the figures still rest on what was retired")


def _figures(hospital: Hospital) -> list[dict[str, str]]:
    # the writer may need a moment after the worker has sealed the round
    for _ in range(30):
        found: list[dict[str, str]] = json.loads(hospital.run("figures", "--json"))
        if found:
            return found
        time.sleep(1)
    raise AssertionError("no figures came through")
