"""Whether more people are published at a place than can work there: forged answers, or people who are counted twice."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from stream_processors.audit.evidence import Asked, CohortRow, Evidence, Number, PolicyRow
from stream_processors.audit.instruments import AskedScale
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "no more than work there"
MOST_SLACK: Final = 1
"""The most that a policy can allow, where the rows do not keep what it allows."""


def findings(evidence: Evidence, scales: Iterable[AskedScale]) -> Iterator[Finding]:
    """Places whose cohorts hold more people than the limit that follows from how many were asked there.

    A hidden headcount is under K; beside a sensitive form every headcount is hidden, so it sets no limit there.
    """
    sensitive = {(one.asked) for one in evidence.rounds if one.sensitive}
    by_instrument = {scale.form for scale in scales if scale.sensitive}
    rows = _rows_under(evidence.cohorts)
    policies = _policies(evidence)
    for node in evidence.nodes:
        policy = policies.get(node.asked)
        is_sensitive = node.asked in sensitive or node.form in by_instrument
        if policy is None or node.staff_group or (node.asked_heads is None and is_sensitive):
            continue
        under = rows.get((node.asked, node.node), [])
        asked = policy.smallest - 1 if node.asked_heads is None else node.asked_heads
        people = sum(row.n for row in under)
        if people > _limit(asked, policy):
            what = f"{people} people are published at {node.node} in {node.round}, where {asked} were asked at most"
            yield Finding(CHECK, "unsafe", f"{what} ({node.at})", rows_of([row.name for row in under]))


def _policies(evidence: Evidence) -> dict[Asked, PolicyRow]:
    """Each round's policy; of versions the one that tells the slack."""
    ordered = sorted(evidence.rounds, key=lambda sealed: sealed.policy.headcount_slack is not None)
    return {sealed.asked: sealed.policy for sealed in ordered}


def _rows_under(rows: Iterable[CohortRow]) -> dict[tuple[Asked, str], list[CohortRow]]:
    """The cohorts at or under each node, a row for each: all scales of a form have the same people."""
    found: dict[tuple[Asked, str], list[CohortRow]] = defaultdict(list)
    for row in {(row.asked, row.cohort_id): row for row in rows}.values():
        for node in row.path:
            found[row.asked, node].append(row)
    return found


def _limit(headcount: Number, policy: PolicyRow) -> Fraction:
    slack = MOST_SLACK if policy.headcount_slack is None else policy.headcount_slack
    return max(Fraction(headcount + 2), headcount * (1 + Fraction(slack)))
