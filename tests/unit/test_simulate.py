"""The simulator: the same seed gives the same bytes, published figures come out, and real life's mishaps are there."""

import hashlib
import json
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import astuple
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean, stdev
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from deploy.resources import catalogue
from deploy.signing import verify
from producers.commands import register
from producers.pseudonym import respondent_token
from producers.simulate import (
    LogLine,
    SimulatedRound,
    Simulation,
    Truth,
    lines,
    simulate,
    trial_keystores,
    trial_random,
    truth_json,
)
from producers.simulation.answers import answer_all
from producers.simulation.population import facilities
from producers.simulation.settings import FIRST_MONDAY, wave
from schemas.codec import decode, encode
from schemas.errors import DataError, InputRefused, Reason, SettingsError
from schemas.events import OrganisationUpdated, RoundClosed, RoundOpened, Submission, SubmissionWithdrawn
from schemas.organisation import Organisation, organisation

SMALL = Simulation(facilities=2, staff=300, rounds=4, seed=3)
CLEAN = Simulation(facilities=2, staff=300, rounds=4, seed=3, clean=True)
FULL = Simulation()
DIGEST = """
import hashlib
from producers.simulate import Simulation, simulate, truth_json
simulation = Simulation(facilities=2, staff=300, rounds=4, seed=3)
simulated = simulate(simulation)
digest = hashlib.sha256()
for line in simulated.lines():
    digest.update(f"{line.facility} {line.control} ".encode() + line.value + b"\\n")
digest.update(truth_json(simulation, simulated.truth()))
print(digest.hexdigest())
"""


@cache
def simulated_rounds(simulation: Simulation) -> tuple[SimulatedRound, ...]:
    return tuple(simulate(simulation).rounds())


def log(simulation: Simulation) -> list[LogLine]:
    return [line for current in simulated_rounds(simulation) for line in current.lines]


def truth(simulation: Simulation, form: str) -> list[Truth]:
    return [row for current in simulated_rounds(simulation) for row in current.truth if row.form == form]


def submissions(simulation: Simulation) -> list[Submission]:
    events = [decode(line.value) for line in log(simulation) if not line.control]
    return [event for event in events if isinstance(event, Submission)]


@cache
def refusals(simulation: Simulation) -> Counter[Reason]:
    found: Counter[Reason] = Counter()
    for line in log(simulation):
        try:
            decode(line.value)
        except DataError as error:
            found[error.reason] += 1
    return found


def weighted(rows: list[Truth], figure: str) -> float:
    total = sum(float(getattr(row, figure)) * row.headcount for row in rows)
    return total / sum(row.headcount for row in rows)


def test_the_same_seed_gives_the_same_bytes_in_every_process() -> None:
    def run(hash_seed: str) -> str:
        environment = os.environ | {"PYTHONHASHSEED": hash_seed}
        command = [sys.executable, "-c", DIGEST]
        return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout.strip()

    here = hashlib.sha256()
    for line in log(SMALL):
        here.update(f"{line.facility} {line.control} ".encode() + line.value + b"\n")
    here.update(truth_json(SMALL, simulate(SMALL).truth()))
    assert run("1") == run("2") == here.hexdigest()


def test_another_seed_gives_another_log() -> None:
    other = {line.value for line in lines(Simulation(2, 300, 4, seed=4, clean=True))}
    assert not other & {line.value for line in log(CLEAN) if b"round.closed" not in line.value}


def test_fewer_rounds_are_the_beginning_of_more() -> None:
    shorter = [line.value for line in lines(Simulation(2, 300, 2, seed=3)) if b"organisation" not in line.value]
    assert shorter == [line.value for line in log(SMALL) if b"organisation" not in line.value][: len(shorter)]


def test_the_single_item_is_calibrated_to_published_burnout() -> None:
    assert weighted(truth(FULL, "sib5"), "at_risk_share") == pytest.approx(0.394, abs=0.025)


@pytest.mark.parametrize(("form", "mean"), [("cbi.personal", 35.9), ("cbi.work", 33.0), ("cbi.client", 30.9)])
def test_the_burnout_inventory_is_calibrated_to_published_means(form: str, mean: float) -> None:
    assert weighted(truth(FULL, form), "mean") == pytest.approx(mean, abs=1.5)


@pytest.mark.parametrize("form", ["cbi.personal", "cbi.work", "cbi.client"])
def test_persons_spread_as_published(form: str) -> None:
    random = Random(5)
    scale = catalogue()[form].scales[0]
    given = catalogue()[form]
    scored = [given.score(answer_all(random, given, random.gauss(0, 1))) for _ in range(4000)]
    figures = [float(scale.published(scores[0].value, 1)) for scores in scored if scores is not None]
    assert stdev(figures) == pytest.approx(17.3, abs=1.5)


def test_a_little_under_half_of_the_staff_answer() -> None:
    rows = truth(FULL, "sib5")
    assert sum(row.answered for row in rows) / sum(row.headcount for row in rows) == pytest.approx(0.475, abs=0.03)


def test_the_same_people_tend_to_answer() -> None:
    people = [person for facility in facilities(FULL) for unit in facility.units for person in unit.people]
    assert (
        fmean(person.inclination**2 for person in people) > fmean(person.inclination for person in people) ** 2 + 0.05
    )
    staff = sorted(people, key=lambda person: person.inclination)
    assert staff[len(staff) // 10].inclination < 0.1
    assert staff[-len(staff) // 10].inclination > 0.8


def test_units_have_four_to_120_people_and_all_staff_have_a_place() -> None:
    for simulation in (FULL, SMALL, Simulation(12, 1200, 1), Simulation(1, 100, 1)):
        sizes = [len(unit.people) for facility in facilities(simulation) for unit in facility.units]
        assert sum(sizes) == simulation.staff
        assert min(sizes) >= 4
        assert max(sizes) <= 120


def test_every_clean_line_is_an_event_in_its_one_byte_form() -> None:
    for line in log(CLEAN):
        event = decode(line.value)
        assert encode(event) == line.value
        assert line.facility == getattr(event, "facility", None)
        assert line.control == (not isinstance(event, Submission))


def test_a_clean_log_opens_and_closes_each_round_once_in_order() -> None:
    for place in facilities(CLEAN):
        events = [decode(line.value) for line in log(CLEAN) if line.facility == place.id]
        steps = [event.type for event in events if not isinstance(event, Submission)]
        assert steps == ["organisation.updated"] + ["round.opened", "round.closed"] * CLEAN.rounds
        open_round = ""
        for event in events:
            if isinstance(event, RoundOpened):
                open_round = event.round
            elif isinstance(event, RoundClosed):
                open_round = ""
            elif isinstance(event, Submission):
                assert event.round == open_round


def opened(simulation: Simulation) -> dict[tuple[str, str], RoundOpened]:
    events = [decode(line.value) for line in log(simulation) if line.control]
    return {(event.facility, event.round): event for event in events if isinstance(event, RoundOpened)}


def organisations(simulation: Simulation) -> dict[str, Organisation]:
    events = [decode(line.value) for line in log(simulation) if line.control]
    return {event.facility: organisation(event) for event in events if isinstance(event, OrganisationUpdated)}


def test_every_clean_submission_would_be_admitted() -> None:
    forms, rounds, places = catalogue(), opened(CLEAN), organisations(CLEAN)
    for event in submissions(CLEAN):
        marker = rounds[event.facility, event.round]
        assert event.form in marker.forms
        assert event.form_version == forms[event.form].version
        assert event.key_id == marker.key_id
        assert event.node in marker.leaves
        assert places[event.facility].is_leaf(event.node)
        assert marker.first_answer_date <= event.submitted_on <= marker.last_answer_date
        assert forms[event.form].score(event.answers) is not None


def test_a_clean_log_holds_each_token_and_event_id_once() -> None:
    tokens = [(event.facility, event.round, event.form, event.respondent) for event in submissions(CLEAN)]
    assert len(tokens) == len(set(tokens)) > 500
    assert len({event.respondent for event in submissions(CLEAN)}) == len(tokens)
    assert len({event.event_id for event in submissions(CLEAN)}) == len(tokens)


def test_the_truth_counts_who_answered() -> None:
    found = Counter((event.round, event.facility, event.node, event.form) for event in submissions(CLEAN))
    rows = [row for current in simulated_rounds(CLEAN) for row in current.truth]
    assert {(row.round, row.facility, row.unit, row.form): row.answered for row in rows if row.answered} == found


def test_some_clean_answers_are_partial_and_can_be_scored() -> None:
    sizes = Counter(len(event.answers) for event in submissions(CLEAN) if event.form == "cbi.work")
    assert sizes[7] > sizes[6] > 0


def test_mishaps_change_neither_the_people_nor_the_truth() -> None:
    clean, real = simulated_rounds(CLEAN), simulated_rounds(SMALL)
    assert [current.truth for current in clean] == [current.truth for current in real]
    kept = {line.value for line in log(CLEAN)} & {line.value for line in log(SMALL)}
    assert 0.9 < len(kept) / len(log(CLEAN)) < 1


def test_real_life_repeats_revises_withdraws_and_comes_late() -> None:
    values = Counter(line.value for line in log(SMALL))
    assert any(count == 2 for count in values.values())
    late = revised = withdrawn = 0
    seen: set[tuple[str, str]] = set()
    closed: set[tuple[str, str]] = set()
    for line in log(SMALL):
        try:
            event = decode(line.value)
        except DataError:
            continue
        if isinstance(event, RoundClosed):
            closed.add((event.facility, event.round))
        elif isinstance(event, SubmissionWithdrawn):
            assert (event.form, event.respondent) in seen
            withdrawn += 1
        elif isinstance(event, Submission):
            late += (event.facility, event.round) in closed
            revised += event.revision == 1 and (event.form, event.respondent) in seen
            seen.add((event.form, event.respondent))
    assert late > 3
    assert revised > 3
    assert withdrawn > 0


def test_four_rounds_show_every_kind_of_refused_record() -> None:
    assert set(refusals(SMALL)) == {
        Reason.NOT_JSON,
        Reason.UNKNOWN_TYPE,
        Reason.BAD_TOKEN,
        Reason.BAD_DATE,
        Reason.POLICY_UNDER_FLOOR,
    }
    text = b"\n".join(line.value for line in log(SMALL))
    for sign in (b"2031-W01", b"mystery.form", b"no-such-unit", b'"99":1', b'"key_id":"0000000000000000"', b"-extra"):
        assert sign in text
    closings = re.findall(rb'"facility":"([^"]+)","round":"([^"]+)","schema_version":1,"type":"round.closed"', text)
    assert max(Counter(closings).values()) == 2
    assert "new-annex" in {line.facility for line in log(SMALL)}


def test_bad_records_are_few_and_one_line_each() -> None:
    assert all(b"\n" not in line.value and b"\r" not in line.value for line in log(SMALL))
    assert refusals(FULL).total() / len(log(FULL)) < 0.01


def test_rounds_are_two_weeks_from_monday_and_do_not_overlap() -> None:
    waves = [wave(index) for index in range(30)]
    assert waves[0].id == "2026-W02"
    assert waves[0].first == FIRST_MONDAY
    assert len({current.id for current in waves}) == 30
    for earlier, later in pairwise(waves):
        assert (later.first - earlier.last).days == 1
        assert earlier.first.weekday() == 0
        assert earlier.last.weekday() == 6


def test_no_form_is_asked_more_often_than_its_instrument_allows() -> None:
    least = {"sib5": 14, "cbi.work": 30, "cbi.personal": 30, "cbi.client": 30}
    for form, days in least.items():
        starts = [wave(index).first for index in range(12) if form in wave(index).forms]
        assert all((later - earlier).days >= days for earlier, later in pairwise(starts))


def test_trial_keystores_sign_and_hold_the_keys_of_the_log(tmp_path: Path) -> None:
    stores = trial_keystores(SMALL, tmp_path)
    assert set(stores) == {"north-general", "lakeside", "new-annex"}
    store = stores["lakeside"]
    marker = opened(CLEAN)["lakeside", "2026-W02"]
    keys = store.round_keys("2026-W02")
    assert keys.key_id == marker.key_id
    assert verify(store.verify_key, encode(marker), store.sign(encode(marker)))
    tokens = {event.respondent for event in submissions(CLEAN) if event.facility == "lakeside"}
    people = [person for unit in facilities(SMALL)[1].units for person in unit.people]
    assert tokens & {respondent_token(keys, "sib5", person.identifier) for person in people}


def test_trial_keystores_are_found_again_and_never_mixed_with_another_seed(tmp_path: Path) -> None:
    first = trial_keystores(CLEAN, tmp_path)
    again = trial_keystores(CLEAN, tmp_path)
    assert {name: store.verify_key for name, store in first.items()} == {
        name: store.verify_key for name, store in again.items()
    }
    with pytest.raises(SettingsError, match="another seed"):
        trial_keystores(Simulation(2, 300, 4, seed=4, clean=True), tmp_path)


def test_trial_bytes_are_one_stream_per_label() -> None:
    random = trial_random(7, "a")
    first, second = random(32), random(50)
    assert (len(first), len(second)) == (32, 50)
    assert first != second[:32]
    assert trial_random(7, "a")(32) == first
    assert trial_random(7, "b")(32) != first
    assert trial_random(8, "a")(32) != first


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"facilities": 0}, "facilities must be from 1 to 12"),
        ({"facilities": 13}, "facilities must be from 1 to 12"),
        ({"staff": 299}, "staff must be from 300 to 1000000, not 299: every facility needs at least 100 people"),
        ({"rounds": 0}, "rounds must be from 1"),
        ({"seed": -1}, "seed must be from 0"),
    ],
)
def test_sizes_that_make_no_sense_are_refused_with_a_sentence(settings: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputRefused, match=re.escape(sentence)):
        Simulation(**settings)


def application() -> typer.Typer:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return app


def test_the_command_writes_the_log_and_the_truth(tmp_path: Path) -> None:
    out, behind = tmp_path / "events.jsonl", tmp_path / "truth.json"
    size = ["--facilities", "2", "--staff", "300", "--rounds", "4", "--seed", "3"]
    result = CliRunner().invoke(application(), ["simulate", "--out", str(out), *size, "--truth", str(behind)])
    assert result.exit_code == 0, result.output
    assert out.read_bytes() == b"".join(line.value + b"\n" for line in log(SMALL))
    assert f"{len(log(SMALL))} lines, 4 rounds, 2 facilities" in result.stdout
    assert "trials only" in result.stdout
    rows = json.loads(behind.read_bytes())["truth"]
    assert len(rows) == sum(len(current.truth) for current in simulated_rounds(SMALL))
    assert sorted(rows[0].values(), key=str) == sorted(astuple(simulated_rounds(SMALL)[0].truth[0]), key=str)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["events.jsonl", "truth.json"]


def test_the_command_refuses_a_folder_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(application(), ["simulate", "--out", str(tmp_path / "no" / "events.jsonl")])
    assert isinstance(result.exception, InputRefused)


def test_an_interrupted_command_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: object) -> None:
        raise RuntimeError("interrupted")

    monkeypatch.setattr("producers.simulate.simulated_round", breaks)
    out = tmp_path / "events.jsonl"
    out.write_bytes(b"before")
    result = CliRunner().invoke(application(), ["simulate", "--out", str(out)])
    assert isinstance(result.exception, RuntimeError)
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"before"]


def test_the_help_shows_an_example_and_says_what_the_keys_are() -> None:
    text = CliRunner().invoke(application(), ["simulate", "--help"], env={"COLUMNS": "200"}).stdout
    assert "wardpulse simulate --out events.jsonl" in text
    assert "every key comes from the seed" in re.sub(r"\s+", " ", text)
