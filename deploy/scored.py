"""Made-up answers scored with a key, to check it: read, judged, and shown. Nothing is kept or sent."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from producers.sources.csv_file import read_csv
from producers.sources.csv_text import load, read_heading
from producers.sources.json_lines import read_json_lines
from producers.sources.mapping import Header
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from schemas.instruments.judging import Judged, Verdict, judge
from schemas.instruments.model import Instrument
from schemas.instruments.scoring import Range

_INTEGER: Final = re.compile(r"[+-]?[0-9]{1,9}(?:\.0{1,9})?", re.ASCII)
_ITEM: Final = re.compile(r"[0-9]{1,9}", re.ASCII)
_ITEMS: Final = tuple(str(item) for item in range(201))
"""Every number that an item of an instrument can have."""
_DECIMALS: Final = 4


@dataclass(frozen=True)
class Asked:
    """What is scored: an instrument, or one of its forms. `limits` is item id to its smallest and largest answer."""

    instrument: Instrument
    name: str
    scales: tuple[str, ...]
    limits: Mapping[str, Range]


@dataclass
class Coding:
    """Whether every answer of a file would fit if the answers were coded from one more than they are."""

    fits: bool = True
    is_over: bool = False
    seen: int = 0

    def look(self, raw: int, limits: Range) -> None:
        """Take an answer into account."""
        self.seen += 1
        self.fits &= limits[0] + 1 <= raw <= limits[1] + 1
        self.is_over |= raw > limits[1]

    @property
    def is_shifted(self) -> bool:
        """Whether the file looks coded from one more than the key."""
        return self.fits and self.is_over


@dataclass(frozen=True)
class Row:
    """One line of a file, judged."""

    line: int
    scales: Mapping[str, Judged | None]
    at_risk: bool | None

    def shown(self) -> dict[str, Any]:
        """As it is printed: figures in published units with four decimals, null where something cannot be told."""
        found: dict[str, Any] = {"line": self.line}
        for name, judged in self.scales.items():
            found[name] = None if judged is None else _decimal(judged.figure)
            found[f"{name}.band"] = None if judged is None else judged.band
            found[f"{name}.at_risk"] = None if judged is None else judged.at_risk
        return {**found, "at_risk": self.at_risk}


def asked_for(instrument: Instrument, form: str | None) -> Asked:
    """A form, or with None every scale of the instrument."""
    names = tuple(instrument.scales) if form is None else instrument.forms[form]
    limits: dict[str, Range] = {}
    if instrument.gate is not None:
        limits[str(instrument.gate.item)] = (instrument.answers.min, instrument.answers.max)
    for name in names:
        limits |= instrument.scale(name).ranges
    order = sorted(limits, key=int)
    return Asked(instrument, form or instrument.id, names, {item: limits[item] for item in order})


def score_file(file: Path, asked: Asked) -> tuple[list[Row], list[Refused], Coding]:
    """Every line of a file, judged or refused. InputRefused if the file cannot be used as a whole."""
    rows: list[Row] = []
    refused: list[Refused] = []
    coding = Coding()
    for sheet in _sheets(file, asked):
        found = sheet if isinstance(sheet, Refused) else _judged(sheet, asked, coding)
        if isinstance(found, Refused):
            refused.append(found)
        else:
            rows.append(found)
    if not rows and not refused:
        raise InputRefused(f"{file} holds no answers under its header")
    return rows, refused, coding


def _sheets(file: Path, asked: Asked) -> Iterator[Sheet | Refused]:
    wanted = tuple(asked.limits)
    # an object in a line, or a list of them; a header of item numbers begins with neither
    if load(file)[1].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        return (_with_known_items(sheet, asked) for sheet in read_json_lines(file, (*wanted, *_ITEMS)))
    names = read_heading(file, wanted).names
    strange = [at for at, name in enumerate(names, start=1) if _ITEM.fullmatch(name) and name not in wanted]
    if strange:
        # without a header the number may be an answer, or somebody's
        raise InputRefused(
            f"{file}: the name of column {strange[0]} is a number and no item of {asked.name}: it has "
            f"{', '.join(wanted)}. The first line names the columns by item numbers"
        )
    if not set(wanted) & set(names):
        raise InputRefused(
            f"{file}: no column has the number of an item for its name: the first line must name the items of "
            f"{asked.name}, {', '.join(wanted)}"
        )
    lacking = dict.fromkeys(wanted, f"the header needs a column for every item of {asked.name}: {', '.join(wanted)}")
    return read_csv(file, wanted, Header(), lacking)


def _with_known_items(sheet: Sheet | Refused, asked: Asked) -> Sheet | Refused:
    if isinstance(sheet, Refused):
        return sheet
    strange = min((int(item) for item in sheet.cells if item not in asked.limits), default=None)
    if strange is None:
        return sheet
    return Refused(sheet.line, str(strange), "unknown_item", f"{asked.name} has the items {', '.join(asked.limits)}")


def _judged(sheet: Sheet, asked: Asked, coding: Coding) -> Row | Refused:
    answers: dict[str, int] = {}
    problem: Refused | None = None
    for item, (low, high) in asked.limits.items():
        text = sheet.cells.get(item, "").strip()
        if not text:
            continue
        if not _INTEGER.fullmatch(text):
            coding.fits = False
            problem = problem or Refused(sheet.line, item, "bad_answer", "the answer is not a whole number")
            continue
        raw = int(text.partition(".")[0])
        coding.look(raw, (low, high))
        if not low <= raw <= high:
            hint = f"answers run from {low} to {high}"
            problem = problem or Refused(sheet.line, item, "answer_out_of_range", hint)
        answers[item] = raw
    if problem is not None:
        return problem
    verdict: Verdict = judge(asked.instrument, answers)
    return Row(sheet.line, {name: verdict.scales[name] for name in asked.scales}, verdict.at_risk)


def shift_hint(asked: Asked, coding: Coding) -> str | None:
    """What to do about a file that is coded from one more than the key, if it looks so."""
    if not coding.is_shifted:
        return None
    low, high = asked.instrument.answers.min, asked.instrument.answers.max
    return (
        f"every answer fits a coding from {low + 1} to {high + 1}, and {asked.name} is coded from {low} to {high} "
        f"({asked.instrument.answers.anchors}): if the survey counts from {low + 1}, take 1 off every answer"
    )


def as_csv(rows: Sequence[Row]) -> str:
    """Rows as CSV; what cannot be told is an empty cell."""
    text = io.StringIO()
    written = [row.shown() for row in rows]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(written[0] if written else ["line"])
    writer.writerows(_cells(row.values()) for row in written)
    return text.getvalue()


def _cells(values: Iterable[Any]) -> list[str]:
    named = {None: "", True: "yes", False: "no"}
    return [named[value] if value is None or isinstance(value, bool) else str(value) for value in values]


def _decimal(figure: Fraction) -> float | int:
    return int(figure) if figure.denominator == 1 else round(float(figure), _DECIMALS)
