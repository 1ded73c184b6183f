"""Two calendars in one season, on a log made by hand: what may open, and what the figures then rest on."""

from typing import Any

import pytest

from schemas.errors import Reason
from stream_processors.steps.indicators import WINDOWS
from tests.hospital import FIRST, LAST, Event, answers, closing, opening, record, season
from tests.records import replayed

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 19}
SHORT, LONG = ["ct", "ward-1"], ["mri", "ward-2"]
LONG_ROUND = opening(LONG, "long", season("long"))
SHORT_ROUND = opening(SHORT, "short-1", season("short"))
NEXT = {"first_answer_date": "2026-01-19", "last_answer_date": "2026-02-01"}


def refusals(*events: Event, heads: dict[str, int] = HEADS) -> list[str]:
    """Why markers are refused, in order."""
    return [letter.reason for letter in replayed([record(heads), *events]).dead_letters]


def test_both_calendars_may_be_open_at_once_and_the_short_one_goes_on() -> None:
    assert refusals(LONG_ROUND, SHORT_ROUND, opening(SHORT, "short-2", season("short"), **NEXT)) == []


@pytest.mark.parametrize(
    "broken",
    [
        opening([*SHORT, "mri"], "r", season("short")),
        opening([*LONG, "ct"], "r", season("long")),
        opening(SHORT, "r", season("short"), first_answer_date="2026-01-04"),
        opening(SHORT, "r", season("short"), last_answer_date="2026-03-30"),
        opening(LONG, "r", season("long"), first_answer_date="2026-01-06"),
        opening(LONG, "r", season("long"), last_answer_date="2026-03-28"),
        opening(SHORT, "r", season("short", first=LAST, last=FIRST)),
    ],
)
def test_units_and_dates_that_do_not_fit_the_season_are_refused(broken: Event) -> None:
    assert refusals(broken) == [Reason.BAD_SEASON]


@pytest.mark.parametrize(
    "changes", [{"long_below": 13}, {"last": "2026-04-05"}, {"first": "2025-12-29"}, {"long_below": 21}]
)
@pytest.mark.parametrize("begun", [LONG_ROUND, SHORT_ROUND])
def test_a_season_keeps_the_terms_it_began_with(begun: Event, changes: dict[str, Any]) -> None:
    later = opening(SHORT, "r", season("short", **changes), **NEXT)
    assert refusals(begun, later) == [Reason.BAD_SEASON]


def test_the_rounds_of_a_calendar_field_the_same_units() -> None:
    fewer = opening(["ward-1"], "short-2", season("short"), **NEXT)
    assert refusals(SHORT_ROUND, fewer) == [Reason.BAD_SEASON]
    assert refusals(fewer, opening(SHORT, "short-3", season("short"))) == [Reason.BAD_SEASON]


def test_headcounts_that_change_in_mid_season_move_no_unit() -> None:
    grown = record(HEADS | {"surgery/ward-2": 40, "imaging/ct": 5})
    again = opening(SHORT, "short-2", season("short"), **NEXT)
    moved = opening(["ward-1", "ward-2"], "short-3", season("short"), **NEXT)
    assert refusals(LONG_ROUND, SHORT_ROUND, grown, moved, again) == [Reason.ROUND_OVERLAPS]
    # the record that the season began with decides for the calendar that comes second too
    assert refusals(LONG_ROUND, grown, SHORT_ROUND) == []


def test_a_new_unit_waits_for_the_next_season_and_one_that_is_gone_is_left_out() -> None:
    heads = {place: count for place, count in HEADS.items() if place != "imaging/ct"} | {"surgery/ward-9": 50}
    left_out = opening(["ward-1"], "short-2", season("short"), **NEXT)
    with_new = opening(["ward-1", "ward-9"], "short-3", season("short"), **NEXT)
    later = season("short", id="S2", first="2026-03-30", last="2026-06-21")
    dates = {"first_answer_date": "2026-03-30", "last_answer_date": "2026-04-12"}
    following = opening(["ward-1", "ward-9"], "short-4", later, **dates)
    events = (SHORT_ROUND, record(heads), with_new, left_out, following)
    assert refusals(*events) == [Reason.BAD_SEASON]


def test_a_season_whose_rounds_were_all_cancelled_begins_anew() -> None:
    wrong = opening(["ward-1"], "wrong", season("short", long_below=30))
    assert refusals(wrong, SHORT_ROUND) == [Reason.ROUND_OVERLAPS]
    assert refusals(wrong, closing("wrong", "round.cancelled"), SHORT_ROUND) == []


def test_a_second_long_round_of_the_season_is_an_overlap() -> None:
    again = opening(LONG, "long-2", season("long"))
    assert refusals(LONG_ROUND, closing("long"), again) == [Reason.ROUND_OVERLAPS]


def test_figures_rest_on_rounds_of_one_calendar_and_coverage_on_those_who_were_asked() -> None:
    two_weeks = [
        opening(SHORT, f"short-{number}", season("short"), first_answer_date=day, last_answer_date=day)
        for number, day in enumerate(("2026-01-06", "2026-01-20", "2026-02-03", "2026-02-17", "2026-03-03"), start=1)
    ]
    events = [record(HEADS), LONG_ROUND]
    for marker in two_weeks:
        day, name = marker["first_answer_date"], marker["round"]
        events += [marker, *answers(name, {"ward-1": 15, "ct": 4}, day=day), closing(name)]
    result = replayed([*events, *answers("long", {"ward-2": 9, "mri": 11}), closing("long")])
    assert not result.dead_letters
    figures = {(row.round, row.node): row for row in result.indicators}

    last_short, long = figures["short-5", "general"], figures["long", "general"]
    assert (last_short.calendar, last_short.window, last_short.rounds_fielded) == ("short", WINDOWS["short"], 4)
    assert (last_short.responses, last_short.coverage) == (4 * 15, round(15 / 60, 4))
    assert (long.calendar, long.window, long.rounds_fielded) == ("long", 1, 1)
    assert (long.responses, long.coverage) == (11, round(11 / 31, 4))
    assert figures["long", "mri"].coverage == round(11 / 19, 4)
    assert figures["short-5", "mri"].state == "not_fielded"
    assert figures["long", "ward-1"].state == "not_fielded"

    asked = {
        node.node: node.headcount_asked for closed in result.rounds for node in closed.nodes if closed.round == "long"
    }
    assert asked == {"general": 31, "surgery": 12, "imaging": 19, "ward-1": 0, "ward-2": 12, "ct": 0, "mri": 19}
    assert {closed.season.calendar for closed in result.rounds if closed.season} == {"short", "long"}
