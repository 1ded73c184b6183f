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
class Split:
    """Which leaves are sealed together, and where. Every leaf with answers is in one place of it.

    `sealed` maps a node to the leaves whose members are its cohort, `overfull` to how many answered at or under it;
    `left` are leaves that no node could seal.
    """

    sealed: dict[str, tuple[str, ...]] = field(default_factory=dict)
    left: tuple[str, ...] = ()
    overfull: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Partition:
    """How a form's admitted members were split. What is in no cohort is withheld, by reason."""

    cohorts: list[Cohort] = field(default_factory=list)
    too_few_or_dominated: ClosedCount = ZERO
    overfull: ClosedCount = ZERO
    overfull_nodes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sealing:
    """What sealing depends on beside the members: the place, the round and form, and the policy.

    `asked` is how many people the round asks at or under each node.
    """

    organisation: Organisation
    asked: Mapping[str, int]
    policy: Policy
    policy_hash: str
    round: str
    form: Form

    @property
    def is_sensitive(self) -> bool:
        """Whether the form is sealed as sensitive."""
        return is_sensitive(self.form, self.policy)


@dataclass(frozen=True, slots=True)
class _Pool:
    """The leaves whose members pass up, and how many people were asked in all that are sealed nowhere yet.

    `settled` were asked where a cohort is sealed or too many answered.
    """

    leaves: tuple[str, ...] = ()
    asked: int = 0
    settled: int = 0

    def merge(self, other: "_Pool") -> "_Pool":
        return _Pool(self.leaves + other.leaves, self.asked + other.asked, self.settled + other.settled)


def is_sensitive(form: Form, policy: Policy) -> bool:
    """Whether a form is sealed as sensitive under a policy."""
    return form.sensitive or form.id in policy.sensitive_forms


def partition(admitted: Admitted, sealing: Sealing) -> Partition:
    """Split the members into cohorts. Each leaf's members go together: to one cohort, or withheld."""
    found = split({leaf: len(members) for leaf, members in admitted.items()}, sealing)
    result = Partition(overfull_nodes=list(found.overfull))
    for node, leaves in found.sealed.items():
        members = Members()
        for leaf in leaves:
            members.add(admitted[leaf])
        result.cohorts.append(_cohort(node, members, sealing))
    result.too_few_or_dominated += sum(len(admitted[leaf]) for leaf in found.left)
    result.overfull += sum(found.overfull.values())
    return result


def split(sizes: Mapping[str, int], sealing: Sealing) -> Split:
    """Split leaves by how many admitted members each has: this alone decides who is sealed with whom."""
    result = Split()
    answered = dict.fromkeys(sealing.organisation.nodes, 0)
    for leaf, size in sizes.items():
        for node in sealing.organisation.paths[leaf]:
            answered[node] += size
    residue = _seal(sealing.organisation.facility, sizes, answered, sealing, result)
    result.left = residue.leaves
    return result


def cohort_rows(cohort: Cohort, sealing: Sealing) -> list[CohortSealed]:
    """The coded totals of a cohort, one row per scale of the form."""
    return [_row(cohort, sealing, index) for index in range(len(sealing.form.scales))]


def cohort_id(facility: str, round: str, form: str, path: Sequence[str], policy_hash: str) -> str:
    """The id of the cohort at the end of a path: of what it is about, and of nothing that was answered."""
    return hashlib.sha256(canonical_json([facility, round, form, list(path), policy_hash])).digest()[:16].hex()


def _seal(node: str, sizes: Mapping[str, int], answered: Mapping[str, int], sealing: Sealing, result: Split) -> _Pool:
    """Seal at and below a node; returns what passes up."""
    if answered[node] > _limit(sealing.asked[node], sealing.policy):
        result.overfull[node] = answered[node]
        return _Pool(settled=sealing.asked[node])
    is_leaf = sealing.organisation.is_leaf(node)
    pool = _Pool((node,) if sizes.get(node) else (), sealing.asked[node] if is_leaf else 0)
    for child in sealing.organisation.children[node]:
        pool = pool.merge(_seal(child, sizes, answered, sealing, result))
    # a place may have another headcount than its leaves together; what readers see of the two is the smaller
    could_answer = min(pool.asked, sealing.asked[node] - pool.settled)
    if not _may_seal(node, [sizes[leaf] for leaf in pool.leaves], could_answer, sealing):
        return pool
    result.sealed[node] = pool.leaves
    return _Pool(settled=sealing.asked[node])


def _limit(asked: int, policy: Policy) -> Fraction:
    """Most answers a node can plausibly give; more means a feed is wrong. Exact, so that equal is not more."""
    return max(Fraction(asked + 2), asked * (1 + Fraction(str(policy.headcount_slack))))


def _may_seal(node: str, shares: Sequence[int], asked: int, sealing: Sealing) -> bool:
    size, policy = sum(shares), sealing.policy
    if size < (policy.sensitive_size if sealing.is_sensitive else policy.cohort_size):
        return False
    if sealing.is_sensitive and not _leaves_opting_in_open(node, size, asked, sealing):
        return False
    return sealing.organisation.is_leaf(node) or size - max(shares) >= policy.outside


def _leaves_opting_in_open(node: str, size: int, asked: int, sealing: Sealing) -> bool:
    """Whether nobody can conclude from a sensitive cohort that somebody answered, which is an answer itself.

    If all but a few of those asked are in it, members who did not answer know that the others did.
    """
    return sealing.organisation.may_seal_sensitive(node) and asked - size >= sealing.policy.guard


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
