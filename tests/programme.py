"""The tables of docs/programme.md, made anew by `make programme`."""

import json
import re
from collections.abc import Callable, Mapping
from math import inf
from pathlib import Path
from typing import Any, Final

from typer.testing import CliRunner

from producers.simulation.habits import response_of
from stream_processors.planning.candidates import binomial
from stream_processors.planning.shift import days_to_see
from stream_processors.steps.figures import wilson
from wardpulse import application

ROOT: Final = Path(__file__).parent.parent
PAGE: Final = ROOT / "docs" / "programme.md"
EXAMPLE: Final = ROOT / "docs" / "examples" / "organisation-general.yaml"
SIZES: Final = (8, 15, 20, 25, 35, 50, 80, 120)
RESPONSE: Final = 0.4
K: Final = 11
SEASON_ROUNDS: Final = 6


def planned(*words: str) -> dict[str, Any]:
    """What the command says of the example hospital."""
    given = ["plan", str(EXAMPLE), "--json", *words]
    return dict(json.loads(CliRunner().invoke(application(given), given, catch_exceptions=False).stdout))


def choices() -> str:
    """Candidates with units as the places people answer at."""
    ks = [word for k in (5, 10, 15) for word in ("--k", str(k))]
    found = planned(*ks, *(word for days in (7, 14, 28) for word in ("--round-days", str(days))))
    rows = []
    for line in found["lines"]:
        if line["levels"][-1] != "unit" or (line["k"] != 10 and line["round_days"] != 14):
            continue
        calendars = f"two, under {line['long_below']}" if line["long_below"] else "one"
        shares = [f"{line[name]:.0%}" for name in ("published", "pooled", "withheld", "heard", "once")]
        precision = [f"{100 * line['risk_width']:.0f} points", _weeks(line["days"]), f"{line['never']:.0%}"]
        rows.append([line["responders"], line["k"], f"{line['round_days']} days", calendars, *shares, *precision])
    head = ["responders", "k", "rounds", "calendars", "own figures", "pooled", "withheld", "answers heard at the unit"]
    return _table([*head, "own figures once a season", "interval", "half an SD shows after", "not in two years"], rows)


def sizes() -> str:
    """What a unit of each size will see, with the default policy."""
    short = ["people", "own figures in a round of two weeks", "interval then", "half an SD shows after"]
    long = [f"own figures in a long round of twelve weeks, {name}" for name in ("independent", "habitual")]
    return _table([*short, *long, "interval then", "half an SD shows after"], [_of_size(people) for people in SIZES])


def _of_size(people: int) -> list[object]:
    often, answers = _figures(people, RESPONSE)
    long = {kind: _figures(people, response_of(kind, RESPONSE, SEASON_ROUNDS)) for kind in ("independent", "habitual")}
    row: list[object] = [people, f"{often:.0%}", _width(often, answers), _weeks(days_to_see(answers, often, 14))]
    row += [f"{chance:.0%}" for chance, _ in long.values()]
    chance, answers = long["habitual"]
    return [*row, _width(chance, answers), _weeks(days_to_see(answers, chance, 84))]


def _figures(people: int, response: float) -> tuple[float, float]:
    """How often at least K answer, and how many do then."""
    shares = {count: binomial(people, count, response) for count in range(K, people + 1)}
    often = sum(shares.values())
    return often, sum(count * share for count, share in shares.items()) / often if often else 0.0


def _width(often: float, answers: float) -> str:
    if often < 0.005:
        return "-"
    low, high = wilson(0.4, answers)
    return f"{100 * (high - low):.0f} points"


def _weeks(days: float | None) -> str:
    return "not in two years" if days in (None, inf) else f"{(days or 0) / 7:.0f} weeks"


def _table(head: list[str], rows: list[list[Any]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)


TABLES: Final[Mapping[str, Callable[[], str]]] = {"choices": choices, "sizes": sizes}


def in_page(page: str, name: str) -> str:
    """A table as the page has it; ValueError if it has no place for it."""
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- end of {name} -->\n", page, re.DOTALL)
    if found is None:
        raise ValueError(f"the page has no place for the table of {name}")
    return found.group(1)


def with_tables(page: str) -> str:
    """The page with every table made anew."""
    for name, make in TABLES.items():
        page = page.replace(in_page(page, name), make()) if in_page(page, name) else page
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
