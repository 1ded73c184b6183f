"""The anonymiser agrees with a second implementation that was written from the design alone."""

import random
from collections import Counter
from typing import Any

import pytest

from schemas.clickhouse.rows import plain
from schemas.codec import as_dict
from schemas.events import RoundSealed
from tests.oracle import expected_outcomes, expected_retired, expected_rows
from tests.oracle_states import expected_nodes
from tests.random_logs import random_log
from tests.records import numbers, replayed

ORGANISATIONS = 1_000
BATCHES = 10
WANTED = ("seasons", "long", "sensitive", "sensitive_published", "not_published", "groups", "partly_asked")


def _key(row: dict[str, Any]) -> tuple[Any, ...]:
    return (row["facility"], row["round"], row["form"], row["path"], row["scale"])


def _seen(closed: RoundSealed) -> Counter[str]:
    """What of the rules shows in a sealed round."""
    states = [state for node in closed.nodes for state in node.states.values()]
    sensitive = [node.states.get(form) for node in closed.nodes for form in closed.sensitive]
    asked = [node for node in closed.nodes if node.headcount != node.headcount_asked]
    return Counter(
        sealed=1,
        seasons=closed.season is not None,
        long=closed.season is not None and closed.season.calendar == "long",
        sensitive=bool(closed.sensitive),
        sensitive_published="published" in sensitive,
        not_published="not_published" in states,
        groups=any(node.staff_group for node in closed.nodes),
        partly_asked=len(asked),
    )


@pytest.mark.parametrize("batch", range(BATCHES))
def test_every_sealed_row_of_random_organisations_is_the_oracles(batch: int) -> None:
    retired, rows_seen, seen = 0, 0, Counter[str]()
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
        nodes = {(one.facility, one.round): [as_dict(node) for node in one.nodes] for one in result.rounds}
        assert nodes == expected_nodes(log), f"seed {seed}"
        seen += sum((_seen(closed) for closed in result.rounds), Counter[str]())
        rows_seen += len(rows)
        retired += len(left_out)
    assert rows_seen > 100
    assert retired > 3
    assert all(seen[what] > 1 for what in WANTED), seen
