"""Tampering that a hostile insider could hide in what is published: none of it passes as safe."""

import json
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import pytest

from deploy.resources import definitions, interventions
from schemas.canonical import derived_id, sha256_hex
from schemas.clickhouse import rows as stored
from schemas.errors import InputRefused
from schemas.events import CohortRetired
from stream_processors.audit.disclosure import audit
from stream_processors.audit.exact import exact_json
from stream_processors.audit.reading import Reader
from tests.published import Published, Raw
from tests.unit.test_audit_disclosure import form_of, manifest_of, only, rows

__all__ = ["rows"]
TOKEN = "ab" * 32


def _leaf(rows: Published) -> Raw:
    found: Raw = next(node for node in rows.rounds[0]["nodes"] if len(node["path"]) == 3)
    return found


def _published(rows: Published) -> Raw:
    return next(one for one in rows.indicators if one["at_risk_share_low"] is not None)


def _retire(rows: Published, **changed: Any) -> None:
    columns = ("cohort_id", "facility", "node", "path", "round", "form")
    rows.retired.append({name: rows.cohorts[0][name] for name in columns} | changed)


def _without_trees(rows: Published) -> None:
    first, second = rows.rounds[:2]
    second["first_answer_date"] = first["last_answer_date"]
    first["nodes"] = second["nodes"] = []
    rows.indicators = []


def _twice_at_a_leaf(rows: Published) -> tuple[Raw, Raw]:
    """Rows of the single scale of a form at one leaf, of two rounds."""
    found = [row for row in rows.cohorts if row["form"] == "sib5" and len(row["path"]) == 3]
    return next((one, other) for one, other in pairwise(sorted(found, key=_by_node)) if one["node"] == other["node"])


def _by_node(row: Raw) -> tuple[str, str]:
    return row["node"], row["round"]


def _answers_again(rows: Published) -> None:
    first, second = _twice_at_a_leaf(rows)
    theirs = manifest_of(rows, second)["tags"]
    again = sorted([*manifest_of(rows, first)["tags"], theirs[0]])
    for outcome in ("received", "admitted", "published"):
        form_of(rows, second)["outcomes"][outcome] += len(again) - len(theirs)
    manifest_of(rows, second)["tags"] = again
    second |= {name: first[name] for name in ("score_low", "score_high", "at_risk_low", "at_risk_high")}
    second["n"] = len(again)
    rows.indicators = []


def _nobody_fielded(rows: Published) -> None:
    row = next(one for one in rows.cohorts if len(one["path"]) == 2)
    sealed = next(one for one in rows.rounds if one["round"] == row["round"])
    for node in sealed["nodes"]:
        if len(node["path"]) == 3 and node["states"][row["form"]] == "withheld":
            node["states"][row["form"]] = "not_fielded"
    rows.indicators = []


def _figures_of_nobody(rows: Published) -> None:
    empty = dict.fromkeys(name for name, value in rows.indicators[0].items() if not isinstance(value, str | list))
    own = {"state": "not_fielded", "rounds_published": 0, "rounds_fielded": 0, "cohorts_retired": 0, "window": 4}
    rows.indicators.append(
        rows.indicators[0] | empty | own | {"node": "a-person", "path": ["north-general", "a-person"]}
    )


def _an_unknown_form(rows: Published) -> None:
    rows.rounds[0]["forms"].append("seven-answered")
    for node in rows.rounds[0]["nodes"]:
        node["states"]["seven-answered"] = "not_fielded"


def _uncounted(rows: Published) -> None:
    outcomes = form_of(rows, rows.cohorts[0])["outcomes"]
    outcomes["published"] -= 1
    outcomes["withheld"] += 1


def _another_key(keys: Raw) -> None:
    first, second = sorted(keys)
    keys[first] = keys[second]


CASES: list[tuple[str, Callable[[Published], object]]] = [
    ("a token as the name of a node", lambda rows: _leaf(rows).update(name=TOKEN)),
    ("a token in capitals", lambda rows: _leaf(rows).update(name=TOKEN.upper())),
    ("a token that goes on", lambda rows: _leaf(rows).update(name=TOKEN + "c")),
    ("a token as identity", lambda rows: _identity(rows, TOKEN)),
    ("another identity", lambda rows: _identity(rows, "anna")),
    ("a state of a form that was not asked", lambda rows: _leaf(rows)["states"].update(late="seven")),
    ("a column that calls itself a hash", lambda rows: rows.cohorts[0].update(row_hash=TOKEN)),
    ("a hash in a nested object", lambda rows: rows.rounds[0]["policy"].update(row_hash=TOKEN)),
    ("a token as a scoring key", lambda rows: rows.rounds[0]["scoring_keys"].update(sib5=TOKEN)),
    ("a token as the name of a form with a key", lambda rows: rows.rounds[0]["scoring_keys"].update({TOKEN: TOKEN})),
    ("a scoring key of some forms alone", lambda rows: rows.rounds[0]["scoring_keys"].pop("sib5")),
    ("a scoring key of another form", lambda rows: _another_key(rows.rounds[0]["scoring_keys"])),
    ("a headcount under zero", lambda rows: _leaf(rows).update(headcount=-7)),
    ("half a person", lambda rows: _leaf(rows).update(headcount=Fraction(61, 2))),
    ("a retired cohort that never was", lambda rows: _retire(rows, cohort_id="anna said 7")),
    ("a retired cohort at another place", lambda rows: _retire(rows, node="anna")),
    ("digits behind the last decimal", lambda rows: _digits(rows)),
    ("a path that is not the node's", lambda rows: _published(rows).update(path=["north-general", "anna"])),
    ("figures of a node nobody knows", _figures_of_nobody),
    ("a window of nothing", lambda rows: _only_window(rows, 0)),
    ("a window of one round", lambda rows: _only_window(rows, 1)),
    ("rounds without trees that overlap", _without_trees),
    ("a round that ends before it begins", lambda rows: rows.rounds[1].update(last_answer_date="2026-01-01")),
    ("the same people in the next round", _answers_again),
    ("a pooled cohort of nobody who was asked", _nobody_fielded),
    ("a form that no instrument has", _an_unknown_form),
    ("fewer counted as published than in the rows", _uncounted),
]


def _digits(rows: Published) -> None:
    row = _published(rows)
    row["at_risk_share_low"] = Fraction(str(row["at_risk_share_low"])) + Fraction(1, 10**6)


def _only_window(rows: Published, window: int) -> None:
    row = next(one for one in rows.indicators if one["state"] == "published" and one["change"] is None)
    row["window"] = window
    first = rows.rounds[0]["round"]
    rows.indicators = [row] if row["round"] == first else []


def _identity(rows: Published, identity: str) -> None:
    for sealed in rows.rounds:
        sealed["policy"]["identity"] = identity
        sealed["policy_hash"] = sha256_hex(sealed["policy"])
    rows.cohorts, rows.indicators, rows.manifests = [], [], None


@pytest.mark.parametrize(("what", "tamper"), CASES, ids=[what for what, _ in CASES])
def test_no_tampering_passes_as_safe(rows: Published, what: str, tamper: Callable[[Published], object]) -> None:
    tamper(rows)
    assert rows.audited().verdict != "safe", what


def test_people_who_are_sealed_again_in_the_next_round_are_isolated(rows: Published) -> None:
    _answers_again(rows)
    found = only(rows.audited(), "at least K people")
    assert found.what.startswith("rows that share people combine to fewer than 11: several rounds of sib5")
    assert (sorted(int(term.coefficient) for term in found.combination), found.people) == ([-1, 1], 1)


def test_a_round_whose_end_is_not_there_yet_is_undecided(rows: Published) -> None:
    rows.rounds = rows.rounds[:-1]
    assert rows.audited().verdict == "undecided"


@pytest.mark.parametrize("number", [b"1e99999999", b"1e-99999999", b"9" * 5000])
def test_a_number_too_long_to_hold_is_refused(number: bytes) -> None:
    with pytest.raises(InputRefused, match="line 1: this is not JSON"):
        exact_json(b'{"n": ' + number + b"}", "cohorts.jsonl line 1")


@pytest.mark.parametrize("line", [b'{"n": 3, "n": 14}', b'{"policy": {"k": 3, "k": 10}}'])
def test_a_column_that_is_given_twice_is_refused(line: bytes) -> None:
    with pytest.raises(InputRefused, match="line 1: a column is given twice"):
        exact_json(line, "cohorts.jsonl line 1")


def test_half_a_character_is_refused_by_column(rows: Published) -> None:
    rows.cohorts[0]["node"] = "\ud800"
    with pytest.raises(InputRefused, match=r"cohorts.jsonl line 1: column node must be text"):
        rows.audited()


def test_a_column_nested_without_end_is_undecided(rows: Published) -> None:
    nested: list[Any] = []
    for _ in range(100_000):
        nested = [nested]
    reader = Reader()
    reader.evidence = rows.evidence()
    reader.unknown_column("cohorts.jsonl", "comment", [nested])
    assert audit(reader.evidence, definitions(), acts=interventions().acts()).verdict == "undecided"


@pytest.mark.parametrize(
    "numbers",
    [
        {"n": 10**15, "score_low": 10**15, "score_high": 10**15, "at_risk_low": 0, "at_risk_high": 2},
        {"at_risk_low": -(10**15), "at_risk_high": 10**15},
    ],
)
def test_numbers_too_large_for_people_are_decided_at_once(rows: Published, numbers: Raw) -> None:
    rows.cohorts[0] |= numbers
    assert rows.audited().verdict == "unsafe"


def test_a_policy_too_large_to_hash_is_found(rows: Published) -> None:
    rows.rounds[0]["policy"]["headcount_slack"] = 10**400
    assert "headcount_slack is over its limit of 1" in only(rows.audited(), "one version").what


def test_a_token_in_place_of_a_state_is_not_repeated(rows: Published) -> None:
    _leaf(rows)["states"]["sib5"] = TOKEN
    report = rows.audited()
    assert report.verdict == "unsafe"
    assert TOKEN not in json.dumps(report.as_json())


def _row_of_a_table(**changed: Any) -> Reader:
    event = CohortRetired(
        facility="north-general",
        event_id=derived_id("retired"),
        cohort_id="0" * 32,
        node="icu",
        path=("north-general", "icu"),
        round="2026-W02",
        form="sib5",
    )
    reader = Reader()
    for _, row in stored.rows(event):
        reader.retired({**row, **changed}, "ClickHouse table retired_cohorts")
    return reader


def test_the_hash_of_a_stored_row_is_known_and_any_other_is_not() -> None:
    assert _row_of_a_table().evidence.extras == []
    assert [extra.column for extra in _row_of_a_table(row_hash=TOKEN).evidence.extras] == ["row_hash"]


def test_rounds_of_an_earlier_version_of_the_tables_are_the_same_as_their_events(rows: Published) -> None:
    evidence = rows.evidence()
    for sealed in list(evidence.rounds):
        kept = replace(sealed.policy, k_sensitive=None, headcount_slack=None)
        evidence.rounds.setdefault(replace(sealed, policy=kept))
    assert audit(evidence, definitions(), acts=interventions().acts()).verdict == "safe"
