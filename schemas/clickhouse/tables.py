"""The published tables as data. A test compares them with what the migrations create.

No column tells an instant, an event id, a token or a count of outcomes. `row_hash` is part of every sorting key:
repeats of a row collapse, versions of it never do.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Table:
    """A ReplacingMergeTree, read with FINAL. `columns` maps names to ClickHouse types, in order."""

    name: str
    columns: dict[str, str]
    sorting_key: tuple[str, ...]


_PLACE: Final = {"facility": "LowCardinality(String)", "node": "String", "path": "Array(String)"}
_WHEN: Final = {"round": "LowCardinality(String)", "form": "LowCardinality(String)"}
_HASH: Final = {"row_hash": "String"}

COHORTS: Final = Table(
    "cohorts",
    {
        "cohort_id": "String",
        **_PLACE,
        **_WHEN,
        "scale": "LowCardinality(String)",
        "n": "UInt32",
        "score_low": "Int64",
        "score_high": "Int64",
        "at_risk_low": "Nullable(UInt32)",
        "at_risk_high": "Nullable(UInt32)",
        "policy_hash": "String",
        **_HASH,
    },
    ("facility", "round", "form", "scale", "cohort_id", "row_hash"),
)

INDICATORS: Final = Table(
    "indicators",
    {
        **_PLACE,
        **_WHEN,
        "scale": "LowCardinality(String)",
        "calendar": "LowCardinality(String)",
        "staff_group": "LowCardinality(String)",
        "leaves_published": "Nullable(UInt32)",
        "leaves_fielded": "Nullable(UInt32)",
        "window": "UInt8",
        "rounds_published": "UInt8",
        "rounds_fielded": "UInt8",
        "cohorts_retired": "UInt32",
        "state": "LowCardinality(String)",
        "responses": "Nullable(UInt32)",
        "mean": "Nullable(Float64)",
        "mean_low": "Nullable(Float64)",
        "mean_high": "Nullable(Float64)",
        "at_risk_low": "Nullable(UInt32)",
        "at_risk_high": "Nullable(UInt32)",
        "at_risk_share": "Nullable(Float64)",
        "at_risk_share_low": "Nullable(Float64)",
        "at_risk_share_high": "Nullable(Float64)",
        "coverage": "Nullable(Float64)",
        "coverage_change": "Nullable(Float64)",
        "change": "Nullable(Float64)",
        "change_low": "Nullable(Float64)",
        "change_high": "Nullable(Float64)",
        "share_change": "Nullable(Float64)",
        "share_change_low": "Nullable(Float64)",
        "share_change_high": "Nullable(Float64)",
        "round_responses": "Nullable(UInt32)",
        "round_mean": "Nullable(Float64)",
        "round_at_risk_low": "Nullable(UInt32)",
        "round_at_risk_high": "Nullable(UInt32)",
        "smoothed": "Nullable(Float64)",
        "centre": "Nullable(Float64)",
        "limit_low": "Nullable(Float64)",
        "limit_high": "Nullable(Float64)",
        "limit_points": "Nullable(UInt32)",
        "rebased_on": "Nullable(Date)",
        "signal": "LowCardinality(String)",
        "signal_rules": "Array(LowCardinality(String))",
        **_HASH,
    },
    ("facility", "form", "scale", "node", "round", "window", "row_hash"),
)

ROUNDS: Final = Table(
    "rounds",
    {
        "facility": "LowCardinality(String)",
        **_WHEN,
        "first_answer_date": "Date",
        "last_answer_date": "Date",
        "policy_hash": "String",
        "k": "UInt32",
        "coalition": "UInt32",
        "outside": "UInt32",
        "k_sensitive": "UInt32",
        "headcount_slack": "Float64",
        "identity": "LowCardinality(String)",
        "sensitive_forms": "Array(String)",
        "sensitive": "Bool",
        "calendar": "LowCardinality(String)",
        "season": "String",
        "season_first": "Nullable(Date)",
        "season_last": "Nullable(Date)",
        "long_below": "Nullable(UInt32)",
        **_HASH,
    },
    ("facility", "round", "form", "row_hash"),
)

NODES: Final = Table(
    "nodes",
    {
        **_PLACE,
        **_WHEN,
        "name": "String",
        "kind": "LowCardinality(String)",
        "state": "LowCardinality(String)",
        "headcount": "Nullable(UInt32)",
        "headcount_asked": "Nullable(UInt32)",
        "of_group": "LowCardinality(String)",
        "staff_group": "LowCardinality(String)",
        **_HASH,
    },
    ("facility", "round", "form", "node", "row_hash"),
)

RETIRED_COHORTS: Final = Table(
    "retired_cohorts",
    {"cohort_id": "String", **_PLACE, **_WHEN, **_HASH},
    ("facility", "round", "form", "cohort_id", "row_hash"),
)

INTERVENTIONS: Final = Table(
    "interventions",
    {
        **_PLACE,
        "on": "Date",
        "kind": "LowCardinality(String)",
        "label": "LowCardinality(String)",
        "rebase": "Bool",
        "taken_back": "Bool",
        "version": "UInt32",
        **_HASH,
    },
    ("facility", "node", "on", "kind", "label", "version", "row_hash"),
)

TABLES: Final = (COHORTS, RETIRED_COHORTS, INDICATORS, ROUNDS, NODES, INTERVENTIONS)
