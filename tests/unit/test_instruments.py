"""Scores against a second arithmetic, fractions and enumeration of all answers, and the second implementation."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import floor, prod
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.resources import catalogue
from schemas.errors import DataError, Reason
from schemas.instruments.scoring import Form, Gate, Scale, Score
from tests import oracle_scores

Answers = dict[str, int]
MOST_PATTERNS: Final = 20_000


def one_scale(**changed: Any) -> Form:
    """A form of one made-up scale of three items."""
    usual: dict[str, Any] = {
        "id": "made-up",
        "items": ("1", "2", "3"),
        "reverse": frozenset({"2"}),
        "low": 1,
        "high": 4,
        "min_answered": 1,
        "published_as": "sum",
        "direction": "higher_is_worse",
        "cut": 9,
    }
    return Form("made-up", 1, "made-up", False, (Scale(**{**usual, **changed}),))


FORMS: Final = {
    **catalogue(),
    "higher is better": one_scale(direction="higher_is_better", cut=5),
    "percent, better": one_scale(direction="higher_is_better", published_as="percent", cut=6),
    "a mean": one_scale(published_as="mean", cut=8),
    "out of ten": one_scale(published_as="ten", cut=7),
    "without a cut": one_scale(cut=None),
    "ranges of their own": one_scale(min_answered=3, other=(("3", (-2, 6)), ("2", (0, 1)))),
}
# each scale by itself, without the question before the others
SCALES: Final = [
    (Form(form.id, 1, "made-up", False, (scale,)), scale) for form in FORMS.values() for scale in form.scales
]
each_scale = pytest.mark.parametrize(
    ("form", "scale"), [pytest.param(*pair, id=f"{pair[0].id}:{pair[1].id}") for pair in SCALES]
)
SMALL: Final = [
    pair for pair in SCALES if prod(2 + high - low for low, high in pair[1].ranges.values()) <= MOST_PATTERNS
]
each_small_scale = pytest.mark.parametrize(
    ("form", "scale"), [pytest.param(*pair, id=f"{pair[0].id}:{pair[1].id}") for pair in SMALL]
)


def scored(form: Form, scale: Scale, answers: Mapping[str, int]) -> Score | None:
    """The scale's score in a form that asks nothing else."""
    assert form.scales == (scale,)
    scores = form.score(answers)
    return None if scores is None else scores[0]


def points(scale: Scale, answers: Mapping[str, int]) -> list[int]:
    """Every answer in the scale's own direction."""
    return [sum(scale.ranges[item]) - raw if item in scale.reverse else raw for item, raw in answers.items()]


def exact_score(scale: Scale, answers: Mapping[str, int]) -> Fraction:
    """The score as if every item had the mean of the answered ones, before any rounding."""
    given = points(scale, answers)
    return Fraction(sum(given), len(given)) * len(scale.items)


def published(scale: Scale, score: Fraction) -> Fraction:
    """A score in published units."""
    lowest, highest = (sum(limits[end] for limits in scale.ranges.values()) for end in (0, 1))
    share = (score - lowest) / (highest - lowest)
    units = {"percent": 100 * share, "ten": 10 * share, "mean": score / len(scale.items), "sum": score}
    return units[scale.published_as]


def at_risk(scale: Scale, answers: Mapping[str, int]) -> bool | None:
    """Whether the score, not rounded, is at the cut or beyond it."""
    if scale.cut is None:
        return None
    score = exact_score(scale, answers)
    return score >= scale.cut if scale.direction == "higher_is_worse" else score <= scale.cut


@st.composite
def sheets(draw: st.DrawFn) -> tuple[Form, Scale, Answers]:
    """A scale, and enough answers to score it."""
    form, scale = draw(st.sampled_from(SCALES))
    asked = draw(st.permutations(scale.items))
    count = draw(st.integers(scale.min_answered, len(scale.items)))
    return form, scale, {item: draw(st.integers(*scale.ranges[item])) for item in asked[:count]}


@st.composite
def whole_sheets(draw: st.DrawFn) -> tuple[Form, Answers]:
    """A form as it ships, and answers to most of its items, in any number."""
    form = draw(st.sampled_from(sorted(catalogue().values(), key=lambda one: one.id)))
    given = {item: st.integers(*limits) for item, limits in form.answer_ranges.items()}
    left_out = draw(st.sets(st.sampled_from(sorted(given)), max_size=draw(st.sampled_from([0, 0, 1, 4]))))
    return form, {item: draw(values) for item, values in given.items() if item not in left_out}


@given(whole_sheets())
def test_the_second_implementation_scores_alike(sheet: tuple[Form, Answers]) -> None:
    form, answers = sheet
    scales = oracle_scores.scales_of(form.id)
    theirs = [oracle_scores.score(scale, answers) for scale in scales]
    ours = form.score(answers)
    assert (ours is None) == (None in theirs)
    for scale, score, one in zip(form.scales, ours or (), theirs, strict=ours is not None):
        assert one == (score.value, bool(score.at_risk))
        assert (score.at_risk is None) == (scale.cut is None)


def test_the_second_implementation_knows_the_same_forms_and_answers() -> None:
    assert set(oracle_scores.INSTRUMENT_OF) == set(catalogue())
    for form in catalogue().values():
        assert {item: (min(codes), max(codes)) for item, codes in oracle_scores.answers_of(form.id).items()} == dict(
            form.answer_ranges
        )
        for scale in form.scales:
            theirs = oracle_scores.possible_scores(oracle_scores.Scale(form.id, scale.id))
            if scale.cut is not None:
                assert theirs == (scale.at_risk_range, scale.not_at_risk_range)
            else:
                assert theirs[1] == (scale.score_min, scale.score_max)


@given(sheets())
def test_a_score_is_on_the_grid_of_complete_answers(sheet: tuple[Form, Scale, Answers]) -> None:
    form, scale, answers = sheet
    score = scored(form, scale, answers)
    assert score is not None
    assert type(score.value) is int
    assert scale.score_min <= score.value <= scale.score_max


@given(sheets())
def test_partial_answers_are_rounded_half_up_and_risk_is_decided_before_rounding(
    sheet: tuple[Form, Scale, Answers],
) -> None:
    form, scale, answers = sheet
    half_up = floor(exact_score(scale, answers) + Fraction(1, 2))
    assert scored(form, scale, answers) == (half_up, at_risk(scale, answers))


@given(sheets())
def test_the_published_value_of_one_person_is_the_score_in_published_units(sheet: tuple[Form, Scale, Answers]) -> None:
    form, scale, answers = sheet
    score = scored(form, scale, answers)
    assert score is not None
    assert scale.published(score.value, 1) == published(scale, Fraction(score.value))


@given(sheets(), st.data())
def test_a_worse_answer_never_lowers_a_score(sheet: tuple[Form, Scale, Answers], data: st.DataObject) -> None:
    form, scale, answers = sheet
    item = data.draw(st.sampled_from(sorted(answers)))
    other = data.draw(st.integers(*scale.ranges[item]))
    first, second = scored(form, scale, answers), scored(form, scale, {**answers, item: other})
    assert first is not None
    assert second is not None
    step = (second.value - first.value) * (other - answers[item])
    assert step <= 0 if item in scale.reverse else step >= 0


@given(st.sampled_from(SCALES), st.data())
def test_complete_answers_are_scored_exactly(pair: tuple[Form, Scale], data: st.DataObject) -> None:
    form, scale = pair
    answers = {item: data.draw(st.integers(*limits)) for item, limits in scale.ranges.items()}
    score = scored(form, scale, answers)
    assert score is not None
    assert score.value == sum(points(scale, answers))


@each_scale
def test_too_few_answers_are_not_scored(form: Form, scale: Scale) -> None:
    answers = {item: scale.ranges[item][0] for item in scale.items[: scale.min_answered - 1]}
    assert scored(form, scale, answers) is None


@each_small_scale
def test_the_scores_possible_at_risk_and_not_equal_brute_force(form: Form, scale: Scale) -> None:
    seen: dict[bool | None, set[int]] = {True: set(), False: set(), None: set()}
    codes = [[None, *range(low, high + 1)] for low, high in scale.ranges.values()]
    for pattern in product(*codes):
        answers = {item: raw for item, raw in zip(scale.items, pattern, strict=True) if raw is not None}
        score = scored(form, scale, answers)
        if score is not None:
            seen[score.at_risk].add(score.value)
    if scale.cut is None:
        assert (min(seen[None]), max(seen[None])) == (scale.score_min, scale.score_max)
    else:
        assert scale.at_risk_range == (min(seen[True]), max(seen[True]))
        assert scale.not_at_risk_range == (min(seen[False]), max(seen[False]))


def test_item_13_of_the_copenhagen_inventory_counts_backwards() -> None:
    form = catalogue()["cbi.work"]
    others = {str(item): 0 for item in range(7, 13)}
    assert form.score({**others, "13": 4}) == ((0, False),)
    assert form.score({**others, "13": 0}) == ((4, False),)


def test_reversing_mirrors_the_answer_range_of_the_item() -> None:
    form = one_scale(low=1, high=4)
    assert form.score({"1": 1, "2": 4, "3": 1}) == ((3, False),)
    assert form.score({"1": 4, "2": 1, "3": 4}) == ((12, True),)


def test_a_form_scores_only_if_each_of_its_scales_does() -> None:
    first, second = one_scale().scales[0], one_scale(items=("4", "5"), min_answered=2, cut=None).scales[0]
    form = Form("two", 1, "made-up", False, (first, second))
    assert form.score({"1": 2, "4": 1}) is None
    assert form.score({"1": 2, "4": 1, "5": 3}) == ((6, False), (4, None))


@pytest.mark.parametrize("item", ["6", "14", "99", "07"])
def test_an_item_of_another_form_is_refused(item: str) -> None:
    with pytest.raises(DataError) as refused:
        catalogue()["cbi.work"].score({"7": 1, item: 1})
    assert refused.value.reason == Reason.UNKNOWN_ITEM


@each_scale
def test_an_answer_outside_its_range_is_refused(form: Form, scale: Scale) -> None:
    lowest = {item: low for item, (low, _) in scale.ranges.items()}
    low, high = scale.ranges[scale.items[-1]]
    for raw in (low - 1, high + 1, -(10**6), 10**6):
        with pytest.raises(DataError) as refused:
            form.score({**lowest, scale.items[-1]: raw})
        assert refused.value.reason == Reason.ANSWER_OUT_OF_RANGE
        assert str(raw) not in str(refused.value)


GATED: Final = Form("gated", 1, "made-up", False, one_scale(min_answered=3).scales, Gate("0", 1, 0, 1))


def test_a_question_before_the_others_that_stays_shut_gives_the_smallest_score() -> None:
    assert GATED.score({"0": 0}) == GATED.score({"0": 0, "1": 4, "2": 1, "3": 4}) == ((3, False),)
    assert GATED.score({"0": 1, "1": 4, "2": 1, "3": 4}) == ((12, True),)


def test_without_an_answer_to_the_question_before_the_others_nothing_is_scored() -> None:
    assert GATED.score({"1": 4, "2": 1, "3": 4}) is None
    assert GATED.score({"0": 1, "1": 4, "2": 1}) is None


@pytest.mark.parametrize("answers", [{"0": 2}, {"0": -1}, {"0": 0, "1": 9}, {"0": 2, "1": 4, "2": 1, "3": 4}])
def test_behind_a_question_that_stays_shut_answers_are_still_checked(answers: Answers) -> None:
    with pytest.raises(DataError) as refused:
        GATED.score(answers)
    assert refused.value.reason == Reason.ANSWER_OUT_OF_RANGE
    with pytest.raises(DataError) as refused:
        GATED.score({"0": 0, "7": 1})
    assert refused.value.reason == Reason.UNKNOWN_ITEM


def test_the_question_before_the_others_is_an_item_like_any_other() -> None:
    assert list(GATED.answer_ranges) == ["0", "1", "2", "3"]
    assert catalogue()["pc_ptsd_5"].answer_ranges["0"] == (0, 1)
