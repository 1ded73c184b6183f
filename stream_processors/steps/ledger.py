"""What the echoes say of every facility: the organisation in force and its rounds."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.events import Echo, OrganisationUpdated, RoundOpened
from schemas.organisation import organisation
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.restart import ended_rounds
from stream_processors.steps.rounds import EndedRound, Facility


@dataclass(frozen=True, slots=True)
class KnownRound:
    """A round that was opened, its terms, and how it stands."""

    terms: RoundOpened
    state: Literal["open", "sealed", "cancelled"]
    ended: EndedRound | None


@dataclass(frozen=True, slots=True)
class Ledger:
    """Every facility's organisation in force, and every round in the order of their first answer dates."""

    organisations: dict[str, OrganisationUpdated]
    rounds: tuple[KnownRound, ...]

    def find(self, facility: str, round: str) -> KnownRound | None:
        """A round by name."""
        known = (one for one in self.rounds if (one.terms.facility, one.terms.round) == (facility, round))
        return next(known, None)

    def facility(self, name: str) -> Facility:
        """A facility as a worker knows it at the end of the log, but for answers; to try a marker on."""
        found = self.organisations.get(name)
        known = Facility() if found is None else Facility(organisation(found), {found.event_id})
        for one in self.rounds:
            if one.terms.facility == name and known.organisation is not None:
                opened = OpenRound(one.terms, known.organisation, 0, {}, {})
                known.rounds[one.terms.round] = one.ended or opened
        return known


def ledger(echoes: Sequence[Echo]) -> Ledger:
    """Read the echoes of any number of partitions; repeats of one change nothing."""
    ended = ended_rounds(echoes)
    organisations: dict[str, OrganisationUpdated] = {}
    rounds: dict[tuple[str, str], KnownRound] = {}
    for echo in sorted(echoes, key=lambda found: found.offset):
        if isinstance(echo.event, OrganisationUpdated):
            organisations[echo.facility] = echo.event
        elif isinstance(echo.event, RoundOpened):
            name = (echo.facility, echo.event.round)
            rounds[name] = KnownRound(echo.event, _state(ended.get(name)), ended.get(name))
    in_order = sorted(
        rounds.values(), key=lambda one: (one.terms.facility, one.terms.first_answer_date, one.terms.round)
    )
    return Ledger(organisations, tuple(in_order))


def _state(ended: EndedRound | None) -> Literal["open", "sealed", "cancelled"]:
    if ended is None:
        return "open"
    return "cancelled" if ended.cancelled else "sealed"
