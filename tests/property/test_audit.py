"""The auditor, which shares no code with the anonymiser, passes whatever the anonymiser publishes."""

import random

import pytest

from tests.published import published
from tests.random_logs import random_log
from tests.records import replayed

LOGS = 300
BATCHES = 3


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_random_logs_publish_is_safe(batch: int) -> None:
    examined = retired = recorded = 0
    for seed in range(batch, LOGS, BATCHES):
        result = replayed(random_log(random.Random(seed)))
        report = published(result).audited()
        assert (report.verdict, report.findings) == ("safe", []), f"seed {seed}"
        examined += sum(report.examined.values())
        retired += len(result.retired)
        recorded += len(result.interventions)
    assert examined > 5_000
    assert retired > 5
    assert recorded > 20
