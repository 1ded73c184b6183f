"""Logs on which mutants of seasons, sensitive forms and staff groups show."""

from collections.abc import Iterator
from typing import Final

from tests.hospital import LAST, Event, answers, closing, opening, record, season

Log = list[Event]

UNITS: Final = {
    "medicine/icu": 30,
    "medicine/ward-1": 22,
    "medicine/ward-2": 12,
    "surgery/theatre": 25,
    "surgery/recovery": 8,
    "surgery/day": 14,
}
"""Six units, of which three have fewer people than a season's threshold of 20."""
CHANGED: Final = UNITS | {"medicine/icu": 14, "medicine/ward-2": 24}
"""The same in mid-season: a large one has become small and a small one large."""
SHORT, LONG = ["icu", "theatre", "ward-1"], ["day", "recovery", "ward-2"]
SPRING: Final = {"id": "S2", "first": "2026-04-06", "last": "2026-06-28"}


def season_logs() -> Iterator[tuple[str, Log]]:
    """Every log of this module by name."""
    yield "seasons", seasons()
    yield "sensitive", sensitive()
    yield "part of a department", part_of_a_department()
    yield "staff groups", staff_groups()


def seasons() -> Log:
    """A season with both calendars, in which headcounts change and a round breaks its terms; and the next one."""
    return [
        record(UNITS),
        opening(LONG, "S1-long", season("long")),
        *_short("W02", "2026-01-05", "2026-01-18"),
        *_short("W04", "2026-01-19", "2026-02-01"),
        *answers("S1-long", {"day": 12, "recovery": 5, "ward-2": 11}),
        record(CHANGED),
        *_short("W06", "2026-02-02", "2026-02-15"),
        # by this threshold every unit would be in the same calendar still
        *_short("W08", "2026-02-16", "2026-03-01", terms=season("short", long_below=19)),
        closing("S1-long"),
        *_short("W10", "2026-03-02", LAST),
        *_next_season(),
    ]


def _short(name: str, first: str, last: str, leaves: list[str] = SHORT, terms: Event | None = None) -> Log:
    opened = opening(leaves, name, terms or season("short"), **_dates(first, last))
    counts = {"icu": 14, "ward-1": 13, "ward-2": 13, "theatre": 14, "day": 12}
    return [opened, *answers(name, {leaf: counts[leaf] for leaf in leaves}, day=first), closing(name)]


def _dates(first: str, last: str) -> Event:
    return {"first_answer_date": first, "last_answer_date": last}


def _next_season() -> Log:
    """A short round that asks a small unit; one that leaves a unit out, which is small when the long round opens."""
    short, long = season("short", **SPRING), season("long", **SPRING)
    dates = _dates(str(SPRING["first"]), str(SPRING["last"]))
    return [
        *_short("W15", "2026-04-06", "2026-04-19", ["ward-2", "theatre", "day"], short),
        *_short("W17", "2026-04-20", "2026-05-03", ["ward-2", "theatre"], short),
        record(CHANGED | {"medicine/ward-1": 16}),
        opening(["day", "icu", "recovery", "ward-1"], "S2-long", long, **dates),
        *answers("S2-long", {"day": 12, "icu": 11, "ward-1": 12}, day="2026-05-04"),
        closing("S2-long"),
    ]


def sensitive() -> Log:
    """A department that can be sealed, one with too few, one where all but one opted in; and rounds of some units."""
    heads = {
        "medicine/icu": 40,
        "medicine/ward-1": 15,
        "medicine/ward-2": 12,
        "surgery/theatre": 25,
        "surgery/recovery": 9,
        "services/lab": 20,
        "services/pharmacy": 15,
    }
    leaves = [place.partition("/")[2] for place in heads]
    opted_in = {"icu": 31, "ward-1": 5, "theatre": 9, "recovery": 3, "lab": 20, "pharmacy": 14}
    both = opening(leaves, "W02", forms=["phq_2", "sib5"])
    part = opening(leaves[:2], "W04", **_dates("2026-01-19", "2026-02-01"), forms=["phq_2", "sib5"])
    later = {"forms": ["gad_2"], **_dates("2026-02-02", "2026-02-15")}
    return [
        record(heads),
        both,
        *answers("W02", opted_in, "phq_2"),
        *answers("W02", {"icu": 25, "theatre": 12, "lab": 4}),
        closing("W02"),
        part,
        *answers("W04", {"icu": 40, "ward-1": 14}, "phq_2", "2026-01-20"),
        closing("W04"),
        opening(leaves[:3], "W06", **later),
        opening(leaves[3:], "W06b", **later),
        *answers("W06", {"icu": 30, "ward-1": 6}, "gad_2", "2026-02-03"),
        *answers("W06b", {"theatre": 20, "lab": 15}, "gad_2", "2026-02-03"),
        closing("W06"),
        closing("W06b"),
    ]


def part_of_a_department() -> Log:
    """A round that leaves a unit out: as many answer in the others as could if it were asked too."""
    heads = {"medicine/icu": 30, "medicine/ward-1": 12, "medicine/ward-2": 12, "surgery/theatre": 20}
    asked = ["ward-1", "ward-2", "theatre"]
    people = answers("W02", {"ward-1": 14, "ward-2": 14, "theatre": 12})
    return [record(heads), opening(asked, "W02"), *people, closing("W02")]


def staff_groups() -> Log:
    """Nurses and doctors of four units; in one of them they are sealed together."""
    heads = {
        "medicine/icu/nurse": 24,
        "medicine/icu/doctor": 8,
        "medicine/ward/nurse": 20,
        "medicine/ward/doctor": 6,
        "surgery/theatre/nurse": 9,
        "surgery/theatre/doctor": 9,
        "surgery/day/nurse": 15,
    }
    organisation = record(heads, ("facility", "department", "unit", "staff_group"))
    people = {
        "icu-nurse": 18,
        "icu-doctor": 4,
        "ward-nurse": 12,
        "ward-doctor": 3,
        "theatre-nurse": 7,
        "theatre-doctor": 6,
        "day-nurse": 12,
    }
    return [organisation, opening(list(people), "W02"), *answers("W02", people), closing("W02")]
