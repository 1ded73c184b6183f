"""Courses, comparisons and estimates read back from the real engine, by function and by command."""

import json
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from deploy.chart_commands import chart_table
from deploy.courses import Series, course
from deploy.resources import migrations
from schemas.clickhouse.rows import Row, rows
from schemas.clickhouse.tables import TABLES
from schemas.errors import InputRefused, SinkUnavailable
from schemas.event import State
from schemas.events import AnyEvent, CohortSealed, NodeState
from schemas.instruments.model import Reference
from stream_processors.database import Database
from stream_processors.steps.effect import Effect, NoEffect
from stream_processors.steps.history import History
from stream_processors.steps.indicators import fold
from stream_processors.steps.spc import chart
from tests.unit.test_courses import CATALOGUE, day, intervention, retired, rounds
from tests.unit.test_indicators import PATH, SCALE, cohort, sealed
from wardpulse import application

WARD = Series("general", "ward-1", "sib5", SCALE)
STEADY = [40, 43, 41, 44, 39, 42, 40, 43, 42, 41]
"""Totals of twenty people: means around 2.07."""


def stored(folder: Path, events: Sequence[AnyEvent]) -> str:
    """The address of a database with what a cohorts topic leads to."""
    history, found = History(), defaultdict[str, list[Row]](list)
    for event in events:
        for item in (event, *fold(history, event, CATALOGUE)):
            for table, row in rows(item):
                found[table.name].append(row)
    address = f"chdb:{folder}"
    with Database.connect(address) as database:
        database.migrate(migrations())
        for table in TABLES:
            if found[table.name]:
                database.insert(table, found[table.name])
    return address


def said(address: str, *words: str) -> Result:
    """What a command says of a database."""
    return CliRunner().invoke(
        application(words), words, env={"WARDPULSE_CLICKHOUSE": address, "COLUMNS": "160"}, catch_exceptions=False
    )


def test_a_course_is_judged_as_the_chart_of_its_rounds_with_gaps_and_beginnings(tmp_path: Path) -> None:
    totals = [*STEADY, None, 60, 62, 61, 64, 63]
    events = [intervention(11), intervention(3, node="general", rebase=False), *rounds(totals)]
    with Database.connect(stored(tmp_path, events)) as database:
        found = course(database, WARD)
    values = [None if total is None else total * 500 for total in totals]
    assert [one.value for one in found.judged] == values
    assert list(found.judged) == chart(values, "higher_is_worse", [11])
    assert [(row["on"], row["node"], row["rebase"]) for row in found.interventions] == [
        (day(3), "general", False),
        (day(11), "surgery", True),
    ]
    assert [row["state"] for row in found.rounds[9:12]] == ["published", "published", "published"]
    assert found.rounds[10]["responses"] is None


def test_what_a_round_said_at_its_close_stays_and_what_it_is_now_is_beside_it(tmp_path: Path) -> None:
    # the seventh round above the centre makes the six before it points of a run
    totals = [40, 50, 39, 51, 40, 49, *[50, 51, 49, 52, 50, 51, 49]]
    with Database.connect(stored(tmp_path, rounds(totals))) as database:
        found = course(database, WARD)
    then = [row["signal_rules"] for row in found.rounds]
    now = [one.signal.rules for one in found.judged]
    assert [at for at, rules in enumerate(then) if "run" in rules] == [11, 12]
    assert [at for at, rules in enumerate(now) if "run" in rules] == list(range(5, 13))


def test_of_a_round_with_a_retired_cohort_the_course_has_what_is_left(tmp_path: Path) -> None:
    events = rounds(STEADY)
    one = next(event for event in events if isinstance(event, CohortSealed) and event.round == "r4")
    with Database.connect(stored(tmp_path, [*events, retired(one)])) as database:
        found = course(database, WARD)
    assert [row["round"] for row in found.rounds] == [f"r{number}" for number in range(10)]
    assert [at for at, judged in enumerate(found.judged) if judged.value is None] == [4]


def test_an_intervention_taken_back_or_elsewhere_is_not_beside_the_course(tmp_path: Path) -> None:
    events = [intervention(2), intervention(2, version=2, taken_back=True), intervention(4, node="imaging")]
    with Database.connect(stored(tmp_path, [*events, *rounds(STEADY)])) as database:
        assert course(database, WARD).interventions == ()


def test_the_step_at_a_day_is_estimated_from_single_rounds(tmp_path: Path) -> None:
    after = [total + 20 for total in STEADY]
    with Database.connect(stored(tmp_path, rounds([*STEADY, *after]))) as database:
        found = course(database, WARD)
    estimate = found.effect(day(10))
    assert isinstance(estimate, Effect)
    assert (estimate.before, estimate.after) == (10, 10)
    assert estimate.low < 10_000 < estimate.high
    assert estimate.is_clear
    refused = found.effect(day(5))
    assert isinstance(refused, NoEffect)
    assert refused.reason == "too_few_before"


def test_chart_shows_every_round_its_limits_and_what_was_done(tmp_path: Path) -> None:
    address = stored(tmp_path, [intervention(3), *rounds([*STEADY, None, 70])])
    result = said(address, "chart", "--facility", "general", "--node", "ward-1", "--form", "sib5", "--target", "1.2")
    assert result.exit_code == 0
    lines = [re.sub(r"\s+", " ", line).strip() for line in result.stdout.splitlines()]
    assert lines[2].startswith("r0 2026-01-05 20 2.00 2.00 ")
    assert any(line.startswith("r10") and line.endswith("withheld: a gap") for line in lines)
    assert any(line.startswith("r11") and "concern: outside" in line for line in lines)
    text = " ".join(lines)
    assert f"done {day(3)} at surgery: Posts were added; limits count anew from there" in text
    assert "a trial, as they are fewer than 12" in text
    assert "target 1.2: within these limits the target is" in text
    assert "elsewhere: 39% at risk, staff of rural hospitals in the United States" in text


def test_chart_for_programs_has_what_was_told_and_what_is_said_now(tmp_path: Path) -> None:
    words = ("chart", "--facility", "general", "--node", "ward-1", "--form", "sib5", "--json")
    found = json.loads(said(stored(tmp_path, rounds([*STEADY, 70])), *words).stdout)
    assert [row["mean"] for row in found] == [total / 20 for total in [*STEADY, 70]]
    assert (found[-1]["signal"], found[-1]["now"]["signal"], found[-1]["now"]["rules"]) == (
        "concern",
        "concern",
        ["outside"],
    )
    assert found[-1]["now"]["points"] == found[-1]["limit_points"] == 11
    assert found[-1]["now"]["limit_high"] == found[-1]["limit_high"]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("chart", "--node", "ward-9", "--form", "sib5"), "no sealed round of sib5 asked ward-9 of general"),
        (("chart", "--node", "ward-1", "--form", "sib5", "--calendar", "long"), "try --calendar short"),
        (("chart", "--node", "ward-9", "--form", "sib5"), "the places there are ward-1"),
        (("chart", "--node", "WARD 1", "--form", "sib5"), "try --node ward-1"),
        (("chart", "--node", "ward-1", "--form", "sib5", "--facility", "other"), "the facilities here are general"),
        (("chart", "--node", "ward-1", "--form", "sib9"), "there is no form sib9: wardpulse instruments list"),
        (("chart", "--node", "ward-1", "--form", "sib5", "--scale", "x"), "sib5 has no scale x: it has burnout"),
        (("compare", "--form", "cbi.work"), "no round of cbi.work has published figures at general"),
        (("compare", "--form", "sib5", "--round", "r99"), "no round r99 of sib5 has published figures"),
    ],
)
def test_what_is_not_there_is_refused_with_what_to_do(tmp_path: Path, words: tuple[str, ...], sentence: str) -> None:
    address = stored(tmp_path, rounds(STEADY[:3]))
    with pytest.raises(InputRefused, match=re.escape(sentence)):
        said(address, words[0], "--facility", "general", *words[1:])


def test_where_the_terminal_is_narrow_no_round_and_no_figure_is_cut_short(tmp_path: Path) -> None:
    with Database.connect(stored(tmp_path, rounds(STEADY))) as database:
        found = course(database, WARD)
    out = StringIO()
    Console(width=44, file=out).print(chart_table(found))
    assert "\N{HORIZONTAL ELLIPSIS}" not in out.getvalue()


@pytest.mark.parametrize("target", ["0.9", "5.1", "nan", "inf", "-1e300"])
def test_a_target_that_is_not_on_the_scale_is_refused(tmp_path: Path, target: str) -> None:
    words = ("chart", "--facility", "general", "--node", "ward-1", "--form", "sib5", "--target", target)
    with pytest.raises(InputRefused, match="is not on scale burnout, which runs from 1 to 5"):
        said(f"chdb:{tmp_path}", *words)


def test_what_was_sealed_under_a_licence_is_charted_after_it_has_ended(tmp_path: Path) -> None:
    words = ("chart", "--facility", "general", "--node", "ward-1", "--form", "mbi_hss")
    with pytest.raises(InputRefused, match="no sealed round of mbi_hss"):
        said(stored(tmp_path, rounds(STEADY[:2])), *words)


@pytest.mark.parametrize("words", [("chart", "--node", "ward-1"), ("compare",)])
def test_a_database_of_an_earlier_version_is_told_as_such(tmp_path: Path, words: tuple[str, ...]) -> None:
    address = f"chdb:{tmp_path}"
    with Database.connect(address) as database:
        database.migrate(migrations()[:3])
    with pytest.raises(SinkUnavailable, match=r"those of another version \(Code: 47\): wardpulse db migrate"):
        said(address, *words, "--facility", "general", "--form", "sib5")


def test_what_a_file_says_of_others_is_no_markup_and_steers_no_terminal(tmp_path: Path) -> None:
    with Database.connect(stored(tmp_path, rounds(STEADY))) as database:
        found = course(database, WARD)
    hostile = Reference(figure="mean", value=2.0, of="nobody [/b] [red]\x1b[31m\u202e", unverified=True)
    out = StringIO()
    Console(width=160, file=out).print(chart_table(found, None, [hostile]))
    assert "nobody [/b] [red]" in out.getvalue()
    assert out.getvalue().replace("\n", "").isprintable()


def of_many(at_risk: dict[str, tuple[int, int]]) -> list[AnyEvent]:
    """One round of wards, each with answers and how many of them are at risk; None of answers is withheld."""
    nodes, events = [], list[AnyEvent]()
    for name, (answers, count) in at_risk.items():
        path = (*PATH[:2], name)
        state: State = "published" if answers else "withheld"
        nodes.append(
            NodeState(node=name, path=path, name=f"Ward {name}", kind="unit", headcount=99, states={"sib5": state})
        )
        if answers:
            total = 2 * answers + count
            events.append(cohort("r1", answers, (total, total), (count, count), path))
    return [*events, sealed("r1", "published").model_copy(update={"nodes": tuple(nodes)})]


def test_compare_says_which_units_differ_by_more_than_chance_and_gives_quarters(tmp_path: Path) -> None:
    usual = {f"w{number}": (20, 8) for number in range(8)}
    address = stored(tmp_path, of_many({**usual, "small": (11, 7), "bad": (60, 48), "none": (0, 0)}))
    found = json.loads(said(address, "compare", "--facility", "general", "--form", "sib5", "--json").stdout)
    by_node: dict[str, Any] = {row["node"]: row for row in found}
    assert by_node["bad"]["verdict"] == "very_high"
    # 64 % of eleven is no more than chance, and 40 % of twenty is none
    assert {by_node[name]["verdict"] for name in ("small", "w0")} == {"within"}
    assert (by_node["bad"]["quarter"], by_node["w0"]["quarter"]) == (4, 1)
    assert {by_node["none"][name] for name in ("verdict", "quarter", "responses", "mean")} == {None}
    text = said(address, "compare", "--facility", "general", "--form", "sib5").stdout
    assert re.search(r"Ward bad\s+60\s+2\.80\s+4\s+80%\s+\S+\s+above 99\.8 %", text)
    assert re.search(r"Ward none\s.*no figures of its own", text)
    flat = " ".join(text.split())
    assert "In short: above 99.8 % limits: Ward bad." in flat
    assert "Quarter: by the mean, 1 the best" in flat


def test_a_range_on_both_sides_of_a_limit_is_not_said_to_be_as_chance_has_it(tmp_path: Path) -> None:
    events = of_many({**{f"w{number}": (20, 8) for number in range(8)}, "coded": (20, 14)})
    bounds = {"at_risk_low": 10, "at_risk_high": 18}
    events = [
        one.model_copy(update=bounds) if isinstance(one, CohortSealed) and one.node == "coded" else one
        for one in events
    ]
    text = said(stored(tmp_path, events), "compare", "--facility", "general", "--form", "sib5").stdout
    assert re.search(r"Ward coded\s.*50-90%\s.*cannot be told", text)
    assert re.search(r"Ward w0\s.*as chance has it", text)


def test_a_round_whose_cohorts_were_all_retired_is_not_the_last_that_published(tmp_path: Path) -> None:
    events = rounds(STEADY[:3])
    last = next(event for event in events if isinstance(event, CohortSealed) and event.round == "r2")
    address, words = stored(tmp_path, [*events, retired(last)]), ("compare", "--facility", "general", "--form", "sib5")
    assert {row["round"] for row in json.loads(said(address, *words, "--json").stdout)} == {"r1"}
    with pytest.raises(InputRefused, match="no round r2 of sib5 has published figures"):
        said(address, *words, "--round", "r2")


def test_effect_is_a_sentence_and_is_refused_with_too_few_rounds(tmp_path: Path) -> None:
    address = stored(tmp_path, [intervention(10), *rounds([*STEADY, *(total + 20 for total in STEADY)])])
    words = ("interventions", "effect", "--facility", "general", "--node", "ward-1", "--form", "sib5", "--on")
    clear = said(address, *words, day(10).isoformat())
    assert clear.exit_code == 0
    # on a scale of five points tenths tell too little
    assert re.match(r"sib5 burnout: Since 2026-05-25 the mean is \d\.\d\d points higher", clear.stdout)
    assert "this does not show that it was the intervention" in clear.stdout
    assert clear.stderr.count("No intervention of that day is recorded") == 0
    few = said(address, *words, day(3).isoformat())
    assert few.exit_code == 1
    assert "No estimate: 3 rounds with figures before it, and 8 are needed on either side." in few.stdout
    assert "No intervention of that day is recorded" in few.stderr
    row = json.loads(said(address, *words, day(10).isoformat(), "--json").stdout)[0]
    assert row["estimate_low"] < row["estimate"] < row["estimate_high"]
    assert (row["rounds_before"], row["rounds_after"], row["is_clear"]) == (10, 10, True)
    assert date.fromisoformat("2026-05-25") == day(10)


@pytest.mark.parametrize(
    ("totals", "sentence"),
    [
        (STEADY[:3], "In short: too few rounds to call one unusual; that takes 8."),
        (STEADY, "In short: no round is unusual for this place."),
        ([*STEADY, 70], "In short: the newest round with figures is a concern (outside): ask what changed."),
        ([*STEADY, 20], "In short: the newest round with figures is an improvement (outside): ask what changed."),
        (
            [*STEADY[:9], 70, 41, 42],
            "In short: the newest round with figures is as usual for this place; an earlier one is not.",
        ),
    ],
)
def test_a_chart_says_in_a_sentence_whether_anything_is_unusual(
    tmp_path: Path, totals: list[int], sentence: str
) -> None:
    words = ("chart", "--facility", "general", "--node", "ward-1", "--form", "sib5")
    assert sentence in " ".join(said(stored(tmp_path, rounds(totals)), *words).stdout.split())


def test_a_comparison_says_so_where_no_place_is_beyond_its_limits(tmp_path: Path) -> None:
    address = stored(tmp_path, of_many({f"w{number}": (20, 8) for number in range(4)}))
    text = said(address, "compare", "--facility", "general", "--form", "sib5").stdout
    assert "In short: no place is clearly beyond its limits." in " ".join(text.split())


def test_points_that_later_rounds_make_signals_are_marked_as_seen_since(tmp_path: Path) -> None:
    address = stored(tmp_path, rounds([*STEADY, 95]))
    result = said(address, "chart", "--node", "ward-1", "--form", "sib5")
    lines = [re.sub(r"\s+", " ", line).strip() for line in result.stdout.splitlines()]
    assert any(line.startswith("r2 ") and line.endswith("improvement: run (seen since)") for line in lines)
    assert any(line.startswith("r10 ") and line.endswith("concern: outside") for line in lines)
    assert "Seen since: by limits that later rounds have moved" in " ".join(lines)


def test_the_facility_may_be_left_out_where_there_is_one(tmp_path: Path) -> None:
    address = stored(tmp_path / "one", rounds(STEADY))
    assert said(address, "compare", "--form", "sib5").exit_code == 0
    with pytest.raises(InputRefused, match="no round is sealed yet"):
        said(stored(tmp_path / "none", []), "compare", "--form", "sib5")
    two = [*rounds(STEADY[:1]), *(event.model_copy(update={"facility": "south"}) for event in rounds(STEADY[:1]))]
    with pytest.raises(InputRefused, match="name one with --facility, general, south"):
        said(stored(tmp_path / "two", two), "chart", "--node", "ward-1", "--form", "sib5")


def test_a_change_that_stays_is_still_shown_as_it_was_told_when_limits_have_moved(tmp_path: Path) -> None:
    worse = [50, 38, 46, 48, 61, 63, 64, 67, 65, 65, 68, 63, 71, 68, 72, 76, 73, 62, 74, 66, 70, 75]
    address = stored(tmp_path, rounds(worse))
    result = said(address, "chart", "--node", "ward-1", "--form", "sib5")
    lines = [re.sub(r"\s+", " ", line).strip() for line in result.stdout.splitlines()]
    assert any(line.startswith("r10 ") and line.endswith("concern: run (told then)") for line in lines)
    text = " ".join(lines)
    assert re.search(r"In short: a concern was told, [2-9] in all, the last in r16\. The newest round is within", text)
    assert "Told then: by the limits of its close" in text
    rows = json.loads(said(address, "chart", "--node", "ward-1", "--form", "sib5", "--json").stdout)
    assert (rows[10]["signal"], rows[10]["now"]["told_to_leaders"]) == ("concern", False)
