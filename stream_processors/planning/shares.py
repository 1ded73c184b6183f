"""What becomes of leaves and their answers in a round: counts are drawn, and the real rule of sealing splits them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final

from schemas.instruments.scoring import Form
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.planning.calendars import answers
from stream_processors.steps.seal import Sealing, Split, split

PUBLISHED: Final = "published"
POOLED: Final = "pooled"
WITHHELD: Final = "withheld"


@dataclass(frozen=True, slots=True)
class Fielding:
    """Leaves that are asked together in one round, and each one's chance that a person of it answers."""

    leaves: Sequence[str]
    chance: float


@dataclass(slots=True)
class Shares:
    """Means over the draws. The first three are shares of the leaves and add up to 1.

    `heard` is the share of all answers that are in figures of a leaf, `lost` of those that are in no figure.
    """

    published: float = 0.0
    pooled: float = 0.0
    withheld: float = 0.0
    heard: float = 0.0
    lost: float = 0.0


def fates(sizes: Mapping[str, int], found: Split) -> dict[str, str]:
    """What becomes of each leaf's answers: figures of its own, pooled above, or withheld, as nobody's answers are."""
    pooled = {leaf: PUBLISHED if node == leaf else POOLED for node, leaves in found.sealed.items() for leaf in leaves}
    return {leaf: pooled.get(leaf, WITHHELD) for leaf in sizes}


def draw(random: Random, place: Organisation, calendars: Sequence[Fielding], policy: Policy, form: Form) -> Shares:
    """One round of every calendar."""
    sizes: dict[str, int] = {}
    fate: dict[str, str] = {}
    for one in calendars:
        mine = {leaf: answers(random, place.headcounts[leaf], one.chance) for leaf in one.leaves}
        sealing = Sealing(place, place.asked(one.leaves), policy, policy.hash(), "plan", form)
        fate |= fates(mine, split(mine, sealing))
        sizes |= mine
    of_leaves = {name: sum(one == name for one in fate.values()) / len(fate) for name in (PUBLISHED, POOLED, WITHHELD)}
    total = sum(sizes.values())

    def answered(name: str) -> float:
        return sum(size for leaf, size in sizes.items() if fate[leaf] == name) / total if total else 0.0

    return Shares(of_leaves[PUBLISHED], of_leaves[POOLED], of_leaves[WITHHELD], answered(PUBLISHED), answered(WITHHELD))


def shares(
    random: Random, place: Organisation, calendars: Sequence[Fielding], policy: Policy, form: Form, draws: int
) -> Shares:
    """Means over so many draws."""
    asked = [one for one in calendars if one.leaves]
    found = [draw(random, place, asked, policy, form) for _ in range(draws)]
    names = Shares.__dataclass_fields__
    return Shares(**{name: sum(getattr(one, name) for one in found) / draws for name in names})


def published_departments(
    random: Random, place: Organisation, chance: float, policy: Policy, form: Form, draws: int
) -> float:
    """The share of places that may seal a sensitive form below the facility that have figures of their own."""
    places = [node for node in place.nodes if place.may_seal_sensitive(node) and node != place.facility]
    leaves = place.leaves()
    sealing = Sealing(place, place.asked(leaves), policy, policy.hash(), "plan", form)
    total = 0
    for _ in range(draws):
        found = split({leaf: answers(random, place.headcounts[leaf], chance) for leaf in leaves}, sealing)
        total += sum(node in found.sealed for node in places)
    return total / draws / len(places) if places else 0.0
