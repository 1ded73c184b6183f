"""The query for latest figures on the real engine: each node at the last round that asked it."""

import re
from importlib.resources import files
from io import StringIO
from pathlib import Path
from typing import Any, cast

from rich.console import Console

from deploy.figures import figures_table
from deploy.resources import catalogue, migrations
from schemas.clickhouse.rows import rows
from schemas.events import CohortSealed, RoundSealed
from stream_processors.database import Database
from stream_processors.steps.indicators import History, fold
from tests.unit.test_indicators import cohort, sealed


def shown(folder: Path, *events: CohortSealed | RoundSealed) -> list[dict[str, Any]]:
    """What the query gives after these events of the cohorts topic."""
    history = History()
    with Database.connect(f"chdb:{folder}") as database:
        database.migrate(migrations())
        for event in events:
            for item in (event, *fold(history, event, catalogue())):
                for table, row in rows(item):
                    database.insert(table, [row])
        sql = (files("dashboards") / "queries" / "latest_figures.sql").read_text("utf-8")
        return database.query(sql, {"form": "sib5", "scale": "burnout"})


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
