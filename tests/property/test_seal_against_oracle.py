"""The anonymiser agrees with a second implementation that was written from the design alone."""

import random
from typing import Any

import pytest

from schemas.clickhouse.rows import plain
from tests.oracle import expected_outcomes, expected_retired, expected_rows
from tests.random_logs import random_log
from tests.records import numbers, replayed

ORGANISATIONS = 1_000
BATCHES = 10


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["facility"], row["round"], row["form"], row["path"], row["scale"])


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_sealed_row_of_random_organisations_is_the_oracles(batch: int) -> None:
    sealed = retired = 0
    for seed in range(batch, ORGANISATIONS, BATCHES):
        log = random_log(random.Random(seed))
        result = replayed(log)
        rows = sorted((plain(event) for event in result.cohorts), key=_key)
        assert rows == expected_rows(log), f"seed {seed}"
        left_out = sorted((plain(event) for event in result.retired), key=lambda row: str(row["cohort_id"]))
        assert left_out == expected_retired(log), f"seed {seed}"
        outcomes = numbers(result.outcomes())
        for bucket, counts in expected_outcomes(log).items():
            assert {name: outcomes[bucket][name] for name in counts} == counts, f"seed {seed}, {bucket}"
        sealed += len(rows)
        retired += len(left_out)
    assert sealed > 100
    assert retired > 3
