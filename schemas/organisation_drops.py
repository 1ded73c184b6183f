"""Whether a record of an organisation lacks so many people or units that its feed was rather cut short.

A record is the whole organisation: a file with half of its lines looks like a hospital that has closed half of itself.
"""

from collections.abc import Iterator
from fractions import Fraction

from schemas.organisation import Organisation

LARGEST_DROP = Fraction(1, 5)


def drops(before: Organisation | None, after: Organisation, largest: Fraction) -> Iterator[str]:
    """A sentence for each drop by more than this share: of the whole, of a node right below it, of the units."""
    if before is None or before.facility != after.facility:
        return
    root = after.facility
    for node in (root, *before.children[root]):
        was, now = before.headcounts[node], after.headcounts.get(node, 0)
        if was - now > largest * was:
            gone = "" if node in after.nodes else ", as it is not in the record"
            yield f"{node} goes from {was} to {now} people{gone}"
    old = set(before.leaves())
    lost = sorted(old - set(after.leaves()))
    if len(lost) > largest * len(old):
        yield f"{len(lost)} of {len(old)} units are gone, {lost[0]} among them"
