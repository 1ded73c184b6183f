"""What differs between two records of one organisation, and what each difference does to the series of its nodes.

A series belongs to a node id of a facility. Source of the rules: docs/units.md.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal

from schemas.errors import DataError, Reason
from schemas.organisation import Organisation

Kind = Literal[
    "added",
    "removed",
    "renamed",
    "moved",
    "level_changed",
    "headcount",
    "staff_group",
    "levels_reordered",
    "last_level",
    "grouped",
]
LEAST_JUMP: Final = 5
"""A headcount that changes by fewer people is never worth a question: small units turn over fast."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference at one node. `leaf` says whether people answer at the node itself (of a removed one: answered).

    `before` and `after` are its parents (added, removed, moved), names (renamed), kinds (level_changed), headcounts or
    staff groups; of the facility all levels in order (levels_reordered), the last ones (last_level), or which staff
    groups there are (grouped: there were none).
    """

    kind: Kind
    node: str
    before: str | int | None
    after: str | int | None
    leaf: bool = True

    @property
    def suspicious(self) -> bool:
        """Whether somebody should look twice: units may have been merged or split under an old id."""
        return self.kind in ("headcount", "levels_reordered")

    @property
    def sentence(self) -> str:
        """What happens to the node and to its series, for the people who maintain the staff list."""
        match self.kind:
            case "added":
                place = "" if self.after is None else f" under {self.after}"
                return f"{self.node} is new{place}: its series starts, or goes on if the id was in use before"
            case "removed":
                return f"{self.node} is removed: its series ends; rounds already open still count it"
            case "renamed":
                return f'{self.node} is renamed from "{self.before}" to "{self.after}": its series continues'
            case "moved":
                moves = f"{self.node} moves from {self.before} to {self.after}"
                return f"{moves}: its series continues; earlier rounds stay counted under {self.before}"
            case "level_changed":
                return f"{self._level_change()}: its series continues, {self._counted()}"
            case "headcount":
                return f"{self.node} goes from {self.before} to {self.after} people: {self._compared()}"
            case "staff_group":
                return f"{self._group_change()}: its own series continues, and sums of a staff group mix for a while"
            case "levels_reordered":
                return (
                    f"the order of levels changes from {self.before} to {self.after}: every figure above the units "
                    "compares unlike groups from then on. Change it at most once a year"
                )
            case "last_level":
                return f"answers are now given by {self.after}, no longer by {self.before}"
            case "grouped":
                return (
                    f"staff groups are new ({self.after}): sums of one, such as all nurses, cover only the units whose "
                    "nurses are enough by themselves"
                )

    def _group_change(self) -> str:
        if self.before is None:
            return f"{self.node} is now of staff group {self.after}"
        if self.after is None:
            return f"{self.node} is no longer of staff group {self.before}"
        return f"{self.node} changes from staff group {self.before} to {self.after}"

    def _level_change(self) -> str:
        if self.before != self.after:
            return f"{self.node} changes from {self.before} to {self.after}"
        return f"{self.node} {'becomes' if self.leaf else 'is no longer'} the last level"

    def _counted(self) -> str:
        return "with the answers given at it" if self.leaf else "as the sum of what lies under it"

    def _compared(self) -> str:
        if self.leaf:
            return "if it was merged or split, give new ids, or its series compares unlike groups"
        return "its series continues, and compares unlike groups if other units lie under it now"


def changes(before: Organisation | None, after: Organisation) -> tuple[Change, ...]:
    """Every difference, parents before children; `before` is None for a facility's first record.

    DataError if the two are of different facilities.
    """
    if before is None:
        found = [_added(after, node) for node in after.nodes]
        return _in_order(found, {}, after)
    if before.facility != after.facility:
        # a facility is a log of its own: there is nothing to compare
        raise DataError(Reason.BAD_ORGANISATION, f"{before.facility} and {after.facility} are two facilities")
    found = list(_of_levels(before, after))
    found += [_added(after, node) for node in after.nodes if node not in before.nodes]
    found += [_removed(before, node) for node in before.nodes if node not in after.nodes]
    found += [change for node in after.nodes if node in before.nodes for change in _changed(before, after, node)]
    return _in_order(found, before.paths, after)


def reordered(before: Organisation, after: Organisation) -> bool:
    """Whether the levels that both records have are in another order."""
    kept = [level for level in before.levels if level in after.levels]
    return kept != [level for level in after.levels if level in before.levels]


def _of_levels(before: Organisation, after: Organisation) -> Iterator[Change]:
    root = after.facility
    if reordered(before, after):
        yield Change("levels_reordered", root, ", ".join(before.levels), ", ".join(after.levels), False)
    old, new = before.levels[-1], after.levels[-1]
    if new not in before.levels and old in after.levels:
        yield Change("last_level", root, old, new, False)
    groups = _groups(after)
    if groups and not _groups(before):
        yield Change("grouped", root, None, ", ".join(groups), False)


def _groups(record: Organisation) -> list[str]:
    return sorted({node.staff_group for node in record.nodes.values() if node.staff_group is not None})


def _in_order(found: list[Change], old_paths: Mapping[str, tuple[str, ...]], after: Organisation) -> tuple[Change, ...]:
    places = {**old_paths, **after.paths}
    # sorting keeps the order of a node's own changes
    return tuple(sorted(found, key=lambda change: places[change.node]))


def _added(after: Organisation, node: str) -> Change:
    return Change("added", node, None, after.nodes[node].parent, after.is_leaf(node))


def _removed(before: Organisation, node: str) -> Change:
    return Change("removed", node, before.nodes[node].parent, None, before.is_leaf(node))


def _changed(before: Organisation, after: Organisation, node: str) -> Iterator[Change]:
    old, new, leaf = before.nodes[node], after.nodes[node], after.is_leaf(node)
    if old.name != new.name:
        yield Change("renamed", node, old.name, new.name, leaf)
    if old.parent != new.parent:
        yield Change("moved", node, old.parent, new.parent, leaf)
    # a level added at the bottom makes a unit something else although its own line stays as it was
    if old.kind != new.kind or before.is_leaf(node) != leaf:
        yield Change("level_changed", node, old.kind, new.kind, leaf)
    # a node that was no leaf had none
    if old.staff_group != new.staff_group and leaf and before.is_leaf(node):
        yield Change("staff_group", node, old.staff_group, new.staff_group, leaf)
    heads, heads_now = before.headcounts[node], after.headcounts[node]
    if _jumps(heads, heads_now):
        yield Change("headcount", node, heads, heads_now, leaf)


def _jumps(before: int, after: int) -> bool:
    """By more than half of the smaller one, so that a split into halves is as noticeable as the merge of two equals."""
    by = abs(after - before)
    return by >= LEAST_JUMP and 2 * by > min(before, after)
