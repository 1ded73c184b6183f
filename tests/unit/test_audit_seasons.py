"""Rounds of a season as the auditor sees them: what keeps to it passes, and every way of not keeping to it is found."""

from collections.abc import Callable
from typing import Any

import pytest

from deploy.resources import definitions, interventions
from stream_processors.audit import seasons
from stream_processors.audit.disclosure import audit
from stream_processors.audit.reading import Reader
from tests.hospital import Event, closing, opening, record, season
from tests.published import Published, Raw, answers, published
from tests.records import replayed
from tests.unit.test_audit_disclosure import only

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 19}
SHORT, LONG = ["ct", "ward-1"], ["mri", "ward-2"]
DAYS = ("2026-01-06", "2026-01-20", "2026-02-03", "2026-02-17", "2026-03-03")
LONG_ANSWERS = answers("long", {"ward-2": 11, "mri": 11})


def short_rounds(*days: str) -> list[Event]:
    """A short round on each of these days, in which the larger units answer."""
    events = []
    for number, day in enumerate(days, start=1):
        dates = {"first_answer_date": day, "last_answer_date": day}
        name = f"short-{number}"
        counts = {"ward-1": 15, "ct": 11 + number}
        events += [opening(SHORT, name, season("short"), **dates), *answers(name, counts, day=day), closing(name)]
    return events


@pytest.fixture
def rows() -> Published:
    """A season of a long and five short rounds, to be changed."""
    long = opening(LONG, "long", season("long"))
    events = [record(HEADS), long, *short_rounds(*DAYS), *LONG_ANSWERS, closing("long")]
    return published(replayed(events))


def of(rows: Published, name: str) -> Raw:
    """A sealed round."""
    return next(one for one in rows.rounds if one["round"] == name)


def node(sealed: Raw, name: str) -> Raw:
    """A place of a round."""
    found: Raw = next(one for one in sealed["nodes"] if one["node"] == name)
    return found


def everywhere(rows: Published, name: str, heads: object) -> None:
    """Say that so many people work at a place, in every round."""
    for sealed in rows.rounds:
        one = node(sealed, name)
        one["headcount"] = heads
        if one["headcount_asked"] != 0:
            one["headcount_asked"] = heads


def test_a_season_of_both_calendars_is_safe(rows: Published) -> None:
    report = rows.audited()
    assert (report.verdict, report.findings) == ("safe", [])
    assert report.examined[seasons.CHECK] == 6


def _ask(sealed: Raw, name: str) -> None:
    one = node(sealed, name)
    one["states"]["sib5"], one["headcount_asked"] = "withheld", one["headcount"]


def _drop(sealed: Raw, name: str) -> None:
    node(sealed, name)["states"]["sib5"] = "not_fielded"


CASES: list[tuple[str, str, Callable[[Published], object]]] = [
    ("a long round that asks a large unit", "asks mri, which has 30 people", lambda rows: everywhere(rows, "mri", 30)),
    ("a short round that asks a small unit", "asks ct, which has 19 people", lambda rows: everywhere(rows, "ct", 19)),
    ("a hidden small unit", "asks ct, which has 0 to 10 people", lambda rows: everywhere(rows, "ct", "<K")),
    ("a unit in both calendars", "asks mri in both", lambda rows: _ask(of(rows, "short-1"), "mri")),
    (
        "a threshold that moves",
        "has other terms",
        lambda rows: of(rows, "short-2")["season"].update(long_below=13),
    ),
    ("a season that grows", "has other terms", lambda rows: of(rows, "short-2")["season"].update(last="2026-04-05")),
    ("a round before its season", "outside its season", lambda rows: _dates(rows, "short-1", first="2026-01-04")),
    ("a round beyond its season", "outside its season", lambda rows: _dates(rows, "short-5", last="2026-03-30")),
    ("a long round that is shorter", "not as long as", lambda rows: _dates(rows, "long", last="2026-03-28")),
    ("a unit that joins in mid-season", "other leaves", lambda rows: _ask(of(rows, "short-3"), "mri")),
    (
        "a unit that drops out",
        "other leaves",
        lambda rows: _drop(of(rows, "short-3"), "ct"),
    ),
    (
        "a sensitive form in a season",
        "sensitive form in a season",
        lambda rows: of(rows, "long").update(sensitive=["sib5"]),
    ),
    ("a third calendar", "no calendar that there is", lambda rows: of(rows, "short-1")["season"].update(calendar="x")),
]


def _dates(rows: Published, name: str, first: str | None = None, last: str | None = None) -> None:
    given = {"first_answer_date": first, "last_answer_date": last}
    of(rows, name).update({column: day for column, day in given.items() if day})


@pytest.mark.parametrize(("what", "found", "tamper"), CASES, ids=[what for what, _, _ in CASES])
def test_what_does_not_keep_to_the_season_is_found(
    rows: Published, what: str, found: str, tamper: Callable[[Published], object]
) -> None:
    tamper(rows)
    report = rows.audited()
    assert report.verdict == "unsafe"
    assert any(found in one.what for one in report.findings if one.check == seasons.CHECK), what


@pytest.mark.parametrize(("long_below", "expected"), [(10, "safe"), (11, "unsafe")])
def test_a_hidden_headcount_is_in_the_short_calendar_only_if_it_can_be(long_below: int, expected: str) -> None:
    # K is 11, so that what is hidden is 10 at most
    heads = {"surgery/ward-1": 40, "surgery/ward-2": 10, "imaging/ct": 5}
    terms = {"long_below": 10}
    day = {"first_answer_date": DAYS[0], "last_answer_date": DAYS[0]}
    long, short = opening(["ct"], "long", season("long", **terms)), ["ward-1", "ward-2"]
    events = [record(heads), long, opening(short, "short-1", season("short", **terms), **day), closing("short-1")]
    found = published(replayed([*events, closing("long")]))
    for sealed in found.rounds:
        sealed["season"]["long_below"] = long_below
    assert found.audited().verdict == expected


@pytest.mark.parametrize("ends", [True, False])
def test_headcounts_that_change_after_the_season_began_are_no_sign_of_anything(ends: bool) -> None:
    smaller = record(HEADS | {"imaging/ct": 14, "surgery/ward-2": 60})
    long = opening(LONG, "long", season("long"))
    events = [record(HEADS), long, smaller, *short_rounds(*DAYS[:2])]
    report = published(replayed([*events, *([*LONG_ANSWERS, closing("long")] if ends else [])])).audited()
    # until the long round is sealed, no row tells the headcounts that the season began with
    assert report.verdict == ("safe" if ends else "undecided")
    if not ends:
        assert {one.check for one in report.findings} == {seasons.CHECK}


def test_a_unit_that_is_gone_is_left_out_of_the_later_rounds() -> None:
    heads = {place: count for place, count in HEADS.items() if place != "imaging/ct"}
    first, second = short_rounds(DAYS[0]), opening(["ward-1"], "short-2", season("short"), first_answer_date=DAYS[1])
    second["last_answer_date"] = DAYS[1]
    events = [record(HEADS), *first, record(heads), second, *answers("short-2", {"ward-1": 12}, day=DAYS[1])]
    report = published(replayed([*events, closing("short-2")])).audited()
    assert (report.verdict, report.findings) == ("safe", [])


def test_a_stored_round_of_the_long_calendar_without_a_season_is_found(rows: Published) -> None:
    evidence = rows.evidence()
    reader = Reader()
    reader.evidence = evidence
    terms = {name: of(rows, "long")[name] for name in ("facility", "first_answer_date", "last_answer_date")}
    own = {"round": "alone", "form": "sib5", "policy_hash": of(rows, "long")["policy_hash"], "calendar": "long"}
    empty = {"sensitive_forms": [], "sensitive": False, "season": "", "season_first": None, "season_last": None}
    policy = of(rows, "long")["policy"]
    reader.round_row({**policy, **empty, **terms, **own, "long_below": None}, "ClickHouse table rounds")
    report = audit(reader.evidence, definitions(), acts=interventions().acts())
    assert "names no season" in only(report, seasons.CHECK).what


def _figures(rows: Published, name: str, place: str) -> Raw:
    return next(one for one in rows.indicators if (one["round"], one["node"]) == (name, place))


WINDOWS: list[tuple[str, Callable[[Published], object]]] = [
    ("a long figure as a short one", lambda rows: _figures(rows, "long", "general").update(calendar="short", window=4)),
    ("a short figure as a long one", lambda rows: _figures(rows, "short-1", "general").update(calendar="long")),
    ("a long window of four", lambda rows: _figures(rows, "long", "general").update(window=4)),
    ("a window of both calendars", lambda rows: _mixed(rows)),
    ("coverage of everybody", lambda rows: _coverage_of_all(rows)),
    ("how many leaves, at a place of its own", lambda rows: _figures(rows, "long", "mri").update(leaves_published=1)),
]


def _mixed(rows: Published) -> None:
    """The last short figures of the facility, with the people of the long round in them."""
    long, last = _figures(rows, "long", "general"), _figures(rows, "short-5", "general")
    last["responses"] += long["responses"]


def _coverage_of_all(rows: Published) -> None:
    figures = _figures(rows, "long", "general")
    figures["coverage"] = round(figures["responses"] / sum(HEADS.values()), 4)


@pytest.mark.parametrize(("what", "tamper"), WINDOWS, ids=[what for what, _ in WINDOWS])
def test_figures_that_are_not_of_their_calendar_are_found(
    rows: Published, what: str, tamper: Callable[[Published], object]
) -> None:
    tamper(rows)
    assert only(rows.audited(), "figures from rows"), what


ASKED: list[tuple[str, str, Any]] = [
    ("a unit that was not asked", "mri", 19),
    ("a unit that was asked", "ct", 90),
    ("a department", "imaging", 39),
    ("the facility", "general", 91),
]


@pytest.mark.parametrize(("what", "place", "heads"), ASKED, ids=[what for what, _, _ in ASKED])
def test_people_asked_that_do_not_add_up_are_found(rows: Published, what: str, place: str, heads: object) -> None:
    node(of(rows, "short-1"), place)["headcount_asked"] = heads
    report = rows.audited()
    assert only(report, "people asked")
    assert any(f"the people asked at {place} in short-1" in one.what for one in report.findings), what


def test_one_place_that_does_not_tell_who_was_asked_is_no_way_round_the_check(rows: Published) -> None:
    node(of(rows, "short-1"), "general").pop("headcount_asked")
    rows.indicators = [one for one in rows.indicators if one["round"] == "long"]
    assert "but not at general" in only(rows.audited(), "people asked").what


def test_rounds_of_earlier_versions_do_not_tell_who_was_asked(rows: Published) -> None:
    rows.indicators = []
    for one in of(rows, "long")["nodes"]:
        del one["headcount_asked"]
    assert rows.audited().verdict == "safe"


def test_the_limit_of_a_place_is_of_the_people_asked_there(rows: Published) -> None:
    for sealed in rows.rounds:
        one = node(sealed, "imaging")
        one["headcount_asked"] = "<K" if one["headcount_asked"] else 0
    found = only(rows.audited(), "no more than work there")
    assert "where 10 were asked at most" in found.what


def test_rounds_may_be_opened_in_another_order_than_their_days() -> None:
    later = {"first_answer_date": "2026-03-16", "last_answer_date": "2026-03-29"}
    first = [
        opening(SHORT, "r1", season("short"), **later),
        *answers("r1", {"ct": 12}, day="2026-03-16"),
        closing("r1"),
    ]
    gone = record({place: heads for place, heads in HEADS.items() if place != "imaging/ct"})
    second = [opening(["ward-1"], "r2", season("short")), *answers("r2", {"ward-1": 15}), closing("r2")]
    rows = published(replayed([record(HEADS), *first, gone, *second]))
    report = rows.audited()
    assert (report.verdict, report.findings) == ("safe", [])
    _drop(of(rows, "r1"), "ward-1")
    assert any("asks other leaves than r1" in one.what for one in rows.audited().findings)
