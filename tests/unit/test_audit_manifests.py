"""Closed evidence that is not whole: a part that is missing is refused by name, a round that has none is undecided."""

import pytest

from schemas.errors import InputRefused
from tests.published import Published
from tests.unit.test_audit_disclosure import _clean, manifest_of, only, unit_row


@pytest.fixture
def rows() -> Published:
    """Nine rounds of one facility, with their evidence, to be changed."""
    return _clean().copy()


def test_a_round_whose_manifests_have_expired_is_undecided_and_named_and_the_others_are_decided(
    rows: Published,
) -> None:
    old = rows.rounds[0]["round"]
    rows.manifests = [one for one in rows.manifests or [] if one["round"] != old]
    report = rows.audited()
    assert report.verdict == "undecided"
    assert len(report.findings) == len(rows.rounds[0]["forms"])
    assert all(f"no manifest of north-general, {old}, " in found.what for found in report.findings)
    row = next(one for one in rows.cohorts if one["round"] != old)
    manifest = manifest_of(rows, row)
    manifest["tags"] = manifest["tags"][1:]
    only(rows.audited(), "at least K people")


def test_a_row_without_a_manifest_is_refused_by_name(rows: Published) -> None:
    row = unit_row(rows)
    rows.manifests = [one for one in rows.manifests or [] if one.get("cohort_id") != row["cohort_id"]]
    with pytest.raises(InputRefused, match=f"no manifest tells the members of this row: {row['node']}"):
        rows.audited()


def test_a_manifest_that_lacks_a_part_is_refused_by_name(rows: Published) -> None:
    manifest = manifest_of(rows, unit_row(rows))
    manifest["parts"] = 2
    with pytest.raises(InputRefused, match=rf"manifests.jsonl line \d+: .*{manifest['node']}.* is not complete"):
        rows.audited()


def test_a_corrupted_manifest_is_refused_by_line(rows: Published) -> None:
    manifest_of(rows, unit_row(rows))["tags"] = ["not a tag"]
    with pytest.raises(InputRefused, match=r"manifests.jsonl line \d+: this is no event of ours"):
        rows.audited()
