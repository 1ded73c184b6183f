"""The demo's table: every place's latest figures, read back from ClickHouse with the dashboards' own query."""

import os
from collections.abc import Callable, Mapping, Sequence
from importlib.resources import files
from typing import Any, Final, Literal

from rich.markup import escape
from rich.table import Table

from deploy.library import library_of
from deploy.output import printable
from deploy.settings import Settings
from schemas.instruments.scoring import Form, Scale
from stream_processors.database import Database

CAPTION: Final = (
    "answers: of all rounds in the window; people repeat. rounds: published of fielded. "
    "cover: answers published here per head asked and round; the rest is pooled above, withheld or was not given. "
    "risk: share at or over the cut, a range where only that is published; then its 95 % interval. "
    "change: of the mean, to the window before; with * its 95 % interval leaves out that nothing changed. "
    "withheld: no figure of its own, as too few answered, more than its headcount allows, or what it had was retired."
)
MANY_ANSWERS: Final = " Answers were accepted without knowing who gives them: one person may count more than once."
CALENDARS: Final = (
    " every: units asked every round, with a window of the last four rounds; units asked once every season, with the "
    "season as the window. No figure holds both."
)
PART_ASKED: Final = " asked: share of the place's staff that the last round asked; nothing is known of the others."
GROUPS: Final = " all: a staff group in the units where it is enough by itself; elsewhere it is pooled with others."
SENSITIVE: Final = (
    " A form about health has figures for departments and above alone; not published says no more than that: "
    "not who was asked, nor how many answered."
)
_NONE: Final = "-"
_WIDTHS: Final = {"every": 6, "state": 9}
_EVERY: Final[Mapping[str, str]] = {"short": "round", "long": "season"}

Row = Mapping[str, Any]


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
    table = Table(
        title=_title(form, scale, _in_seasons(rows)),
        caption=_caption(rows),
        box=None,
        padding=(0, 1, 0, 0),
        caption_justify="left",
    )
    columns = _columns(rows)
    # where the terminal is narrow places are broken, and figures never
    table.add_column("place", min_width=9, overflow="fold")
    for name in columns:
        justify: Literal["left", "right"] = "left" if name in _WIDTHS else "right"
        table.add_column(name, justify=justify, no_wrap=True, min_width=_WIDTHS.get(name, len(name)))
    facility = None
    for row in rows:
        if row["facility"] != facility:
            facility = row["facility"]
            table.add_row()
        whole = row["depth"] == 1 and not row["staff_group"]
        table.add_row(*_cells(row, columns), style="bold" if whole else None)
    return table


def _in_seasons(rows: Sequence[Row]) -> bool:
    return any(row["season"] for row in rows)


def _columns(rows: Sequence[Row]) -> tuple[str, ...]:
    """The columns beside the place's name; those that would say the same in every line are left out."""
    every = ("every",) if _in_seasons(rows) else ()
    asked = ("asked",) if any(row["share_asked"] not in (None, 1) for row in rows) else ()
    return (*every, "state", "answers", "rounds", *asked, "cover", "mean", "risk", "95 %", "change")


def _caption(rows: Sequence[Row]) -> str:
    said = {
        MANY_ANSWERS: any(row["identity"] == "response" for row in rows),
        CALENDARS: _in_seasons(rows),
        PART_ASKED: "asked" in _columns(rows),
        GROUPS: any(row["staff_group"] for row in rows),
        SENSITIVE: any(row["sensitive"] for row in rows),
    }
    return CAPTION + "".join(text for text, needed in said.items() if needed)


def _title(form: Form, scale: Scale, in_seasons: bool) -> str:
    name = library_of(Settings.read(os.environ)).by_id[form.instrument].name
    low, high = (float(scale.published(score, 1)) for score in (scale.score_min, scale.score_max))
    way = "from" if scale.direction == "higher_is_worse" else "down from"
    cut = "" if scale.cut is None else f", at risk {way} {float(scale.published(scale.cut, 1)):g}"
    window = "last four rounds, or last season" if in_seasons else "last four rounds"
    return f"{form.id}: {name}, {low:g}-{high:g}, {scale.direction.replace('_', ' ')}{cut}; {window}"


def _cells(row: Row, columns: Sequence[str]) -> Sequence[str]:
    return [_name(row), *(_cell(row, column) for column in columns)]


def _name(row: Row) -> str:
    if not row["staff_group"]:
        # names come from a staff system: what is in them is no markup and steers no terminal
        return f"{' ' * (row['depth'] - 1)}{escape(printable(row['name']))}"
    units = f", {row['leaves_published']} of {row['leaves_fielded']} units by themselves"
    return f"{' ' * row['depth']}all {row['staff_group']}{units if row['leaves_fielded'] else ''}"


def _cell(row: Row, column: str) -> str:
    match column:
        case "every":
            return _EVERY[str(row["calendar"])]
        case "state":
            return str(row["state"]).replace("_", " ")
        case "asked":
            return _shown(row["share_asked"], "{:.0%}".format)
    return _figure(row, column) if row["state"] == "published" else _NONE


def _figure(row: Row, column: str) -> str:
    match column:
        case "answers":
            return str(row["responses"])
        case "rounds":
            return f"{row['rounds_published']}/{row['rounds_fielded']}"
        case "cover":
            return _shown(row["coverage"], "{:.0%}".format)
        case "mean":
            return _range(row["mean_low"], row["mean_high"], "{:.1f}".format)
        case "risk":
            return _risk(row)
        case "95 %":
            return _interval(row)
    return _change(row)


def _change(row: Row) -> str:
    # rows of earlier versions have bounds there that are no interval of chance
    is_clear = row["change"] is not None and (row["change_low"] > 0 or row["change_high"] < 0)
    return f"{_shown(row['change'], _signed)}{'*' if is_clear else ''}"


def _risk(row: Row) -> str:
    if row["at_risk_low"] is None:
        return "-"
    low, high = (row[name] / row["responses"] for name in ("at_risk_low", "at_risk_high"))
    return _range(low, high, "{:.0%}".format)


def _interval(row: Row) -> str:
    return _NONE if row["share_low"] is None else _range(row["share_low"], row["share_high"], "{:.0%}".format)


def _range(low: float, high: float, show: Callable[[float], str]) -> str:
    first, last = show(low), show(high)
    return first if first == last else f"{first.removesuffix('%')}-{last}"


def _signed(value: float) -> str:
    return f"{round(value, 1) + 0.0:+.1f}"


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    return _NONE if value is None else show(value)
