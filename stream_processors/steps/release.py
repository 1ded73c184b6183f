"""When counts may leave the closed side: they wait for a seal, so that no step of a counter is one person's act.

A round's counts wait for its own seal. What belongs to no open round (late, unreadable, of a cancelled round) waits for
the next seal of any round. Too few people to hide among wait on.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

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


@dataclass(slots=True)
class Counts:
    """Deliveries by outcome, the name `received` being all of them, and refused records by reason.

    `people` are the most who were admitted to any one form: deliveries may be one person's, on several forms or again.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    people: int = 0

    def add(self, other: "Counts") -> None:
        """Add other counts to these."""
        self.outcomes.update(other.outcomes)
        self.reasons.update(other.reasons)
        self.people = max(self.people, other.people)


class Waiting:
    """Counts that wait. What is given twice counts once; memory grows with rounds and partitions, not with records."""

    def __init__(self) -> None:
        self._manifests: dict[Round, dict[str, FormManifest]] = {}
        self._letters: dict[Round, Counts] = {}
        self._shared = Counts()
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
            counts = self._letters.setdefault(name, Counts())
        counts.add(Counts(_sum(letters=[letter]), Counter([letter.reason])))

    def cancelled(self, name: Round) -> None:
        """A cancelled round's counts wait for another's seal: it can be cancelled after a single answer."""
        self._shared.add(self._take(name))

    def sealed(self, name: Round) -> Counts:
        """What may be shown now that a round is sealed; nothing if that would be too few people."""
        self._shared.add(self._take(name))
        if self._shared.people < SMALLEST:
            return Counts()
        released, self._shared = self._shared, Counts()
        return released

    def _take(self, name: Round) -> Counts:
        self._ended.add(name)
        counts = self._letters.pop(name, Counts())
        manifests = self._manifests.pop(name, {}).values()
        people = max((manifest.outcomes.admitted for manifest in manifests), default=0)
        counts.add(Counts(_sum(manifests), people=people))
        return counts


def _sum(manifests: Iterable[FormManifest] = (), letters: Iterable[DeadLetter] = ()) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in tally(manifests, letters).values():
        total.update(counts)
    return total
