"""No published row can be built from a closed count: the type checker refuses it, and the models do when they run."""

import ast
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from mypy import api
from pydantic import BaseModel, ValidationError

from schemas.canonical import canonical_json
from schemas.clickhouse.rows import rows
from schemas.closed import MOST, ZERO, ClosedCount, ClosedCounts
from schemas.codec import decode, encode
from schemas.errors import DataError
from schemas.events import (
    CohortRetired,
    CohortSealed,
    FormManifest,
    InterventionRecorded,
    NodeState,
    Outcomes,
    RoundSealed,
)
from schemas.indicator import Indicator
from schemas.policy import Policy
from schemas.season import Season
from schemas.topics import TOPICS
from tests.unit.test_architecture import PRODUCT, Sources

ROOT: Final = Path(__file__).parents[2]
EXAMPLES: Final = ROOT / "schemas" / "examples"
SECRET: Final = ClosedCount(4711)
MAY_READ: Final = frozenset(
    {
        "schemas/closed.py",
        "deploy/demo.py",  # printed under a rule that says for whom
        "stream_processors/dry_run.py",  # closed/outcomes.json
        "stream_processors/steps/release.py",  # operators' totals, after a seal
    }
)
MAY_WRITE_JSON: Final = frozenset(
    {
        "schemas/codec.py",  # for every topic; which event goes where, the outputs of the steps say
        "schemas/clickhouse/rows.py",  # takes published events alone
        "schemas/organisation.py",  # hashed
        "schemas/policy.py",  # hashed
        "stream_processors/dry_run.py",  # closed/manifests.jsonl and closed/deadletters.jsonl
        "stream_processors/audit/reading.py",  # the auditor's evidence
        # at the edge there is no closed count
        "producers/keystore_backup.py",
        "producers/simulation/control.py",
        "producers/simulation/mishaps.py",
        "producers/sources/mapping.py",
    }
)

SNIPPET: Final = """
from prometheus_client import Counter
from schemas.clickhouse.rows import plain
from schemas.events import CohortSealed, FormManifest, NodeState, Outcomes, RoundSealed
from schemas.indicator import Indicator
from stream_processors.logs import say
from stream_processors.steps.admit import Counts
from stream_processors.steps.release import Released
from stream_processors.steps.rollup import Totals
from stream_processors.steps.seal import Partition
from typing import Any

def build(
    counts: Counts, outcomes: Outcomes, split: Partition, rest: Any, number: int, form: FormManifest, ended: RoundSealed
) -> None:
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
    "Released(outcomes={'late': $})",
    "Counter('name', 'meaning').inc($)",
    "say('rows.written', rows=$, table='cohorts')",
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
    rest = ["number + counts.admitted", "int(counts.admitted)", "plain(form)", "plain(ended)", "outcomes"]
    taken = checked(tmp_path, [*closed, *plain, *rest])
    assert [line for line, fine in zip(closed, taken, strict=False) if fine] == []
    assert taken[len(closed) :] == [True] * len(plain) + [False, False, False, True, True]


def open_events() -> dict[str, BaseModel]:
    """The largest golden example of every type of event that travels on an open topic."""
    open_types = {kind for spec in TOPICS if not spec.closed for kind in spec.events}
    events = [decode(path.read_bytes().rstrip()) for path in sorted(EXAMPLES.glob("*/valid/*.json"))]
    found: dict[str, BaseModel] = {event.type: event for event in sorted(events, key=lambda event: len(encode(event)))}
    return {kind: found[kind] for kind in sorted(open_types)}


def models_in(value: Any) -> Iterator[BaseModel]:
    """A model and the models within it."""
    if isinstance(value, BaseModel):
        yield value
        for _, part in value:
            yield from models_in(part)
    elif isinstance(value, tuple):
        for part in value:
            yield from models_in(part)


MODELS: Final = {type(model): model for event in open_events().values() for model in models_in(event)}


def spoilt(model: BaseModel) -> Iterator[tuple[str, Any]]:
    """Every field of a model with a closed count: in place of its value, and among what its value is made of."""
    for name, value in model:
        yield name, SECRET
        if isinstance(value, tuple):
            yield name, (*value, SECRET)
        elif isinstance(value, dict):
            yield name, {**value, next(iter(value), "x"): SECRET}


FIELDS: Final = [(kind, *field) for kind, model in MODELS.items() for field in spoilt(model)]


def test_every_open_event_and_every_field_of_it_is_looked_at() -> None:
    assert set(MODELS) == {
        CohortSealed,
        CohortRetired,
        InterventionRecorded,
        Indicator,
        RoundSealed,
        NodeState,
        Policy,
        Season,
    }
    assert {(kind, name) for kind, name, _ in FIELDS} == {(kind, name) for kind in MODELS for name in kind.model_fields}


@pytest.mark.parametrize(("kind", "name", "value"), FIELDS)
def test_an_open_event_takes_no_closed_count(kind: type[BaseModel], name: str, value: Any) -> None:
    given = dict(MODELS[kind])
    kind.model_validate(given)
    with pytest.raises(ValidationError) as refused:
        kind.model_validate({**given, name: value})
    assert {error["loc"][0] for error in refused.value.errors(include_input=False)} == {name}


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


def naming(sources: Sources, names: frozenset[str]) -> set[str]:
    """The modules that import one of the names, or use it of an object."""
    return {path for path, text in sources.items() if names & set(_named(ast.parse(text)))}


def _named(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.alias):
            yield node.name


NUMBER: Final = frozenset({"for_the_closed_side", "_number"})
RECEIVED: Final = frozenset({"_received"})
JSON: Final = frozenset({"as_dict", "model_dump", "model_dump_json", "to_json", "to_jsonable_python"})


def test_the_number_is_read_where_it_is_listed_and_nowhere_else() -> None:
    assert naming(PRODUCT, NUMBER) == MAY_READ
    # a metric has the same name for something of its own
    assert naming(PRODUCT, RECEIVED) == {"stream_processors/steps/admit.py", "stream_processors/metrics.py"}


def test_events_become_json_where_it_is_listed_and_nowhere_else() -> None:
    assert naming(PRODUCT, JSON) == MAY_WRITE_JSON


def test_the_check_of_names_sees_every_spelling() -> None:
    sources = {
        "a": "counts.for_the_closed_side()",
        "b": "x = count._number",
        "c": "map(ClosedCount.for_the_closed_side, counts)",
        "d": "from schemas.codec import as_dict\nmap(as_dict, events)",
        "e": "'for_the_closed_side'  # as_dict",
    }
    assert naming(sources, NUMBER) == {"a", "b", "c"}
    assert naming(sources, JSON) == {"d"}
