"""A season by hand on the real processes: a long round, a short one, one about health, and what can be read."""

import json
import re
import time
from pathlib import Path
from typing import Any

from tests.e2e.pipeline import expected_tables, stored_tables
from tests.e2e.test_everyday import DATES, ORGANISATION, Hospital
from tests.limesurvey import LIMESURVEY_MAPPING, limesurvey_export

SEASON = ("--season-first", "2026-10-05", "--season-last", "2026-11-22")
PHQ = """forms:
  phq_2:
    version: 1
    items: {1: "Q1[SQ001]", 2: "Q1[SQ002]"}
    values: {A1: 0, A2: 1, A3: 2, A4: 3, A5: 3}
"""


def _mappings(folder: Path) -> tuple[Path, Path]:
    """The example's mapping for any round, and one that reads two of its columns as another form."""
    text = re.sub(r"^round: .*\n", "", LIMESURVEY_MAPPING.partition("# The rest is for a trial")[0], flags=re.M)
    work, health = folder / "cbi.yaml", folder / "phq.yaml"
    work.write_text(text, "utf-8")
    health.write_text(text.partition("forms:")[0] + PHQ, "utf-8")
    return work, health


def test_a_season_and_a_form_about_health_go_through_the_whole_pipeline(tmp_path: Path) -> None:
    export, (work, health) = tmp_path / "export.csv", _mappings(tmp_path)
    export.write_bytes(limesurvey_export(1000))
    hospital = Hospital(tmp_path / "trial")
    with hospital.up():
        _open(hospital)
        for name, mapping in (("long", work), ("short", work), ("health", health)):
            hospital.run("submit", export, "--mapping", mapping, "--round", name)
        assert "nothing is published" not in hospital.run("rounds", "close", "health", "--yes")
        hospital.run("rounds", "close", "short", "--yes")
        assert "pooled in the figures of" in hospital.run("rounds", "close", "long", "--yes")
        _check_figures(hospital)
    assert hospital.run("audit", "disclosure", hospital.folder).endswith("verdict: safe\n")
    result = hospital.replayed()
    # of two questions about health one was skipped here and there
    assert {(letter.outcome, letter.form) for letter in result.dead_letters} == {("incomplete", "phq_2")}
    assert stored_tables(f"chdb:{hospital.folder / 'clickhouse'}") == expected_tables(result)


def _open(hospital: Hospital) -> None:
    hospital.run("keystore", "init", "st-anna", "--trust")
    hospital.run("organisation", "announce", ORGANISATION)
    form = ("--form", "cbi.work", "--season", "2026-Q4", "--calendar")
    said = hospital.run("rounds", "open", "long", *form, "long", "--long-below", "40", *SEASON)
    assert "12 units with 288 people, the long calendar of season 2026-Q4" in said
    refused = hospital.run("rounds", "open", "short", *form, "short", *DATES, "--unit", "icu-1", code=65)
    assert "--unit does not go with --season" in refused
    assert "28 units with 2305 people" in hospital.run("rounds", "open", "short", *form, "short", *DATES)
    assert "bad_season" in hospital.run(
        *("rounds", "open", "late", *form, "short", "--first", "2026-11-16", "--last", "2026-11-29"), code=65
    )
    assert "facility and department alone" in hospital.run("rounds", "open", "health", "--form", "phq_2", *DATES)
    listed = {row["round"]: row["calendar"] for row in json.loads(hospital.run("rounds", "list", "--json"))}
    assert listed == {"long": "long", "short": "short", "health": "short"}


def _check_figures(hospital: Hospital) -> None:
    found: list[dict[str, Any]] = []
    # the writer may need a moment after the worker has sealed the rounds
    for _ in range(30):
        found = json.loads(hospital.run("figures", "--json"))
        if {row["calendar"] for row in found} == {"short", "long"}:
            break
        time.sleep(1)
    work = [row for row in found if (row["form"], row["kind"]) == ("cbi.work", "unit")]
    assert len({row["node"] for row in work}) == len(work) == 40
    assert sum(row["calendar"] == "long" for row in work) == 12
    whole = [row for row in found if (row["form"], row["node"]) == ("cbi.work", "st-anna")]
    assert [(row["calendar"], round(row["share_asked"], 3)) for row in whole] == [("short", 0.889), ("long", 0.111)]
    assert {row["kind"] for row in found if row["form"] == "phq_2"} == {"facility", "department"}
    shown = " ".join(hospital.run("figures").split())
    assert "No figure holds both." in shown
