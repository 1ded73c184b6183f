"""The tables of docs/indicators.md are those of a fresh run, as far as it is quick, and its rules those of the code."""

import re
from collections.abc import Callable, Iterable
from functools import partial
from random import Random
from statistics import NormalDist

import pytest

from stream_processors.steps import effect, spc
from tests.effects import courses_of, effects_of, funnels_of
from tests.false_alarms import (
    MONTHLY,
    QUARTERLY,
    RULE_NAMES,
    SCALE,
    SINGLE,
    choices_of,
    hospital_series,
    points_of,
    published,
    table,
)
from tests.indicator_page import PAGE, TABLES, with_tables
from tests.programme import in_page

QUICK: dict[str, Callable[[], Iterable[list[object]]]] = {
    "choices": lambda: choices_of(SINGLE, MONTHLY),
    "points": lambda: points_of(SCALE, QUARTERLY, (6, 8)),
    "effects": lambda: [*effects_of(SCALE, QUARTERLY), *courses_of(0.4)],
    "funnels": lambda: funnels_of(SINGLE, 0.0),
}


@pytest.mark.parametrize("name", QUICK)
def test_rows_of_the_page_are_those_of_a_fresh_run(name: str) -> None:
    rows = table([], list(QUICK[name]())).splitlines()[2:]
    assert rows
    assert [row for row in rows if row not in in_page(PAGE.read_text("utf-8"), name).splitlines()] == [], (
        "make indicators writes it"
    )


def test_every_table_has_its_place_and_a_page_made_anew_keeps_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    page = PAGE.read_text("utf-8")
    assert set(re.findall(r"<!-- (?!end of )(\w+) -->", page)) == set(TABLES)
    for name in TABLES:
        monkeypatch.setitem(TABLES, name, partial("made anew: {}\n".format, name))
    anew = with_tables(page)
    for name in TABLES:
        assert in_page(anew, name) == f"made anew: {name}\n"
    assert anew.startswith(page[: page.index("<!--")])


def test_the_page_tells_the_rules_that_the_code_has() -> None:
    page = " ".join(PAGE.read_text("utf-8").split())
    *most, last = sorted(spc.LEADERS, key=("outside", "two_of_three", "run", "trend").index)
    named = ", ".join(f"`{rule}`" for rule in most) + f" and `{last}`"
    assert f"Leaders are told of {named}, from {spc.LEADERS_FROM} points on, with limits on all points" in page
    assert spc.BASELINE is None
    assert f"Under {spc.FIRM} points the limits are a trial" in page
    assert f"At least **{effect.LEAST} published rounds** are needed on either side" in page


def test_the_rules_break_as_often_by_chance_as_theory_says() -> None:
    # of normal values, with the limits of very many of them
    random, held, judged = Random("chance"), 20_000, 60_000
    track = spc.Track(held)
    broken = dict.fromkeys(RULE_NAMES, 0)
    for at in range(held + judged):
        track = track.add(round(random.gauss(0, 10_000)))
        for rule in track.signal("higher_is_worse").rules if at >= held else ():
            broken[rule] += 1
    normal = NormalDist()
    near = normal.cdf(3) - normal.cdf(2)
    theory: dict[spc.Rule, float] = {
        "outside": 2 * normal.cdf(-3),
        "run": 2 / 2**7,
        "trend": 2 / 5_040,  # of 7! orders, two
        "two_of_three": 2 * near * (near - near**2),
    }
    for rule, share in theory.items():
        assert broken[rule] / judged == pytest.approx(share, rel=0.35), rule


def test_simulated_people_are_like_those_of_the_published_studies() -> None:
    for asked, low, high in ((SCALE, 34, 38), (SINGLE, 2.2, 2.5)):
        means = [
            value / 10_000 for series in hospital_series(asked, QUARTERLY, "half again") for value in series if value
        ]
        assert low < sum(means) / len(means) < high


def test_a_round_of_the_simulation_is_withheld_under_the_size_of_a_cohort() -> None:
    assert published([12] * 10, SCALE.scale) is None
    assert published([12] * 11, SCALE.scale) is not None
    # half of forty at risk: coding leaves the total as it is
    assert published([18] * 20 + [6] * 20, SCALE.scale) == 500_000
