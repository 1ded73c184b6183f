"""Whether every cohort was published once, under one policy, and is the one its place, round, form and policy make."""

import hashlib
from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any, Final, TypeVar

from schemas.canonical import canonical_json, sha256_hex
from stream_processors.audit.evidence import CohortRow, Evidence, PolicyRow, RoundRow
from stream_processors.audit.report import Finding, Term, rows_of

CHECK: Final = "one version"
FLOORS: Final = {"k": 5, "coalition": 0, "outside": 2, "k_sensitive": 20, "headcount_slack": 0}
CEILINGS: Final = {"k": 10_000, "coalition": 1_000, "outside": 10_000, "k_sensitive": 10_000, "headcount_slack": 1}
Item = TypeVar("Item")


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Versions, policies and ids that are not as they must be."""
    yield from _versions(evidence.cohorts)
    yield from _policies(evidence)
    for row in evidence.cohorts:
        wrong = _wrong_identity(row)
        if wrong is not None:
            yield Finding(CHECK, "unsafe", wrong, rows_of([row.name]))
    yield from _twice_at_a_place(evidence.cohorts)
    for sealed in evidence.rounds:
        wrong = _wrong_policy(sealed)
        if wrong is not None:
            yield Finding(CHECK, "unsafe", f"{wrong} ({', '.join(sealed.asked)}, {sealed.at})")


def grouped(items: Iterable[Item], key: Callable[[Item], Hashable]) -> dict[Any, list[Item]]:
    """Items by key, in order."""
    found: dict[Any, list[Item]] = defaultdict(list)
    for item in items:
        found[key(item)].append(item)
    return dict(found)


def _versions(rows: Iterable[CohortRow]) -> Iterator[Finding]:
    rows = list(rows)
    repeated: set[str] = set()
    for same in grouped(rows, lambda row: (row.cohort_id, row.scale)).values():
        if len(same) > 1:
            repeated.add(same[0].cohort_id)
            yield _difference("a row was published in two versions", same)
    for same in grouped(rows, lambda row: row.cohort_id).values():
        if same[0].cohort_id not in repeated and len({row.n for row in same}) > 1:
            yield _difference("the scales of one cohort have different numbers of people", same)


def _difference(what: str, rows: list[CohortRow]) -> Finding:
    ordered = sorted(rows, key=lambda row: row.n)
    people = abs(int(ordered[-1].n - ordered[0].n)) or None
    return Finding(CHECK, "unsafe", what, rows_of([ordered[-1].name, ordered[0].name]), people)


def _policies(evidence: Evidence) -> Iterator[Finding]:
    hashes: dict[Any, dict[str, list[CohortRow]]] = defaultdict(dict)
    for row in evidence.cohorts:
        hashes[row.asked].setdefault(row.policy_hash, []).append(row)
    for sealed in evidence.rounds:
        hashes[sealed.asked].setdefault(sealed.policy_hash, [])
    for asked, by_policy in hashes.items():
        if len(by_policy) > 1:
            what = f"{', '.join(asked)} was published under {len(by_policy)} policies"
            yield _of_two_policies(what, list(by_policy.values()))
    for asked, versions in grouped(evidence.rounds, lambda sealed: sealed.asked).items():
        if len(hashes[asked]) == 1 and _have_other_terms(versions):
            yield Finding(CHECK, "unsafe", f"{', '.join(asked)} was sealed twice, with other terms")


def _have_other_terms(versions: Sequence[RoundRow]) -> bool:
    """Whether versions of a round differ in more than in what one of them does not keep."""
    kept = (
        {one.policy.k_sensitive for one in versions} - {None},
        {one.policy.headcount_slack for one in versions} - {None},
    )
    terms = {
        (
            one.first,
            one.last,
            one.sensitive,
            one.calendar,
            one.season,
            replace(one.policy, k_sensitive=None, headcount_slack=None),
        )
        for one in versions
    }
    return len(terms) > 1 or any(len(values) > 1 for values in kept)


def closest(rows: Iterable[CohortRow], others: Iterable[CohortRow]) -> tuple[int, tuple[Term, ...]] | None:
    """Two rows of one place and scale, one from either side, that differ by the fewest people; None if none are."""
    there = grouped(others, lambda row: (row.node, row.scale))
    pairs = [(row, other) for row in rows for other in there.get((row.node, row.scale), [])]
    if not pairs:
        return None
    one, other = min(pairs, key=lambda pair: (abs(pair[0].n - pair[1].n), pair[0].name, pair[1].name))
    more, fewer = (one, other) if one.n >= other.n else (other, one)
    return int(more.n - fewer.n), rows_of([more.name, fewer.name])


def _of_two_policies(what: str, policies: Sequence[list[CohortRow]]) -> Finding:
    found = [pair for one, other in combinations(policies, 2) if (pair := closest(one, other)) is not None]
    if found:
        people, terms = min(found, key=lambda pair: pair[0])
        return Finding(CHECK, "unsafe", what, terms, people or None)
    return Finding(CHECK, "unsafe", what, rows_of([rows[0].name for rows in policies if rows][:2]))


def _wrong_identity(row: CohortRow) -> str | None:
    if not row.path or row.path[0] != row.facility or row.path[-1] != row.node:
        return "a cohort's path does not lead from the facility to its node"
    identity = [row.facility, row.round, row.form, list(row.path), row.policy_hash]
    if row.cohort_id != hashlib.sha256(canonical_json(identity)).hexdigest()[:32]:
        return "a cohort's id is not the one that its place, round, form and policy make"
    return None


def _twice_at_a_place(rows: Iterable[CohortRow]) -> Iterator[Finding]:
    for same in grouped(rows, lambda row: (row.asked, row.node, row.scale)).values():
        if len({row.cohort_id for row in same}) > 1:
            yield Finding(CHECK, "unsafe", "two cohorts at one place: a cohort was split", rows_of(_names(same)))


def _names(rows: list[CohortRow]) -> list[str]:
    return [row.name for row in sorted(rows, key=lambda row: (-row.n, row.cohort_id))]


def _wrong_policy(sealed: RoundRow) -> str | None:
    policy = sealed.policy
    for name, floor in FLOORS.items():
        value = getattr(policy, name)
        if value is not None and value < floor:
            return f"the policy's {name} is {value}, under its floor of {floor}"
        if value is not None and value > CEILINGS[name]:
            return f"the policy's {name} is over its limit of {CEILINGS[name]}"
    if policy.identity not in ("person", "response"):
        return "the policy's identity is neither person nor response"
    if policy.coalition > policy.k - 2:
        return "the policy's coalition is more than k - 2"
    if policy.k_sensitive is not None and policy.headcount_slack is not None and _hash(policy) != sealed.policy_hash:
        return "the policy does not have the hash that the rows name"
    return None


def _hash(policy: PolicyRow) -> str:
    terms = {
        "k": policy.k,
        "coalition": policy.coalition,
        "outside": policy.outside,
        "k_sensitive": policy.k_sensitive,
        "headcount_slack": float(policy.headcount_slack or 0),
        "identity": policy.identity,
    }
    named = {"sensitive_forms": list(policy.sensitive_forms)} if policy.sensitive_forms else {}
    return sha256_hex(terms | named)
