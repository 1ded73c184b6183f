"""`wardpulse rounds open` and the preview of a close, with seasons and sensitive forms, over a log made by hand."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import deploy.round_commands
from deploy.control import Control
from producers.client import ControlEvent
from producers.keystore import Keystore
from schemas.errors import InputRefused, WardpulseError
from schemas.events import RoundOpened
from stream_processors.steps.ledger import Ledger, ledger
from stream_processors.steps.preview import Outlook
from tests.hospital import Event, closing, record
from tests.hospital import opening as marker
from tests.hospital import season as terms
from tests.records import replayed
from wardpulse import application

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 19}
GIVEN = ("--long-below", "20", "--season-first", "2026-01-05", "--season-last", "2026-03-29")
DATES = ("--first", "2026-01-05", "--last", "2026-01-18")
LONG = ("--form", "sib5", "--season", "S1", "--calendar", "long")
SHORT = ("--form", "sib5", "--season", "S1", "--calendar", "short")


class Controls(Control):
    """Controls over a log in memory: what is sent is kept."""

    def __init__(self, *events: Event) -> None:
        self.known, self.sent = ledger(replayed([record(HEADS), *events]).echoes), list[ControlEvent]()

    def ledger(self) -> Ledger:
        return self.known

    def announce(self, event: ControlEvent, keystore: Keystore, wait: float = 0) -> None:
        self.sent.append(event)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, Controls]]:
    """Runs a command for rounds on a log with these events; what it says, and the controls it used."""
    Keystore.create(tmp_path / "general.json", "general", lambda size: bytes(range(size)))
    monkeypatch.setenv("WARDPULSE_KEYSTORES", str(tmp_path))

    def run(*words: str, log: tuple[Event, ...] = (), answer: str = "") -> tuple[str, Controls]:
        controls = Controls(*log)
        monkeypatch.setattr(Control, "connect", lambda _: controls)
        done = CliRunner().invoke(application(["rounds"]), ["rounds", *words], input=answer)
        if isinstance(done.exception, WardpulseError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output, controls

    return run


def sent(controls: Controls) -> RoundOpened:
    """The one marker sent."""
    (event,) = controls.sent
    assert isinstance(event, RoundOpened)
    return event


def test_a_seasons_first_round_fixes_its_terms_and_says_who_is_asked(command: Any) -> None:
    said, controls = command("open", "long", *LONG, *GIVEN)
    event = sent(controls)
    assert (event.leaves, str(event.first_answer_date), str(event.last_answer_date)) == (
        ("mri", "ward-2"),
        "2026-01-05",
        "2026-03-29",
    )
    assert event.season is not None
    assert event.season.model_dump(mode="json") == terms("long")
    assert "2 units with 31 people, the long calendar of season S1" in said
    assert "in the short calendar, 60 people: ct, ward-1" in said


def test_later_rounds_take_the_terms_of_the_first(command: Any) -> None:
    log = (marker(["mri", "ward-2"], "long", terms("long")),)
    said, controls = command("open", "short-1", *SHORT, *DATES, log=log)
    season = sent(controls).season
    assert season is not None
    assert season.model_dump(mode="json") == terms("short")
    assert "2 units with 60 people, the short calendar of season S1" in said
    assert "in the long calendar, 31 people: mri, ward-2" in said


def test_headcounts_of_today_move_no_unit_and_a_new_one_is_named_as_waiting(command: Any) -> None:
    grown = record(HEADS | {"surgery/ward-2": 90, "imaging/pet": 50})
    log = (marker(["mri", "ward-2"], "long", terms("long")), grown)
    said, controls = command("open", "short-1", *SHORT, *DATES, log=log)
    assert sent(controls).leaves == ("ct", "ward-1")
    assert "in the long calendar, 109 people: mri, ward-2\nnot asked until the next season: pet" in said


BEGUN = (marker(["mri", "ward-2"], "long", terms("long")),)


@pytest.mark.parametrize(
    ("words", "log", "sentence"),
    [
        ((*LONG, "--long-below", "20"), (), "fixes its terms: give --season-first and --season-last too"),
        ((*SHORT, *DATES), (), "give --long-below, --season-first and --season-last too"),
        ((*SHORT, *DATES, *GIVEN[:4]), (), "its terms: give --season-last too"),
        ((*SHORT, *DATES, *GIVEN, "--unit", "ct"), (), "--unit does not go with --season"),
        (("--form", "sib5", "--season", "S1", *GIVEN), (), "--calendar short or --calendar long"),
        ((*SHORT, *GIVEN), (), "a short round needs --first and --last"),
        (("--form", "sib5", *DATES, "--long-below", "20"), (), "name it with --season"),
        (("--form", "sib5", *DATES, "--calendar", "short"), (), "name it with --season"),
        (("--form", "sib5", "--first", "2026-01-05"), (), "needs --first and --last"),
        ((*SHORT, *DATES, "--long-below", "21"), BEGUN, "began with --long-below 20 .* leave out --long-below"),
        ((*SHORT, *DATES, "--season-last", "2026-04-05"), BEGUN, "leave out --season-last"),
        ((*SHORT, "--first", "2026-03-20", "--last", "2026-04-02"), BEGUN, "dates lie outside the season"),
        ((*LONG, *GIVEN, "--last", "2026-03-28"), (), "a long round is as long as its season"),
        ((*LONG, "--long-below", "12", *GIVEN[2:]), (), "no unit has fewer than 12 people .* needs no long round"),
        ((*SHORT, *DATES, "--long-below", "41", *GIVEN[2:]), (), "no unit has 41 people or more"),
        ((*LONG, "--long-below", "0", *GIVEN[2:]), (), "the season cannot be: --long-below"),
        (("--form", "phq_2", *SHORT[2:], *DATES), BEGUN, "open a round without a season for it"),
        ((*SHORT, *DATES, "--sensitive", "sib5"), BEGUN, "open a round without a season for it"),
        (("--form", "sib5", *DATES, "--sensitive", "cbi.work"), (), "--sensitive cbi.work: the round does not field"),
        (("--form", "phq-2", *DATES), (), "phq-2 is not a known form: use one of cbi.client, .* phq_2, .* sib5, "),
        (("--form", "sib5", *DATES, "--k-sensitive", "19"), (), "k_sensitive is under its floor of 20"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_sentence(
    command: Any, words: tuple[str, ...], log: tuple[Event, ...], sentence: str
) -> None:
    with pytest.raises(InputRefused, match=sentence):
        command("open", "r", *words, log=log)


def test_sensitive_forms_are_sent_with_the_policy_and_it_is_said_where_they_have_figures(command: Any) -> None:
    words = ("--form", "phq_2", "--form", "sib5", *DATES, "--sensitive", "sib5", "--k-sensitive", "40")
    said, controls = command("open", "r", *words)
    policy = sent(controls).policy
    assert (policy.sensitive_forms, policy.k_sensitive) == (("sib5",), 40)
    assert "figures for facility and department alone, of 40 people or more: phq_2, sib5" in said
    assert "pooled figures" not in said
    said, _ = command("open", "r", "--form", "phq_2", "--form", "sib5", *DATES, "--k", "15")
    assert "fewer than 16 people, and so only in pooled figures: ward-2" in said
    assert "30 people or more: phq_2" in said


def test_the_list_shows_season_and_calendar_where_a_season_is_used(command: Any) -> None:
    said, _ = command("list", log=BEGUN)
    assert "season" in said
    assert "long" in said
    said, _ = command("list", log=(marker(["ct"]),))
    assert "season" not in said


OUTLOOK = (
    Outlook("phq_2", "general", "published"),
    Outlook("phq_2", "surgery", "not_published"),
    Outlook("sib5", "ct", "pooled", "imaging"),
    Outlook("sib5", "ward-1", "published"),
)


def test_the_preview_of_a_close_says_of_a_sensitive_form_whether_anything_is_published(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy.round_commands, "preview", lambda *_: OUTLOOK)
    log = (marker(["ct", "ward-1"], forms=["phq_2", "sib5"]),)
    said, controls = command("close", "r1", log=log, answer="y\n")
    lines = [" ".join(line.split()) for line in said.splitlines()]
    assert "general has figures" in lines
    assert "surgery nothing is published" in lines
    assert "phq_2: 1 places published, 1 places not published" in lines
    assert "ct pooled in the figures of imaging" in lines
    assert "ward-1 has figures of its own" in lines
    assert "sib5: 1 units published, 1 units pooled" in lines
    assert [event.type for event in controls.sent] == ["round.closed"]


def test_who_closes_a_long_round_early_is_told_that_its_units_are_not_asked_again(
    command: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deploy.round_commands, "_now", lambda: datetime(2026, 1, 10, tzinfo=UTC))
    said, _ = command("close", "long", log=BEGUN, answer="y\n")
    assert "its units are not asked again in season S1" in said
    short = (*BEGUN, marker(["ct", "ward-1"], "short-1", terms("short")))
    said, _ = command("close", "short-1", log=short, answer="y\n")
    assert "not asked again" not in said


def test_a_season_all_of_whose_rounds_were_cancelled_needs_its_terms_again(command: Any) -> None:
    log = (*BEGUN, closing("long", "round.cancelled"))
    with pytest.raises(InputRefused, match="has no round yet"):
        command("open", "short-1", *SHORT, *DATES, log=log)
