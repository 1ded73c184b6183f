"""Every instrument against vectors computed by hand, and the vectors against every slip a key can have."""

from collections.abc import Iterator
from fractions import Fraction
from math import floor
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from deploy.resources import definitions
from schemas.errors import DataError
from schemas.instruments.judging import judge
from schemas.instruments.model import Instrument
from tests.oracle_scores import INSTRUMENTS

Vector = dict[str, Any]
Definition = dict[str, Any]

VECTORS: Final[list[Vector]] = yaml.safe_load(
    (Path(__file__).parents[1] / "instrument_vectors.yaml").read_text("utf-8")
)["vectors"]
TOLERANCE: Final = Fraction("0.0001")
SHIPPED: Final = {definition["id"]: definition for definition in definitions()}
each_vector = pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])


def answers_in(vector: Vector) -> dict[str, int]:
    """The answers of a vector by item id."""
    first = {"0": int(vector["gate"])} if "gate" in vector else {}
    return first | {str(item): raw for item, raw in vector["answers"].items() if raw is not None}


def differences(instrument: Instrument, vector: Vector) -> list[str]:
    """In what an instrument does not come to what a vector says."""
    try:
        verdict = judge(instrument, answers_in(vector))
    except DataError as error:
        return [str(error.reason)]
    expected = vector["expect"]
    found = [] if set(verdict.scales) == set(expected["scores"]) else ["scales"]
    for name, by_hand in expected["scores"].items():
        judged = verdict.scales.get(name)
        if (judged is None) != (by_hand is None) or (
            judged is not None and abs(judged.figure - Fraction(str(by_hand))) > TOLERANCE
        ):
            found.append(name)
    for name, band in expected.get("bands", {}).items():
        judged = verdict.scales.get(name)
        if (None if judged is None else judged.band) != band:
            found.append(f"{name}: band")
    return found if verdict.at_risk is expected["at_risk"] else [*found, "at risk"]


@each_vector
def test_every_scale_scores_as_computed_by_hand(vector: Vector) -> None:
    assert differences(Instrument.model_validate(SHIPPED[vector["instrument"]]), vector) == []


@each_vector
def test_every_form_scores_as_computed_by_hand(vector: Vector) -> None:
    instrument, answers = Instrument.model_validate(SHIPPED[vector["instrument"]]), answers_in(vector)
    verdict, checked = judge(instrument, answers), 0
    for form in instrument.build_forms():
        scores = form.score({item: raw for item, raw in answers.items() if item in form.answer_ranges})
        judged = [verdict.scales[scale.id] for scale in form.scales]
        assert (scores is None) == (None in judged)
        for scale, score, one in zip(form.scales, scores or (), judged, strict=scores is not None):
            assert one is not None
            span = scale.published(scale.score_max, 1) - scale.published(scale.score_min, 1)
            step = span / (scale.score_max - scale.score_min)
            exact = scale.score_min + (one.figure - scale.published(scale.score_min, 1)) / step
            assert (score.value, score.at_risk) == (floor(exact + Fraction(1, 2)), one.at_risk)
            checked += 1
    assert checked or None in verdict.scales.values()


def test_the_vectors_cover_every_instrument() -> None:
    assert {vector["instrument"] for vector in VECTORS} == set(SHIPPED) == {one["id"] for one in INSTRUMENTS}
    assert len({vector["id"] for vector in VECTORS}) == len(VECTORS)


def edited(definition: Definition, scale: str, **changes: Any) -> Definition:
    """A definition with one scale changed."""
    scales = definition["scales"]
    return {**definition, "scales": {**scales, scale: {**scales[scale], **changes}}}


def slips(definition: Definition) -> Iterator[tuple[str, Definition]]:
    """Every key that differs in one place: an item turned, a cut or the least number of answers moved by one, ..."""
    for name, scale in definition["scales"].items():
        turned = set(scale.get("reverse", []))
        for item in scale["items"]:
            yield f"{name}: item {item} turned", edited(definition, name, reverse=sorted(turned ^ {item}))
        yield from _moved_cuts(definition, name)
        least = scale.get("min_answered", len(scale["items"]))
        for number in {least - 1, least + 1} & set(range(1, len(scale["items"]) + 1)):
            yield f"{name}: {number} answered", edited(definition, name, min_answered=number)
        # of one item the sum is the mean
        same = {"sum", "mean"} if len(scale["items"]) == 1 else {scale["published_as"]}
        for units in {"sum", "mean", "percent", "ten"} - same:
            yield f"{name}: as {units}", edited(definition, name, published_as=units)
    yield from _moved_gate(definition)


def _moved_cuts(definition: Definition, name: str) -> Iterator[tuple[str, Definition]]:
    cuts = definition["scales"][name].get("cuts", [])
    for place, cut in enumerate(cuts):
        way = "at_least" if "at_least" in cut else "at_most"
        for step in (-1, 1):
            moved = [*cuts[:place], {**cut, way: cut[way] + step}, *cuts[place + 1 :]]
            yield f"{name}: {cut['label']} moved by {step}", edited(definition, name, cuts=moved)
        yield (
            f"{name}: {cut['label']} left out",
            edited(definition, name, cuts=[*cuts[:place], *cuts[place + 1 :]], at_risk=None),
        )


def _moved_gate(definition: Definition) -> Iterator[tuple[str, Definition]]:
    if "gate" in definition:
        yield "gate opened by the other answer", {**definition, "gate": {"item": 0, "open": 0}}
    rule = definition.get("at_risk_rule")
    if rule and len(next(iter(rule.values()))) > 1:
        ((way, cuts),) = rule.items()
        yield "rule turned", {**definition, "at_risk_rule": {"all" if way == "any" else "any": cuts}}
        for cut in cuts:
            yield f"rule without {cut}", {**definition, "at_risk_rule": {way: [one for one in cuts if one != cut]}}


def survivors(definition: Definition) -> list[str]:
    """The slips that neither the model nor a vector notices."""
    own = [vector for vector in VECTORS if vector["instrument"] == definition["id"]]
    return [name for name, slip in slips(definition) if not _is_noticed(slip, own)]


def _is_noticed(slip: Definition, own: list[Vector]) -> bool:
    try:
        instrument = Instrument.model_validate(slip)
    except ValueError:
        return True
    return any(differences(instrument, vector) for vector in own)


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_no_slip_in_a_key_escapes_the_vectors(name: str) -> None:
    assert survivors(SHIPPED[name]) == []


def test_a_slip_that_no_vector_looks_at_survives() -> None:
    definition = SHIPPED["sib5"]
    assert survivors({**definition, "id": "another"}) == [
        name for name, _ in slips(definition) if "left out" not in name
    ]
