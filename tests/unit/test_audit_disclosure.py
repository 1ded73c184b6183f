"""The auditor passes what the anonymiser publishes, and finds every leak that is planted in it."""

import hashlib
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from typing import Any

import pytest

from deploy.wiring import file_rules
from producers.simulate import Simulation, lines
from schemas.canonical import canonical_json, derived_id
from schemas.errors import InputRefused
from schemas.policy import Policy
from stream_processors.audit.evidence import COURSE, SERIES
from stream_processors.audit.report import Finding, Report
from stream_processors.dry_run import file_records
from stream_processors.steps.replay import replay
from tests.published import Published, Raw, published

SIMULATION = Simulation(facilities=1, staff=400, rounds=9, seed=5)


@cache
def _clean() -> Published:
    return published(replay(file_records(line.value for line in lines(SIMULATION)), file_rules()))


@pytest.fixture
def rows() -> Published:
    """Nine rounds of one facility, with their evidence, to be changed."""
    return _clean().copy()


def only(report: Report, check: str) -> Finding:
    """The first unsafe finding of a check; the audit as a whole must be unsafe."""
    assert (report.verdict, report.exit_code) == ("unsafe", 1)
    return next(one for one in report.findings if one.check == check and one.verdict == "unsafe")


def coefficients(finding: Finding) -> list[int]:
    """What the rows of a finding are multiplied with."""
    return [int(term.coefficient) for term in finding.combination]


def renamed(row: Raw, **changed: Any) -> Raw:
    """A cohort row with other contents and the id they make."""
    row = {**row, **changed}
    identity = [row["facility"], row["round"], row["form"], list(row["path"]), row["policy_hash"]]
    return {**row, "cohort_id": hashlib.sha256(canonical_json(identity)).hexdigest()[:32]}


def manifest_of(rows: Published, row: Raw) -> Raw:
    """The members of a row's cohort."""
    assert rows.manifests is not None
    return next(one for one in rows.manifests if one.get("cohort_id") == row["cohort_id"])


def form_of(rows: Published, row: Raw) -> Raw:
    """The manifest of a row's form."""
    assert rows.manifests is not None
    name = {key: row[key] for key in ("facility", "round", "form")}
    return next(one for one in rows.manifests if one["type"] == "form.manifest" and name.items() <= one.items())


def unit_row(rows: Published) -> Raw:
    """A row of a unit, under a department that has a cohort too."""
    return next(
        row for row in rows.cohorts if len(row["path"]) == 3 and any(_is_above(other, row) for other in rows.cohorts)
    )


def department_row(rows: Published, row: Raw) -> Raw:
    """The row of the department above it."""
    return next(other for other in rows.cohorts if _is_above(other, row))


def _is_above(other: Raw, row: Raw) -> bool:
    same = all(other[name] == row[name] for name in ("round", "form", "scale"))
    return same and other["path"] == row["path"][:-1]


def test_what_the_anonymiser_publishes_is_safe(rows: Published) -> None:
    report = rows.audited()
    assert (report.verdict, report.findings, report.notes) == ("safe", [], [])
    assert report.examined["at least K people"] == len(rows.cohorts) > 50
    assert report.examined["figures from rows"] == len(rows.indicators) > 200


def test_without_manifests_the_audit_is_undecided_and_says_what_is_missing(rows: Published) -> None:
    rows.manifests = None
    report = rows.audited()
    assert (report.verdict, report.exit_code) == ("undecided", 2)
    assert [one.what for one in report.findings if "manifests" in one.what] == [one.what for one in report.findings]


def test_a_row_repeated_with_one_person_less_isolates_that_person(rows: Published) -> None:
    row = unit_row(rows)
    rows.cohorts.append({**row, "n": row["n"] - 1, "score_high": row["score_high"] - 1})
    found = only(rows.audited(), "one version")
    assert (coefficients(found), found.people) == ([1, -1], 1)
    assert f"n={row['n']}" in found.combination[0].row
    assert f"n={row['n'] - 1}" in found.combination[1].row


def test_scales_of_one_cohort_with_different_people_isolate_them(rows: Published) -> None:
    row = unit_row(rows)
    rows.cohorts.append({**row, "scale": "another", "n": row["n"] - 2})
    found = only(rows.audited(), "one version")
    assert (coefficients(found), found.people) == ([1, -1], 2)


def test_rows_of_another_policy_are_found(rows: Published) -> None:
    row = unit_row(rows)
    rows.cohorts.append(renamed(row, n=row["n"] - 1, policy_hash=Policy(k=9).hash()))
    manifest = manifest_of(rows, row)
    other = rows.cohorts[-1]
    rows.manifests = [
        *(rows.manifests or []),
        {
            **manifest,
            "cohort_id": other["cohort_id"],
            "policy_hash": other["policy_hash"],
            "tags": manifest["tags"][1:],
        },
    ]
    found = only(rows.audited(), "one version")
    assert "2 policies" in found.what
    assert (coefficients(found), found.people) == ([1, -1], 1)


@pytest.mark.parametrize("scale", ["item_3", "answered"])
def test_a_total_of_an_item_is_found(rows: Published, scale: str) -> None:
    rows.cohorts.append({**unit_row(rows), "scale": scale})
    assert "no scale of its form" in only(rows.audited(), "coded totals").what


def test_a_total_off_its_grid_is_found(rows: Published) -> None:
    row = unit_row(rows)
    row["score_low"] = row["score_high"] = Fraction(row["score_low"] * 6 + 1, 6)
    assert "off its grid" in only(rows.audited(), "coded totals").what


def test_an_exact_total_outside_its_box_is_found(rows: Published) -> None:
    row = next(row for row in rows.cohorts if row["score_low"] < row["score_high"])
    row["score_high"] = row["score_low"]
    assert "outside its box" in only(rows.audited(), "coded totals").what


def test_an_exact_number_at_risk_that_is_too_small_is_found(rows: Published) -> None:
    row = next(row for row in rows.cohorts if row["at_risk_low"] == 0)
    row["at_risk_low"] = row["at_risk_high"] = 1
    assert "numbers at risk that the rule does not give" in only(rows.audited(), "coded totals").what


def test_a_total_that_tells_the_true_count_behind_a_clamped_one_is_found(rows: Published) -> None:
    # F8: eleven people, 12 points on a five-point item, and a count that was clamped to one without a range
    row = next(row for row in rows.cohorts if row["form"] == "sib5")
    row |= {"n": 11, "score_low": 12, "score_high": 12, "at_risk_low": 1, "at_risk_high": 1}
    assert only(rows.audited(), "coded totals").what.endswith("by the total the number at risk can only be 0")


def test_a_parent_total_that_includes_withheld_people_is_found(rows: Published) -> None:
    row = unit_row(rows)
    parent = department_row(rows, row)
    members, own = manifest_of(rows, parent), manifest_of(rows, row)
    withheld = [hashlib.sha256(bytes([number])).hexdigest() for number in range(3)]
    members["tags"] = sorted([*members["tags"], *own["tags"], *withheld])
    own_rest = len(members["tags"]) - len(own["tags"]) - 3
    for one in rows.cohorts:
        if one["cohort_id"] == parent["cohort_id"]:
            one["n"] = len(members["tags"])
    found = only(rows.audited(), "at least K people")
    # the department's own members are K or more, so what is left over are they and the three
    assert found.what.startswith("one person is in two cohorts")
    assert own_rest >= 11


def test_a_total_over_two_cohorts_and_three_withheld_people_isolates_the_three(rows: Published) -> None:
    row = unit_row(rows)
    parent = department_row(rows, row)
    facility = renamed(row, path=row["path"][:1], node=row["path"][0])
    rows.cohorts = [one for one in rows.cohorts if one["cohort_id"] != facility["cohort_id"]]
    withheld = [hashlib.sha256(bytes([number])).hexdigest() for number in range(3)]
    tags = sorted([*manifest_of(rows, parent)["tags"], *manifest_of(rows, row)["tags"], *withheld])
    rows.cohorts.append({**facility, "n": len(tags)})
    rows.manifests = [
        *(one for one in rows.manifests or [] if one.get("cohort_id") != facility["cohort_id"]),
        {**manifest_of(rows, row), "cohort_id": facility["cohort_id"], "node": facility["node"], "tags": tags},
    ]
    found = only(rows.audited(), "at least K people")
    assert (sorted(coefficients(found)), found.people, found.is_shortest) == ([-1, -1, 1], 3, True)


def test_an_indicator_that_includes_withheld_people_is_found(rows: Published) -> None:
    row = next(one for one in rows.indicators if one["state"] == "published" and one["node"] == one["facility"])
    row["responses"] += 4
    found = only(rows.audited(), "figures from rows")
    assert found.people == 4
    assert found.combination[0].row.startswith(f"figures of {row['node']}")


@pytest.mark.parametrize(
    "name",
    [
        *("mean", "mean_low", "at_risk_share", "at_risk_share_low", "at_risk_share_high", "coverage"),
        *("change", "change_low", "change_high", "share_change", "share_change_low", "share_change_high"),
        *("coverage_change", "round_mean", "smoothed", "centre", "limit_low", "limit_high"),
    ],
)
def test_a_figure_that_is_off_by_its_last_decimals_is_found(rows: Published, name: str) -> None:
    row = next(one for one in rows.indicators if one["state"] == "published" and one[name] is not None)
    row[name] = round(row[name] + 0.0002, 4)
    assert only(rows.audited(), "figures from rows").what == f"figures that the cohort rows do not give: {name}"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("round_responses", 11), ("round_at_risk_low", 1), ("round_at_risk_high", 200), ("limit_points", 7)),
        *(("signal", "concern"), ("signal", ""), ("signal_rules", ["outside"]), ("rebased_on", "2026-01-05")),
    ],
)
def test_a_course_that_is_told_otherwise_than_the_rows_give_it_is_found(
    rows: Published, name: str, value: object
) -> None:
    row = next(one for one in rows.indicators if one["signal"] and one["round_at_risk_low"] is not None)
    assert row[name] != value
    row[name] = value
    assert name in only(rows.audited(), "figures from rows").what


def test_figures_without_their_course_are_those_of_an_earlier_version_and_no_others(rows: Published) -> None:
    def earlier(row: Raw) -> Raw:
        return row | dict.fromkeys((*SERIES, *COURSE)) | {"signal": "", "signal_rules": []}

    first = next(one for one in rows.indicators if one["state"] == "published" and one["change"] is None)
    rows.indicators.append(earlier(first) | {"coverage": None})
    assert only(rows.audited(), "figures from rows").what == "figures that the cohort rows do not give: coverage"
    rows.indicators[-1] = earlier(first)
    assert rows.audited().verdict == "safe"


def test_overlapping_rounds_are_found(rows: Published) -> None:
    first, second = rows.rounds[:2]
    second["first_answer_date"] = first["last_answer_date"]
    found = only(rows.audited(), "rounds apart")
    assert first["round"] in found.what
    assert second["round"] in found.what
    assert sorted(coefficients(found)) == [-1, 1]


def test_a_round_beside_one_that_does_not_know_its_units_is_found(rows: Published) -> None:
    first, second = rows.rounds[:2]
    second["first_answer_date"] = first["last_answer_date"]
    for node in second["nodes"]:
        if len(node["path"]) == 3:
            node["node"] = f"new-{node['node']}"
            node["path"] = [*node["path"][:-1], node["node"]]
    assert "is no leaf of" in only(rows.audited(), "rounds apart").what


def test_a_cohort_split_in_two_is_found(rows: Published) -> None:
    row = max((one for one in rows.cohorts), key=lambda one: int(one["n"]))
    manifest, half = manifest_of(rows, row), row["n"] // 2
    assert half >= 11
    split = {**row, "cohort_id": "0" * 32, "n": row["n"] - half}
    rows.cohorts.append(split)
    row["n"] = half
    rows.manifests = [
        *(rows.manifests or []),
        {**manifest, "cohort_id": split["cohort_id"], "tags": manifest["tags"][half:]},
    ]
    manifest["tags"] = manifest["tags"][:half]
    report = rows.audited()
    found = [one.what for one in report.findings if one.check == "one version"]
    assert any("split" in what for what in found)
    assert any("id is not the one" in what for what in found)


def test_a_cohort_below_k_is_found(rows: Published) -> None:
    row = unit_row(rows)
    manifest = manifest_of(rows, row)
    manifest["tags"] = manifest["tags"][:10]
    row["n"] = 10
    found = only(rows.audited(), "at least K people")
    assert (found.what, found.people) == ("a row of fewer than 11 people", 10)


def test_a_person_counted_twice_is_found(rows: Published) -> None:
    manifest = manifest_of(rows, unit_row(rows))
    manifest["tags"] = sorted([*manifest["tags"][1:], manifest["tags"][1]])
    assert "counted twice" in only(rows.audited(), "at least K people").what


def test_a_person_in_two_cohorts_is_found(rows: Published) -> None:
    row = unit_row(rows)
    one, other = manifest_of(rows, row), manifest_of(rows, department_row(rows, row))
    one["tags"] = sorted([*one["tags"][1:], other["tags"][0]])
    found = only(rows.audited(), "at least K people")
    assert found.what.startswith("one person is in two cohorts of a form")
    assert coefficients(found) == [1, -1]


@pytest.mark.parametrize(("column", "value"), [("respondent", "ab" * 32), ("late", 40), ("answered", 3)])
def test_a_column_that_tells_of_people_is_found(rows: Published, column: str, value: object) -> None:
    rows.cohorts[0][column] = value
    assert column in only(rows.audited(), "nothing closed").what


def test_a_column_of_unknown_meaning_is_undecided(rows: Published) -> None:
    rows.cohorts[0]["comment"] = "seen"
    report = rows.audited()
    assert report.verdict == "undecided"


@pytest.mark.parametrize("hidden", ["ab" * 32, derived_id("a person")])
def test_a_token_or_an_event_id_in_an_open_text_is_found(rows: Published, hidden: str) -> None:
    for node in rows.rounds[0]["nodes"]:
        node["kind"] = hidden
    assert "token or an event id" in only(rows.audited(), "nothing closed").what


def test_a_small_headcount_that_is_shown_is_found(rows: Published) -> None:
    node = next(one for one in rows.rounds[0]["nodes"] if one["headcount"] == "<K")
    node["headcount"] = 7
    assert "headcount below K" in only(rows.audited(), "nothing closed").what


def test_figures_of_fewer_than_k_people_are_found(rows: Published) -> None:
    row = next(one for one in rows.indicators if one["state"] == "published")
    row["responses"] = 4
    assert only(rows.audited(), "nothing closed").people == 4


def test_a_state_that_the_rows_do_not_give_is_found(rows: Published) -> None:
    node = next(one for one in rows.rounds[0]["nodes"] if one["states"]["sib5"] == "withheld")
    node["states"]["sib5"] = "published"
    assert "by the rows it is withheld" in only(rows.audited(), "nothing closed").what


def test_counts_that_do_not_add_up_are_found(rows: Published) -> None:
    form_of(rows, rows.cohorts[0])["outcomes"]["withheld"] += 1
    assert "admitted is not the sum" in only(rows.audited(), "counts add up").what


def test_a_policy_under_a_floor_is_found(rows: Published) -> None:
    rows.rounds[0]["policy"]["outside"] = 1
    assert "outside is 1, under its floor of 2" in only(rows.audited(), "one version").what


def test_a_policy_without_its_hash_is_found(rows: Published) -> None:
    rows.rounds[0]["policy"]["k"] = 8
    assert "hash" in only(rows.audited(), "one version").what


def test_a_sensitive_form_at_a_unit_is_found(rows: Published) -> None:
    row, sealed = unit_row(rows), rows.rounds[0]
    sealed["forms"] = [*sealed["forms"], "phq_2"]
    sealed["sensitive"] = ["phq_2"]
    for node in sealed["nodes"]:
        node["states"]["phq_2"] = "published"
    rows.cohorts.append(renamed(row, round=sealed["round"], form="phq_2", scale="total"))
    found = [one.what for one in _undisturbed(rows) if one.check == "sensitive forms"]
    assert any("sealed below a department" in what for what in found)
    assert any("fewer than 30" in what for what in found)


def _undisturbed(rows: Published) -> list[Finding]:
    rows.manifests = None
    return rows.audited().findings


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda node: node.update(path=["elsewhere", node["node"]]), "does not hang on the tree"),
        (lambda node: node.update(path=[node["node"], node["node"]]), "does not hang on the tree"),
        (lambda node: node.update(path="north-general"), "column path must be a list of texts"),
    ],
)
def test_a_tree_that_is_none_is_refused_by_node(rows: Published, change: Callable[[Raw], None], refusal: str) -> None:
    node = next(one for one in rows.rounds[0]["nodes"] if len(one["path"]) == 3)
    change(node)
    with pytest.raises(InputRefused, match=refusal):
        rows.audited()


@pytest.mark.parametrize(
    ("column", "value"), [("n", "14"), ("n", None), ("score_low", True), ("scale", 3), ("path", [1])]
)
def test_a_row_of_other_types_is_refused_by_column(rows: Published, column: str, value: object) -> None:
    rows.cohorts[4][column] = value
    with pytest.raises(InputRefused, match=f"cohorts.jsonl line 5: column {column} must be"):
        rows.audited()
