"""A made-up LimeSurvey export in the exact shape of its CSV writer, and the mapping that fits it.

UTF-8 with BOM, `;`, every cell quoted, CRLF, one blank line at the end. The same seed gives the same bytes.
"""

import csv
import io
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from producers.sources.mapping import Mapping, load_mapping

LIMESURVEY_FILE: Final = Path(__file__).parents[1] / "docs" / "examples" / "limesurvey-cbi.yaml"
LIMESURVEY_MAPPING: Final = LIMESURVEY_FILE.read_text("utf-8")
HEADER: Final = [
    *("id", "submitdate", "lastpage", "startlanguage", "seed", "token", "Q0"),
    *(f"Q1[SQ{number:03}]" for number in range(1, 8)),
]
SUBMITDATE, TOKEN, UNIT, FIRST_ITEM = (HEADER.index(name) for name in ("submitdate", "token", "Q0", "Q1[SQ001]"))
DOUBLED: Final = 0.03
AGAIN: Final = 0.01
UNFINISHED: Final = 0.05
SKIPPED: Final = 0.02

# each is a row that a hand or a faulty server has spoilt, with the reason it must be refused for
BROKEN: Final = (
    (SUBMITDATE, "0000-00-00 00:00:00", "bad_date"),
    (TOKEN, "", "missing_person"),
    (UNIT, "U99", "unknown_unit"),
    (UNIT, "", "unknown_unit"),
    (FIRST_ITEM, "A9", "bad_answer"),
    (FIRST_ITEM + 3, "sehr oft; fast täglich", "bad_answer"),
)


def limesurvey_export(rows: int = 2000, seed: int = 1) -> bytes:
    """The bytes of an export with this many rows under the header. ValueError if the hospital has too few people."""
    if rows < 50:
        raise ValueError("fewer than 50 rows leave no room for the broken ones")
    chance = random.Random(seed)
    sheets = _sheets(rows, chance)
    for (place, cell, _), index in zip(BROKEN, range(7, rows, rows // len(BROKEN)), strict=False):
        sheets[index][SUBMITDATE] = sheets[index][SUBMITDATE] or "2026-10-07 08:15:00"
        sheets[index][place] = cell
    return _written(_with_doubles(sheets, rows, chance))


def _sheets(rows: int, chance: random.Random) -> list[list[str]]:
    people = _people(load_mapping(LIMESURVEY_FILE), chance)
    strain = {unit: chance.uniform(0.6, 2.6) for unit in sorted({unit for unit, _ in people})}
    wanted = rows - round(rows * DOUBLED)
    again = round(rows * AGAIN)
    if wanted - again > len(people):
        raise ValueError(f"{rows} rows need more people than the {len(people)} of the hospital")
    answering = people[: wanted - again]
    answering += chance.sample(answering, again)
    return [_sheet(number, person, strain[person[0]], chance) for number, person in enumerate(answering, 1)]


def _people(mapping: Mapping, chance: random.Random) -> list[tuple[str, str]]:
    """Everyone as (unit code, token), shuffled; one in each unit never answers."""
    assert mapping.organisation is not None
    headcounts = {node.id: node.headcount or 0 for node in mapping.organisation.nodes}
    seats = [code for code, node in mapping.units.items() for _ in range(headcounts[node] - 1)]
    chance.shuffle(seats)
    return [(unit, f"{chance.getrandbits(60):015x}") for unit in seats]


def _sheet(number: int, person: tuple[str, str], strain: float, chance: random.Random) -> list[str]:
    unit, token = person
    own = strain + chance.gauss(0, 0.7)
    answers = [_answer(own, item, chance) for item in range(7, 14)]
    sent = datetime(2026, 10, 5) + timedelta(days=chance.randrange(14), seconds=chance.randrange(86_400))  # noqa: DTZ001
    submitted, last_page = sent.isoformat(" "), "2"
    if chance.random() < UNFINISHED:
        submitted, last_page = "", "1"
        kept = chance.randrange(7)
        answers = answers[:kept] + [""] * (7 - kept)
    seed = str(chance.randrange(10**9))
    return [str(number), submitted, last_page, chance.choice(("de", "de", "en")), seed, token, unit, *answers]


def _answer(strain: float, item: int, chance: random.Random) -> str:
    if chance.random() < SKIPPED:
        return ""
    code = min(4, max(0, round(strain + chance.gauss(0, 0.8))))
    return f"A{(4 - code if item == 13 else code) + 1}"


def _with_doubles(sheets: list[list[str]], rows: int, chance: random.Random) -> Iterator[list[str]]:
    """Each sheet once, and some again right after themselves, so that there are exactly `rows`."""
    doubled = set(chance.sample(range(len(sheets)), rows - len(sheets)))
    for index, sheet in enumerate(sheets):
        yield sheet
        if index in doubled:
            yield sheet


def _written(rows: Iterator[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=";", quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow(HEADER)
    writer.writerows(rows)
    return (file.getvalue() + "\r\n").encode("utf-8-sig")
