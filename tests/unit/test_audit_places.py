"""Places: how many people can work there, their names, and whether a round has them. And a round told twice."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from fractions import Fraction

import pytest

from deploy.resources import definitions
from stream_processors.audit import headcounts, identities, places, sinks
from stream_processors.audit.evidence import CohortRow, Evidence, NodeRow, Number, PolicyRow, RoundRow
from stream_processors.audit.instruments import scales
from stream_processors.audit.reading import Reader
from stream_processors.audit.report import Finding

PLACE = ("st-anna", "icu")
POLICY = PolicyRow(k=10, coalition=1, outside=3, identity="person", k_sensitive=30, headcount_slack=Fraction(1, 10))
SEALED = RoundRow("rounds", "st-anna", "2026-W41", "sib5", date(2026, 10, 5), date(2026, 10, 11), POLICY, "hash")
FORGETFUL = replace(SEALED, at="table rounds", policy=replace(POLICY, k_sensitive=None, headcount_slack=None))


def row(n: int, place: tuple[str, ...] = PLACE, scale: str = "burnout") -> CohortRow:
    """A row of n people at a place."""
    numbers = (n, n, 5 * n, 0, n)
    return CohortRow(
        "cohorts", "".join(place), "st-anna", place[-1], place, "2026-W41", "sib5", scale, *numbers, "hash"
    )


def node(headcount: Number | None, place: tuple[str, ...] = PLACE) -> NodeRow:
    """A place at which so many work."""
    asked = ("st-anna", "2026-W41", "sib5")
    return NodeRow("nodes", *asked, place[-1], place, "unit", "published", headcount, headcount, "a name")


def evidence(*rows: CohortRow | NodeRow | RoundRow) -> Evidence:
    """These rows and no others."""
    found = Evidence()
    found.cohorts = {one: None for one in rows if isinstance(one, CohortRow)}
    found.nodes = {one: None for one in rows if isinstance(one, NodeRow)}
    found.rounds = {one: None for one in rows if isinstance(one, RoundRow)}
    return found


def over_the_limit(found: Evidence) -> Iterator[Finding]:
    """What the check finds."""
    return headcounts.findings(found, scales(definitions()).values())


@pytest.mark.parametrize(
    ("headcount", "slack", "most"), [(12, Fraction(1, 10), 14), (40, Fraction(1, 10), 44), (40, Fraction(0), 42)]
)
def test_the_first_person_over_the_limit_is_noticed(headcount: int, slack: Fraction, most: int) -> None:
    sealed = replace(SEALED, policy=replace(POLICY, headcount_slack=slack))
    assert not list(over_the_limit(evidence(sealed, node(headcount), row(most))))
    (found,) = over_the_limit(evidence(sealed, node(headcount), row(most + 1)))
    assert (found.verdict, [term.row for term in found.combination]) == ("unsafe", [row(most + 1).name])
    assert (
        found.what
        == f"{most + 1} people are published at icu in 2026-W41, where {headcount} were asked at most (nodes)"
    )


def test_cohorts_under_a_place_count_there_once_each_whatever_the_number_of_scales() -> None:
    rows = [row(12, (*PLACE, unit), scale) for unit in ("day", "night") for scale in ("burnout", "strain")]
    assert not list(over_the_limit(evidence(SEALED, node(22), *rows)))
    (found,) = over_the_limit(evidence(SEALED, node(21), *rows))
    assert found.what.startswith("24 people")
    assert len(found.combination) == 2


def test_where_the_slack_is_not_kept_only_what_no_policy_allows_is_noticed() -> None:
    assert not list(over_the_limit(evidence(FORGETFUL, node(20), row(40))))
    assert list(over_the_limit(evidence(FORGETFUL, node(20), row(41))))
    assert list(over_the_limit(evidence(SEALED, FORGETFUL, node(20), row(40))))


def test_a_hidden_headcount_is_under_k() -> None:
    assert not list(over_the_limit(evidence(SEALED, node(None), row(12))))
    (found,) = over_the_limit(evidence(SEALED, node(None), row(13)))
    assert "where 10 were asked at most" in found.what


def test_beside_a_sensitive_form_a_hidden_headcount_sets_no_limit() -> None:
    rows = (replace(node(None), form="phq_2"), replace(row(90, scale="total"), form="phq_2"))
    assert not list(over_the_limit(evidence(replace(SEALED, form="phq_2"), *rows)))


def test_a_token_in_a_name_that_is_shown_is_noticed() -> None:
    reader = Reader()
    place = {"facility": "st-anna", "node": "icu", "path": ["st-anna", "icu"], "round": "2026-W41", "form": "sib5"}
    reader.node_row({**place, "kind": "unit", "state": "withheld", "headcount": 20, "name": "0f" * 32}, "table nodes")
    assert "what looks like a token" in next(sinks.findings(reader.evidence)).what


@pytest.mark.parametrize("path", [("st-anna", "medicine", "icu"), ("st-anna", "cellar")])
def test_a_row_of_a_place_that_the_round_does_not_have_is_noticed(path: tuple[str, ...]) -> None:
    def elsewhere(place: tuple[str, ...]) -> bool:
        found = places.findings(evidence(SEALED, node(20, ("st-anna",)), node(20), row(12, place)))
        return any("does not have" in one.what for one in found)

    assert not elsewhere(PLACE)
    assert elsewhere(path)


def test_a_round_of_which_one_store_keeps_less_was_not_sealed_twice() -> None:
    def twice(*rounds: RoundRow) -> bool:
        return any("sealed twice" in found.what for found in identities.findings(evidence(*rounds)))

    assert not twice(SEALED, FORGETFUL)
    assert twice(SEALED, FORGETFUL, replace(SEALED, last=date(2026, 10, 12)))
    assert twice(FORGETFUL, replace(SEALED, policy=replace(POLICY, coalition=0)))
    assert twice(SEALED, FORGETFUL, replace(SEALED, policy=replace(POLICY, headcount_slack=Fraction(1, 5))))
