"""Of how many people readers can think that they are in a cohort of a sensitive form, as far as rows tell it.

Where a cohort could be and is none, fewer than a cohort pass up, and that bounds what a pool above can be of. How many
were asked is told by an ordinary form of the same round; a hidden number is a range, so that all of this is.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple

from stream_processors.audit.calendar import Fielded
from stream_processors.audit.evidence import NodeRow, Number
from stream_processors.audit.identities import grouped


class Heads(NamedTuple):
    """The fewest and the most people that a number can be of."""

    least: Number
    most: Number

    def at_most(self, people: Number) -> "Heads":
        """The same, if it is no more than this."""
        return Heads(min(self.least, people), min(self.most, people))

    def and_others(self, others: Number) -> "Heads":
        """The same, and this many more."""
        return Heads(self.least + others, self.most + others)


class Pool(NamedTuple):
    """The most people whom a pool can be of, and how many of them are left without each of its leaves."""

    whole: Heads
    without: Mapping[str, Heads]

    @property
    def beside(self) -> Heads:
        """How many are left without the leaf that leaves the fewest."""
        left = self.without.values()
        return Heads(min((one.least for one in left), default=0), min((one.most for one in left), default=0))

    def at_most(self, people: Number) -> "Pool":
        """The same, if it is of no more than this."""
        return Pool(self.whole.at_most(people), {leaf: left.at_most(people) for leaf, left in self.without.items()})

    def perhaps_at_most(self, people: Number) -> "Pool":
        """The same, if it may be of no more than this, or not."""
        lower = self.at_most(people)
        left = {leaf: Heads(lower.without[leaf].least, one.most) for leaf, one in self.without.items()}
        return Pool(Heads(lower.whole.least, self.whole.most), left)


def pools(one: Fielded, sealed: Collection[str], asked: Mapping[str, NodeRow]) -> dict[str, Pool]:
    """Every place's pool. `sealed` are those with a cohort, `asked` the rows of an ordinary form of the round."""
    children = grouped((row for row in asked.values() if len(row.path) > 1), lambda row: row.path[-2])
    found: dict[str, Pool] = {}
    passing: dict[str, Pool] = {}
    for name, row in sorted(asked.items(), key=lambda item: -len(item[1].path)):
        below = children.get(name, [])
        own = Pool(_told(row, one), {name: Heads(0, 0)})
        pool = _together(passing[child.node] for child in below) if below else own
        told = _told_above(name, [node for node in sealed if node != name and _is_under(node, name, asked)], asked)
        found[name] = pool if told is None else pool.at_most(max(0, told))
        passing[name] = _passing(found[name], name, one, sealed, is_leaf=not below)
    return found


def _told_above(node: str, deeper: list[str], asked: Mapping[str, NodeRow]) -> Number | None:
    """How many were asked at a node but for those of deeper cohorts, by what is told of these places themselves.

    A place may have been given a headcount that is not its leaves' sum; sealing goes by the smaller of the two.
    """
    if not asked.keys() >= set(deeper):
        return None
    nearest = [one for one in deeper if not any(other in asked[one].path[:-1] for other in deeper)]
    heads = [asked[one].asked_heads for one in [node, *nearest]]
    known = [one for one in heads if one is not None]
    return known[0] - sum(known[1:]) if len(known) == len(heads) else None


def _is_under(node: str, above: str, asked: Mapping[str, NodeRow]) -> bool:
    return node in asked and above in asked[node].path


def _told(row: NodeRow, one: Fielded) -> Heads:
    # a hidden number is anything below K
    return Heads(0, one.sealed.policy.smallest - 1) if row.asked_heads is None else Heads(*[row.asked_heads] * 2)


def _together(parts: Iterable[Pool]) -> Pool:
    found = list(parts)
    whole = Heads(sum(part.whole.least for part in found), sum(part.whole.most for part in found))
    without: dict[str, Heads] = {}
    for part in found:
        least, most = whole.least - part.whole.least, whole.most - part.whole.most
        without |= {leaf: Heads(left.least + least, left.most + most) for leaf, left in part.without.items()}
    return Pool(whole, without)


def _passing(pool: Pool, name: str, one: Fielded, sealed: Collection[str], is_leaf: bool) -> Pool:
    if name in sealed:
        return Pool(Heads(0, 0), {})
    if name not in one.nodes:
        return pool
    policy, smallest = one.sealed.policy, one.sealed.smallest
    spare = pool.whole.and_others(-smallest)
    if not is_leaf:
        beside = pool.beside.and_others(-policy.outside)
        spare = Heads(min(spare.least, beside.least), min(spare.most, beside.most))
    if spare.least >= policy.guard:
        return pool.at_most(smallest - 1)
    return pool.perhaps_at_most(smallest - 1) if spare.most >= policy.guard else pool
