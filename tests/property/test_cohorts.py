"""What holds for the cohorts of any log, and what no answer can change: sizes, states and refusals."""

import hmac
import random
from collections import Counter
from typing import Any

import pytest

from schemas.canonical import canonical_json
from schemas.events import CohortManifest, CohortSealed, DeadLetter, FormManifest, RoundSealed
from schemas.indicator import Indicator
from stream_processors.steps.conservation import violations
from stream_processors.steps.replay import Replay
from tests.random_logs import random_log
from tests.random_people import FORMS
from tests.records import RULES, replayed

LOGS, BATCHES = 200, 10
Event = dict[str, Any]
Asked = tuple[str, str, str]
"""(facility, round, form)."""


def tags_by_cohort(result: Replay) -> dict[str, list[str]]:
    """Cohort id to the tags of its members."""
    found: dict[str, list[str]] = {}
    for manifest in result.manifests:
        if isinstance(manifest, CohortManifest):
            found.setdefault(manifest.cohort_id, []).extend(manifest.tags)
    return found


def tag(event: Event) -> str:
    """What stands for a submission's person in the evidence."""
    return hmac.digest(RULES.audit_key, canonical_json([event["respondent"], event["form"]]), "sha256").hex()


def assert_disjoint_and_large(log: list[Event], result: Replay) -> None:
    """Every cohort has its n distinct people, at least K, who answered that form at or under its node and are in no
    other cohort of it."""
    tags, seen = tags_by_cohort(result), dict[Asked, Counter[str]]()
    sizes = {(event.facility, event.round): event.policy.cohort_size for event in result.rounds}
    rows = {row.cohort_id: row for row in result.cohorts}
    assert set(tags) == set(rows)
    for row in result.cohorts:
        assert row.n == len(tags[row.cohort_id]) >= sizes[row.facility, row.round]
    for cohort_id, row in rows.items():
        asked = (row.facility, row.round, row.form)
        known = {tag(event) for event in log if event["type"] == "submission" and _asked(event) == asked}
        assert set(tags[cohort_id]) <= known
        seen.setdefault(asked, Counter()).update(tags[cohort_id])
    assert all(count == 1 for counts in seen.values() for count in counts.values())


def _asked(event: Event) -> Asked:
    return event["facility"], event["round"], event["form"]


@pytest.mark.parametrize("batch", range(BATCHES))
def test_cohorts_are_disjoint_of_at_least_k_distinct_people_and_every_delivery_is_conserved(batch: int) -> None:
    sealed = 0
    for seed in range(batch, LOGS, BATCHES):
        log = random_log(random.Random(seed))
        result = replayed(log)
        assert_disjoint_and_large(log, result)
        assert violations(result.outcomes()) == [], f"seed {seed}"
        sealed += len(result.cohorts)
    assert sealed > 20


# --- only answers change ---


def answered_otherwise(rng: random.Random, event: Event) -> Event:
    """The same delivery with other answers to the same items; one that no form allows is left as it is."""
    items, low, high = FORMS.get(event.get("form", ""), ([], 0, 0))
    answers = event.get("answers")
    if answers is None or not all(item in items and low <= given <= high for item, given in answers.items()):
        return event
    return {**event, "answers": {item: rng.randint(low, high) for item in answers}}


def without_answers(result: Replay) -> list[Any]:
    """Everything emitted, with every figure that is made of answers taken out."""
    return [_without_answers(event) for event in result.events]


def _without_answers(event: Any) -> Any:
    match event:
        case CohortSealed():
            scores = {"score_low": 0, "score_high": 0, "at_risk_low": None, "at_risk_high": None}
            return event.model_copy(update=scores)
        case Indicator():
            return event.model_dump(exclude={name for name in Indicator.model_fields if name.startswith(OF_ANSWERS)})
    return event


OF_ANSWERS = (
    "mean",
    "at_risk",
    "change",
    "share_change",
    "round_mean",
    "round_at_risk",
    "smoothed",
    "centre",
    "limit_low",
    "limit_high",
    "signal",
)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_nothing_but_totals_changes_when_only_answers_change(batch: int) -> None:
    kinds: Counter[type] = Counter()
    moved = 0
    for seed in range(batch, LOGS, BATCHES):
        rng = random.Random(seed)
        log = random_log(rng)
        before, after = replayed(log), replayed([answered_otherwise(rng, event) for event in log])
        assert without_answers(after) == without_answers(before), f"seed {seed}"
        kinds.update(type(event) for event in before.events)
        moved += before.cohorts != after.cohorts
    assert all(kinds[kind] for kind in (CohortSealed, RoundSealed, Indicator, FormManifest, DeadLetter))
    assert moved > 3
