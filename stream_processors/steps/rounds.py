"""Round markers: which rounds may open, and what a close seals."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date

from schemas.errors import DataError, Reason
from schemas.events import InterventionRecorded, RoundOpened
from schemas.instruments.scoring import Catalogue, Form
from schemas.interventions import Interventions
from schemas.organisation import Organisation
from stream_processors.steps.admit import HeldForm, OpenRound
from stream_processors.steps.keys import check_opening
from stream_processors.steps.seal import is_sensitive
from stream_processors.steps.seasons import Fielding, check_season

Act = tuple[str, date, str, str]
"""What tells interventions of a facility apart: (node, day, kind, label)."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a round ended, for ever: the offset of the marker, and whether it was cancelled instead of sealed.

    `cohorts` holds, per form and node, the sizes of the cohorts that were sealed.
    """

    at: int
    cancelled: bool = False
    cohorts: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EndedRound:
    """A round that has ended: its terms, the organisation it was opened with, and its ending.

    `retired` names the cohorts that were retired since, by form and node.
    """

    terms: RoundOpened
    organisation: Organisation
    ending: Ending
    retired: frozenset[tuple[str, str]] = frozenset()

    def is_cancelled_before(self, offset: int) -> bool:
        """Whether it was given up before that offset, so that nothing of it was or will be published."""
        return self.ending.cancelled and self.ending.at < offset


@dataclass(slots=True)
class Facility:
    """What the log has said of one facility so far.

    `organisations` has the event ids of all its records, and from which day each was in force; `recorded` the event ids
    of all that was recorded of interventions. `interventions` holds the last of each.
    """

    organisation: Organisation | None = None
    organisations: dict[str, date] = field(default_factory=dict)
    interventions: dict[Act, InterventionRecorded] = field(default_factory=dict)
    recorded: set[str] = field(default_factory=set)
    rounds: dict[str, OpenRound | EndedRound] = field(default_factory=dict)

    def has_open_round(self, offset: int) -> bool:
        """Whether a round was open at an offset; one that is read again may be known to have ended after it."""
        return any(isinstance(known, OpenRound) or offset < known.ending.at for known in self.rounds.values())


@dataclass(frozen=True, slots=True)
class Rules:
    """What decides beside the log itself; passed in, the same live and in replay.

    `verify(facility, value, signature)` says whether a control event is genuine. `minimum_k` is the deployment's own
    floor for k. `audit_key` keys the manifests' tags.
    """

    catalogue: Catalogue
    verify: Callable[[str, bytes, bytes | None], bool]
    audit_key: bytes = field(repr=False)
    code_hash: str
    minimum_k: int = 5
    interventions: Interventions = field(default_factory=Interventions)


def open_round(facility: Facility, event: RoundOpened, offset: int, rules: Rules) -> OpenRound:
    """Open a round under its terms; DataError if they break a rule, and then it is not opened."""
    if facility.organisation is None:
        raise DataError(Reason.NO_ORGANISATION)
    if event.round in facility.rounds:
        raise DataError(Reason.ROUND_OPENED_TWICE)
    if event.last_answer_date < event.first_answer_date:
        raise DataError(Reason.BAD_DATE)
    forms = _forms(event, rules.catalogue)
    check_opening(event, forms)
    _check_leaves(event, facility.organisation)
    before = fielded(facility, offset)
    for other in before:
        _check_overlap(event, other, facility.organisation, rules.catalogue)
    check_season(event, before, facility.organisation)
    held = {form.id: HeldForm(form) for form in forms}
    return OpenRound(event, facility.organisation, offset, {leaf: leaf for leaf in event.leaves}, held)


def _forms(event: RoundOpened, catalogue: Catalogue) -> list[Form]:
    forms = []
    for name in event.forms:
        if name not in catalogue:
            raise DataError(Reason.UNKNOWN_FORM)
        if event.season is not None and is_sensitive(catalogue[name], event.policy):
            raise DataError(Reason.SENSITIVE_FORM)
        forms.append(catalogue[name])
    if len({form.instrument for form in forms}) != len(forms):
        raise DataError(Reason.REPEATED_INSTRUMENT)
    return forms


def _check_leaves(event: RoundOpened, organisation: Organisation) -> None:
    if len(set(event.leaves)) != len(event.leaves):
        raise DataError(Reason.UNKNOWN_UNIT)
    for leaf in event.leaves:
        if leaf not in organisation.nodes or not organisation.is_leaf(leaf):
            raise DataError(Reason.UNKNOWN_UNIT)


def fielded(facility: Facility, offset: int) -> list[Fielding]:
    """The rounds whose answers are or may be published, in the order they were opened.

    By offset: a log that is read again must decide the same.
    """
    return [
        Fielding(known.terms, known.organisation)
        for known in facility.rounds.values()
        if not (isinstance(known, EndedRound) and known.is_cancelled_before(offset))
    ]


def _check_overlap(event: RoundOpened, known: Fielding, now: Organisation, catalogue: Catalogue) -> None:
    """The same answers sealed twice, n and n + 1, would give the last one away."""
    other = known.terms
    apart = event.last_answer_date < other.first_answer_date or other.last_answer_date < event.first_answer_date
    common = set(event.forms) & set(other.forms)
    if apart or not common:
        return
    # a sensitive form is sealed above the leaves, so that rounds of different leaves still meet in one node
    meet = any(is_sensitive(catalogue[form], policy) for form in common for policy in (event.policy, other.policy))
    # people of a unit that is new since then may have answered under its former id; those of one that is gone may
    # answer now in any other
    strangers = set(event.leaves) - set(known.organisation.leaves())
    gone = set(other.leaves) - set(now.leaves())
    if meet or strangers or gone or set(event.leaves) & set(other.leaves):
        raise DataError(Reason.ROUND_OVERLAPS)
