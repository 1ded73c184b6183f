"""No published row can be built from a closed count: the type checker refuses it, and the models do when they run."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from mypy import api
from pydantic import BaseModel, TypeAdapter, ValidationError

from schemas.canonical import canonical_json
from schemas.clickhouse.rows import rows
from schemas.closed import MOST, ZERO, ClosedCount, ClosedCounts
from schemas.codec import decode, encode
from schemas.errors import DataError
from schemas.events import CohortSealed, FormManifest, Indicator, NodeState, Outcomes, RoundSealed
from schemas.topics import TOPICS
from tests.unit.test_architecture import PRODUCT, Sources

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "schemas" / "examples"
SECRET: Final = ClosedCount(4711)
OPEN_MODELS: Final = (CohortSealed, Indicator, RoundSealed, NodeState)
MAY_READ: Final = frozenset(
    {
        "schemas/closed.py",
        "deploy/demo.py",  # printed under a rule that says for whom
        "stream_processors/dry_run.py",  # closed/outcomes.json
        "stream_processors/steps/release.py",  # operators' totals, after a seal
    }
)

SNIPPET: Final = """
from schemas.events import CohortSealed, Indicator, NodeState, Outcomes
from stream_processors.steps.admit import Counts
from stream_processors.steps.rollup import Totals
from stream_processors.steps.seal import Partition
from typing import Any

def build(counts: Counts, outcomes: Outcomes, split: Partition, rest: Any, number: int) -> None:
    {line}
"""
REFUSED: Final = (
    "NodeState(node='a', path=('a',), name='a', kind='unit', states={}, headcount=$)",
    "CohortSealed(**rest, n=$)",
    "CohortSealed(**rest, score_low=$)",
    "CohortSealed(**rest, at_risk_high=$)",
    "Indicator(**rest, responses=$)",
    "Indicator(**rest, coverage=$)",
    "Indicator(**rest, cohorts_retired=$)",
    "Totals(n=$)",
)
CLOSED_VALUES: Final = ("counts.admitted", "outcomes.withheld", "split.overfull", "counts.received")


def checked(folder: Path, lines: list[str]) -> list[bool]:
    """Whether the type checker takes each line."""
    names = [folder / f"snippet_{number}.py" for number in range(len(lines))]
    for name, line in zip(names, lines, strict=True):
        name.write_text(SNIPPET.format(line=line), "utf-8")
    told, error, _ = api.run(
        ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(folder / "cache"), *map(str, names)]
    )
    assert not error
    return [f"{name.name}:" not in told and str(name) not in told for name in names]


def test_the_type_checker_refuses_a_row_with_a_closed_count_and_takes_one_with_a_number(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    closed = [row.replace("$", value) for row in REFUSED for value in CLOSED_VALUES]
    plain = [row.replace("$", "number") for row in REFUSED]
    taken = checked(tmp_path, [*closed, *plain, "number + counts.admitted", "int(counts.admitted)", "outcomes"])
    assert [line for line, fine in zip(closed, taken, strict=False) if fine] == []
    assert taken[len(closed) :] == [True] * len(plain) + [False, False, True]


def numbers_of(model: type[BaseModel]) -> Iterator[str]:
    """The fields of a model that take a number."""
    for name, field in model.model_fields.items():
        try:
            TypeAdapter(field.rebuild_annotation()).validate_python(1)
        except ValidationError:
            continue
        yield name


FIELDS: Final = [(model, name) for model in OPEN_MODELS for name in numbers_of(model)]


def valid(model: type[BaseModel]) -> dict[str, Any]:
    """The fields of a golden example."""
    if model is NodeState:
        return dict(valid(RoundSealed)["nodes"][0])
    kind = {CohortSealed: "cohort.sealed", Indicator: "indicator", RoundSealed: "round.sealed"}[model]
    path = next(
        path for path in sorted(EXAMPLES.rglob("*.json")) if path.stem.startswith(kind) and "invalid" not in str(path)
    )
    return dict(decode(path.read_bytes()).model_dump())


def test_the_fields_of_open_events_that_take_numbers_are_known() -> None:
    assert {name for _, name in FIELDS} > {"n", "score_low", "at_risk_high", "responses", "coverage", "headcount"}
    open_types = {kind for spec in TOPICS if not spec.closed for kind in spec.events}
    assert open_types == {"cohort.sealed", "cohort.retired", "round.sealed", "indicator"}


@pytest.mark.parametrize(("model", "name"), FIELDS)
def test_an_open_event_takes_no_closed_count(model: type[BaseModel], name: str) -> None:
    given = valid(model)
    model.model_validate(given)
    with pytest.raises(ValidationError) as refused:
        model.model_validate({**given, name: ClosedCount(12)})
    assert any(error["loc"][0] == name for error in refused.value.errors(include_input=False))


def test_the_golden_manifest_has_the_same_bytes_and_closed_counts() -> None:
    outcomes = Outcomes(received=SECRET, admitted=ClosedCount(3))
    assert json.loads(outcomes.model_dump_json())["received"] == 4711
    assert Outcomes.model_validate_json(outcomes.model_dump_json()) == outcomes
    with pytest.raises(ValidationError):
        Outcomes.model_validate({"received": 4711})
    with pytest.raises(ValidationError):
        Outcomes(received=ClosedCount(MOST + 1))
    example = next(EXAMPLES.rglob("form.manifest*.json"))
    event = decode(example.read_bytes())
    assert isinstance(event, FormManifest)
    assert isinstance(event.outcomes.received, ClosedCount)
    assert json.loads(encode(event)) == json.loads(example.read_bytes())


def test_the_event_that_holds_closed_counts_has_no_rows() -> None:
    event = decode(next(EXAMPLES.rglob("form.manifest*.json")).read_bytes())
    with pytest.raises(DataError):
        rows(event)


def test_a_closed_count_is_shown_nowhere(caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("wardpulse").warning("%s %r %s", SECRET, {"count": SECRET}, [SECRET])
    shown = [str(SECRET), f"{SECRET}", repr(SECRET), f"{SECRET!r}", f"{ClosedCounts(late=SECRET)}", caplog.text]
    assert not [text for text in shown if "4711" in text]
    for dump in (json.dumps, canonical_json):
        with pytest.raises(TypeError):
            dump({"count": SECRET})


@pytest.mark.parametrize(
    "use", [int, float, bool, range, "{:d}".format, "%d".__mod__, (1).__add__, lambda c: 1 + c, lambda c: [0][c], hex]
)
def test_a_closed_count_is_no_number(use: Any) -> None:
    try:
        result = use(SECRET)
    except (TypeError, ValueError):
        return
    assert result is NotImplemented


def test_closed_counts_add_up_and_compare_with_their_like() -> None:
    assert ClosedCount(2) + 3 + ClosedCount(1) == ClosedCount(6)
    assert ClosedCount(6) - 2 == ClosedCount(4)
    assert ClosedCount(1) != 1
    assert ZERO < ClosedCount(1) <= ClosedCount(1)
    assert max(ClosedCount(1), ClosedCount(4)) == ClosedCount(4)
    counts = ClosedCounts()
    counts["late"] += 2
    counts.add(ClosedCounts(late=ClosedCount(1), invalid=ClosedCount(1)))
    assert counts.for_the_closed_side() == {"late": 3, "invalid": 1}


def readers(sources: Sources) -> set[str]:
    """The modules that read the number of a closed count."""
    return {path for path, text in sources.items() if "for_the_closed_side" in text or "._number" in text}


def test_the_number_is_read_where_it_is_listed_and_nowhere_else() -> None:
    assert readers(PRODUCT) == MAY_READ
    assert readers({"a": "counts.for_the_closed_side()", "b": "count._number", "c": "count"}) == {"a", "b"}
