"""Sealing: the admitted submissions of one form become disjoint cohorts of at least K people.

A pure function of the admitted submissions, the organisation and the policy; arrival order is irrelevant.
Source: docs/privacy.md, "Sealing".
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction

from schemas.canonical import canonical_json, derived_id
from schemas.closed import ZERO, ClosedCount
from schemas.events import CohortSealed
from schemas.instruments.scoring import Form, Score
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.steps.coding import code


@dataclass(frozen=True, slots=True)
class Members:
    """Admitted people in columns: tokens, and beside each its scores in the order of the form's scales."""

    tokens: list[bytes] = field(default_factory=list)
    scores: list[tuple[Score, ...]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, others: "Members") -> None:
        """Take others in."""
        self.tokens.extend(others.tokens)
        self.scores.extend(others.scores)


Admitted = Mapping[str, Members]
"""Leaf id to its admitted members."""


@dataclass(frozen=True, slots=True)
class Cohort:
    """At least K members of one node, sealed once."""

    id: str
    node: str
    path: tuple[str, ...]
    members: Members


@dataclass(slots=True)
class Partition:
    """How a form's admitted members were split. What is in no cohort is withheld, by reason."""

    cohorts: list[Cohort] = field(default_factory=list)
    too_few_or_dominated: ClosedCount = ZERO
    overfull: ClosedCount = ZERO
    overfull_nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What sealing depends on beside the members: the place, the round and form, and the policy."""

    organisation: Organisation
    policy: Policy
    policy_hash: str
    round: str
    form: Form


def partition(admitted: Admitted, sealing: Sealing) -> Partition:
    """Split the members into cohorts. Each leaf's members go together: to one cohort, or withheld."""
    result = Partition()
    responses = _responses(admitted, sealing.organisation)
    residue = _seal(sealing.organisation.facility, admitted, responses, sealing, result)
    result.too_few_or_dominated += sum(len(admitted[leaf]) for leaf in residue)
    return result


def cohort_rows(cohort: Cohort, sealing: Sealing) -> list[CohortSealed]:
    """The coded totals of a cohort, one row per scale of the form."""
    return [_row(cohort, sealing, index) for index in range(len(sealing.form.scales))]


def cohort_id(facility: str, round: str, form: str, path: Sequence[str], policy_hash: str) -> str:
    """The id of the cohort at the end of a path: of what it is about, and of nothing that was answered."""
    return hashlib.sha256(canonical_json([facility, round, form, list(path), policy_hash])).digest()[:16].hex()


def _responses(admitted: Admitted, organisation: Organisation) -> dict[str, int]:
    counts = dict.fromkeys(organisation.nodes, 0)
    for leaf, members in admitted.items():
        for node in organisation.paths[leaf]:
            counts[node] += len(members)
    return counts


def _seal(
    node: str, admitted: Admitted, responses: Mapping[str, int], sealing: Sealing, result: Partition
) -> list[str]:
    """Seal at and below a node; returns the leaves whose members pass up."""
    if responses[node] > _limit(sealing.organisation.headcounts[node], sealing.policy):
        result.overfull += responses[node]
        result.overfull_nodes.append(node)
        return []
    pool = [node] if admitted.get(node) else []
    for child in sealing.organisation.children[node]:
        pool += _seal(child, admitted, responses, sealing, result)
    if not _may_seal(node, [len(admitted[leaf]) for leaf in pool], sealing):
        return pool
    members = Members()
    for leaf in pool:
        members.add(admitted[leaf])
    result.cohorts.append(_cohort(node, members, sealing))
    return []


def _limit(headcount: int, policy: Policy) -> Fraction:
    """Most answers a node can plausibly give; more means a feed is wrong. Exact, so that equal is not more."""
    return max(Fraction(headcount + 2), headcount * (1 + Fraction(str(policy.headcount_slack))))


def _may_seal(node: str, shares: Sequence[int], sealing: Sealing) -> bool:
    size = sum(shares)
    if size < sealing.policy.cohort_size:
        return False
    return sealing.organisation.is_leaf(node) or size - max(shares) >= sealing.policy.outside


def _cohort(node: str, members: Members, sealing: Sealing) -> Cohort:
    path = sealing.organisation.paths[node]
    name = cohort_id(sealing.organisation.facility, sealing.round, sealing.form.id, path, sealing.policy_hash)
    return Cohort(name, node, path, members)


def _row(cohort: Cohort, sealing: Sealing, index: int) -> CohortSealed:
    scale = sealing.form.scales[index]
    scores = [score[index] for score in cohort.members.scores]
    total = sum(score[0] for score in scores)
    at_risk = sum(1 for score in scores if score[1])
    coded = code(scale, len(scores), total, at_risk, sealing.policy.guard)
    return CohortSealed(
        facility=sealing.organisation.facility,
        event_id=derived_id("cohort.sealed", cohort.id, scale.id),
        cohort_id=cohort.id,
        node=cohort.node,
        path=cohort.path,
        round=sealing.round,
        form=sealing.form.id,
        scale=scale.id,
        n=len(scores),
        score_low=coded.score_low,
        score_high=coded.score_high,
        at_risk_low=coded.at_risk_low,
        at_risk_high=coded.at_risk_high,
        policy_hash=sealing.policy_hash,
    )
