"""Scores against hand-computed vectors and against a second arithmetic: fractions, and enumeration of all answers."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import product
from math import floor
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from deploy.resources import catalogue
from schemas.errors import DataError, Reason
from schemas.instruments.scoring import Form, Scale, Score

Answers = dict[str, int]

VECTORS: Final[list[dict[str, Any]]] = yaml.safe_load(
    (Path(__file__).parents[1] / "instrument_vectors.yaml").read_text("utf-8")
)["vectors"]
TOLERANCE: Final = Fraction("0.0001")


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
    "percent, better": one_scale(direction="higher_is_better", published_as="percent", cut=40),
    "without a cut": one_scale(cut=None),
}
SCALES: Final = [(form, scale) for form in FORMS.values() for scale in form.scales]
each_scale = pytest.mark.parametrize(("form", "scale"), [pytest.param(*pair, id=pair[0].id) for pair in SCALES])


def scored(form: Form, scale: Scale, answers: Mapping[str, int]) -> Score | None:
    """The scale's score in a form that asks nothing else."""
    assert form.scales == (scale,)
    scores = form.score(answers)
    return None if scores is None else scores[0]


def points(scale: Scale, answers: Mapping[str, int]) -> list[int]:
    """Every answer in the scale's own direction."""
    return [scale.low + scale.high - raw if item in scale.reverse else raw for item, raw in answers.items()]


def exact_score(scale: Scale, answers: Mapping[str, int]) -> Fraction:
    """The score as if every item had the mean of the answered ones, before any rounding."""
    given = points(scale, answers)
    return Fraction(sum(given), len(given)) * len(scale.items)


def published(scale: Scale, score: Fraction) -> Fraction:
    """A score in published units."""
    lowest, highest = len(scale.items) * scale.low, len(scale.items) * scale.high
    return 100 * (score - lowest) / (highest - lowest) if scale.published_as == "percent" else score


def at_risk(scale: Scale, answers: Mapping[str, int]) -> bool | None:
    """Whether the unrounded figure is at the cut or beyond it."""
    if scale.cut is None:
        return None
    figure = published(scale, exact_score(scale, answers))
    return figure >= scale.cut if scale.direction == "higher_is_worse" else figure <= scale.cut


@st.composite
def sheets(draw: st.DrawFn) -> tuple[Form, Scale, Answers]:
    """A scale, and enough answers to score it."""
    form, scale = draw(st.sampled_from(SCALES))
    asked = draw(st.permutations(scale.items))
    count = draw(st.integers(scale.min_answered, len(scale.items)))
    return form, scale, {item: draw(st.integers(scale.low, scale.high)) for item in asked[:count]}


def _vector_scores(vector: dict[str, Any]) -> dict[str, tuple[Scale, Answers, Score | None]]:
    given = {str(item): raw for item, raw in vector["answers"].items() if raw is not None}
    found: dict[str, tuple[Scale, Answers, Score | None]] = {}
    for form in catalogue().values():
        if form.instrument == vector["instrument"]:
            answers = {item: raw for item, raw in given.items() if item in form.answer_ranges}
            scores = form.score(answers)
            for index, scale in enumerate(form.scales):
                found[scale.id] = (scale, answers, None if scores is None else scores[index])
    return found


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_every_scale_scores_as_computed_by_hand(vector: dict[str, Any]) -> None:
    found, expected = _vector_scores(vector), vector["expect"]["scores"]
    assert set(found) == set(expected)
    for name, (scale, answers, score) in found.items():
        if expected[name] is None:
            assert score is None
            continue
        assert score is not None
        by_hand = Fraction(str(expected[name]))
        assert abs(published(scale, exact_score(scale, answers)) - by_hand) <= TOLERANCE
        assert score.value == floor(exact_score(scale, answers) + Fraction(1, 2))
        if len(answers) == len(scale.items):
            assert abs(scale.published(score.value, 1) - by_hand) <= TOLERANCE


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_person_is_at_risk_where_the_vector_says(vector: dict[str, Any]) -> None:
    flags = [score.at_risk if score else None for _, _, score in _vector_scores(vector).values()]
    undecided = None if None in flags else False
    assert (True if True in flags else undecided) is vector["expect"]["at_risk"]


def test_the_vectors_cover_every_form() -> None:
    assert {vector["instrument"] for vector in VECTORS} == {form.instrument for form in catalogue().values()}


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
    other = data.draw(st.integers(scale.low, scale.high))
    first, second = scored(form, scale, answers), scored(form, scale, {**answers, item: other})
    assert first is not None
    assert second is not None
    step = (second.value - first.value) * (other - answers[item])
    assert step <= 0 if item in scale.reverse else step >= 0


@given(st.sampled_from(SCALES), st.data())
def test_complete_answers_are_scored_exactly(pair: tuple[Form, Scale], data: st.DataObject) -> None:
    form, scale = pair
    answers = {item: data.draw(st.integers(scale.low, scale.high)) for item in scale.items}
    score = scored(form, scale, answers)
    assert score is not None
    assert score.value == sum(points(scale, answers))


@each_scale
def test_too_few_answers_are_not_scored(form: Form, scale: Scale) -> None:
    answers = dict.fromkeys(scale.items[: scale.min_answered - 1], scale.low)
    assert scored(form, scale, answers) is None


@each_scale
def test_the_scores_possible_at_risk_and_not_equal_brute_force(form: Form, scale: Scale) -> None:
    seen: dict[bool | None, set[int]] = {True: set(), False: set(), None: set()}
    for pattern in product([None, *range(scale.low, scale.high + 1)], repeat=len(scale.items)):
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
    for raw in (scale.low - 1, scale.high + 1, -(10**6), 10**6):
        with pytest.raises(DataError) as refused:
            form.score({**dict.fromkeys(scale.items, scale.low), scale.items[-1]: raw})
        assert refused.value.reason == Reason.ANSWER_OUT_OF_RANGE
        assert str(raw) not in str(refused.value)
