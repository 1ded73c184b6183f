"""Rows that exclude nothing, and readers who know all else and still cannot tell."""

from random import Random

import pytest
from pydantic import ValidationError

from deploy.resources import definitions
from schemas.events import CohortSealed
from schemas.indicator import Indicator
from schemas.instruments.model import Instrument
from tests.attacks.certainty import (
    F8,
    GROUPS,
    Group,
    count_clamped_alone,
    ever_excludes,
    figures_shown,
    number_at_risk_is_wrong,
    open_events,
    outcomes_shown,
    told_apart,
    withheld_answers,
    withheld_withdrawals,
)
from tests.attacks.designs import sealed, threshold
from tests.attacks.world import HOUSE, Answer, Closed, Opened, crowd, events, flat
from tests.records import replayed


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.name)
def test_a_group_that_exact_totals_give_away_keeps_every_answer_in_a_sealed_row(group: Group) -> None:
    assert group.succeeds(threshold)
    assert not group.succeeds(sealed)


@pytest.mark.parametrize("own", [None, 1, 2, 3, 4, 5])
@pytest.mark.parametrize("n", [11, 12, 18])
def test_no_group_of_any_answers_has_a_row_that_excludes_one(n: int, own: int | None) -> None:
    assert ever_excludes(n, own) == 0


def test_a_clamped_count_beside_an_exact_total_tells_that_nobody_is_at_risk() -> None:
    assert number_at_risk_is_wrong(count_clamped_alone(F8.world()).last("ward"))
    assert not number_at_risk_is_wrong(sealed(F8.world()).last("ward"))


def test_who_knows_every_other_answer_cannot_tell_one_that_was_withheld() -> None:
    worlds = withheld_answers(Random(1))
    assert told_apart(figures_shown, worlds) == 5
    assert told_apart(open_events, worlds) == 1


def test_outcome_counts_tell_of_a_withdrawal_and_open_events_do_not() -> None:
    worlds = withheld_withdrawals(Random(1))
    assert told_apart(outcomes_shown, worlds) == 2
    assert told_apart(open_events, worlds) == 1


def test_an_instrument_with_an_item_in_two_scales_of_a_form_is_refused() -> None:
    definition = next(one for one in definitions() if one["id"] == "cbi")
    summed = {
        **definition["scales"]["personal"],
        "items": [1, 2, 3, 7],
        "reverse": [],
        "min_answered": 4,
        "cuts": [],
        "at_risk": None,
    }
    scales = {**definition["scales"], "sum": summed}
    Instrument.model_validate({**definition, "scales": scales, "forms": {"cbi.sum": ["sum"]}})
    with pytest.raises(ValidationError, match="has an item in two scales"):
        Instrument.model_validate({**definition, "scales": scales, "forms": {"cbi.sum": ["sum", "personal"]}})


def test_what_moves_with_one_published_answer_is_the_totals_of_its_own_cohort_alone() -> None:
    people = [*crowd(Random(3), "a", 12), *crowd(Random(4), "ward", 11)]
    logs = [
        events(flat(Opened(), *people, Answer("target", "ward", value), Closed(), units=["a", "ward"]))
        for value in (2, 4)
    ]
    one, other = (replayed(log).events for log in logs)
    assert [type(event) for event in one] == [type(event) for event in other]
    moved = [(ours, theirs) for ours, theirs in zip(one, other, strict=True) if ours != theirs]
    assert {type(ours) for ours, _ in moved} == {CohortSealed, Indicator}
    totals = {"score_low", "score_high", "mean", "mean_low", "mean_high", "round_mean", "smoothed"}
    for ours, theirs in moved:
        assert isinstance(ours, CohortSealed | Indicator)
        assert ours.node in ("ward", "medicine", HOUSE)
        changed = {name for name, value in ours.model_dump().items() if theirs.model_dump()[name] != value}
        assert all(name in totals or name.startswith(("at_risk", "round_at_risk")) for name in changed)
