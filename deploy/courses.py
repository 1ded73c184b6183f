"""A place's course over single rounds as ClickHouse has it, judged anew each time it is read.

What a row said at its close stays as it was; the points of a run that was not yet one, and limits that have moved
since, are told here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Any, Final

from schemas.errors import InputRefused
from schemas.instruments.scoring import Scale
from stream_processors.database import Database
from stream_processors.steps.courses import UNIT
from stream_processors.steps.effect import Effect, NoEffect, Point, effect
from stream_processors.steps.spc import Assurance, Judged, assurance, chart

Row = Mapping[str, Any]
_MOST_NAMED: Final = 50
_EVERY: Final = {"short": "units asked every round", "long": "units asked once a season"}


@dataclass(frozen=True, slots=True)
class Series:
    """Whose course it is: a place of a facility, or a staff group under it, on one scale of a form."""

    facility: str
    node: str
    form: str
    scale: Scale
    calendar: str = "short"
    staff_group: str = ""


@dataclass(frozen=True, slots=True)
class PlacesCourse:
    """The rounds of a series, oldest first, each judged by the chart of all; and what was done there or above."""

    series: Series
    rounds: tuple[Row, ...]
    judged: tuple[Judged, ...]
    interventions: tuple[Row, ...]

    def assurance(self, target: float) -> Assurance | None:
        """Whether the newest limits always meet a target; None before there are limits."""
        limits = self.judged[-1].limits
        return None if limits is None else assurance(limits, round(target * UNIT), self.series.scale.direction)

    def effect(self, on: date) -> Effect | NoEffect:
        """The step at a day."""
        points = [Point(row["first"], row["last"], _value(row)) for row in self.rounds]
        return effect(points, on, self.series.scale.direction)


def the_facility(database: Database, given: str | None) -> str:
    """The facility that is meant: the one named, or the only one there is; InputRefused if that cannot be told."""
    if given is not None:
        return given
    known = [str(row["facility"]) for row in database.query("SELECT DISTINCT facility FROM rounds ORDER BY facility")]
    if len(known) == 1:
        return known[0]
    if not known:
        raise InputRefused("no round is sealed yet: see wardpulse rounds list")
    raise InputRefused(f"there are several facilities: name one with --facility, {_few(known)}")


def course(database: Database, series: Series) -> PlacesCourse:
    """Read a course; InputRefused if no sealed round has it."""
    asked = {
        "facility": series.facility,
        "node": series.node,
        "staff_group": series.staff_group,
        "form": series.form,
        "scale": series.scale.id,
    }
    found = database.query(_sql("course"), asked)
    rounds = [row for row in found if row["calendar"] == series.calendar]
    if not rounds:
        known = database.query("SELECT DISTINCT facility, node, name FROM nodes ORDER BY facility, node", {})
        raise InputRefused(_nothing(series, {str(row["calendar"]) for row in found}, known))
    path = {"facility": series.facility, "path": list(rounds[-1]["path"])}
    interventions = database.query(_sql("interventions"), path)
    starts = _starts(rounds, [row["on"] for row in interventions if row["rebase"]])
    judged = chart([_value(row) for row in rounds], series.scale.direction, starts)
    return PlacesCourse(series, tuple(rounds), tuple(judged), tuple(interventions))


def effect_row(found: Effect | NoEffect) -> dict[str, Any]:
    """An estimate for programs, in units of the scale; of one that is refused the reason."""
    if isinstance(found, NoEffect):
        return {"estimate": None, "reason": found.reason, "sentence": found.sentence}
    return {
        "estimate": found.change / UNIT,
        "estimate_low": found.low / UNIT,
        "estimate_high": found.high / UNIT,
        "is_clear": found.is_clear,
        "rounds_before": found.before,
        "rounds_after": found.after,
        "rounds_left_out": found.left_out,
        "autocorrelation": found.autocorrelation,
        "reason": None,
        "sentence": found.sentence,
    }


def one_round(database: Database, facility: str, form: str, scale: Scale, round_: str = "") -> list[dict[str, Any]]:
    """Every place of a facility in one round, the last published one if none is named."""
    asked = {"facility": facility, "form": form, "scale": scale.id, "round": round_}
    return database.query(_sql("one_round"), asked)


def _sql(name: str) -> str:
    return (files("dashboards") / "queries" / f"{name}.sql").read_text("utf-8")


def _value(row: Row) -> int | None:
    return None if row["mean"] is None else round(row["mean"] * UNIT)


def _starts(rounds: Sequence[Row], days: Sequence[date]) -> list[int]:
    """The positions of the rounds that are the first to begin on or after a day that limits count anew from."""
    found = (next((at for at, row in enumerate(rounds) if row["first"] >= day), None) for day in days)
    return [at for at in found if at is not None]


def _nothing(series: Series, calendars: set[str], known: Sequence[Row]) -> str:
    said = f"no sealed round of {series.form} asked {series.node} of {series.facility}"
    facilities = dict.fromkeys(str(row["facility"]) for row in known)
    if facilities and series.facility not in facilities:
        return f"{said}: the facilities here are {_few(list(facilities))}"
    places = {str(row["node"]): str(row["name"]) for row in known if row["facility"] == series.facility}
    if places and series.node not in places:
        # figures show names, and options take ids
        named = [node for node, name in places.items() if name.casefold() == series.node.casefold()]
        return f"{said}: try --node {named[0]}" if named else f"{said}: the places there are {_few(list(places))}"
    if calendars:
        return f"{said} as one of the {_EVERY[series.calendar]}: try --calendar {min(calendars)}"
    return f"{said}: wardpulse figures --json lists places and forms, wardpulse rounds list the rounds"


def _few(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_MOST_NAMED]) + (f" and {len(ids) - _MOST_NAMED} more" if len(ids) > _MOST_NAMED else "")
