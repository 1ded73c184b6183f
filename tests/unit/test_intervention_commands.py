"""`wardpulse interventions` over a log made by hand: what it says, what it sends, and what it refuses."""

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.control import ADVICE, Control
from deploy.interventions import interventions_rows, kinds_rows
from producers.client import ControlEvent
from producers.keystore import Keystore
from schemas.codec import as_dict
from schemas.errors import InputRefused, Reason, WardpulseError
from stream_processors.steps.ledger import Ledger, ledger
from tests.hospital import Event, record
from tests.records import replayed
from wardpulse import application

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20}
FLOAT = ("--on", "2026-01-12", "--kind", "staffing", "--label", "float-pool")
ADD = ("add", "--node", "ward-1", *FLOAT)
WITHDRAW = ("withdraw", "--node", "ward-1", *FLOAT)


class Controls(Control):
    """Controls over a log in memory, that goes on with what is sent."""

    def __init__(self) -> None:
        self.events: list[Event] = [record(HEADS)]

    def ledger(self) -> Ledger:
        return ledger(replayed(self.events).echoes)

    def announce(self, event: ControlEvent, keystore: Keystore, wait: float = 0) -> None:
        self.events.append(as_dict(event))


@pytest.fixture
def controls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Controls:
    """A facility whose keys are here."""
    Keystore.create(tmp_path / "general.json", "general", lambda size: bytes(range(size)))
    monkeypatch.setenv("WARDPULSE_KEYSTORES", str(tmp_path))
    found = Controls()
    monkeypatch.setattr(Control, "connect", lambda _: found)
    return found


def run(*words: str, answer: str = "", code: int = 0) -> str:
    """What a command says."""
    done = CliRunner().invoke(
        application(["interventions"]), ["interventions", *words], input=answer, env={"COLUMNS": "200"}
    )
    if isinstance(done.exception, WardpulseError):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def listed() -> list[dict[str, Any]]:
    """What stands."""
    return list(json.loads(run("list", "--json")))


def test_it_says_what_it_means_and_asks_before_it_is_sent(controls: Controls) -> None:
    said = run(*ADD, answer="n\n", code=1)
    assert "A pool of staff steps in for absences (people and posts), from 2026-01-12 on, at ward-1." in said
    assert "names no person and changes no figure" in said
    assert "Record it for general?" in said
    assert "Control limits" not in said
    assert len(controls.events) == 1
    assert "is recorded" in run(*ADD, answer="y\n")
    assert len(controls.events) == 2


def test_what_is_sent_is_what_the_worker_records(controls: Controls) -> None:
    run(*ADD, "--yes")
    result = replayed(controls.events)
    assert result.dead_letters == []
    (found,) = result.interventions
    assert (found.node, found.path, found.on, found.kind, found.label, found.rebase) == (
        "ward-1",
        ("general", "surgery", "ward-1"),
        date(2026, 1, 12),
        "staffing",
        "float-pool",
        False,
    )


def test_rebasing_says_what_it_hides(controls: Controls) -> None:
    said = run(*ADD, "--rebase", "--yes")
    assert "a chart cannot show whether it helped" in said
    assert listed()[0]["rebase"] is True


def test_a_place_above_others_says_how_many_are_under_it(controls: Controls) -> None:
    assert "at surgery and the 2 places under it." in run("add", "--node", "surgery", *FLOAT, "--yes")


def test_a_day_to_come_is_said_to_be_planned(controls: Controls, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.intervention_commands._today", lambda _: date(2026, 1, 12) - timedelta(days=1))
    assert "has not come yet" in run(*ADD, "--yes")
    monkeypatch.setattr("deploy.intervention_commands._today", lambda _: date(2026, 1, 12))
    assert "has not come yet" not in run(*ADD, "--rebase", "--yes")


def test_it_can_be_taken_back_and_said_again(controls: Controls) -> None:
    run(*ADD, "--yes")
    assert "cannot be recalled" in run(*WITHDRAW, "--yes")
    assert listed() == []
    assert "It stands already" not in run(*ADD, "--yes")
    assert "It stands already" in run(*ADD, "--rebase", "--yes")
    assert [row["rebase"] for row in listed()] == [True]
    result = replayed(controls.events)
    assert result.dead_letters == []
    assert [one.version for one in result.interventions] == [1, 2, 3, 4]


def test_asked_again_before_it_is_answered_it_is_the_same_event(
    controls: Controls, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = controls.ledger()
    monkeypatch.setattr(controls, "ledger", lambda: known)
    run(*ADD, "--yes")
    run(*ADD, "--yes")
    assert controls.events[1] == controls.events[2]
    assert replayed(controls.events).dead_letters[0].reason == Reason.REPEATED_EVENT


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("add", "--node", "ward-9", *FLOAT), Reason.UNKNOWN_UNIT),
        (("add", "--node", "ward-1", *FLOAT[:-1], "scribes"), Reason.UNKNOWN_INTERVENTION),
        (("add", "--node", "ward-1", "--on", "2062-01-12", *FLOAT[2:]), Reason.DAY_TOO_FAR),
        (("withdraw", "--node", "ct", *FLOAT), Reason.NO_INTERVENTION),
        (ADD, Reason.RECORDED_TWICE),
    ],
)
def test_what_the_rules_refuse_is_refused_here_and_nothing_is_sent(
    controls: Controls, words: tuple[str, ...], reason: Reason
) -> None:
    run(*ADD, "--yes")
    with pytest.raises(InputRefused) as refused:
        run(*words, "--yes")
    assert str(reason) in str(refused.value)
    assert ADVICE[reason] in str(refused.value)
    assert len(controls.events) == 2


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (("add", "--node", "Dr Huber", *FLOAT), "node"),
        (("add", "--node", "ward-1", *FLOAT[:-1], "Dr Huber"), "label"),
        (("add", "--node", "ward-1", "--on", "1812-01-01", *FLOAT[2:]), "on"),
    ],
)
def test_what_is_no_event_is_refused_without_quoting_it(controls: Controls, words: tuple[str, ...], field: str) -> None:
    with pytest.raises(InputRefused) as refused:
        run(*words, "--yes")
    assert f"cannot be: {field} must be" in str(refused.value)
    assert "Huber" not in str(refused.value)


def test_the_list_is_by_day_and_of_a_facility(controls: Controls) -> None:
    assert "nothing is recorded yet" in run("list")
    run("add", "--node", "surgery", "--on", "2026-02-01", *FLOAT[2:], "--yes")
    run(*ADD, "--yes")
    assert [row["node"] for row in listed()] == ["ward-1", "surgery"]
    assert listed()[0]["meaning"] == "A pool of staff steps in for absences"
    assert "float-pool" in run("list", "--facility", "general")
    assert "nothing is recorded yet" in run("list", "--facility", "elsewhere")


def test_one_of_a_later_catalogue_is_listed_by_its_id(controls: Controls, monkeypatch: pytest.MonkeyPatch) -> None:
    run(*ADD, "--yes")
    known = controls.ledger()
    monkeypatch.setattr("deploy.interventions.interventions", lambda: type("None", (), {"kinds": {}})())
    assert [row["meaning"] for row in interventions_rows(known, None)] == ["float-pool"]


def test_every_kind_of_the_catalogue_is_listed_and_can_be_recorded(controls: Controls) -> None:
    shown = run("kinds")
    for row in kinds_rows():
        assert row["label"] in shown
    for row in kinds_rows()[::7]:
        what = ("--on", "2026-01-12", "--kind", row["kind"], "--label", row["label"])
        run("add", "--node", "ct", *what, "--yes")
    assert replayed(controls.events).dead_letters == []
