"""The query for latest figures and its table on the real engine: two calendars, staff groups, sensitive forms."""

import json
import re
from io import StringIO
from pathlib import Path
from typing import Any, cast

import pytest
from rich.console import Console
from typer.testing import CliRunner

from deploy.figures import figures_table
from deploy.resources import catalogue
from schemas.events import CohortRetired, CohortSealed, RoundSealed
from stream_processors.database import Database
from tests.contract.test_latest_figures import SINGLE_ITEM, Shown, names, shown
from tests.hospital import Event, answers, closing, opening, record, season
from tests.records import replayed
from tests.unit.test_staff_groups import HEADS as GROUP_HEADS
from tests.unit.test_staff_groups import LEAVES, LEVELS
from wardpulse import application

HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 19}
SHORT, LONG = ["ct", "ward-1"], ["mri", "ward-2"]


def of(folder: Path, *events: Event, asked: tuple[str, str] = SINGLE_ITEM) -> Shown:
    """What the query gives after a log."""
    result = replayed(events)
    assert not result.dead_letters
    kinds = CohortSealed | CohortRetired | RoundSealed
    return shown(folder, *(event for event in result.events if isinstance(event, kinds)), asked=asked)


def table_of(folder: Path, form: str) -> list[str]:
    """The table's lines as read by a person with a wide terminal, spaces squeezed."""
    console = Console(file=StringIO(), width=200)
    with Database.connect(f"chdb:{folder}") as database:
        console.print(figures_table(database, catalogue()[form], catalogue()[form].scales[0]))
    return [" ".join(line.split()) for line in cast(StringIO, console.file).getvalue().splitlines()]


def short_round(name: str, day: str, counts: dict[str, int], **terms: Any) -> list[Event]:
    """A short round of a day, closed."""
    marker = opening(terms.pop("leaves", SHORT), name, season("short", **terms), first_answer_date=day)
    return [marker | {"last_answer_date": day}, *answers(name, counts, day=day), closing(name)]


def a_season() -> list[Event]:
    """Two short rounds and the long one, closed."""
    return [
        record(HEADS),
        opening(LONG, "long", season("long")),
        *short_round("short-1", "2026-01-06", {"ward-1": 15, "ct": 12}),
        *short_round("short-2", "2026-01-20", {"ward-1": 16, "ct": 4}),
        *answers("long", {"ward-2": 9, "mri": 12}),
        closing("long"),
    ]


def test_a_place_above_the_units_has_a_line_for_each_calendar_and_a_unit_has_one(tmp_path: Path) -> None:
    found = of(tmp_path / "chdb", *a_season())
    lines = [(row["node"], row["calendar"], row["round"], row["state"], row["responses"]) for row in found]
    assert lines == [
        ("general", "short", "short-2", "published", 43),
        ("general", "long", "long", "published", 12),
        ("imaging", "short", "short-2", "published", 12),
        ("imaging", "long", "long", "published", 12),
        ("ct", "short", "short-2", "published", 12),
        ("mri", "long", "long", "published", 12),
        ("surgery", "short", "short-2", "published", 31),
        ("surgery", "long", "long", "withheld", None),
        ("ward-1", "short", "short-2", "published", 31),
        ("ward-2", "long", "long", "withheld", None),
    ]
    assert {row["season"] for row in found} == {"S1"}
    shares = {(row["node"], row["calendar"]): row["share_asked"] for row in found}
    assert shares["general", "short"] == pytest.approx(60 / 91)
    assert shares["general", "long"] == pytest.approx(31 / 91)
    assert shares["mri", "long"] == 1


def test_before_the_long_round_is_closed_its_units_are_not_fielded_and_other_places_have_one_line(
    tmp_path: Path,
) -> None:
    found = of(tmp_path / "chdb", *a_season()[: -len(answers("long", {"ward-2": 9, "mri": 12})) - 1])
    lines = {row["node"]: (row["calendar"], row["state"]) for row in found}
    assert len(found) == len(lines) == 7
    assert lines["general"] == ("short", "published")
    assert lines["mri"] == lines["ward-2"] == ("short", "not_fielded")


def test_a_unit_that_changes_its_calendar_with_the_season_has_the_line_of_its_last_round(tmp_path: Path) -> None:
    later = {
        "id": "S2",
        "first": "2026-03-30",
        "last": "2026-06-21",
        "long_below": 15,
        "leaves": ["ct", "mri", "ward-1"],
    }
    next_season = short_round("short-3", "2026-04-07", {"mri": 13}, **later)
    found = of(tmp_path / "chdb", *a_season(), *next_season)
    mri = [(row["calendar"], row["season"], row["responses"]) for row in found if row["node"] == "mri"]
    assert mri == [("short", "S2", 13)]
    # what was asked once in the last season stands until that is asked again
    imaging = [(row["calendar"], row["season"], row["responses"]) for row in found if row["node"] == "imaging"]
    assert imaging == [("short", "S2", 25), ("long", "S1", 12)]


def test_the_table_shows_who_is_asked_when_and_how_many_of_the_staff(tmp_path: Path) -> None:
    of(tmp_path / "chdb", *a_season())
    said = table_of(tmp_path / "chdb", "sib5")
    assert "place every state answers rounds asked cover mean risk 95 % change" in said
    assert any(re.match(r"General round published 43 2/2 66% 36% ", line) for line in said)
    assert any(re.match(r"General season published 12 1/1 34% 39% ", line) for line in said)
    assert any(line.startswith("Ward-2 season withheld - - 100% - ") for line in said)
    assert "last four rounds, or last season" in " ".join(said)
    assert "No figure holds both." in " ".join(said)


def test_without_seasons_and_groups_the_table_has_no_columns_for_them(tmp_path: Path) -> None:
    leaves = [*SHORT, *LONG]
    of(tmp_path / "chdb", record(HEADS), opening(leaves), *answers("r1", {"ward-1": 15}), closing())
    said = table_of(tmp_path / "chdb", "sib5")
    assert "place state answers rounds cover mean risk 95 % change" in said
    assert "every" not in " ".join(said)


def test_a_round_of_some_units_shows_the_share_asked_without_a_season(tmp_path: Path) -> None:
    of(tmp_path / "chdb", record(HEADS), opening(SHORT), *answers("r1", {"ward-1": 15}), closing())
    said = table_of(tmp_path / "chdb", "sib5")
    assert "place state answers rounds asked cover mean risk 95 % change" in said
    assert any(line.startswith("General published 15 1/1 66% 25% ") for line in said)


COUNTS = {"ward-1-nurse": 15, "ward-1-physician": 5, "ward-2-nurse": 6, "ward-2-physician": 5, "ct-nurse": 3}


def test_a_staff_group_stands_below_its_node_and_is_no_ordinary_line(tmp_path: Path) -> None:
    found = of(tmp_path / "chdb", record(GROUP_HEADS, LEVELS), opening(LEAVES), *answers("r1", COUNTS), closing())
    order = [(row["node"], row["staff_group"], row["kind"]) for row in found]
    assert order[:3] == [
        ("general", "", "facility"),
        ("general", "nurse", "staff_group"),
        ("general", "physician", "staff_group"),
    ]
    assert order.index(("surgery", "nurse", "staff_group")) == order.index(("surgery", "", "department")) + 1
    ordinary = [row for row in found if not row["staff_group"]]
    assert len({row["node"] for row in ordinary}) == len(ordinary) == 11
    assert {row["name"] for row in found if row["node"] == "general"} == {"General"}
    nurses = next(row for row in found if (row["node"], row["staff_group"]) == ("general", "nurse"))
    assert (nurses["responses"], nurses["leaves_published"], nurses["leaves_fielded"]) == (15, 1, 3)
    said = table_of(tmp_path / "chdb", "sib5")
    assert any(line.startswith("all nurse, 1 of 3 units by themselves published 15 1/1 27% ") for line in said)
    assert any(line.startswith("all physician, 0 of 2 units by themselves withheld - ") for line in said)
    assert "elsewhere it is pooled with others" in " ".join(said)


ROUND_OF_HEALTH = (
    opening([*SHORT, *LONG], "health", forms=["phq_2"]),
    *answers("health", {"ward-1": 30, "ward-2": 5}, form="phq_2"),
    closing("health"),
)


def test_a_sensitive_form_is_published_or_not_of_departments_and_nothing_else(tmp_path: Path) -> None:
    found = of(tmp_path / "chdb", record(HEADS), *ROUND_OF_HEALTH, asked=("phq_2", "total"))
    states = {row["node"]: (row["state"], row["coverage"], row["share_asked"]) for row in found}
    assert states == {
        "general": ("published", None, None),
        "surgery": ("published", None, None),
        "imaging": ("not_published", None, None),
    }
    said = table_of(tmp_path / "chdb", "phq_2")
    assert any(re.match(r"Surgery published 35 1/1 - ", line) for line in said)
    assert "Imaging not published - - - - - - -" in said
    assert "not who was asked, nor how many answered" in " ".join(said)


def test_a_round_of_sensitive_forms_alone_takes_no_unit_out_of_the_figures(tmp_path: Path) -> None:
    first = opening([*SHORT, *LONG], "r1", first_answer_date="2026-01-05", last_answer_date="2026-01-05")
    ordinary = (first, *answers("r1", {"ward-1": 15}, day="2026-01-05"), closing("r1"))
    health = (ROUND_OF_HEALTH[0] | {"first_answer_date": "2026-01-06"}, *ROUND_OF_HEALTH[1:])
    found = of(tmp_path / "chdb", record(HEADS), *ordinary, *health)
    assert names(found) == ["General", "Imaging", "Ct", "Mri", "Surgery", "Ward-1", "Ward-2"]


def test_json_has_every_field(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = of(tmp_path / "chdb", *a_season())
    monkeypatch.setenv("WARDPULSE_CLICKHOUSE", f"chdb:{tmp_path / 'chdb'}")
    done = CliRunner().invoke(application(["figures"]), ["figures", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout) == [{"form": "sib5", "scale": "burnout", **row} for row in found]
