"""The demo's table: every place's latest figures, read back from ClickHouse with the dashboards' own query."""

from collections.abc import Callable, Sequence
from importlib.resources import files
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from deploy.output import printable
from deploy.resources import instruments
from schemas.instruments.scoring import Form, Scale
from stream_processors.database import Database

CAPTION: Final = (
    "answers: of all rounds in the window; people repeat. rounds: published of fielded. "
    "cover: answers published here per head and round; the rest is pooled above, withheld or was not given. "
    "risk: share at or over the cut, a range where only that is published; then its 95 % interval. "
    "change: of the mean, to the four rounds before; no test of chance. "
    "withheld: no figure of its own, as too few answered, more than its headcount allows, or what it had was retired."
)
MANY_ANSWERS: Final = " Answers were accepted without knowing who gives them: one person may count more than once."


def published_forms(database: Database) -> list[str]:
    """The forms of sealed rounds."""
    return [row["form"] for row in database.query("SELECT DISTINCT form FROM rounds FINAL ORDER BY form")]


def figures(database: Database, form: Form, scale: Scale) -> list[dict[str, Any]]:
    """Every place's latest figures on one scale, as the dashboards' query gives them."""
    sql = (files("dashboards") / "queries" / "latest_figures.sql").read_text("utf-8")
    return [
        {"form": form.id, "scale": scale.id, **row} for row in database.query(sql, {"form": form.id, "scale": scale.id})
    ]


def figures_table(database: Database, form: Form, scale: Scale) -> Table:
    """The figures of one scale, parents before children."""
    rows = figures(database, form, scale)
    table = Table(title=_title(form, scale), caption=CAPTION, box=None, padding=(0, 1, 0, 0), caption_justify="left")
    # where the terminal is narrow places are broken, and figures never
    table.add_column("place", min_width=12)
    table.add_column("state", no_wrap=True, min_width=9)
    for name in ("answers", "rounds", "cover", "mean", "risk", "95 %", "change"):
        table.add_column(name, justify="right", no_wrap=True, min_width=len(name))
    for row in rows:
        if row["depth"] == 1:
            table.add_row()
        table.add_row(*_cells(row), style="bold" if row["depth"] == 1 else None)
    if any(row["identity"] == "response" for row in rows):
        table.caption = CAPTION + MANY_ANSWERS
    return table


def _title(form: Form, scale: Scale) -> str:
    name = next(given.name for given in instruments() if given.id == form.instrument)
    low, high = (float(scale.published(score, 1)) for score in (scale.score_min, scale.score_max))
    cut = "" if scale.cut is None else f", at risk from {scale.cut}"
    return f"{form.id}: {name}, {low:g}-{high:g}, {scale.direction.replace('_', ' ')}{cut}; last four rounds"


def _cells(row: dict[str, Any]) -> Sequence[str]:
    # names come from a staff system: what is in them is no markup and steers no terminal
    name = " " * (row["depth"] - 1) + escape(printable(row["name"]))
    state = row["state"].replace("_", " ")
    if row["state"] != "published":
        return (name, state, *["-"] * 7)
    return (
        name,
        state,
        str(row["responses"]),
        f"{row['rounds_published']}/{row['rounds_fielded']}",
        _shown(row["coverage"], "{:.0%}".format),
        _range(row["mean_low"], row["mean_high"], "{:.1f}".format),
        _risk(row),
        _interval(row),
        _shown(row["change"], _signed),
    )


def _risk(row: dict[str, Any]) -> str:
    if row["at_risk_low"] is None:
        return "-"
    low, high = (row[name] / row["responses"] for name in ("at_risk_low", "at_risk_high"))
    return _range(low, high, "{:.0%}".format)


def _interval(row: dict[str, Any]) -> str:
    return "-" if row["share_low"] is None else _range(row["share_low"], row["share_high"], "{:.0%}".format)


def _range(low: float, high: float, show: Callable[[float], str]) -> str:
    first, last = show(low), show(high)
    return first if first == last else f"{first.removesuffix('%')}-{last}"


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    return "-" if value is None else show(value)
