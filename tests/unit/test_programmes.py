"""Programmes: the calendar that comes of one, what is wrong with one, and the commands."""

import json
from datetime import date, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from deploy.library import library
from deploy.programme import EXAMPLE, asked_forms, load_programme
from schemas.errors import InputRefused
from schemas.programme import Asked, Entry, Planned, Programme, Series, check, faults, plan
from wardpulse import application

ROOT = Path(__file__).parents[2]
DEFAULT = ROOT / EXAMPLE
MONDAY = date(2027, 1, 4)
FORMS = {
    "sib5": Asked("sib5", 1, False, 14),
    "cbi.work": Asked("cbi", 7, False, 30),
    "cbi.personal": Asked("cbi", 6, False, 30),
    "cbi.client": Asked("cbi", 6, False, 30),
    "phq_2": Asked("phq_2", 2, True, 14),
    "gad_2": Asked("gad_2", 2, True, 14),
    "pc_ptsd_5": Asked("pc_ptsd_5", 6, True, 30),
    "olbi.disengagement": Asked("olbi", 8, False, 90),
    "miss_hp": Asked("miss_hp", 10, True, 90),
    "stss": Asked("stss", 17, True, 30),
    "wp_exposure": Asked("wp_exposure", 2, False, 30),
    "wp_trust": Asked("wp_trust", 2, False, 30),
    "wp_error": Asked("wp_error", 1, True, 90),
}
"""What the default programme asks, as the instruments say it."""


def programme(*entries: Entry, most_items: int = 12, **series: Any) -> Programme:
    """A programme of one series."""
    return Programme(name="x", most_items=most_items, series=(Series(name="pulse", forms=entries, **series),))


def every(form: str, days: int, from_week: int = 0) -> Entry:
    """A form that is asked every so many days."""
    return Entry(form=form, every_days=days, from_week=from_week)


def begins(rounds: tuple[Planned, ...], form: str) -> list[int]:
    """The days, from the start, on which rounds with a form begin."""
    return [(one.first - MONDAY).days for one in rounds if form in one.forms]


@pytest.fixture
def default() -> Programme:
    """The programme that ships, with the add-ons."""
    return load_programme(DEFAULT).with_active(frozenset({"addons"}))


def test_the_default_programme_has_nothing_wrong_with_it(default: Programme) -> None:
    assert check(default, FORMS, MONDAY) == []
    assert check(load_programme(DEFAULT), FORMS, MONDAY) == []


def test_the_default_programme_asks_what_it_says_as_often_as_it_says(default: Programme) -> None:
    rounds = plan(default, FORMS, MONDAY)
    months = [0, 28, 56, 91, 119, 147, 182, 210, 238, 273, 301, 329]
    assert begins(rounds, "sib5") == months
    assert begins(rounds, "cbi.work") == months[::3]
    assert begins(rounds, "cbi.personal") == months[1::3]
    assert begins(rounds, "cbi.client") == months[2::3]
    assert begins(rounds, "wp_exposure") == months[1::3]
    assert begins(rounds, "wp_trust") == months[2::3]
    assert begins(rounds, "phq_2") == begins(rounds, "gad_2") == [42, 133, 224, 315]
    assert begins(rounds, "pc_ptsd_5") == begins(rounds, "wp_error") == [42, 224]
    assert begins(rounds, "olbi.disengagement") == [14, 196]
    assert begins(rounds, "miss_hp") == [70, 252]
    assert begins(rounds, "stss") == [105, 287]
    assert {one.first.weekday() for one in rounds} == {0}
    assert {(one.last - one.first).days for one in rounds} == {13}


def test_the_default_programme_never_asks_too_much(default: Programme) -> None:
    rounds = plan(default, FORMS, MONDAY)
    pulses = [one for one in rounds if "sib5" in one.forms]
    assert {one.items(FORMS) for one in pulses} == {8, 9}
    assert all(one.items(FORMS) <= 12 for one in rounds if one.forms != ("stss",))
    # the months go by without two rounds at once
    assert all(one.last < other.first for one, other in pairwise(rounds))


def test_without_the_add_ons_they_are_in_no_round() -> None:
    forms = {form for one in plan(load_programme(DEFAULT), FORMS, MONDAY) for form in one.forms}
    assert forms == set(FORMS) - {"olbi.disengagement", "miss_hp", "stss"}


def test_what_the_instruments_here_say_is_what_the_default_programme_was_made_for() -> None:
    known = asked_forms(library())
    assert {form for form, asked in known.items() if asked.in_use} == set(library().catalogue)
    assert {form: known[form] for form in FORMS} == FORMS


def test_the_default_programme_has_nothing_wrong_with_it_by_the_instruments_here(default: Programme) -> None:
    assert check(default, asked_forms(library()), MONDAY) == []


def test_a_form_for_want_of_a_licence_is_named_and_asked_nowhere() -> None:
    known = asked_forms(library())
    waiting = next(form for form, asked in known.items() if not asked.in_use)
    asked = programme(every("sib5", 28), every(waiting, 180))
    assert {form for one in plan(asked, known, MONDAY) for form in one.forms} == {"sib5"}
    assert check(asked, known, MONDAY) == [
        f"pulse: {waiting} is not in use: its instrument needs a licence, see wardpulse instruments show"
    ]
    licensed = asked_forms(library(licensed=frozenset({known[waiting].instrument})))
    assert licensed[waiting].in_use
    assert faults([planned("a", 0, 13, waiting)], known)[0].startswith(f"a: {waiting} is not in use")


def test_items_of_a_form_are_those_of_its_scales_and_of_a_gate() -> None:
    known = asked_forms(library())
    counts = {"pc_ptsd_5": 6, "cbi.work": 7, "olbi": 16, "olbi.disengagement": 8, "wp_trust": 2}
    assert {form: known[form].items for form in counts} == counts


def test_what_does_not_fit_waits_and_what_waited_longest_goes_first() -> None:
    asked = programme(every("cbi.work", 28), every("miss_hp", 28), every("sib5", 28), most_items=10, weeks=(4,))
    forms = FORMS | {"miss_hp": Asked("miss_hp", 10, False, 1), "cbi.work": Asked("cbi", 7, False, 1)}
    rounds = plan(asked, forms, MONDAY, weeks=20)
    assert [one.forms for one in rounds] == [
        ("cbi.work", "sib5"),
        ("miss_hp",),
        ("cbi.work", "sib5"),
        ("miss_hp",),
        ("cbi.work", "sib5"),
    ]
    wrong = check(asked, forms, MONDAY, weeks=20)
    assert any(sentence.startswith("miss_hp: waits for 2027-W05, 28 days after it is due") for sentence in wrong)


def test_one_form_that_is_longer_than_any_round_is_asked_alone() -> None:
    rounds = plan(programme(every("stss", 180), every("sib5", 28)), FORMS, MONDAY, weeks=9)
    assert [one.forms for one in rounds] == [("stss",), ("sib5",), ("sib5",)]
    assert faults(rounds, FORMS) == []


def test_a_gap_that_the_instrument_needs_is_kept_whatever_the_file_says() -> None:
    asked = programme(every("olbi.disengagement", 28), weeks=(4,))
    rounds = plan(asked, FORMS, MONDAY)
    # 90 days from the last answer date to the first: 103 from beginning to beginning
    assert begins(rounds, "olbi.disengagement") == [0, 112, 224, 336]
    assert check(asked, FORMS, MONDAY)[0] == (
        "olbi.disengagement: every 28 days in rounds of 14 days leaves too few between them; "
        "its instrument needs 90, so ask it every 103 days or more seldom"
    )
    assert check(programme(every("olbi.disengagement", 103), weeks=(4,)), FORMS, MONDAY) == []


def test_a_form_of_two_series_keeps_its_gap_across_them() -> None:
    series = [Series(name=name, first_week=week, forms=(every("sib5", 14),)) for name, week in (("a", 0), ("b", 2))]
    rounds = plan(Programme(name="x", series=tuple(series)), FORMS, MONDAY, weeks=9)
    assert [(one.round, (one.first - MONDAY).days) for one in rounds] == [
        ("2027-W01", 0),
        ("2027-W05", 28),
        ("2027-W09", 56),
    ]


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        (programme(every("mbi", 28)), "pulse: no instrument has a form mbi"),
        (programme(every("sib5", 28), every("phq_2", 90)), "2027-W01: asks sensitive forms among others"),
        (programme(every("sib5", 28, from_week=60)), "sib5: is never asked in 52 weeks, as it begins later"),
    ],
)
def test_each_thing_that_is_wrong_is_named(asked: Programme, sentence: str) -> None:
    assert any(found.startswith(sentence) for found in check(asked, FORMS, MONDAY))


def test_a_form_that_finds_no_room_in_time_is_named() -> None:
    forms = FORMS | {"cbi.work": Asked("cbi", 7, False, 1), "miss_hp": Asked("miss_hp", 10, False, 1)}
    asked = programme(every("cbi.work", 28), every("miss_hp", 28), most_items=10, weeks=(4,))
    assert check(asked, forms, MONDAY, weeks=4) == ["miss_hp: is never asked in 4 weeks, as no round has room for it"]
    assert check(asked, forms, MONDAY, weeks=8) == [
        "cbi.work: is not asked again after 2027-W01, as no round has room for it",
        "miss_hp: waits for 2027-W05, 28 days after it is due, as earlier rounds have no room for it",
    ]
    assert check(asked, forms, MONDAY, weeks=12)[0] == (
        "cbi.work: waits for 2027-W09, 28 days after it is due, as earlier rounds have no room for it"
    )


def test_rounds_of_two_series_at_once_ask_no_more_together_than_one() -> None:
    series = [Series(name=name, forms=(every(form, 90),)) for name, form in (("a", "cbi.work"), ("b", "cbi.client"))]
    assert check(Programme(name="x", series=tuple(series)), FORMS, MONDAY, weeks=4) == [
        "2027-W01 and 2027-W01-b: open on the same days, 13 items; 12 is most"
    ]


def planned(name: str, first: int, last: int, *forms: str) -> Planned:
    """A round between two days from the start."""
    return Planned(name, forms, MONDAY + timedelta(days=first), MONDAY + timedelta(days=last))


@pytest.mark.parametrize(
    ("rounds", "wrong"),
    [
        ([planned("a", 0, 13, "sib5"), planned("b", 27, 40, "sib5")], []),
        (
            [planned("a", 0, 13, "sib5"), planned("b", 26, 40, "sib5")],
            ["sib5: b begins 13 days after the end of a; its instrument needs 14"],
        ),
        (
            [planned("b", 26, 40, "sib5"), planned("a", 0, 13, "sib5")],
            ["sib5: b begins 13 days after the end of a; its instrument needs 14"],
        ),
        (
            [planned("a", 0, 13, "cbi.work"), planned("b", 7, 20, "cbi.client")],
            ["a and b: open on the same days, 13 items; 12 is most"],
        ),
        ([planned("a", 0, 13, "cbi.work"), planned("b", 14, 20, "cbi.client")], []),
        ([planned("a", 0, 13, "cbi.work"), planned("b", 13, 20, "sib5", "phq_2")], ["b: asks sensitive forms"]),
        ([planned("a", 0, 13, "cbi.work", "cbi.client")], ["a: asks two forms of cbi", "a: asks 13 items"]),
        ([planned("a", 0, 13, "olbi.disengagement", "wp_trust", "wp_exposure")], []),
        (
            [planned("a", 0, 13, "olbi.disengagement", "wp_trust", "wp_exposure", "sib5")],
            ["a: asks 13 items, more than 12"],
        ),
        ([planned("a", 0, 13, "stss")], []),
        ([planned("a", 13, 0, "sib5")], ["a: ends on 2027-01-04, before it begins"]),
        ([planned("a", 0, 13, "mbi")], ["a: no instrument has a form mbi"]),
        ([planned("a", 0, 1, "sib5"), planned("a", 99, 100, "sib5")], ["a: two rounds have this name"]),
    ],
)
def test_a_calendar_is_judged_round_by_round_and_pair_by_pair(rounds: list[Planned], wrong: list[str]) -> None:
    found = faults(rounds, FORMS)
    assert len(found) == len(wrong)
    assert all(sentence.startswith(start) for sentence, start in zip(found, wrong, strict=True))


series_of_any_kind = st.builds(
    Series,
    name=st.sampled_from(["pulse", "more", "health"]),
    days=st.integers(1, 40),
    first_week=st.integers(0, 20),
    weeks=st.lists(st.integers(1, 14), min_size=1, max_size=4).map(tuple),
    forms=st.lists(
        st.builds(Entry, form=st.sampled_from([*FORMS, "mbi"]), every_days=st.integers(1, 300)),
        min_size=1,
        max_size=6,
        unique_by=lambda entry: entry.form,
    ).map(tuple),
)
programmes = st.builds(
    Programme,
    name=st.just("x"),
    most_items=st.integers(1, 20),
    series=st.lists(series_of_any_kind, min_size=1, max_size=3, unique_by=lambda one: one.name).map(tuple),
)


@given(programmes, st.integers(1, 104))
def test_no_calendar_breaks_a_gap_or_asks_too_much_in_a_round(asked: Programme, weeks: int) -> None:
    rounds = plan(asked, FORMS, MONDAY, weeks)
    last_days: dict[str, date] = {}
    assert len({one.round for one in rounds}) == len(rounds)
    for one in rounds:
        assert MONDAY <= one.first < MONDAY + timedelta(weeks=weeks)
        instruments = [FORMS[form].instrument for form in one.forms]
        assert len(set(instruments)) == len(instruments) > 0
        assert len(one.forms) == 1 or sum(FORMS[form].items for form in one.forms) <= asked.most_items
        for form in one.forms:
            if form in last_days:
                assert one.first >= last_days[form] + timedelta(days=FORMS[form].min_interval_days)
            last_days[form] = one.last
    check(asked, FORMS, MONDAY, weeks)


def run(*words: str, code: int = 0) -> str:
    """What a command says."""
    done = CliRunner().invoke(application(["programme"]), ["programme", *words], env={"COLUMNS": "250"})
    if isinstance(done.exception, InputRefused):
        raise done.exception
    assert done.exit_code == code, done.output
    return done.output


def written(folder: Path, text: str) -> str:
    """A file with a programme."""
    file = folder / "programme.yaml"
    file.write_text(text, "utf-8")
    return str(file)


CALENDAR = "calendar:\n  - {round: a, forms: [sib5], first: 2027-01-04, last: 2027-01-17}\n"
SHORT = "name: Ours\nseries:\n  - name: pulse\n    forms:\n      - {form: sib5, every_days: 28}\n"


def test_the_plan_is_a_table_with_the_commands_that_open_its_rounds(tmp_path: Path) -> None:
    said = run("plan", written(tmp_path, SHORT), "--start", "2027-01-04", "--weeks", "5")
    assert "wardpulse rounds open 2027-W01 --form sib5 --first 2027-01-04 --last 2027-01-17" in said
    assert "wardpulse rounds open 2027-W05 --form sib5 --first 2027-02-01 --last 2027-02-14" in said
    assert "wrong" not in said
    rounds = json.loads(run("plan", written(tmp_path, SHORT), "--start", "2027-01-04", "--json"))["rounds"]
    assert len(rounds) == 12
    assert rounds[0] == {
        "round": "2027-W01",
        "first": "2027-01-04",
        "last": "2027-01-17",
        "forms": ["sib5"],
        "items": 1,
        "sensitive": False,
        "command": "wardpulse rounds open 2027-W01 --form sib5 --first 2027-01-04 --last 2027-01-17",
    }


def test_without_a_start_it_begins_on_the_next_monday(tmp_path: Path) -> None:
    first = json.loads(run("plan", written(tmp_path, SHORT), "--json"))["rounds"][0]["first"]
    assert date.fromisoformat(first).weekday() == 0


def test_series_that_rest_are_named_and_can_be_asked_for() -> None:
    said = run("plan", str(DEFAULT), "--start", "2027-01-04")
    assert "not active, and so not in it: addons (olbi.disengagement, miss_hp, stss)" in said
    assert "not active" not in run("plan", str(DEFAULT), "--start", "2027-01-04", "--with", "addons")
    with pytest.raises(InputRefused, match="it has: pulse, health, addons"):
        run("plan", str(DEFAULT), "--with", "extras")


def test_a_check_says_what_is_wrong_and_ends_with_one(tmp_path: Path) -> None:
    assert run("check", written(tmp_path, SHORT)) == "nothing is wrong with it\n"
    wrong = run("check", written(tmp_path, SHORT.replace("28", "20")), "--start", "2027-01-04", code=1)
    assert "wrong: sib5: every 20 days in rounds of 14 days leaves too few between them" in wrong
    assert json.loads(run("check", written(tmp_path, SHORT), "--json")) == {"wrong": []}


def test_a_calendar_of_ones_own_is_checked_and_shown(tmp_path: Path) -> None:
    line = "  - {{round: {}, forms: [sib5], first: 2027-01-{}, last: 2027-01-{}}}\n"
    text = "name: Ours\ncalendar:\n" + line.format("b", 20, 27) + line.format("a", "04", 17)
    file = written(tmp_path, text)
    assert "wrong: sib5: b begins 3 days after the end of a; its instrument needs 14" in run("check", file, code=1)
    rounds = json.loads(run("plan", file, "--json"))["rounds"]
    assert [one["round"] for one in rounds] == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "must be a block of settings"),
        ("name: Ours\n", "series or a calendar"),
        (SHORT + CALENDAR, "series or a calendar"),
        (f"name: x\n{CALENDAR}".replace("2027-01-17", "17 January"), "calendar.0.last"),
        (f"name: x\n{CALENDAR}".replace("2027-01-17", "20270117"), "calendar.0.last"),
        (f"name: x\n{CALENDAR}".replace("2027-01-17", "2027-02-30"), "calendar.0.last"),
        (f"name: x\n{CALENDAR}".replace("2027-01-17", "1027-01-17"), "calendar.0.last"),
        (SHORT.replace("every_days: 28", "every_days: often"), "every_days"),
        (SHORT.replace("every_days: 28", "every_days: 0"), "every_days"),
        (SHORT.replace("    forms:", "    weeks: []\n    forms:"), "weeks"),
        (SHORT.replace("    forms:", "    weeks: [0]\n    forms:"), "weeks"),
        (SHORT.replace("pulse", "Mrs Canary"), "name"),
        (SHORT + "      - {form: sib5, every_days: 90}\n", "a form is there twice"),
        (SHORT + SHORT.partition("series:\n")[2], "two series have one name"),
        (SHORT + "why: Mrs Canary\n", "why"),
        ("name: [[[[\n", "line"),
    ],
)
def test_a_file_that_is_no_programme_is_refused_with_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(InputRefused) as refused:
        run("plan", written(tmp_path, text))
    assert said in str(refused.value)
    assert "Canary" not in str(refused.value)


@pytest.mark.parametrize("start", ["1999-12-31", "2096-01-02", "9999-12-31", "soon"])
def test_a_start_that_is_none_is_refused(start: str) -> None:
    run("plan", str(DEFAULT), "--start", start, code=2)
