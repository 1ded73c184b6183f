"""Scoring keys: an edited one is noticed by these tests, by the worker that opens a round, and by one that starts."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.resources import catalogue, definitions, instruments
from schemas.canonical import canonical_json, derived_id
from schemas.codec import decode, encode
from schemas.errors import FatalError, Reason
from schemas.events import DeadLetter, Echo, RoundOpened, RoundSealed
from schemas.instruments.enabled import EnabledForms, known_forms
from schemas.instruments.model import Instrument
from stream_processors.kafka_log import LogRecord
from stream_processors.runner import Analyst
from stream_processors.steps.replay import replay
from stream_processors.steps.restart import JUDGED_BY_SETTINGS, refused_offsets, resume
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import advance
from tests.hospital import answers, closing, opening, record
from tests.records import RULES, records, replayed

GOLDEN: Final = Path(__file__).parents[1] / "scoring_keys.json"
LEAVES: Final = ["ward-1", "ward-2"]
HOSPITAL: Final = record({"surgery/ward-1": 30, "surgery/ward-2": 30})
OTHER: Final = "0" * 64
SHIPPED: Final = {definition["id"]: definition for definition in definitions()}
Raw = dict[str, Any]


def keys(*forms: str) -> dict[str, str]:
    """The hashes of shipped forms."""
    return {form: catalogue()[form].key_hash for form in forms}


def log(**marker: Any) -> list[Raw]:
    """A round of the single item, opened, answered and closed."""
    return [HOSPITAL, opening(LEAVES, **marker), *answers("r1", {"ward-1": 15, "ward-2": 15}), closing()]


def edited() -> dict[str, Any]:
    """The shipped forms, the single item with another cut."""
    cut = {**SHIPPED["sib5"]["scales"]["burnout"]["cuts"][0], "at_least": 4}
    burnout = {**SHIPPED["sib5"]["scales"]["burnout"], "cuts": [cut]}
    changed = Instrument.model_validate({**SHIPPED["sib5"], "scales": {"burnout": burnout}})
    return {**catalogue(), **{form.id: form for form in changed.build_forms()}}


def rules(forms: Any) -> Rules:
    """The rules of the tests with another catalogue."""
    return Rules(forms, lambda *_: True, b"audit key of the tests", "0" * 64)


def test_no_shipped_key_has_been_edited() -> None:
    # a key that is changed makes figures that mean something else: give the instrument another id, or its form one
    assert {form.id: form.key_hash for form in catalogue().values()} == json.loads(GOLDEN.read_text("utf-8"))


def changed(**changes: Any) -> str:
    """The hash of the work scale of the Copenhagen inventory with some of its definition changed."""
    definition = SHIPPED["cbi"]
    scale = {**definition["scales"]["work"], **changes.pop("scale", {})}
    given = {**definition, **changes, "scales": {**definition["scales"], "work": scale}}
    return next(form.key_hash for form in Instrument.model_validate(given).build_forms() if form.id == "cbi.work")


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"sensitive": True},
        {"answers": {**SHIPPED["cbi"]["answers"], "max": 5}},
        {"answers": {**SHIPPED["cbi"]["answers"], "other": {9: {"min": 0, "max": 3}}}, "scale": {"min_answered": 7}},
        {"scale": {"items": [7, 8, 9, 10, 11, 12, 13, 20]}},
        {"scale": {"reverse": []}},
        {"scale": {"reverse": [12]}},
        {"scale": {"min_answered": 5}},
        {"scale": {"published_as": "mean"}},
        {"scale": {"at_risk": "high"}},
        {"scale": {"at_risk": None}},
        {"scale": {"direction": "higher_is_better", "at_risk": None}},
        {"gate": {"item": 0, "open": 1}, "scale": {"min_answered": 7}},
    ],
)
def test_what_decides_a_score_or_what_is_published_of_it_changes_the_hash(changes: Raw) -> None:
    others = {name: {**scale, "min_answered": len(scale["items"])} for name, scale in SHIPPED["cbi"]["scales"].items()}
    own = {**SHIPPED["cbi"], "scales": others} if {"gate", "answers"} & set(changes) else SHIPPED["cbi"]
    scale = {**own["scales"]["work"], **changes.get("scale", {})}
    rest = {name: value for name, value in changes.items() if name != "scale"}
    given = Instrument.model_validate({**own, **rest, "scales": {**own["scales"], "work": scale}})
    assert next(form.key_hash for form in given.build_forms() if form.id == "cbi.work") != keys("cbi.work")["cbi.work"]


@pytest.mark.parametrize(
    "changes",
    [
        {"name": "Another name"},
        {"licence": {**SHIPPED["cbi"]["licence"], "needed": "licence"}},
        {"min_interval_days": 60},
        {"traps": []},
        {"at_risk_rule": None},
        {"scale": {"reference": []}},
        {"scale": {"items": [13, 12, 11, 10, 9, 8, 7]}},
        {"scale": {"cuts": SHIPPED["cbi"]["scales"]["work"]["cuts"][:1]}, "at_risk_rule": None},
    ],
)
def test_what_decides_nothing_leaves_the_hash(changes: Raw) -> None:
    assert changed(**changes) == keys("cbi.work")["cbi.work"]


def test_a_round_opened_with_the_workers_own_key_is_sealed_with_it() -> None:
    (sealed,) = replayed(log(scoring_keys=keys("sib5"))).rounds
    assert sealed.scoring_keys == keys("sib5")


def test_a_round_of_an_earlier_version_names_no_keys_and_nothing_else_changes() -> None:
    (plain,), (keyed,) = (replayed(log(**given)).rounds for given in ({}, {"scoring_keys": keys("sib5")}))
    assert b"scoring_keys" not in encode(plain)
    assert keyed.model_copy(update={"scoring_keys": {}}) == plain


@pytest.mark.parametrize(
    "given",
    [{"sib5": OTHER}, keys("cbi.work"), keys("sib5", "cbi.work"), {"sib5": keys("cbi.work")["cbi.work"]}],
)
def test_a_round_that_is_to_be_scored_otherwise_is_not_opened(given: dict[str, str]) -> None:
    result = replayed(log(scoring_keys=given))
    assert result.rounds == []
    assert result.dead_letters[0].reason == Reason.OTHER_SCORING_KEY


def test_every_form_of_a_round_needs_its_key_if_one_has() -> None:
    marker = opening(LEAVES, forms=["sib5", "cbi.work"], scoring_keys=keys("sib5"))
    assert [one.reason for one in replayed([HOSPITAL, marker]).dead_letters] == [Reason.OTHER_SCORING_KEY]


def test_a_key_edited_while_its_round_is_open_stops_the_worker_when_it_starts_again() -> None:
    given = records(log(scoring_keys=keys("sib5"))[:-1])
    echoes = [event for event in replay(given, RULES).events if isinstance(event, Echo)]
    story, start = resume(echoes, committed=None)
    (again,) = [one for one in given if one.offset == start]
    with pytest.raises(FatalError, match="other_scoring_key") as stopped:
        advance(story, again, rules(edited()))
    assert "restore them until it is closed" in str(stopped.value)


def test_an_opening_refused_for_its_key_stays_refused_by_a_worker_that_has_the_key_since() -> None:
    # r0 is open, so that a restart reads the opening of r1 again; what answered r1 was refused with it
    first = opening(["ward-1"], round="r0", forms=["cbi.work"])
    given = records([HOSPITAL, first, opening(["ward-2"], scoring_keys=keys("sib5")), *answers("r1", {"ward-2": 12})])
    before = replay(given, rules(edited()))
    assert {one.reason for one in before.dead_letters} == {Reason.OTHER_SCORING_KEY, Reason.UNKNOWN_ROUND}
    story, start = resume(before.echoes, committed=None, refused=refused_offsets(before.events))
    assert start == 1
    outputs = [output for one in given[start:] for stage in advance(story, one, RULES) for output in stage]
    assert [output.event for output in outputs] == before.dead_letters
    assert set(story.facilities["general"].rounds) == {"r0"}
    # the command is given again, and opens it
    (again,) = records([{**opening(["ward-2"], scoring_keys=keys("sib5")), "event_id": derived_id("again")}])
    advance(story, again._replace(offset=len(given)), RULES)
    assert set(story.facilities["general"].rounds) == {"r0", "r1"}


@pytest.mark.parametrize("reason", sorted(JUDGED_BY_SETTINGS))
def test_a_form_that_a_round_does_not_field_is_no_matter_of_settings(reason: Reason) -> None:
    (letter,) = replayed(log(scoring_keys={"sib5": OTHER})[:2]).dead_letters
    assert refused_offsets([letter.model_copy(update={"reason": reason})]) == {1: reason}
    assert refused_offsets([letter.model_copy(update={"reason": reason, "round": "r1"})]) == {}


def sealed(**marker: Any) -> list[LogRecord]:
    """What the cohorts topic holds of a sealed round."""
    result = replayed(log(**marker))
    events = [*result.cohorts, *result.rounds]
    return [LogRecord(0, offset, None, encode(event), None) for offset, event in enumerate(events)]


async def nowhere(*_: Any) -> None:
    """Writes nothing."""


def test_a_key_edited_after_its_rounds_were_sealed_stops_the_worker_when_it_starts() -> None:
    past = sealed(scoring_keys=keys("sib5"))
    Analyst(catalogue(), nowhere).take_over(0, past, len(past))
    with pytest.raises(FatalError) as stopped:
        Analyst(edited(), nowhere).take_over(0, past, len(past))
    for said in ("round r1 of general", "form sib5", "restore its file", "an id of its own"):
        assert said in str(stopped.value)


def test_a_form_whose_file_is_gone_stops_the_worker_too() -> None:
    past, left = sealed(scoring_keys=keys("sib5")), {name: form for name, form in catalogue().items() if name != "sib5"}
    with pytest.raises(FatalError, match="sib5, which no instrument has any more: put its file back"):
        Analyst(left, nowhere).take_over(0, past, len(past))


def test_rounds_of_an_earlier_version_are_read_with_the_key_there_is() -> None:
    past = sealed()
    Analyst(edited(), nowhere).take_over(0, past, len(past))


def test_what_was_sealed_under_a_licence_stays_readable_after_it_has_ended() -> None:
    needing = Instrument.model_validate(
        {**SHIPPED["sib5"], "licence": {**SHIPPED["sib5"]["licence"], "needed": "licence"}}
    )
    own = EnabledForms([needing])
    assert dict(own) == {}
    past = sealed(scoring_keys=keys("sib5"))
    Analyst(known_forms(own), nowhere).take_over(0, past, len(past))
    marker = opening(LEAVES, scoring_keys=keys("sib5"))
    assert [one.reason for one in replay(records([HOSPITAL, marker]), rules(own)).dead_letters] == [Reason.UNKNOWN_FORM]


def test_a_dead_letter_of_another_key_says_nothing_of_it() -> None:
    (letter,) = replayed(log(scoring_keys={"sib5": OTHER})[:2]).dead_letters
    assert isinstance(letter, DeadLetter)
    assert OTHER.encode() not in encode(letter)


def test_the_opening_comes_back_from_its_bytes() -> None:
    marker = {**opening(LEAVES, scoring_keys=keys("sib5")), "schema_version": 1}
    event = decode(canonical_json(marker))
    assert isinstance(event, RoundOpened)
    assert event.scoring_keys == keys("sib5")
    assert isinstance(replayed(log()).rounds[0], RoundSealed)
    assert len({form.key_hash for one in instruments() for form in one.build_forms()}) == len(catalogue())
