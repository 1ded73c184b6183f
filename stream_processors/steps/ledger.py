"""What the echoes say of every facility: the organisation in force and its rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.events import Echo, RoundOpened
from schemas.organisation import Organisation
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.restart import endings, take_echo
from stream_processors.steps.rounds import EndedRound, Facility


@dataclass(frozen=True, slots=True)
class KnownRound:
    """A round that was opened, its terms, the organisation it was opened with, and how it stands.

    `retired` names the cohorts retired since it was sealed, by form and node.
    """

    terms: RoundOpened
    organisation: Organisation
    state: Literal["open", "sealed", "cancelled"]
    retired: frozenset[tuple[str, str]] = frozenset()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every facility as a worker knows it at the end of the log, but for answers: open rounds hold none."""

    facilities: dict[str, Facility]

    @property
    def rounds(self) -> tuple[KnownRound, ...]:
        """Every round, by facility and first answer date."""
        found = [_known(one) for facility in self.facilities.values() for one in facility.rounds.values()]
        return tuple(sorted(found, key=_order))

    def find(self, facility: str, round: str) -> KnownRound | None:
        """A round by name."""
        return next((one for one in self.rounds if (one.terms.facility, one.terms.round) == (facility, round)), None)

    def facility(self, name: str) -> Facility:
        """A facility; one without anything if the log does not know it."""
        return self.facilities.get(name, Facility())


def ledger(echoes: Sequence[Echo]) -> Ledger:
    """Read the echoes of any number of partitions; repeats of one change nothing."""
    ended = endings(echoes)
    facilities: dict[str, Facility] = {}
    for echo in sorted(echoes, key=lambda found: found.offset):
        take_echo(facilities, echo, ended)
        known = facilities[echo.facility]
        if isinstance(echo.event, RoundOpened) and known.organisation is not None:
            opened = OpenRound(echo.event, known.organisation, echo.offset, {}, {})
            known.rounds.setdefault(echo.event.round, opened)
    return Ledger(facilities)


def _known(one: OpenRound | EndedRound) -> KnownRound:
    if isinstance(one, OpenRound):
        return KnownRound(one.terms, one.organisation, "open")
    return KnownRound(one.terms, one.organisation, "cancelled" if one.ending.cancelled else "sealed", one.retired)


def _order(one: KnownRound) -> tuple[str, str, str]:
    return one.terms.facility, one.terms.first_answer_date.isoformat(), one.terms.round
