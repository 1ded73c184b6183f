"""The auditor and one row: it agrees with the product on the rule, and with enumeration on what a row rules out."""

from collections import Counter
from collections.abc import Iterable
from fractions import Fraction
from itertools import combinations_with_replacement
from typing import Final

import pytest

from deploy.resources import catalogue, definitions
from schemas.instruments.scoring import Scale, Score
from stream_processors.audit import coding, keys
from stream_processors.audit.coding import Row
from stream_processors.audit.instruments import AskedScale, scales
from stream_processors.steps.coding import code
from tests.unit.test_coding import coded, possible

FORMS: Final = [
    pytest.param("sib5", "burnout", id="sib5"),
    pytest.param("phq_2", "total", id="phq_2"),
    pytest.param("wp_exposure", "violence", id="yes or no"),
]
WITHOUT_A_CUT: Final = pytest.param("bat_4", "total", id="no cut")
AUDITED: Final = scales(definitions())


def both(form: str, scale: str) -> tuple[Scale, AskedScale]:
    """A scale as the product and as the auditor understands it."""
    return next(one for one in catalogue()[form].scales if one.id == scale), AUDITED[form, scale]


def rows_of(scale: Scale, n: int, guard: int) -> set[Row]:
    """Every row that a cohort of n can be published as."""
    found = (coded(scale, cohort, guard) for cohort in combinations_with_replacement(possible(scale), n))
    return {Row(n, one.score_low, one.score_high, one.at_risk_low, one.at_risk_high) for one in found}


def test_the_auditor_works_out_the_same_scales() -> None:
    assert set(AUDITED) == {(form.id, scale.id) for form in catalogue().values() for scale in form.scales}
    for form in catalogue().values():
        for scale in form.scales:
            asked = AUDITED[form.id, scale.id]
            assert (asked.lowest, asked.highest) == (scale.score_min, scale.score_max)
            assert asked.sensitive == form.sensitive
            total = 7 + 3 * scale.score_min
            assert asked.mean(Fraction(total), Fraction(3)) == scale.published(total, 3)
            if scale.cut is None:
                assert asked.at_risk is None
                assert (asked.other.low, asked.other.high) == (scale.score_min, scale.score_max)
            else:
                assert asked.at_risk is not None
                assert (asked.at_risk.low, asked.at_risk.high) == scale.at_risk_range
                assert (asked.other.low, asked.other.high) == scale.not_at_risk_range


def test_the_auditor_works_out_the_same_scoring_keys() -> None:
    worked_out = {form: keys._key(one, form) for one in definitions() for form in one["forms"]}
    assert worked_out == {form.id: form.key_hash for form in catalogue().values()}


@pytest.mark.parametrize("guard", [1, 2])
@pytest.mark.parametrize(("form", "scale"), [*FORMS, WITHOUT_A_CUT])
def test_the_rows_that_pass_are_those_the_product_can_give(form: str, scale: str, guard: int) -> None:
    ours, asked = both(form, scale)
    n = 6
    given = rows_of(ours, n, guard)
    counts = [(least, most) for least in range(n + 1) for most in range(least, n + 1)]
    tried = {
        Row(n, low, high, least, most)
        for low in range(n * asked.lowest, n * asked.highest + 1)
        for high in range(low, n * asked.highest + 1)
        for least, most in ([(None, None)] if asked.at_risk is None else counts)
    }
    passed = {row for row in tried if coding.fault_of(row, asked, guard) is None}
    assert passed >= given
    # what passes beside them is a value that the rule allows and no cohort happens to have
    for row in passed - given:
        assert (row.low == row.high) or row in _edges(ours, n, guard)


def _edges(scale: Scale, n: int, guard: int) -> set[Row]:
    """The rows of totals at either end, for every number at risk."""
    ends = (n * scale.score_min, n * scale.score_max)
    found = ((code(scale, n, total, count, guard)) for total in ends for count in range(n + 1))
    return {Row(n, one.score_low, one.score_high, one.at_risk_low, one.at_risk_high) for one in found}


@pytest.mark.parametrize("guard", [1, 2])
@pytest.mark.parametrize(("form", "scale"), FORMS)
def test_what_an_uncoded_row_rules_out_is_found_as_enumeration_finds_it(form: str, scale: str, guard: int) -> None:
    ours, asked = both(form, scale)
    n = 5 if guard == 1 else 6
    behind: dict[Row, list[tuple[Score, ...]]] = {}
    for cohort in combinations_with_replacement(possible(ours), n):
        total, at_risk = sum(value for value, _ in cohort), sum(risk is True for _, risk in cohort)
        behind.setdefault(Row(n, total, total, at_risk, at_risk), []).append(cohort)
    open_rows = 0
    for row, cohorts in behind.items():
        ruled_out = any(left != set(possible(ours)) for left in _left_open(cohorts, guard))
        assert (coding._rules_out(row, asked, guard) is not None) == ruled_out, row
        open_rows += not ruled_out
    assert 0 < open_rows < len(behind)


def _left_open(cohorts: Iterable[tuple[Score, ...]], guard: int) -> Iterable[set[Score]]:
    """Per answer that a member who looks may have, or once for an outsider: the scores others may have."""
    seen: dict[Score | None, set[Score]] = {}
    for cohort in cohorts:
        for own in set(cohort) if guard == 2 else {None}:
            others = Counter(cohort) - Counter([own] if own is not None else [])
            seen.setdefault(own, set()).update(others.keys())
    return seen.values()
