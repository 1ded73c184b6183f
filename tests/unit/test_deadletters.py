"""Which refused records are sent again: those that their round would now take, each once."""

from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.deadletters import Filter, details, grouped
from deploy.rounds import recorded_rules
from schemas.canonical import canonical_json, derived_id
from schemas.errors import Reason
from schemas.events import DeadLetter
from schemas.reasons import MEANINGS
from stream_processors.steps.again import prospects
from stream_processors.steps.story import Record, Story, advance
from tests.hospital import opening, record
from wardpulse import application

RULES = recorded_rules()
DOCS = Path(__file__).parents[2] / "docs" / "deadletters.md"
LEAF = "surgery-ward-1"


def letter(offset: int = 5, **changes: Any) -> DeadLetter:
    """A dead letter of a submission."""
    given = {
        "event_id": derived_id("x", offset, str(changes)),
        "outcome": "invalid",
        "reason": "unknown_round",
        "topic": "wellbeing.submissions.v1",
        "partition": 2,
        "offset": offset,
        "facility": None,
        "round": None,
        "form": None,
        "source": None,
    }
    return DeadLetter.model_validate_json(
        canonical_json({**given, "schema_version": 1, "type": "deadletter", **changes})
    )


def submission(number: int, **changes: Any) -> bytes:
    """One answer sheet."""
    given = {
        "type": "submission",
        "schema_version": 1,
        "facility": "general",
        "round": "r1",
        "form": "sib5",
        "form_version": 1,
        "node": "ward-1",
        "respondent": f"{number:064x}",
        "revision": 0,
        "answers": {"1": 3},
        "submitted_on": "2026-01-06",
        "source": "s",
        "key_id": "k",
        "event_id": derived_id("s", number),
    }
    return canonical_json({**given, **changes})


def story_of(*events: dict[str, Any]) -> Story:
    """The story after these control events."""
    story = Story()
    for offset, event in enumerate(events):
        advance(story, Record(0, offset, b"general", canonical_json(event), b""), RULES)
    return story


def refusals(story: Story, *values: bytes, key: bytes = b"general") -> list[Reason | None]:
    """Why each would be refused if it came now."""
    records = [Record(0, 10 + number, key, value, None) for number, value in enumerate(values)]
    return [one.refused for one in prospects(story, 100, records, RULES)]


HOSPITAL = record({"surgery/ward-1": 30, "surgery/ward-2": 30})
OPENED = opening(["ward-1", "ward-2"])


def test_every_reason_is_explained_here_and_on_the_page() -> None:
    assert set(MEANINGS) == set(Reason)
    lines = DOCS.read_text("utf-8").splitlines()
    for reason, meaning in MEANINGS.items():
        assert f"| `{reason}` | {meaning.what} | {meaning.repair} | {meaning.again} |" in lines
    assert sum(line.startswith("| `") for line in lines) == len(MEANINGS)


def test_what_came_before_its_round_is_taken_once_the_round_is_open() -> None:
    early = submission(1)
    assert refusals(story_of(), early) == [Reason.NO_ORGANISATION]
    assert refusals(story_of(HOSPITAL), early) == [Reason.UNKNOWN_ROUND]
    assert refusals(story_of(HOSPITAL, OPENED), early, submission(2)) == [None, None]


def test_what_its_round_does_not_take_is_not_sent() -> None:
    closed = {"type": "round.closed", "facility": "general", "event_id": derived_id("c"), "round": "r1"}
    assert refusals(story_of(HOSPITAL, OPENED, closed), submission(1)) == [Reason.AFTER_CLOSE]
    story = story_of(HOSPITAL, OPENED)
    assert refusals(story, submission(1, round="r2"), submission(2, key_id="other"), b"{", submission(3, node="x")) == [
        *(Reason.UNKNOWN_ROUND, Reason.WRONG_KEY, Reason.NOT_JSON, Reason.UNKNOWN_UNIT)
    ]
    assert refusals(story_of(HOSPITAL, OPENED), submission(1), key=b"other") == [Reason.KEY_MISMATCH]


def test_a_marker_is_never_sent_again() -> None:
    other = opening(["ward-1"], round="r2", first_answer_date="2026-02-02", last_answer_date="2026-02-03")
    assert refusals(story_of(HOSPITAL), canonical_json(other)) == [Reason.REPEATED_EVENT]
    assert refusals(story_of(HOSPITAL), canonical_json(HOSPITAL)) == [Reason.REPEATED_EVENT]


@pytest.mark.parametrize(
    ("wanted", "takes"),
    [
        (Filter(), True),
        (Filter(reasons=frozenset({"unknown_round"})), True),
        (Filter(reasons=frozenset({"not_json"})), False),
        (Filter(facility="general", round="r1"), True),
        (Filter(partition=1), False),
        (Filter(partition=2, first=5, last=5), True),
        (Filter(first=6), False),
        (Filter(last=4), False),
    ],
)
def test_letters_are_chosen_by_reason_and_range(wanted: Filter, takes: bool) -> None:
    assert wanted.takes(letter()) is takes


def test_a_letter_of_another_place_is_not_meant() -> None:
    known = letter(facility="general", round="r1", reason="outside_dates")
    assert Filter(facility="general", round="r1").takes(known)
    assert not Filter(facility="north").takes(known)
    assert not Filter(round="r2").takes(known)


def test_letters_are_counted_by_kind_and_told_without_content() -> None:
    found = [letter(5), letter(7), letter(9, reason="after_close", outcome="late", facility="general", round="r1")]
    rows = grouped(found)
    assert [(row["reason"], row["count"], row["first"], row["last"], row["redrive"]) for row in rows] == [
        ("unknown_round", 2, "2:5", "2:7", "once its round is open"),
        ("after_close", 1, "2:9", "2:9", "never"),
    ]
    assert details(found[0])["repair"].startswith("open the round")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["show", "x"], "PARTITION:OFFSET"),
        (["show", "1:-2"], "PARTITION:OFFSET"),
        (["redrive"], "--reason is needed"),
        (["redrive", "--reason", "unknown_round", "--json"], "add --yes or --dry-run"),
        (["redrive", "--reason", "because"], "because"),
    ],
)
def test_wrong_use_is_explained(words: list[str], said: str) -> None:
    done = CliRunner().invoke(application(), ["deadletters", *words], env={"COLUMNS": "200"})
    assert done.exit_code == 2
    assert said in done.output


@pytest.mark.parametrize("command", ["list", "show", "redrive"])
def test_help_has_an_example(command: str) -> None:
    shown = CliRunner().invoke(application(), ["deadletters", command, "--help"], env={"COLUMNS": "200"}).output
    assert f"wardpulse deadletters {command}" in shown
