"""The query for latest figures on the real engine: each node at the last round that asked it."""

from importlib.resources import files
from pathlib import Path
from typing import Any

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
