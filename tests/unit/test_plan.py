"""What a programme will see: the parts of the plan, each against something that it was not made from."""

import io
import json
import math
from itertools import pairwise
from pathlib import Path
from random import Random
from statistics import fmean, pvariance
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from deploy.plan import plan_table, sentences
from deploy.resources import catalogue
from producers.simulation.habits import Responders
from producers.simulation.randomness import stream
from producers.sources.organisation_file import load_organisation
from schemas.canonical import canonical_json
from schemas.codec import decode
from schemas.errors import InputRefused
from schemas.events import OrganisationUpdated
from schemas.policy import Policy
from stream_processors.planning.candidates import Assumptions, Candidate, binomial, threshold, to_level
from stream_processors.planning.draws import Crowd, Drawn, draw_binomial
from stream_processors.planning.outcome import outcome, sensitive_level, sensitive_share
from stream_processors.planning.plan import Line, Proposal, Question, lines, proposal
from stream_processors.planning.shift import HALF_YEAR, answers_needed, days_to_see
from stream_processors.steps.figures import wilson
from tests.hospital import record
from wardpulse import application

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "organisation.yaml"
SMALL = {"surgery/a": 40, "surgery/b": 12, "surgery/c": 12, "medicine/d": 30, "medicine/e": 6}
HALF: Assumptions = Assumptions(response=0.5)


def organisation_record(heads: dict[str, int], **given: Any) -> OrganisationUpdated:
    event = decode(canonical_json(record(heads, **given)))
    assert isinstance(event, OrganisationUpdated)
    return event


def question(heads: dict[str, int] | None = None, **changes: Any) -> Question:
    given: dict[str, Any] = {
        "record": organisation_record(heads or SMALL),
        "policies": (Policy(k=5), Policy()),
        "round_days": (14,),
        "responders": ("independent", "habitual"),
        "assumed": HALF,
        "draws": 10,
    }
    return Question(**(given | changes))


def plan(asked: Question) -> tuple[list[Line], Proposal]:
    found = list(lines(asked, catalogue()["sib5"], lambda *label: stream(7, *label)))
    return found, proposal(asked, found)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(application(["plan"]), ["plan", *arguments])


@pytest.mark.parametrize(("people", "chance"), [(1, 0.3), (17, 0.4), (60, 0.9)])
def test_the_binomial_distribution_is_the_one_of_whole_numbers(people: int, chance: float) -> None:
    for count in range(people + 1):
        exact = math.comb(people, count) * chance**count * (1 - chance) ** (people - count)
        assert binomial(people, count, chance) == pytest.approx(exact)


def test_binomial_draws_have_its_mean_and_variance() -> None:
    draw = draw_binomial(40, 0.3, Random(1))
    drawn = [draw() for _ in range(20_000)]
    assert fmean(drawn) == pytest.approx(12, abs=0.1)
    assert pvariance(drawn) == pytest.approx(8.4, rel=0.05)


@pytest.mark.parametrize(
    ("size", "response", "reliable"), [(11, 0.4, 0.8), (6, 0.4, 0.8), (11, 0.2, 0.9), (6, 0.9, 0.5)]
)
def test_the_threshold_is_the_first_size_that_is_reliable_by_trial(size: int, response: float, reliable: float) -> None:
    def tried(people: int) -> float:
        draw = draw_binomial(people, response, Random(people))
        return fmean(draw() >= size for _ in range(20_000))

    found = threshold(size, response, reliable)
    assert tried(found) >= reliable - 0.01
    assert found == size or tried(found - 1) < reliable + 0.01


def test_a_threshold_that_no_unit_can_have_is_refused() -> None:
    with pytest.raises(InputRefused, match="no unit of up to"):
        threshold(9_000, 0.01, 0.8)


@pytest.mark.parametrize("responders", ["independent", "habitual"])
def test_a_drawn_season_has_the_responses_of_its_rounds(responders: Responders) -> None:
    crowd, heads = Crowd(responders, HALF, 28), {f"u{n}": 30 for n in range(100)}
    seasons = [crowd.season(heads, stream(7, "test", n)) for n in range(20)]
    short = fmean(count for season in seasons for counts in season.short for count in counts.values())
    long = fmean(count for season in seasons for count in season.long.values())
    assert all(len(season.short) == 3 for season in seasons)
    assert short / 30 == pytest.approx(crowd.response, abs=0.01)
    expected = 1 - 0.5**6 if responders == "independent" else Crowd(responders, HALF, 84).response
    assert long / 30 == pytest.approx(expected, abs=0.01)


def test_with_habits_a_units_rounds_are_alike_and_without_they_are_not() -> None:
    def covariance(responders: Responders) -> float:
        heads = {f"u{n}": 30 for n in range(2000)}
        first, second, *_ = Crowd(responders, HALF, 14).season(heads, Random(3)).short
        pairs = [(first[leaf], second[leaf]) for leaf in heads]
        return fmean((a - 15) * (b - 15) for a, b in pairs) / 7.5

    assert covariance("independent") == pytest.approx(0, abs=0.07)
    assert covariance("habitual") == pytest.approx(1 / 2.2, abs=0.07)


def test_fewer_levels_lose_nobody_and_end_at_the_level_asked_for() -> None:
    levels = ("facility", "department", "unit", "group")
    heads = {"surgery/a/nurse": 40, "surgery/a/physician": 9, "surgery/b/nurse": 12, "medicine/c/nurse": 30}
    whole = organisation_record(heads, levels=levels)
    for depth in (4, 3, 2):
        short = to_level(whole, depth)
        assert short.levels == levels[:depth]
        assert sum(short.headcounts[leaf] for leaf in short.leaves()) == sum(heads.values())
    assert to_level(whole, 2).leaves() == ("medicine", "surgery")


def test_a_unit_right_under_the_facility_is_kept_where_departments_answer() -> None:
    event = record(SMALL)
    event["nodes"].append({"id": "chapel", "parent": "general", "kind": "unit", "name": "chapel", "headcount": 7})
    found = decode(canonical_json(event))
    assert isinstance(found, OrganisationUpdated)
    short = to_level(found, 2)
    assert short.leaves() == ("chapel", "medicine", "surgery")
    assert short.headcounts["general"] == sum(SMALL.values()) + 7


def drawn(**counts: int) -> Drawn:
    return Drawn(({**counts},), {leaf: 2 * count for leaf, count in counts.items()})


def test_an_outcome_counts_what_the_seal_did() -> None:
    whole = to_level(organisation_record(SMALL), 3)
    # surgery: a by itself, b and c together; medicine: d by itself, and nobody to seal e with
    seasons = [drawn(a=20, b=6, c=6, d=11, e=3)]
    one = outcome(Candidate(Policy(), whole, 14, 0), catalogue()["sib5"], seasons, HALF)
    assert (one.published, one.pooled, one.withheld, one.once) == pytest.approx((2 / 5, 2 / 5, 1 / 5, 2 / 5))
    assert one.heard == pytest.approx(31 / 46)
    low, high = wilson(0.4, 11)
    assert one.risk_width == pytest.approx(high - low)
    assert one.never == pytest.approx(3 / 5)
    two = outcome(Candidate(Policy(), whole, 14, 20), catalogue()["sib5"], seasons, HALF)
    assert (two.published, two.pooled, two.withheld) == pytest.approx((4 / 5, 0, 1 / 5))
    assert two.heard == pytest.approx(55 / 61)


def test_nothing_published_has_no_figures_and_is_never_seen() -> None:
    whole = to_level(organisation_record(SMALL), 3)
    seasons = [drawn(a=0, b=0, c=0, d=0, e=0)]
    found = outcome(Candidate(Policy(), whole, 14, 0), catalogue()["sib5"], seasons, HALF)
    assert (found.withheld, found.never) == (1, 1)
    assert found.risk_width is found.mean_half is found.days is None


def seen(since: int, before: int, random: Random) -> bool:
    difference = random.gauss(0.5, math.sqrt(1 / since)) - random.gauss(0, math.sqrt(1 / before))
    return difference > 1.959964 * math.sqrt(1 / since + 1 / before)


@pytest.mark.parametrize("before", [40, 80, 400])
def test_a_shift_is_seen_in_four_of_five_cases_with_the_answers_needed(before: int) -> None:
    needed = answers_needed(before)
    random = Random(before)
    assert fmean(seen(round(needed), before, random) for _ in range(8000)) == pytest.approx(0.8, abs=0.02)


def test_too_few_answers_before_a_shift_never_show_it() -> None:
    assert answers_needed(31) == answers_needed(0) == math.inf
    assert answers_needed(32) < math.inf
    # with any number of answers since
    random = Random(31)
    assert fmean(seen(10**9, 31, random) for _ in range(8000)) < 0.81


def test_the_time_to_see_a_shift_grows_with_what_is_withheld() -> None:
    days = [days_to_see(20, chance, 14) for chance in (1, 0.5, 0.25, 0.1)]
    needed = math.ceil(answers_needed(20 * HALF_YEAR / 14) / 20)
    assert days[0] == needed * 14
    assert all(before < after for before, after in pairwise(days[:3]))
    assert days[3] == math.inf


def test_every_candidate_is_planned_for_every_kind_of_responders() -> None:
    found, _ = plan(question())
    terms = [
        (line.responders, line.candidate.policy.k, line.candidate.leaf_level, bool(line.candidate.long_below))
        for line in found
    ]
    assert len(set(terms)) == len(terms)
    assert {term[1:3] for term in terms} == {(5, "unit"), (10, "unit"), (5, "department"), (10, "department")}
    assert {term[3] for term in terms if term[2] == "unit"} == {True, False}
    for line in found:
        out = line.outcome
        assert out.published + out.pooled + out.withheld == pytest.approx(1)
        assert out.once >= out.published or line.candidate.long_below


def test_the_proposal_is_for_the_default_policy_and_hears_more_units() -> None:
    found, chosen = plan(question())
    assert chosen.candidate.policy == Policy()
    assert chosen.has_two_calendars
    assert chosen.candidate.long_below == threshold(11, 0.5, 0.8) == 26
    assert chosen.candidate.long_leaves == ("b", "c", "e")
    assert chosen.staff_long == pytest.approx(30 / 100)
    assert {line.responders for line in chosen.lines} == {"independent", "habitual"}
    assert all(line in found for line in chosen.lines)


def test_where_every_unit_is_large_one_calendar_is_proposed() -> None:
    _, chosen = plan(question({"surgery/a": 90, "medicine/b": 120}))
    assert not chosen.has_two_calendars


def test_the_same_seed_gives_the_same_plan() -> None:
    assert plan(question())[0] == plan(question())[0]


def test_sensitive_forms_are_published_for_departments_with_enough_and_room() -> None:
    form = catalogue()["phq_2"]

    def share(heads: dict[str, int], opt_in: float) -> float:
        whole = to_level(organisation_record(heads), 3)
        return sensitive_share(whole, Policy(), form, Assumptions(opt_in=opt_in), 50, Random(1))

    assert share({"surgery/a": 100, "surgery/b": 100, "medicine/c": 20}, 0.5) == pytest.approx(0.5, abs=0.05)
    assert share({"surgery/a": 100, "medicine/c": 20}, 0.1) == 0


def test_a_round_that_does_not_fit_into_its_season_is_refused() -> None:
    with pytest.raises(InputRefused, match="does not fit"):
        question(round_days=(14, 100))


SHORT = ("--k", "10", "--round-days", "14", "--draws", "3")


def test_the_command_proposes_and_says_how_to_begin() -> None:
    shown = run(str(EXAMPLE), *SHORT)
    assert shown.exit_code == 0
    assert "Proposed: two calendars, k = 10" in shown.stdout
    assert "In the long calendar: breast-centre, cath-lab" in shown.stdout
    assert "--season SEASON --calendar long --long-below 33 --season-first DATE --season-last DATE" in shown.stdout
    assert "phq_2" in shown.stdout


def test_the_command_as_json_holds_every_line() -> None:
    found = json.loads(run(str(EXAMPLE), *SHORT, "--responders", "habitual", "--json").stdout)
    assert {line["responders"] for line in found["lines"]} == {"habitual"}
    assert len(found["lines"]) == 3
    assert found["proposal"]["long_below"] == 33
    assert len(found["proposal"]["long_leaves"]) == 9


def test_an_organisation_of_small_units_alone_is_told_that_none_has_figures() -> None:
    asked = question({"surgery/a": 9, "medicine/b": 0})
    _, chosen = plan(asked)
    said = list(sentences(asked, chosen, 0.0))
    assert not chosen.has_two_calendars
    assert any(line.startswith("No unit has figures of its own") for line in said)
    asked = question()
    assert not any(line.startswith("No unit") for line in sentences(asked, plan(asked)[1], 0.0))


def test_the_lowest_level_of_a_sensitive_form_is_named_as_the_organisation_does() -> None:
    heads = {"surgery/a": 100, "medicine/b": 100}
    assert sensitive_level(to_level(organisation_record(heads), 3)) == "department"
    two = organisation_record({"a": 100, "b": 100}, levels=("facility", "ward"))
    assert sensitive_level(to_level(two, 2)) == "facility"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--response", "0"], "response"),
        (["--k", "4"], "under its floor of 5"),
        (["--round-days", "90"], "does not fit"),
        (["--coalition", "9", "--k", "5"], "coalition"),
    ],
)
def test_what_cannot_be_planned_is_refused(arguments: list[str], said: str) -> None:
    done = run(str(EXAMPLE), *arguments)
    assert isinstance(done.exception, InputRefused)
    assert said in str(done.exception)


def test_every_column_of_the_table_is_readable_at_100_columns() -> None:
    asked = question(record=load_organisation(EXAMPLE), draws=2)
    found, chosen = plan(asked)
    console = Console(width=100, file=io.StringIO())
    with console.capture() as captured:
        console.print(plan_table(asked, found, chosen, "habitual"))
    shown = captured.get()
    assert "calendar" in shown
    assert "never" in shown
    assert "…" not in shown
    assert sum(line.startswith(">") for line in shown.splitlines()) == 1
    assert sum(line.startswith("=") for line in shown.splitlines()) == 1


def test_a_hospital_too_small_for_any_figures_is_told_so(tmp_path: Path) -> None:
    nodes = [
        {"id": "tiny", "parent": None, "kind": "facility", "name": "Tiny"},
        *({"id": id_, "parent": "tiny", "kind": "unit", "name": id_, "headcount": 5} for id_ in ("a", "b")),
    ]
    record = {"facility": "tiny", "levels": ["facility", "unit"], "effective_from": "2026-10-01", "nodes": nodes}
    file = tmp_path / "tiny.yaml"
    file.write_text(json.dumps(record))
    shown = run(str(file), *SHORT)
    assert shown.exit_code == 0
    assert "No unit would ever have figures of its own" in shown.stdout
