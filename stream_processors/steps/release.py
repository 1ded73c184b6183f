"""When counts may leave the closed side: they wait for a seal, so that no step of a counter is one person's act.

A round's counts wait for its own seal. What belongs to no open round (late, unreadable, of a cancelled round) waits for
the next seal of any round. Too few people to hide among wait on.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.closed import ZERO, ClosedCount, ClosedCounts
from schemas.errors import Reason
from schemas.events import DeadLetter, FormManifest
from stream_processors.steps.conservation import tally

SMALLEST: Final = 11
"""Fewest people whose outcomes are shown at once: those admitted to one form, who are distinct persons."""

_AFTER_THE_END: Final = frozenset(
    {
        Reason.AFTER_CLOSE,
        Reason.NO_COHORT,
        Reason.RETIRED_TWICE,
        Reason.ROUND_CANCELLED,
        Reason.ROUND_CLOSED_TWICE,
    }
)

Round = tuple[str, str]
"""(facility, round)."""


@dataclass(frozen=True, slots=True)
class Released:
    """An operator's totals: deliveries by outcome, the name `received` being all of them, and refused by reason."""

    outcomes: Mapping[str, int] = field(default_factory=dict)
    reasons: Mapping[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Kept:
    """What a release is made of.

    `people` are the most who were admitted to any one form: deliveries may be one person's, on several forms or again.
    """

    outcomes: ClosedCounts = field(default_factory=ClosedCounts)
    reasons: ClosedCounts = field(default_factory=ClosedCounts)
    people: ClosedCount = ZERO

    def add(self, other: "Kept") -> None:
        """Add other counts to these."""
        self.outcomes.add(other.outcomes)
        self.reasons.add(other.reasons)
        self.people = max(self.people, other.people)

    def released(self) -> Released:
        """The counts as an operator's: the one way from the closed side to a metric."""
        return Released(self.outcomes.for_the_closed_side(), self.reasons.for_the_closed_side())


class Waiting:
    """Counts that wait. What is given twice counts once; memory grows with rounds and partitions, not with records."""

    def __init__(self) -> None:
        self._manifests: dict[Round, dict[str, FormManifest]] = {}
        self._letters: dict[Round, Kept] = {}
        self._shared = Kept()
        self._seen: dict[tuple[str, int], int] = {}
        self._ended: set[Round] = set()

    def manifest(self, manifest: FormManifest) -> None:
        """Keep a form's counts until its round has ended; one that is written again before that replaces itself."""
        name = (manifest.facility, manifest.round)
        if name not in self._ended:
            self._manifests.setdefault(name, {})[manifest.form] = manifest

    def is_new(self, letter: DeadLetter) -> bool:
        """Whether a refused record was not given before. Partitions are read in order: a repeat is behind its mark."""
        return letter.offset > self._seen.get((letter.topic, letter.partition), -1)

    def letter(self, letter: DeadLetter) -> None:
        """Keep a refused record's count."""
        if not self.is_new(letter):
            return
        self._seen[letter.topic, letter.partition] = letter.offset
        counts, name = self._shared, (letter.facility or "", letter.round or "")
        if all(name) and name not in self._ended and letter.reason not in _AFTER_THE_END:
            counts = self._letters.setdefault(name, Kept())
        counts.add(Kept(_sum(letters=[letter]), ClosedCounts({letter.reason: ClosedCount(1)})))

    def cancelled(self, name: Round) -> None:
        """A cancelled round's counts wait for another's seal: it can be cancelled after a single answer."""
        self._shared.add(self._take(name))

    def sealed(self, name: Round) -> Released:
        """What may be shown now that a round is sealed; nothing if that would be too few people."""
        self._shared.add(self._take(name))
        if self._shared.people < ClosedCount(SMALLEST):
            return Released()
        kept, self._shared = self._shared, Kept()
        return kept.released()

    def _take(self, name: Round) -> Kept:
        self._ended.add(name)
        counts = self._letters.pop(name, Kept())
        manifests = self._manifests.pop(name, {}).values()
        people = max((manifest.outcomes.admitted for manifest in manifests), default=ZERO)
        counts.add(Kept(_sum(manifests), people=people))
        return counts


def _sum(manifests: Iterable[FormManifest] = (), letters: Iterable[DeadLetter] = ()) -> ClosedCounts:
    total = ClosedCounts()
    for counts in tally(manifests, letters).values():
        total.add(counts)
    return total
