"""Sealing: the admitted submissions of one form become disjoint cohorts of at least K people.

A pure function of the admitted submissions, the organisation and the policy; arrival order is irrelevant.
Source: docs/privacy.md, "Sealing".
"""

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
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
    """The leaves whose members pass up, and the most people whom readers can take these members to be.

    `alone` is the largest part of `most` that is of a single leaf; `settled` were asked where a cohort is sealed. Of
    `most`, `hidden` were asked where everybody is withheld, which readers cannot tell.
    """

    leaves: tuple[str, ...] = ()
    most: int = 0
    alone: int = 0
    settled: int = 0
    hidden: int = 0

    @property
    def beside(self) -> int:
        """The most people there can be beside the largest leaf."""
        return self.most - self.alone

    def merge(self, other: "_Pool") -> "_Pool":
        """Both together."""
        return _Pool(
            self.leaves + other.leaves,
            self.most + other.most,
            max(self.alone, other.alone),
            self.settled + other.settled,
            self.hidden + other.hidden,
        )

    def at_most(self, people: int) -> "_Pool":
        """The same, where readers know that no more pass up than this."""
        most = min(self.most, people)
        return replace(self, most=most, alone=most - min(self.beside, people))

    def withheld(self) -> "_Pool":
        """The same, if everybody is withheld."""
        return replace(self, leaves=(), hidden=self.most)


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
    result.left += residue.leaves
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
        return _seal(node, {}, Counter(), sealing, result).withheld()
    heads = sealing.asked[node] if sealing.organisation.is_leaf(node) else 0
    pool = _Pool((node,) if sizes.get(node) else (), heads, heads)
    for child in sealing.organisation.children[node]:
        pool = pool.merge(_seal(child, sizes, answered, sealing, result))
    # a place may have another headcount than its leaves together; what readers see of the two is the smaller
    pool = pool.at_most(max(0, sealing.asked[node] - pool.settled))
    shares = [sizes[leaf] for leaf in pool.leaves]
    if sealing.is_sensitive:
        return _seal_sensitive(node, pool, shares, sealing, result)
    if not _is_enough(node, shares, sealing.policy.cohort_size, sealing):
        return pool
    return _sealed(node, pool, sealing, result)


def _seal_sensitive(node: str, pool: _Pool, shares: Sequence[int], sealing: Sealing, result: Split) -> _Pool:
    """Seal a sensitive form at a node so that nobody can conclude that somebody answered, which is an answer itself.

    Whether a place is a candidate hangs on what readers know of it, not on who answered. That nothing is sealed at a
    candidate tells them that fewer than a cohort pass up, and so how many of a pool above must be of other places.
    Where all but a few answered everybody is withheld, as if nobody had: their number, passed up, would tell on them.
    """
    smallest, guard = sealing.policy.sensitive_size, sealing.policy.guard
    # at least `outside` of a pooled cohort are known to be from beside any one leaf
    room = pool.most - smallest if sealing.organisation.is_leaf(node) else pool.beside - sealing.policy.outside
    if not sealing.organisation.may_seal_sensitive(node) or min(room, pool.most - smallest) < guard:
        return pool
    if not _is_enough(node, shares, smallest, sealing):
        return pool.at_most(smallest - 1)
    if pool.most - pool.hidden - sum(shares) >= guard:
        return _sealed(node, pool, sealing, result)
    result.left += pool.leaves
    return pool.at_most(smallest - 1).withheld()


def _sealed(node: str, pool: _Pool, sealing: Sealing, result: Split) -> _Pool:
    result.sealed[node] = pool.leaves
    return _Pool(settled=sealing.asked[node])


def _limit(asked: int, policy: Policy) -> Fraction:
    """Most answers a node can plausibly give; more means a feed is wrong. Exact, so that equal is not more."""
    return max(Fraction(asked + 2), asked * (1 + Fraction(str(policy.headcount_slack))))


def _is_enough(node: str, shares: Sequence[int], smallest: int, sealing: Sealing) -> bool:
    """Whether members are enough people, and enough of them from outside their largest leaf."""
    size = sum(shares)
    return size >= smallest and (sealing.organisation.is_leaf(node) or size - max(shares) >= sealing.policy.outside)


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
