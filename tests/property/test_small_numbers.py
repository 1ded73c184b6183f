"""No open event tells that 1 to K - 1 people answered or work somewhere, and none has a field that could."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any, Final, get_args

import pytest
from pydantic import BaseModel

from schemas.events import BELOW_K, CohortRetired, CohortSealed, InterventionRecorded, NodeState, RoundSealed
from schemas.indicator import Indicator
from schemas.policy import Policy
from schemas.season import Season
from schemas.topics import TOPICS
from stream_processors.steps.replay import Replay
from tests.random_logs import random_log
from tests.records import replayed

LOGS, BATCHES = 240, 6
OPEN: Final = (CohortSealed, CohortRetired, InterventionRecorded, RoundSealed, Indicator)

PLACE: Final = "an id or a name from the organisation record, or of a round or form from its marker"
DIGEST: Final = "a hash of public terms"
CONSTANT: Final = "the same in every event of its kind"
BOUNDS: Final = "a bound of a coded count: at each end coalition + 1 people may be either, checked on every row below"
SCORES: Final = "a number of points, not of people"
RATIO: Final = "a function of bounds and sizes that are published beside it"
CALENDAR: Final = "a day or a number of rounds, as markers say"
STATE: Final = "one of three words, and of two where the form is sensitive"
VERDICT: Final = "one of a few words, a function of figures that are published beside it and before it"
LEAVES: Final = "a number of places, each of whose cohorts has K or more people"
SIZE: Final = "a number of people, checked on every event below"

ENVELOPE: Final = {"type": CONSTANT, "schema_version": CONSTANT, "event_id": DIGEST, "facility": PLACE}
WHERE: Final = {"node": PLACE, "path": PLACE, "round": PLACE, "form": PLACE}
FIELDS: Final[Mapping[type[BaseModel], Mapping[str, str]]] = {
    CohortSealed: {
        **ENVELOPE,
        **WHERE,
        "scale": PLACE,
        "cohort_id": DIGEST,
        "policy_hash": DIGEST,
        "n": SIZE,
        **dict.fromkeys(("score_low", "score_high"), SCORES),
        **dict.fromkeys(("at_risk_low", "at_risk_high"), BOUNDS),
    },
    CohortRetired: {**ENVELOPE, **WHERE, "cohort_id": DIGEST},
    InterventionRecorded: {
        **ENVELOPE,
        **dict.fromkeys(("node", "path"), PLACE),
        **dict.fromkeys(("kind", "label"), "of a catalogue in the code, about places"),
        "on": CALENDAR,
        **dict.fromkeys(("rebase", "taken_back"), "said by leadership, whoever answers"),
        "version": "how often leadership said something of it",
    },
    RoundSealed: {
        **ENVELOPE,
        "round": PLACE,
        "forms": PLACE,
        "sensitive": "forms, as policy and instruments name them",
        "season": "terms of the marker, fixed before anybody answers",
        "first_answer_date": CALENDAR,
        "last_answer_date": CALENDAR,
        "policy": "the terms of the marker, fixed before anybody answers",
        "policy_hash": DIGEST,
        "scoring_keys": DIGEST,
        "nodes": "one for each place of the organisation, whoever answers",
    },
    NodeState: {
        **dict.fromkeys(("node", "path", "name", "kind", "of_group", "staff_group"), PLACE),
        **dict.fromkeys(("headcount", "headcount_asked"), SIZE),
        "states": STATE,
    },
    Season: {
        **dict.fromkeys(("first", "last", "calendar"), CALENDAR),
        "id": PLACE,
        "long_below": "a threshold of headcounts from the marker, fixed before anybody answers",
    },
    Policy: dict.fromkeys(
        ("k", "coalition", "outside", "k_sensitive", "headcount_slack", "identity", "sensitive_forms"),
        "a parameter from the marker, fixed before anybody answers",
    ),
    Indicator: {
        **ENVELOPE,
        **WHERE,
        **dict.fromkeys(("scale", "staff_group"), PLACE),
        **dict.fromkeys(("calendar", "window", "rounds_published", "rounds_fielded"), CALENDAR),
        **dict.fromkeys(("leaves_published", "leaves_fielded"), LEAVES),
        "cohorts_retired": "a number of cohorts, each of K or more people",
        "state": STATE,
        **dict.fromkeys(("responses", "round_responses"), SIZE),
        **dict.fromkeys(("at_risk_low", "at_risk_high", "round_at_risk_low", "round_at_risk_high"), BOUNDS),
        **dict.fromkeys(("mean", "mean_low", "mean_high", "change", "change_low", "change_high"), SCORES),
        **dict.fromkeys(("round_mean", "smoothed", "centre", "limit_low", "limit_high"), SCORES),
        **dict.fromkeys(("at_risk_share", "at_risk_share_low", "at_risk_share_high"), RATIO),
        **dict.fromkeys(("share_change", "share_change_low", "share_change_high"), RATIO),
        **dict.fromkeys(("coverage", "coverage_change"), RATIO),
        "limit_points": CALENDAR,
        "rebased_on": CALENDAR,
        **dict.fromkeys(("signal", "signal_rules"), VERDICT),
    },
}
"""Every field that an open event has, at any depth, and why it tells of no small number of people."""


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that a type is made of, at any depth."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from parts(field.annotation)
    for inner in get_args(annotation):
        yield from parts(inner)


def sizes(result: Replay) -> dict[tuple[str, str, str], int]:
    """Facility, round and form to the K of the round."""
    return {
        (event.facility, event.round, form): event.policy.sensitive_size
        if form in event.sensitive
        else event.policy.cohort_size
        for event in result.rounds
        for form in event.forms
    }


def small_numbers(result: Replay) -> list[str]:
    """What the open events of a log tell of fewer than K people."""
    known = sizes(result)
    return [
        *(f"n {row.n}" for row in result.cohorts if row.n < known[row.facility, row.round, row.form]),
        *(f"at risk {row.at_risk_low}" for row in result.cohorts if _is_small_at_risk(row, result)),
        *(f"responses {count}" for row in result.indicators for count in _small_responses(row, known)),
        *(f"headcount {node.headcount}" for event in result.rounds for node in event.nodes if _is_small(node, event)),
    ]


def _is_small_at_risk(row: CohortSealed, result: Replay) -> bool:
    """Whether a count at risk is told that is not coded: an end of the range with fewer than the guard beyond it."""
    (guard,) = {event.policy.guard for event in result.rounds if (event.facility, event.round) == _round(row)}
    if row.at_risk_low is None or row.at_risk_high is None:
        return False
    return row.at_risk_high < guard or row.n - row.at_risk_low < guard


def _round(row: CohortSealed) -> tuple[str, str]:
    return row.facility, row.round


def _small_responses(row: Indicator, known: Mapping[tuple[str, str, str], int]) -> list[int]:
    least = min(k for (facility, _, form), k in known.items() if (facility, form) == (row.facility, row.form))
    return [count for count in (row.responses, row.round_responses) if count is not None and count < least]


def _is_small(node: NodeState, event: RoundSealed) -> bool:
    told = [heads for heads in (node.headcount, node.headcount_asked) if isinstance(heads, int)]
    # that nobody was asked is no small number of people
    return any(heads < event.policy.cohort_size for heads in told if heads) or node.headcount == 0


@pytest.mark.parametrize("batch", range(BATCHES))
def test_no_open_event_of_random_logs_tells_of_fewer_than_k_people(batch: int) -> None:
    cohorts = withheld = hidden = 0
    for seed in range(batch, LOGS, BATCHES):
        result = replayed(random_log(random.Random(seed)))
        assert {type(event) for event in _open_events(result)} <= set(OPEN)
        assert small_numbers(result) == [], f"seed {seed}"
        cohorts += len(result.cohorts)
        withheld += sum(row.responses is None for row in result.indicators)
        hidden += sum(node.headcount == BELOW_K for event in result.rounds for node in event.nodes)
    assert min(cohorts, withheld, hidden) > 20


def _open_events(result: Replay) -> list[BaseModel]:
    return [*result.cohorts, *result.retired, *result.interventions, *result.indicators, *result.rounds]


def test_a_small_number_in_any_of_its_places_is_noticed() -> None:
    result = next(found for found in map(_replayed, range(LOGS)) if found.cohorts and found.indicators)
    row, sealed = result.cohorts[0], result.rounds[0]
    size = sizes(result)[row.facility, row.round, row.form]
    figure = next(one for one in result.indicators if one.responses is not None)
    node = sealed.nodes[0].model_copy(update={"headcount": 1})
    asked = sealed.nodes[0].model_copy(update={"headcount_asked": 1})
    changed: list[tuple[Any, dict[str, Any]]] = [
        (row, {"n": size - 1, "at_risk_low": None, "at_risk_high": None}),
        (row, {"at_risk_low": 0, "at_risk_high": 0}),
        (row, {"at_risk_low": row.n, "at_risk_high": row.n}),
        (figure, {"responses": 1}),
        (figure, {"responses": 0}),
        (figure, {"round_responses": size - 1}),
        (sealed, {"nodes": (node, *sealed.nodes[1:])}),
        (sealed, {"nodes": (asked, *sealed.nodes[1:])}),
    ]
    assert small_numbers(result) == []
    for event, update in changed:
        events = [one.model_copy(update=update) if one is event else one for one in result.events]
        assert len(small_numbers(replace(result, events=events))) == 1, update


def _replayed(seed: int) -> Replay:
    return replayed(random_log(random.Random(seed)))


def test_every_field_of_an_open_event_is_listed_with_the_reason_why_it_tells_of_no_small_number() -> None:
    found = {model for kind in OPEN for model in parts(kind)}
    assert {model: set(model.model_fields) for model in found} == {model: set(names) for model, names in FIELDS.items()}


def test_the_numbers_of_people_are_those_that_are_checked() -> None:
    listed = {f"{model.__name__}.{name}" for model, names in FIELDS.items() for name in names if names[name] == SIZE}
    responses = {"Indicator.responses", "Indicator.round_responses"}
    assert listed == {"CohortSealed.n", *responses, "NodeState.headcount", "NodeState.headcount_asked"}


def test_open_events_are_those_of_the_open_topics() -> None:
    carried = {event for spec in TOPICS if not spec.closed for event in spec.events}
    assert {kind.model_fields["type"].default for kind in OPEN} == carried


def test_parts_are_found_at_any_depth() -> None:
    assert set(parts(RoundSealed)) == {RoundSealed, NodeState, Policy, Season}
    assert set(parts(dict[str, tuple[NodeState | None, ...]])) == {NodeState}
