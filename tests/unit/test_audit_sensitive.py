"""Sensitive forms as the auditor sees them: what is sealed by the rules passes, and whatever tells more is found."""

from collections.abc import Callable
from typing import Any

import pytest

from schemas.canonical import sha256_hex
from stream_processors.audit import sensitive
from tests.hospital import closing, opening, record
from tests.published import Published, Raw, answers, published
from tests.records import replayed
from tests.unit.test_audit_disclosure import form_of, manifest_of, only, renamed

HEADS = {"surgery/ward-1": 60, "surgery/ward-2": 40, "imaging/ct": 34, "imaging/mri": 6, "kitchen/cooks": 40}
LEAVES = ["cooks", "ct", "mri", "ward-1", "ward-2"]
COUNTS = {"ward-1": 40, "ward-2": 20, "ct": 33, "mri": 5}
TREE = ("facility", "department", "unit")


def asked(*forms: str, heads: dict[str, int] = HEADS, levels: tuple[str, ...] = TREE, **changes: Any) -> Published:
    """What a round of these forms publishes."""
    marker = opening(LEAVES, forms=list(forms), **changes)
    body = [event for form in forms for event in answers("r1", COUNTS, form)]
    return published(replayed([record(heads, levels), marker, *body, closing()]))


@pytest.fixture
def rows() -> Published:
    """A round of an ordinary and a sensitive form, to be changed."""
    return asked("sib5", "phq_2")


def cohort(rows: Published, place: str) -> Raw:
    """The row of the sensitive form at a place."""
    return next(one for one in rows.cohorts if (one["form"], one["node"]) == ("phq_2", place))


def place(rows: Published, name: str) -> Raw:
    """A place of the round."""
    found: Raw = next(one for one in rows.rounds[0]["nodes"] if one["node"] == name)
    return found


def of_the_check(rows: Published) -> list[str]:
    """What the check of sensitive forms finds; the audit as a whole must be unsafe."""
    report = rows.audited()
    assert report.verdict == "unsafe"
    return [one.what for one in report.findings if one.check == sensitive.CHECK]


@pytest.mark.parametrize("forms", [("phq_2",), ("sib5", "phq_2"), ("gad_2", "phq_2"), ("sib5", "gad_2", "phq_2")])
def test_what_is_sealed_by_the_rules_is_safe(forms: tuple[str, ...]) -> None:
    report = asked(*forms).audited()
    assert (report.verdict, report.findings) == ("safe", [])
    assert report.examined[sensitive.CHECK] == len(forms)


@pytest.mark.parametrize("levels", [TREE, ("facility", "division", "unit"), ("facility", "unit", "department")])
def test_whatever_the_levels_are_named(levels: tuple[str, ...]) -> None:
    for forms in (("phq_2",), ("sib5", "phq_2")):
        report = asked(*forms, levels=levels).audited()
        assert (report.verdict, report.findings) == ("safe", [])


def test_a_form_that_the_policy_names_is_sealed_as_sensitive_and_its_hash_is_checked() -> None:
    rows = asked("sib5", policy={"sensitive_forms": ["sib5"]})
    assert rows.audited().verdict == "safe"
    rows.rounds[0]["policy"]["sensitive_forms"] = ["cbi.work", "sib5"]
    assert "does not have the hash" in only(rows.audited(), "one version").what


def _fewer(rows: Published, place: str, n: int) -> None:
    row = cohort(rows, place)
    manifest, form = manifest_of(rows, row), form_of(rows, row)
    for outcome in ("received", "admitted", "published"):
        form["outcomes"][outcome] -= row["n"] - n
    manifest["tags"] = manifest["tags"][:n]
    row["n"] = n


def _at_a_unit(rows: Published) -> None:
    row = cohort(rows, "surgery")
    rows.cohorts[rows.cohorts.index(row)] = renamed(row, node="ward-1", path=["general", "surgery", "ward-1"])
    place(rows, "ward-1")["states"]["phq_2"] = "published"
    rows.manifests = None


def _everybody(rows: Published) -> None:
    """Of the department all but one opted in."""
    row = cohort(rows, "surgery")
    row["n"] = 99
    row["score_high"] += 3 * 39
    manifest_of(rows, row)["tags"] = [sha256_hex(number) for number in range(99)]


def _as_ordinary(rows: Published) -> None:
    rows.rounds[0]["sensitive"] = []
    for node in rows.rounds[0]["nodes"]:
        node["states"].setdefault("phq_2", "withheld")


def _as_sensitive(rows: Published) -> None:
    """An ordinary form is said to be sensitive, so that its leaves and headcounts are not looked at."""
    rows.rounds[0]["sensitive"] = ["phq_2", "sib5"]
    for node in rows.rounds[0]["nodes"]:
        if node["states"]["sib5"] != "published":
            node["states"]["sib5"] = "not_published"


TOO_MUCH: list[tuple[str, str, Callable[[Published], object]]] = [
    ("too few people", "fewer than 30 people", lambda rows: _fewer(rows, "surgery", 29)),
    ("a cohort of a unit", "below a department", _at_a_unit),
    ("a state of a unit", "a state of a place", lambda rows: place(rows, "ct")["states"].update(phq_2="not_published")),
    ("a third state", "tells more", lambda rows: place(rows, "kitchen")["states"].update(phq_2="withheld")),
    ("another third state", "tells more", lambda rows: place(rows, "kitchen")["states"].update(phq_2="not_fielded")),
    ("no state as a third state", "has no state", lambda rows: place(rows, "kitchen")["states"].pop("phq_2")),
    ("all but one opted in", "of 100 people at most who were asked 99", _everybody),
    ("sealed like any other form", "sealed like any other", _as_ordinary),
    ("an ordinary form as sensitive", "said to be sensitive", _as_sensitive),
]


@pytest.mark.parametrize(("what", "found", "tamper"), TOO_MUCH, ids=[what for what, _, _ in TOO_MUCH])
def test_what_tells_too_much_is_found(
    rows: Published, what: str, found: str, tamper: Callable[[Published], object]
) -> None:
    tamper(rows)
    assert any(found in one for one in of_the_check(rows)), what


@pytest.mark.parametrize("column", ["headcount", "headcount_asked"])
def test_a_headcount_beside_it_is_found(column: str) -> None:
    rows = asked("phq_2")
    place(rows, "imaging")[column] = 40
    assert of_the_check(rows) == ["a headcount beside a sensitive form: imaging in r1 (rounds.jsonl line 1, nodes)"]


@pytest.mark.parametrize("forms", [("phq_2",), ("sib5", "phq_2")])
@pytest.mark.parametrize(
    "changed", [{"coverage": 0.6}, {"state": "withheld"}, {"state": "not_fielded"}, {"responses": 61}]
)
def test_figures_that_tell_more_than_the_rows_are_found(forms: tuple[str, ...], changed: Raw) -> None:
    rows = asked(*forms)
    figures = [one for one in rows.indicators if (one["form"], one["node"]) == ("phq_2", "surgery")]
    figures[0].update(changed)
    assert only(rows.audited(), "figures from rows")


@pytest.mark.parametrize("forms", [("phq_2",), ("sib5", "phq_2")])
def test_figures_of_a_unit_are_found(forms: tuple[str, ...]) -> None:
    rows = asked(*forms)
    row = next(one for one in rows.indicators if (one["form"], one["node"]) == ("phq_2", "kitchen"))
    rows.indicators.append(row | {"node": "cooks", "path": ["general", "kitchen", "cooks"]})
    assert only(rows.audited(), "rows in their places")


@pytest.mark.parametrize(("in_mri", "verdict"), [(4, "safe"), (5, "unsafe")])
def test_where_units_hide_their_headcounts_the_department_tells_that_nearly_all_opted_in(
    in_mri: int, verdict: str
) -> None:
    rows = asked("sib5", "phq_2")
    row = cohort(rows, "imaging")
    n = 34 + in_mri
    # 40 were asked: 34 in one unit, and in the other a number that is not told
    form = form_of(rows, row)
    for outcome in ("received", "admitted", "published"):
        form["outcomes"][outcome] += n - row["n"]
    row["n"] = n
    manifest_of(rows, row)["tags"] = sorted(sha256_hex(number) for number in range(n))
    report = rows.audited()
    assert {one.verdict for one in report.findings if one.check == sensitive.CHECK} == {verdict} - {"safe"}


def test_rounds_of_a_sensitive_form_share_no_day_whatever_their_units() -> None:
    first, second = asked("phq_2"), asked("phq_2")
    sealed = second.rounds[0] | {"round": "r2", "first_answer_date": "2026-01-18", "last_answer_date": "2026-01-20"}
    apart = sealed | {"first_answer_date": "2026-01-19"}
    for node in sealed["nodes"]:
        node["states"]["phq_2"] = "not_published"
    for given, expected in ((sealed, "unsafe"), (apart, "safe")):
        both = first.copy().add(Published(rounds=[given]))
        both.indicators = []
        report = both.audited()
        assert report.verdict == expected
        assert any(one.check == "rounds apart" for one in report.findings) == (expected == "unsafe")


def test_a_sensitive_form_of_fewer_than_k_and_its_coalition_is_found_under_a_larger_k() -> None:
    rows = asked("sib5", "phq_2", policy={"k": 49})
    assert rows.audited().verdict == "safe"
    row = cohort(rows, "surgery")
    _fewer(rows, "surgery", 49)
    assert row["n"] < 50
    assert "a sensitive form of fewer than 50 people" in of_the_check(rows)


@pytest.mark.parametrize("levels", [TREE, ("facility", "division", "unit")])
def test_a_unit_in_a_round_of_a_sensitive_form_alone_is_found(levels: tuple[str, ...]) -> None:
    rows = asked("phq_2", levels=levels)
    path = ["general", "kitchen", "cooks"]
    unit = {"node": "cooks", "path": path, "name": "Cooks", "kind": "unit", "states": {"phq_2": "not_published"}}
    rows.rounds[0]["nodes"].append(unit)
    assert of_the_check(rows) == [
        "a state of a place below departments beside a sensitive form: cooks in r1 (rounds.jsonl line 1, nodes)"
    ]


def test_where_units_lie_right_under_the_facility_another_round_tells_that_they_are_leaves() -> None:
    heads = {place.split("/")[1]: count for place, count in HEADS.items()}
    dates: Raw = {"first_answer_date": "2026-02-02", "last_answer_date": "2026-02-08"}
    alone, ordinary = opening(LEAVES, forms=["phq_2"]), opening(LEAVES, "r2", **dates)
    body = [*answers("r1", COUNTS, "phq_2"), closing(), ordinary, closing("r2")]
    rows = published(replayed([record(heads, ("facility", "unit")), alone, *body]))
    assert rows.audited().verdict == "safe"
    unit = {"node": "cooks", "path": ["general", "cooks"], "name": "Cooks", "kind": "unit"}
    rows.rounds[0]["nodes"].append(unit | {"states": {"phq_2": "not_published"}})
    assert len(of_the_check(rows)) == 1


def test_levels_that_changed_places_between_rounds_are_judged_by_each_rounds_own_tree() -> None:
    turned = ("facility", "unit", "department")
    dates: Raw = {"first_answer_date": "2026-02-02", "last_answer_date": "2026-02-08"}
    first = [opening(LEAVES, forms=["sib5", "phq_2"]), *answers("r1", COUNTS, "phq_2"), closing()]
    second = [opening(LEAVES, "r2", forms=["sib5", "phq_2"], **dates)]
    body = [*second, *answers("r2", COUNTS, "phq_2", "2026-02-03"), closing("r2")]
    report = published(replayed([record(HEADS), *first, record(HEADS, turned), *body])).audited()
    assert (report.verdict, report.findings) == ("safe", [])


TWO: Raw = {"a/a1": 20, "a/a2": 20, "b/b1": 30, "b/b2": 30}


def pooled(heads: dict[str, int], counts: dict[str, int], **changes: Any) -> Published:
    """What a round of an ordinary and a sensitive form publishes whose only cohort is the facility's."""
    marker = opening([place.split("/")[1] for place in heads], forms=["sib5", "phq_2"], **changes)
    rows = published(replayed([record(heads), marker, *answers("r1", counts, "phq_2"), closing()]))
    assert {one["node"] for one in rows.cohorts} == {"general"}
    return rows


@pytest.mark.parametrize(("n", "found"), [(56, []), (57, ["of 58 people at most"]), (75, ["of 58 people at most"])])
def test_a_pool_of_more_than_places_without_a_cohort_pass_up_is_found(n: int, found: list[str]) -> None:
    # fewer than 30 of either department: 75 would tell that 59 or 60 of the 60 opted in
    rows = pooled(TWO, {"a1": 14, "a2": 14, "b1": 14, "b2": 14})
    row = cohort(rows, "general")
    row["score_high"] += 6 * (n - row["n"])
    form = form_of(rows, row)
    for outcome in ("received", "admitted", "published"):
        form["outcomes"][outcome] += n - row["n"]
    row["n"] = n
    manifest_of(rows, row)["tags"] = sorted(sha256_hex(number) for number in range(n))
    told = [one.what for one in rows.audited().findings if one.check == sensitive.CHECK]
    assert [one[: len("of 58 people at most")] for one in told] == found


@pytest.mark.parametrize(("asked_there", "found"), [(7, 0), (6, 1)])
def test_a_pool_beside_whose_largest_unit_all_but_one_must_be_in_it_is_found(asked_there: int, found: int) -> None:
    rows = pooled({"a/a1": 7, "b/b1": 60}, {"a1": 5, "b1": 30}, policy={"k": 5, "outside": 5})
    for name, heads in (("a1", asked_there), ("a", asked_there), ("general", 60 + asked_there)):
        place(rows, name).update(headcount=heads, headcount_asked=heads)
    told = [one.what for one in rows.audited().findings if one.check == sensitive.CHECK]
    assert len(told) == found
    assert all("beside one unit 5 or more" in one for one in told)
