"""A partition's story: each record of the submissions log advances it and may emit.

`advance` is the whole anonymiser. It runs the same in the worker, in a dry run on a file and in a replay.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple

from schemas.canonical import derived_id
from schemas.codec import MAX_BYTES, decode, encode
from schemas.errors import DataError, FatalError, Reason
from schemas.events import (
    AnyEvent,
    CohortRetirement,
    DeadLetter,
    Echo,
    Echoed,
    Intervention,
    OrganisationUpdated,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
    Submission,
    SubmissionWithdrawn,
)
from schemas.organisation import Organisation, organisation
from schemas.organisation_changes import reordered
from schemas.topics import Topic
from stream_processors.steps.admit import OpenRound, admit, withdraw
from stream_processors.steps.closing import Closing, cancel_round, close_round, longest_seal, most_sizes
from stream_processors.steps.intervening import keep, recorded
from stream_processors.steps.retiring import retire
from stream_processors.steps.rounds import EndedRound, Ending, Facility, Rules, open_round


class Record(NamedTuple):
    """One record of the submissions log, as a shell hands it over."""

    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    signature: bytes | None


class Output(NamedTuple):
    """An event to write, and where."""

    topic: Topic
    event: AnyEvent


SUBMISSION_BYTES: Final = 16_384
"""Longest record that need not be signed."""

LAST_OFFSET: Final = 2**63 - 1

Stage = tuple[Output, ...]
"""Outputs that must all be acknowledged before the next stage is written."""

NOTHING: Final[tuple[Stage, ...]] = ()

End = RoundClosed | RoundCancelled
Sizes = dict[str, dict[str, int]]
"""Form to node to the size of the cohort sealed there."""

OfAFacility = Submission | SubmissionWithdrawn | RoundOpened | End | CohortRetirement | Intervention
InRound = Submission | SubmissionWithdrawn | RoundOpened | End | CohortRetirement


@dataclass(slots=True)
class Story:
    """State of one partition: rebuilt from the log, never stored anywhere else.

    `accepted` (offsets of control events), `refused` (offsets refused for what may have changed since, and why) and
    `ended_ahead` (offset of a round's opening to how it ended) are what a restart knows of the part of the log it reads
    again.
    """

    facilities: dict[str, Facility] = field(default_factory=dict)
    accepted: frozenset[int] = frozenset()
    refused: Mapping[int, Reason] = field(default_factory=dict)
    ended_ahead: dict[int, Ending] = field(default_factory=dict)

    def low_water(self, following: int) -> int:
        """The offset a restart must read from, if everything before `following` has been handled."""
        opened = [
            known.opened_at
            for facility in self.facilities.values()
            for known in facility.rounds.values()
            if isinstance(known, OpenRound)
        ]
        return min(opened, default=following)


class _Refused(Exception):
    """A record that comes to nothing but a dead letter, with what it can be attributed to."""

    def __init__(
        self,
        reason: Reason,
        event: AnyEvent | None = None,
        round_: str | None = None,
        form: str | None = None,
        outcome: Literal["invalid", "late", "incomplete"] = "invalid",
    ) -> None:
        super().__init__(reason)
        self.reason, self.event, self.round, self.form, self.outcome = reason, event, round_, form, outcome


def advance(story: Story, record: Record, rules: Rules) -> Sequence[Stage]:
    """Take the next record of a partition into its story; returns what to write, stage by stage."""
    try:
        return _act(story, record, _genuine(story, record, rules), rules)
    except _Refused as refused:
        if record.offset in story.accepted:
            raise FatalError(
                f"the control event at offset {record.offset} was accepted once and is refused now ({refused.reason}): "
                "settings or code changed while a round was open; restore them until it is closed"
            ) from None
        return ((Output(Topic.DEADLETTERS, _dead_letter(story, record, refused)),),)


def _genuine(story: Story, record: Record, rules: Rules) -> AnyEvent:
    value = record.value or b""
    # reading something large costs time, so nothing large is read unless it is signed
    if SUBMISSION_BYTES < len(value) <= MAX_BYTES and not _is_signed(story, record, rules):
        raise _Refused(Reason.BAD_SIGNATURE)
    try:
        event = decode(value)
    except DataError as error:
        raise _Refused(error.reason) from None
    if record.key != (event.facility or "").encode():
        raise _Refused(Reason.KEY_MISMATCH, event)
    if not isinstance(event, Submission) and not _is_signed(story, record, rules):
        raise _Refused(Reason.BAD_SIGNATURE, event)
    return event


def _is_signed(story: Story, record: Record, rules: Rules) -> bool:
    if record.offset in story.accepted:
        return True
    if story.refused.get(record.offset) is Reason.BAD_SIGNATURE:
        return False
    facility = (record.key or b"").decode("ascii", "replace")
    return rules.verify(facility, record.value or b"", record.signature)


def _act(story: Story, record: Record, event: AnyEvent, rules: Rules) -> Sequence[Stage]:
    try:
        if record.offset in story.refused and record.offset not in story.accepted:
            raise DataError(story.refused[record.offset])
        match event:
            case Submission():
                return _submission(story, record, event)
            case RoundClosed() | RoundCancelled():
                return _round_ended(story, record, event, rules)
            case RoundOpened():
                return _round_opened(story, record, event, rules)
            case CohortRetirement():
                return _cohort_retired(story, record, event, rules)
            case OrganisationUpdated():
                return _organisation_updated(story, record, event)
            case SubmissionWithdrawn():
                return _withdrawn(story, record, event)
            case Intervention():
                return _intervention(story, record, event, rules)
            case _:
                raise DataError(Reason.UNSUPPORTED)
    except DataError as error:
        raise _Refused(error.reason, event) from None


def _facility_of(story: Story, event: OfAFacility) -> Facility:
    facility = story.facilities.get(event.facility)
    if facility is None:
        raise DataError(Reason.NO_ORGANISATION)
    return facility


def _round_of(story: Story, event: InRound) -> OpenRound | EndedRound:
    facility = _facility_of(story, event)
    found = facility.rounds.get(event.round)
    if found is None:
        raise DataError(Reason.UNKNOWN_ROUND)
    return found


def _submission(story: Story, record: Record, event: Submission) -> Sequence[Stage]:
    found = _round_of(story, event)
    if isinstance(found, EndedRound):
        return _after_close(found, record, event)
    reason = admit(found, event)
    if reason is None:
        return NOTHING
    form = event.form if event.form in found.forms else None
    outcome: Literal["invalid", "incomplete"] = "incomplete" if reason is Reason.INCOMPLETE_ANSWERS else "invalid"
    raise _Refused(reason, event, event.round, form, outcome)


def _after_close(found: EndedRound, record: Record, event: Submission | SubmissionWithdrawn) -> Sequence[Stage]:
    if record.offset < found.ending.at:
        return NOTHING  # read again after a restart; it was counted when the round ended
    if isinstance(event, SubmissionWithdrawn):
        raise _Refused(Reason.AFTER_CLOSE, event, event.round)
    form = event.form if event.form in found.terms.forms else None
    raise _Refused(Reason.AFTER_CLOSE, event, event.round, form, "late")


def _withdrawn(story: Story, record: Record, event: SubmissionWithdrawn) -> Sequence[Stage]:
    found = _round_of(story, event)
    if isinstance(found, EndedRound):
        return _after_close(found, record, event)
    withdraw(found, event)
    return NOTHING


def _organisation_updated(story: Story, record: Record, event: OrganisationUpdated) -> Sequence[Stage]:
    checked, echo = organisation(event), _echo(story, record, event)
    facility = story.facilities.setdefault(event.facility, Facility())
    _check_levels(facility, checked, record.offset)
    # a signature does not age: an old record sent again must not come back into force
    if event.event_id in facility.organisations:
        raise DataError(Reason.REPEATED_EVENT)
    facility.organisations[event.event_id] = event.effective_from
    facility.organisation = checked
    return echo


def _check_levels(facility: Facility, after: Organisation, offset: int) -> None:
    """Levels keep their order while a round is open: the same people would be summed along two trees."""
    before = facility.organisation
    if before is not None and reordered(before, after) and facility.has_open_round(offset):
        raise DataError(Reason.LEVELS_REORDERED)


def _round_opened(story: Story, record: Record, event: RoundOpened, rules: Rules) -> Sequence[Stage]:
    facility = _facility_of(story, event)
    ending = story.ended_ahead.pop(record.offset, None)
    if ending is not None and facility.organisation is not None:
        facility.rounds[event.round] = EndedRound(event, facility.organisation, ending)
        return NOTHING
    if event.policy.k < rules.minimum_k and record.offset not in story.accepted:
        raise DataError(Reason.POLICY_UNDER_MINIMUM)
    opened, echo = open_round(facility, event, record.offset, rules), _echo(story, record, event)
    encode(longest_seal(opened))
    closed = RoundClosed(facility=event.facility, event_id=event.event_id, round=event.round)
    _echo_of(record._replace(offset=LAST_OFFSET), closed, most_sizes(opened))
    facility.rounds[event.round] = opened
    return echo


def _round_ended(story: Story, record: Record, event: End, rules: Rules) -> Sequence[Stage]:
    found = _round_of(story, event)
    if isinstance(found, EndedRound):
        if record.offset <= found.ending.at:
            return NOTHING
        raise _Refused(Reason.ROUND_CLOSED_TWICE, event, event.round)
    sizes: Sizes = {}
    if isinstance(event, RoundCancelled):
        stages = _cancelled(found, record, rules)
    else:
        closing = close_round(found, record.offset, rules)
        stages, sizes = _sealed(closing), closing.sizes()
    ending = Ending(record.offset, isinstance(event, RoundCancelled), sizes)
    ended = EndedRound(found.terms, found.organisation, ending)
    story.facilities[event.facility].rounds[event.round] = ended
    return (*stages, *_echo(story, record, event, sizes))


def _sealed(closing: Closing) -> Sequence[Stage]:
    return (
        tuple(Output(Topic.MANIFESTS, manifest) for manifest in closing.manifests),
        tuple(Output(Topic.COHORTS, row) for row in closing.cohorts),
        (Output(Topic.COHORTS, closing.sealed),),
    )


def _cancelled(found: OpenRound, record: Record, rules: Rules) -> Sequence[Stage]:
    return (tuple(Output(Topic.MANIFESTS, manifest) for manifest in cancel_round(found, record.offset, rules)),)


def _cohort_retired(story: Story, record: Record, event: CohortRetirement, rules: Rules) -> Sequence[Stage]:
    found = _round_of(story, event)
    if isinstance(found, EndedRound) and record.offset < found.ending.at:
        return NOTHING  # read again after a restart; it was refused while the round was open
    try:
        retiring = retire(found, event, record.offset, rules)
    except DataError as error:
        raise _Refused(error.reason, event, event.round) from None
    echo = _echo(story, record, retiring.retired)
    story.facilities[event.facility].rounds[event.round] = retiring.round
    if not echo:
        return NOTHING
    return (Output(Topic.MANIFESTS, retiring.manifest),), (Output(Topic.COHORTS, retiring.retired),), *echo


def _intervention(story: Story, record: Record, event: Intervention, rules: Rules) -> Sequence[Stage]:
    facility = _facility_of(story, event)
    found = recorded(facility, event, rules.interventions)
    echo = _echo(story, record, found)
    keep(facility, found)
    return ((Output(Topic.COHORTS, found),), *echo) if echo else NOTHING


def _echo(story: Story, record: Record, event: Echoed, sizes: Sizes | None = None) -> tuple[Stage, ...]:
    """What a restart reads, unless it has been written."""
    echo = _echo_of(record, event, sizes or {})
    return NOTHING if record.offset in story.accepted else ((Output(Topic.ROUNDS, echo),),)


def _echo_of(record: Record, event: Echoed, sizes: Sizes) -> Echo:
    """An echo; DataError if it would be too large: what cannot be echoed is not acted on."""
    echo_id = derived_id("echo", event.facility, record.partition, record.offset)
    echo = Echo(facility=event.facility, event_id=echo_id, offset=record.offset, event=event, cohorts=sizes)
    encode(echo)
    return echo


def _dead_letter(story: Story, record: Record, refused: _Refused) -> DeadLetter:
    # of a facility nobody knows nothing is repeated: what calls itself an id might be a name
    event = refused.event if refused.event and refused.event.facility in story.facilities else None
    return DeadLetter(
        event_id=derived_id("deadletter", Topic.SUBMISSIONS, record.partition, record.offset),
        outcome=refused.outcome,
        reason=refused.reason,
        topic=Topic.SUBMISSIONS,
        partition=record.partition,
        offset=record.offset,
        facility=None if event is None else event.facility,
        round=refused.round,
        form=refused.form,
        source=event.source if refused.round and isinstance(event, Submission) else None,
    )
