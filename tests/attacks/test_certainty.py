"""Rows that exclude nothing, and readers who know all else and still cannot tell."""

from random import Random

import pytest

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
