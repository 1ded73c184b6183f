"""Whether the people a round asked at each place add up, as far as they are shown.

Where all leaves of a place were asked it is the place's headcount, else the sum of what was asked below it; a staff
group is the sum of its leaves. What is hidden is a range, so that a sum of hidden numbers can be told wrong only beyond
it.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import Evidence, NodeRow, Number
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding

CHECK: Final = "people asked"


class Heads(NamedTuple):
    """The fewest and the most people that a shown or hidden number can be of."""

    least: Number
    most: Number

    def may_be(self, other: "Heads") -> bool:
        """Whether both can be the same number."""
        return self.least <= other.most and other.least <= self.most


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Places where more or fewer people are said to have been asked than the rows beside them allow."""
    for one in fielded(evidence):
        silent = [row for row in (*one.nodes.values(), *one.groups) if not row.tells_asked]
        if one.sealed.sensitive:
            continue  # nothing is told beside it
        if not silent:
            yield from _of_a_round(one, one.sealed.policy.smallest)
        elif len(silent) < len(one.nodes) + len(one.groups):
            # earlier versions told it of no place; one that is left out would keep the others from being checked
            what = f"it is told how many people were asked in {silent[0].round}, but not at {silent[0].node}"
            yield Finding(CHECK, "unsafe", f"{what} ({silent[0].at})")


def _of_a_round(one: Fielded, smallest: int) -> Iterator[Finding]:
    expected = _expected(one, smallest)
    for name, node in one.nodes.items():
        if not _asked(node, smallest).may_be(expected[name]):
            yield _finding(node, "asked", expected[name])
    for group in one.groups:
        leaves = [one.nodes[leaf] for leaf in sorted(one.tree_leaves) if group.sums_up(one.nodes[leaf])]
        heads = _sum(_range(leaf.headcount, smallest) for leaf in leaves)
        asked = _sum(expected[leaf.node] for leaf in leaves)
        if not _range(group.headcount, smallest).may_be(heads):
            yield _finding(group, "working there", heads)
        if not _asked(group, smallest).may_be(asked):
            yield _finding(group, "asked", asked)


def _expected(one: Fielded, smallest: int) -> Mapping[str, Heads]:
    children = grouped((row for row in one.nodes.values() if len(row.path) > 1), lambda row: row.path[-2])
    left_out = {node for leaf in one.tree_leaves - one.leaves for node in one.nodes[leaf].path}
    found: dict[str, Heads] = {}
    for name, node in sorted(one.nodes.items(), key=lambda item: -len(item[1].path)):
        if name not in left_out:
            found[name] = _range(node.headcount, smallest)
        else:
            found[name] = _sum(_told(child, found[child.node], smallest) for child in children.get(name, []))
    return found


def _told(child: NodeRow, expected: Heads, smallest: int) -> Heads:
    """A child's own number where it is shown, as that is what its parent's is the sum of."""
    return expected if child.asked_heads is None else _asked(child, smallest)


def _range(heads: Number | None, smallest: int) -> Heads:
    return Heads(0, smallest - 1) if heads is None else Heads(heads, heads)


def _asked(node: NodeRow, smallest: int) -> Heads:
    # that nobody was asked is shown, so a hidden number is of somebody
    return Heads(1, smallest - 1) if node.asked_heads is None else Heads(node.asked_heads, node.asked_heads)


def _sum(parts: Iterable[Heads]) -> Heads:
    found = list(parts)
    return Heads(sum(part.least for part in found), sum(part.most for part in found))


def _finding(node: NodeRow, which: str, expected: Heads) -> Finding:
    limits = str(expected.least) if expected.least == expected.most else f"{expected.least} to {expected.most}"
    group = f" ({node.staff_group})" if node.staff_group else ""
    what = f"the people {which} at {node.node}{group} in {node.round} are not the {limits} that the rows beside it give"
    return Finding(CHECK, "unsafe", f"{what} ({node.at})")
