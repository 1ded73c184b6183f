"""The query for latest figures on the real engine: each place that still exists at the last round that asked it."""

import re
from collections import defaultdict
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console

from deploy.figures import figures_table
from deploy.resources import catalogue, migrations
from schemas.clickhouse.rows import Row, rows
from schemas.clickhouse.tables import TABLES
from schemas.events import CohortRetired, CohortSealed, RoundSealed
from stream_processors.database import Database
from stream_processors.steps.history import History
from stream_processors.steps.indicators import fold
from tests.unit.test_indicators import cohort, sealed
from tests.unit.test_retiring import RetiringLog
from tests.unit.test_units_change import (
    ANSWERS,
    MEDICINE,
    TREE,
    WARD_A,
    WARD_B,
    Line,
    Log,
    line,
    split_in_place,
    without,
)

Shown = list[dict[str, Any]]
SINGLE_ITEM = ("sib5", "burnout")


def shown(
    folder: Path, *events: CohortSealed | CohortRetired | RoundSealed, asked: tuple[str, str] = SINGLE_ITEM
) -> Shown:
    """What the query gives after these events of the cohorts topic."""
    history = History()
    found: dict[str, list[Row]] = defaultdict(list)
    for event in events:
        for item in (event, *fold(history, event, catalogue())):
            for table, row in rows(item):
                found[table.name].append(row)
    with Database.connect(f"chdb:{folder}") as database:
        database.migrate(migrations())
        for table in TABLES:
            if found[table.name]:
                database.insert(table, found[table.name])
        sql = (files("dashboards") / "queries" / "latest_figures.sql").read_text("utf-8")
        return database.query(sql, {"form": asked[0], "scale": asked[1]})


def after(folder: Path, *logs: Log, asked: tuple[str, str] = SINGLE_ITEM) -> Shown:
    """What the query gives after whole logs."""
    kinds = CohortSealed | CohortRetired | RoundSealed
    events = [event for log in logs for event in log.replay().events if isinstance(event, kinds)]
    return shown(folder, *events, asked=asked)


def names(found: Shown) -> list[str]:
    """The places in the order they are shown."""
    return [row["name"] for row in found]


def called(found: Shown, name: str) -> dict[str, Any]:
    """The one row of a place."""
    (row,) = [row for row in found if row["name"] == name]
    return row


def test_a_unit_is_shown_at_the_last_round_that_fielded_the_form_there(tmp_path: Path) -> None:
    published = (cohort("r1", 20, (50, 50), (8, 8)), sealed("r1", "published"))
    (row,) = shown(tmp_path / "chdb", *published, sealed("r2", "not_fielded"))
    assert (row["round"], row["state"], row["responses"], row["name"]) == ("r1", "published", 20, "Ward 1")


def test_a_unit_that_was_never_asked_is_shown_as_such(tmp_path: Path) -> None:
    (row,) = shown(tmp_path / "chdb", sealed("r1", "not_fielded"), sealed("r2", "not_fielded"))
    assert (row["state"], row["responses"]) == ("not_fielded", None)


def test_the_table_shows_names_as_they_are_and_ranges_where_only_ranges_are_published(tmp_path: Path) -> None:
    events = (cohort("r1", 20, (20, 40), (0, 2)), named(sealed("r1", "published"), "Onc [night] [/ward]"))
    shown(tmp_path / "chdb", *events)
    form = catalogue()["sib5"]
    console = Console(file=StringIO(), width=120)
    with Database.connect(f"chdb:{tmp_path / 'chdb'}") as database:
        console.print(figures_table(database, form, form.scales[0]))
    text = cast(StringIO, console.file).getvalue()
    assert "Onc [night] [/ward]" in text
    assert re.search(r"published +20 +1/1 +50% +1\.0-2\.0 +0-10% +0-30% +-", text)


def named(event: RoundSealed, name: str) -> RoundSealed:
    """The same round with another name for its ward."""
    return event.model_copy(update={"nodes": (event.nodes[0].model_copy(update={"name": name}),)})


EVERYWHERE = ["General", "Medicine", "Ward-A", "Ward-B", "Surgery", "Theatre"]


def test_a_removed_unit_is_shown_until_a_round_without_it_is_sealed_and_its_history_stays(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(WARD_B))
    assert names(after(tmp_path / "before", log)) == EVERYWHERE
    log.rounds(9, ward_a=5, theatre=10)
    found = after(tmp_path / "after", log)
    assert names(found) == ["General", "Medicine", "Ward-A", "Surgery", "Theatre"]
    # r10: the newest by its dates, not by its name
    assert {row["round"] for row in found} == {"r10"}
    with Database.connect(f"chdb:{tmp_path / 'after'}") as database:
        (kept,) = database.query("SELECT round, responses FROM indicators FINAL WHERE node = 'ward-b'")
    assert kept == {"round": "r1", "responses": 20}


def test_a_unit_that_exists_and_is_no_longer_asked_stays_at_its_last_round(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    log.rounds(2, ward_a=5, theatre=10)
    row = called(after(tmp_path / "chdb", log), "Ward-B")
    assert (row["round"], row["state"], row["responses"]) == ("r1", "published", 20)


def test_a_unit_that_was_renamed_and_not_asked_since_has_its_newest_name_and_kind(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    levels = ("facility", "department", "ward")
    units = [{**given, "kind": "ward"} if given["kind"] == "unit" else given for given in TREE]
    renamed = [{**given, "name": "Stroke unit"} if given["id"] == "ward-b" else given for given in units]
    log.organise(*renamed, levels=levels)
    log.rounds(ward_a=5)
    found = after(tmp_path / "chdb", log)
    row = called(found, "Stroke unit")
    assert (row["round"], row["kind"], row["responses"]) == ("r1", "ward", 20)
    assert "Ward-B" not in names(found)


UNDER_SURGERY = ["General", "Medicine", "Ward-A", "Surgery", "Theatre", "Ward-B"]


@pytest.mark.parametrize(
    ("old", "new", "order"), [("medicine", "surgery", UNDER_SURGERY), ("surgery", "medicine", EVERYWHERE)]
)
def test_a_moved_unit_is_shown_once_with_its_newest_figures_where_it_now_is(
    tmp_path: Path, old: str, new: str, order: list[str]
) -> None:
    log = Log(*without(WARD_B), {**WARD_B, "parent": old})
    log.rounds()
    log.organise(*without(WARD_B), {**WARD_B, "parent": new})
    log.rounds()
    found = after(tmp_path / "chdb", log)
    assert names(found) == order
    assert (called(found, "Ward-B")["round"], called(found, "Ward-B")["responses"]) == ("r2", 40)


def test_a_unit_that_was_moved_and_not_asked_since_is_shown_under_its_new_parent(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(WARD_B), {**WARD_B, "parent": "general"})
    log.rounds(ward_a=5, theatre=10)
    found = after(tmp_path / "chdb", log)
    assert names(found) == ["General", "Medicine", "Ward-A", "Surgery", "Theatre", "Ward-B"]
    assert (called(found, "Ward-B")["depth"], called(found, "Ward-B")["round"]) == (2, "r1")


def test_a_retired_cohort_is_in_no_figure_shown_and_its_rows_stay(tmp_path: Path) -> None:
    log = RetiringLog(*TREE)
    log.rounds(2)
    assert called(after(tmp_path / "before", log), "Ward-B")["responses"] == 40
    log.retire("r2", "ward-b")
    log.retire("r1", "ward-b")
    found = after(tmp_path / "chdb", log)
    assert names(found) == EVERYWHERE
    assert (called(found, "Ward-B")["state"], called(found, "Ward-B")["responses"]) == ("withheld", None)
    assert [called(found, name)["responses"] for name in ("General", "Medicine", "Ward-A")] == [80, 40, 40]
    with Database.connect(f"chdb:{tmp_path / 'chdb'}") as database:
        kept = database.query("SELECT count() AS cohorts FROM cohorts FINAL WHERE node = 'ward-b'")
        retired = database.query("SELECT round, node FROM retired_cohorts FINAL ORDER BY round")
    assert kept == [{"cohorts": 2}]
    assert retired == [{"round": "r1", "node": "ward-b"}, {"round": "r2", "node": "ward-b"}]


MERGED = (*without(WARD_A, WARD_B), line("ward-ab", "medicine"))
SPLIT = (*without(WARD_B), line("ward-b1", "medicine"), line("ward-b2", "medicine"))


@pytest.mark.parametrize(
    ("nodes", "units"), [(MERGED, ["Ward-Ab"]), (SPLIT, ["Ward-A", "Ward-B1", "Ward-B2"])], ids=["merged", "split"]
)
def test_units_that_were_merged_or_split_give_way_to_what_they_became(
    tmp_path: Path, nodes: tuple[Line, ...], units: list[str]
) -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*nodes)
    log.rounds(**{unit.lower().replace("-", "_"): 10 for unit in units})
    assert names(after(tmp_path / "chdb", log)) == ["General", "Medicine", *units, "Surgery", "Theatre"]


def test_a_unit_that_stays_above_its_parts_is_shown_above_them(tmp_path: Path) -> None:
    found = after(tmp_path / "chdb", split_in_place((9, 12), (9, 12)))
    assert names(found) == ["General", "Medicine", "Ward-A", "Ward-B", "B-1", "B-2"]
    assert (called(found, "Ward-B")["kind"], called(found, "Ward-B")["rounds_published"]) == ("unit", 4)


def test_a_department_is_not_shown_when_it_is_gone_with_its_units(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(MEDICINE, WARD_A, WARD_B))
    log.rounds(theatre=10)
    assert names(after(tmp_path / "chdb", log)) == ["General", "Surgery", "Theatre"]


def test_a_unit_that_comes_back_is_shown_again(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    log.organise(*without(WARD_B))
    log.rounds(ward_a=5)
    log.organise(*TREE)
    log.rounds(ward_a=5)
    found = after(tmp_path / "chdb", log)
    assert names(found) == EVERYWHERE
    assert called(found, "Ward-B")["round"] == "r1"


@pytest.mark.parametrize("asked", [SINGLE_ITEM, ("cbi.work", "work")], ids=lambda asked: asked[0])
def test_a_round_of_any_form_tells_which_places_there_are(tmp_path: Path, asked: tuple[str, str]) -> None:
    log = Log(*TREE)
    log.rounds()
    log.close(log.open(*ANSWERS, forms=("cbi.work",)))
    log.organise(*without(WARD_B))
    last = log.open("ward-a", "theatre", forms=("sib5",) if asked[0] == "cbi.work" else ("cbi.work",))
    log.close(last)
    found = after(tmp_path / "chdb", log, asked=asked)
    assert names(found) == ["General", "Medicine", "Ward-A", "Surgery", "Theatre"]
    assert called(found, "Ward-A")["round"] == ("r1" if asked == SINGLE_ITEM else "r2")


def test_a_long_round_that_ends_last_does_not_bring_an_old_organisation_back(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    long = log.open(*ANSWERS, forms=("cbi.work",), days=90)
    log.organise(*without(WARD_B), line("ward-c", "medicine"))
    log.rounds(ward_a=5, ward_c=15)
    log.close(long)
    for asked in (SINGLE_ITEM, ("cbi.work", "work")):
        assert "Ward-B" not in names(after(tmp_path / asked[0], log, asked=asked))
    assert "Ward-C" in names(after(tmp_path / "new", log))


@pytest.mark.parametrize(("days", "there"), [(28, True), (14, False), (7, False)])
def test_of_rounds_that_began_on_a_day_the_last_to_end_tells_and_then_the_last_id(
    tmp_path: Path, days: int, there: bool
) -> None:
    log = Log(*TREE)
    log.rounds()
    first = log.open(*ANSWERS, forms=("cbi.work",), days=days)
    began = log.events[-1]["first_answer_date"]
    log.organise(*without(WARD_B))
    second = log.open("ward-a")
    log.events[-1] |= {"first_answer_date": began, "last_answer_date": "2026-02-01"}
    log.close(second)
    log.close(first)
    assert ("Ward-B" in names(after(tmp_path / "chdb", log))) is there


def test_each_facility_has_an_organisation_of_its_own(tmp_path: Path) -> None:
    north, ward = line("north", None, "facility"), line("ward-b", "north", name="North's ward")
    here, there = Log(*TREE), Log(north, ward, facility="north")
    there.rounds(ward_b=5)
    here.rounds()
    here.organise(*without(WARD_B))
    here.rounds(ward_a=5)
    found = names(after(tmp_path / "chdb", here, there))
    assert found == ["General", "Medicine", "Ward-A", "Surgery", "Theatre", "North", "North's ward"]


def test_a_round_of_which_the_places_are_not_written_yet_hides_nothing(tmp_path: Path) -> None:
    log = Log(*TREE)
    log.rounds()
    folder = tmp_path / "chdb"
    after(folder, log)
    later = [(table, row) for table, row in rows(sealed("r2", "published")) if table.name == "rounds"]
    with Database.connect(f"chdb:{folder}") as database:
        for table, row in later:
            database.insert(table, [{**row, "first_answer_date": "2026-02-02", "last_answer_date": "2026-02-15"}])
    assert names(shown(folder)) == EVERYWHERE
