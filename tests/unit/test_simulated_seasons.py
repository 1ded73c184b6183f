"""The simulator's kinds of responders and its long rounds."""

import hashlib
import re
from collections import Counter, defaultdict
from functools import cache
from pathlib import Path
from random import Random
from statistics import fmean, pvariance
from typing import Any

import pytest
from typer.testing import CliRunner

from producers.simulate import Simulation, lines, simulate, trial_keystores, truth_json
from producers.simulation.habits import HABIT, Responders, ever, inclination, response_of
from producers.simulation.population import facilities
from schemas.codec import decode
from schemas.errors import InputRefused
from schemas.events import RoundClosed, RoundOpened, RoundSealed, Submission
from stream_processors.steps.replay import Replay, replay
from stream_processors.steps.story import Record
from tests.records import RULES
from wardpulse import application

SEASONS = Simulation(2, 700, 8, seed=3, clean=True, responders="habitual", long_below=34)
REAL_LIFE = Simulation(2, 700, 8, seed=3, responders="habitual", long_below=34)


def replayed(simulation: Simulation) -> Replay:
    log = enumerate(lines(simulation))
    return replay((Record(0, n, (line.facility or "").encode(), line.value, None) for n, line in log), RULES)


@cache
def events() -> list[Any]:
    return [decode(line.value) for line in lines(SEASONS)]


def digest(simulation: Simulation) -> str:
    found = hashlib.sha256()
    for line in lines(simulation):
        # the hashes of scoring keys came later
        value = re.sub(rb',"scoring_keys":\{[^}]*\}', b"", line.value)
        found.update(f"{line.facility} {line.control} ".encode() + value + b"\n")
    found.update(truth_json(simulation, simulate(simulation).truth()))
    return found.hexdigest()


@pytest.mark.parametrize(
    ("clean", "expected"),
    [
        (False, "62d7f6152bd11845adc702a534bc9df776dbe6cbe9280c62533f45186989cd16"),
        (True, "fbf76869b1715c37a0d3028c46379655f42c753d86298d887f9325159fe00437"),
    ],
)
def test_a_simulation_of_one_calendar_and_mixed_staff_is_what_it_was_before_there_were_others(
    clean: bool, expected: str
) -> None:
    assert digest(Simulation(facilities=2, staff=300, rounds=4, seed=3, clean=clean)) == expected


@pytest.mark.parametrize("share", [0.1, 0.4, 0.8])
@pytest.mark.parametrize("responders", ["independent", "habitual"])
def test_the_response_of_a_longer_round_is_what_people_with_these_chances_give(
    responders: Responders, share: float
) -> None:
    random = Random(5)
    chances = [inclination(random, responders, share) for _ in range(20_000)]
    assert fmean(chances) == pytest.approx(share, abs=0.01)
    for length in (0.5, 2, 6):
        tried = fmean(ever(chance, length) for chance in chances)
        assert response_of(responders, share, length) == pytest.approx(tried, abs=0.01)
    assert response_of(responders, share, 1) == pytest.approx(share)


def test_people_with_habits_answer_alike_in_two_rounds() -> None:
    random = Random(5)
    chances = [inclination(random, "habitual", 0.4) for _ in range(20_000)]
    assert pvariance(chances) / (0.4 * 0.6) == pytest.approx(1 / (1 + HABIT), abs=0.02)


@pytest.mark.parametrize("responders", ["independent", "habitual"])
def test_as_many_answer_a_round_as_is_asked_for(responders: Responders) -> None:
    rows = simulate(Simulation(1, 3000, 1, seed=5, clean=True, responders=responders, response=0.3)).truth()
    answered = sum(row.answered for row in rows if row.form == "sib5")
    assert answered / 3000 == pytest.approx(0.3, abs=0.03)


def test_the_same_seed_has_the_same_units_whoever_answers() -> None:
    def units(**changes: Any) -> list[tuple[str, int, tuple[float, ...]]]:
        simulation = Simulation(2, 700, 8, seed=3, **changes)
        return [(unit.id, len(unit.people), unit.levels) for place in facilities(simulation) for unit in place.units]

    assert units() == units(responders="habitual") == units(responders="independent", response=0.2, long_below=30)


def test_the_real_steps_take_every_round_of_both_calendars() -> None:
    done = replayed(SEASONS)
    assert done.dead_letters == []
    sealed = {(event.round, event.season.calendar) for event in done.rounds if event.season}
    assert {name for name, calendar in sealed if calendar == "long"} == {"2026-S1-long", "2026-S2-long"}
    assert len(done.rounds) == 2 * (8 + 2)


def test_real_life_in_long_rounds_is_refused_for_nothing_else_than_in_short_ones() -> None:
    usual = Simulation(2, 700, 8, seed=3, responders="habitual")
    seen = {letter.reason for letter in replayed(REAL_LIFE).dead_letters}
    assert seen == {letter.reason for letter in replayed(usual).dead_letters}
    assert sum(isinstance(event, RoundSealed) for event in replayed(REAL_LIFE).events) == 2 * (8 + 2)


def test_the_calendars_divide_the_units_by_headcount_and_a_long_round_spans_its_season() -> None:
    opened = [event for event in events() if isinstance(event, RoundOpened)]
    heads = {(place.id, unit.id): len(unit.people) for place in facilities(SEASONS) for unit in place.units}
    for event in opened:
        assert event.season is not None
        is_long = event.season.calendar == "long"
        assert all((heads[event.facility, leaf] < 34) == is_long for leaf in event.leaves)
        if is_long:
            assert (event.first_answer_date, event.last_answer_date) == (event.season.first, event.season.last)
            assert set(event.forms) == {"sib5", "cbi.work" if "S1" in event.round else "cbi.personal"}
    for place in facilities(SEASONS):
        mine = [event.season for event in opened if event.facility == place.id and event.season]
        assert [season.calendar for season in mine] == ["long", *["short"] * 6, "long", *["short"] * 2]
        assert {(season.id, str(season.last)) for season in mine} == {
            ("2026-S1", "2026-03-29"),
            ("2026-S2", "2026-04-26"),
        }


def test_a_long_round_is_closed_in_the_last_two_weeks_of_its_season() -> None:
    closed = [event.round for event in events() if isinstance(event, RoundClosed)]
    assert set(closed[10:14]) == {"2026-W12", "2026-S1-long"}
    assert set(closed[16:]) == {"2026-W16", "2026-S2-long"}


def test_later_answers_in_a_long_round_are_revisions_of_the_same_persons() -> None:
    given: dict[tuple[str, str, str], list[Submission]] = defaultdict(list)
    for event in events():
        if isinstance(event, Submission) and event.round.endswith("-long"):
            given[event.round, event.form, event.respondent].append(event)
    assert Counter(len(answers) > 1 for answers in given.values())[True] > 50
    for answers in given.values():
        revisions = [answer.revision for answer in answers]
        assert revisions == sorted(set(revisions))
        assert len({answer.event_id for answer in answers}) == len(answers)
        assert sorted(answer.submitted_on for answer in answers) == [answer.submitted_on for answer in answers]


def test_the_truth_of_a_long_round_is_over_its_season_and_counts_each_person_once() -> None:
    rows = simulate(SEASONS).truth()
    assert len({(row.round, row.facility, row.unit, row.form) for row in rows}) == len(rows)
    people: dict[tuple[str, str, str, str], set[str]] = defaultdict(set)
    for event in events():
        if isinstance(event, Submission):
            people[event.round, event.facility, event.node, event.form].add(event.respondent)
    assert {(r.round, r.facility, r.unit, r.form): r.answered for r in rows if r.answered} == {
        name: len(tokens) for name, tokens in people.items()
    }
    units = {(place.id, unit.id): unit for place in facilities(SEASONS) for unit in place.units}
    for row in rows:
        if row.round == "2026-S1-long":
            unit = units[row.facility, row.unit]
            expected = fmean(unit.levels[:6]) + fmean(person.burnout for person in unit.people)
            # what passes within two weeks is drawn anew per person and two weeks
            assert row.latent_mean == pytest.approx(expected, abs=5 * 0.3 / (6 * row.headcount) ** 0.5)


def test_keystores_of_a_simulation_with_seasons_hold_the_keys_of_every_round(tmp_path: Path) -> None:
    stores = trial_keystores(SEASONS, tmp_path)
    for event in events():
        if isinstance(event, RoundOpened):
            assert stores[event.facility].round_keys(event.round).key_id == event.key_id


@pytest.mark.parametrize(
    "options",
    [{"response": 0.0, "responders": "habitual"}, {"response": 1.0, "responders": "independent"}, {"response": 0.3}],
)
def test_a_response_that_cannot_be_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InputRefused, match="respon"):
        Simulation(**options)


def test_the_command_simulates_seasons(tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"
    options = ["--facilities", "2", "--staff", "700", "--rounds", "8", "--seed", "3", "--clean"]
    seasons = ["--responders", "habitual", "--response", "0.4", "--long-below", "34"]
    done = CliRunner().invoke(application(), ["simulate", "--out", str(out), *options, *seasons])
    assert done.exit_code == 0, done.output
    assert out.read_bytes().splitlines() == [line.value for line in lines(SEASONS)]
