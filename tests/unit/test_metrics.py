"""The metrics: what the documentation lists is what is served, and no label can tell a person or a unit."""

import re
from pathlib import Path
from typing import Final, get_args

import pytest
from prometheus_client import CollectorRegistry

from stream_processors.logs import EVENTS
from stream_processors.metrics import METRICS, Metrics, Name, Process, WorkerMetrics, WriterMetrics
from stream_processors.steps.release import Released

DOCS: Final = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
LABELS: Final = frozenset({"outcome", "reason", "table", "topic", "facility", "version", "code_hash"})
ABOUT_ROUNDS: Final = re.compile(r"wardpulse_rounds_(open|overdue|opened_total|sealed_total|cancelled_total)")
BY_PROCESS: Final[dict[Process, type[Metrics]]] = {"worker": WorkerMetrics, "writer": WriterMetrics}


def served(registry: CollectorRegistry) -> dict[str, str]:
    """The metrics of a registry and their kinds, under the names a query uses."""
    return {f"{m.name}_total" if m.type == "counter" else m.name: m.type for m in registry.collect()}


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading of the documentation."""
    section = DOCS.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("process", get_args(Process))
def test_each_process_serves_the_metrics_of_the_table_and_nothing_else(process: Process) -> None:
    expected = {name: spec.kind for name, spec in METRICS.items() if process in spec.processes}
    assert served(BY_PROCESS[process]("0").registry) == expected


def test_every_name_has_a_meaning() -> None:
    assert set(METRICS) == set(get_args(Name))


def test_the_documentation_lists_every_metric_as_it_is() -> None:
    assert rows("Metrics") == [
        [f"`{name}`", ", ".join(spec.processes), spec.kind, ", ".join(spec.labels) or "-", spec.meaning]
        for name, spec in METRICS.items()
    ]


def test_the_documentation_lists_every_log_event_as_it_is() -> None:
    assert rows("Log events") == [
        [f"`{name}`", event.level, ", ".join(event.fields) or "-", event.sentence.replace("`", "")]
        for name, event in EVENTS.items()
    ]


def test_every_alarm_of_the_documentation_asks_for_metrics_that_exist() -> None:
    used = set(re.findall(r"wardpulse_\w+", " ".join(cell for row in rows("Alarms") for cell in row)))
    known = {*METRICS, "wardpulse_seal_seconds_bucket", "wardpulse_seal_seconds_count", "wardpulse_insert_seconds_sum"}
    assert used <= known
    assert "wardpulse_rounds_overdue" in used


def test_no_metric_has_a_label_beyond_the_ones_allowed() -> None:
    for name, spec in METRICS.items():
        assert set(spec.labels) <= LABELS
        if "facility" in spec.labels:
            assert ABOUT_ROUNDS.fullmatch(name), f"{name}: what is told of a facility must be public anyway"


@pytest.mark.parametrize("metrics", [WorkerMetrics("0"), WriterMetrics("0")])
def test_no_series_holds_an_instant_of_its_own_or_grows_with_records(metrics: Metrics) -> None:
    if isinstance(metrics, WorkerMetrics):
        metrics.sealed("general", 1.0, Released())
    names = {sample.name for family in metrics.registry.collect() for sample in family.samples}
    assert not [name for name in names if name.endswith("_created") or name.startswith(("process_", "python_"))]
