"""The commands a newcomer runs first, run as written."""

import re
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from deploy.export import read_export
from deploy.resources import catalogue
from deploy.wiring import file_rules
from producers.simulate import trial_random
from schemas.codec import encode
from stream_processors.dry_run import file_records
from stream_processors.steps.conservation import OUTCOMES
from stream_processors.steps.replay import replay
from tests.clusters import require_apache
from tests.e2e.pipeline import expected_tables, stored_tables
from tests.limesurvey import LIMESURVEY_FILE, limesurvey_export

MAPPING = LIMESURVEY_FILE
EXPORT = ["--export", "x.csv", "--mapping", str(MAPPING)]


def run(*arguments: str | Path, code: int = 0) -> str:
    """A wardpulse command; its output."""
    command = [sys.executable, "-m", "wardpulse", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == code, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout + done.stderr


@pytest.mark.parametrize("broker", ["embedded", "apache"])
def test_the_demo_shows_units_and_accounts_for_every_delivery(tmp_path: Path, broker: str) -> None:
    if broker == "apache":
        require_apache()
    size = ("--kafka", broker, "--facilities", "1", "--staff", "400", "--rounds", "2", "--seed", "9")
    shown = run("demo", *size, "--data", tmp_path / "trial")
    assert "published" in shown
    assert "withheld" in shown
    received = re.search(r"received (\d+) = (.*?)\n", shown)
    assert received is not None
    assert _sum(received[2]) == int(received[1])
    evidence = tmp_path / "trial" / "closed"
    assert evidence.stat().st_mode & 0o077 == 0
    assert run("audit", "disclosure", tmp_path / "trial").endswith("verdict: safe\n")
    refused = run("demo", *size[:-1], "10", "--data", tmp_path / "trial", code=78)
    assert "--data with a new folder" in refused


def test_the_demo_with_two_calendars_says_what_they_brought(tmp_path: Path) -> None:
    size = ("--facilities", "1", "--staff", "400", "--rounds", "6", "--seed", "2")
    shown = run("demo", "--cadence", *size, "--data", tmp_path / "trial")
    assert "people were asked once in 12 weeks" in shown
    with_two, alone = (int(count) for count in re.findall(r"(\d+) of \d+(?: units|\.\n)", shown)[-2:])
    assert with_two > alone > 0
    assert run("audit", "disclosure", tmp_path / "trial").endswith("verdict: safe\n")


def _sum(terms: str) -> int:
    return sum(int(count) for count, name in re.findall(r"(\d+) (\w+)", terms) if name in OUTCOMES)


def test_a_limesurvey_export_goes_through_the_demo_row_by_row(tmp_path: Path) -> None:
    export_file = tmp_path / "export.csv"
    export_file.write_bytes(limesurvey_export(2000))
    shown = run("demo", "--export", export_file, "--mapping", MAPPING, "--data", tmp_path / "trial")
    export = read_export(export_file, MAPPING, catalogue())
    assert f"{len(export.drafts)} answer sheets read, {len(export.refused)} refused" in shown
    for reason, count in Counter(refused.reason for refused in export.refused).items():
        assert f"{count} {reason}" in shown
    # of two answer sheets of one person without a revision, the greater keyed id counts: so the demo's own keys
    keystore = export.keystore(tmp_path / "trial" / "keys", trial_random(1, "not used"))
    pure = replay(file_records(encode(event) for event in export.events(keystore)), file_rules())
    assert stored_tables(f"chdb:{tmp_path / 'trial' / 'clickhouse'}") == expected_tables(pure)
    assert len(pure.cohorts) > 10


def test_simulate_and_dry_run_write_what_they_say(tmp_path: Path) -> None:
    log, out = tmp_path / "events.jsonl", tmp_path / "out"
    run("simulate", "--out", log, "--facilities", "1", "--staff", "300", "--rounds", "2")
    shown = run("dry-run", log, "--out", out)
    assert "2 rounds sealed" in shown
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert names == {
        "cohorts.jsonl",
        "retired_cohorts.jsonl",
        "interventions.jsonl",
        "indicators.jsonl",
        "rounds.jsonl",
        "closed/manifests.jsonl",
        "closed/deadletters.jsonl",
        "closed/outcomes.json",
    }


@pytest.mark.parametrize("command", ["", "demo", "kafka", "worker"])
def test_help_shows_an_example(command: str) -> None:
    shown = run(*([command] if command else []), "--help")
    assert "wardpulse" in shown
    assert "xample" in shown or "Try it" in shown


def test_a_wrong_file_is_one_clear_line_and_an_exit_code(tmp_path: Path) -> None:
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text("facility: [", "utf-8")
    (tmp_path / "export.csv").write_text("id\n1\n", "utf-8")
    shown = run("demo", "--export", tmp_path / "export.csv", "--mapping", mapping, code=65)
    assert shown.startswith("wardpulse: ")
    assert "Traceback" not in shown


def test_an_export_of_which_nothing_can_be_used_is_refused_with_the_commonest_reason(tmp_path: Path) -> None:
    header, *rows = limesurvey_export(60).decode("utf-8-sig").split("\r\n")
    unsubmitted = [re.sub(r'^("[^"]*");"[^"]*"', r'\1;""', row) for row in rows[:20]]
    (tmp_path / "export.csv").write_text("\r\n".join([header, *unsubmitted]), "utf-8")
    shown = run(
        "demo", "--export", tmp_path / "export.csv", "--mapping", MAPPING, "--data", tmp_path / "trial", code=65
    )
    assert "none of the rows can be used" in shown
    assert "not_submitted" in shown


@pytest.mark.parametrize(
    "options",
    [
        ["--rounds", "0"],
        ["--staff", "-5"],
        ["--export", "x.csv"],
        ["--unheard-of"],
        [*EXPORT, "--rounds", "3"],
        [*EXPORT, "--cadence"],
    ],
)
def test_wrong_usage_is_exit_code_two(options: list[str]) -> None:
    assert "Traceback" not in run("demo", *options, code=2)


def test_a_folder_that_cannot_be_used_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x", "utf-8")
    shown = run("demo", "--data", tmp_path / "file", code=78)
    assert "cannot be used as a folder" in shown
    assert "Traceback" not in shown


def test_a_demo_that_is_told_to_end_leaves_no_process_behind(tmp_path: Path) -> None:
    folder = tmp_path / "trial"
    command = [sys.executable, "-m", "wardpulse", "demo", "--facilities", "1", "--staff", "400", "--data", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as demo:
        children = _children(demo.pid, at_least=3)
        demo.send_signal(signal.SIGTERM)
        assert demo.wait(60) == 128 + signal.SIGTERM
    assert not [child for child in children if Path(f"/proc/{child}").exists()]


def _children(parent: int, at_least: int) -> list[str]:
    until = time.monotonic() + 60
    while True:
        found = Path(f"/proc/{parent}/task/{parent}/children").read_text("ascii").split()
        if len(found) >= at_least:
            return found
        assert time.monotonic() < until
        time.sleep(0.2)
