"""The events of every topic: frozen, closed to unknown fields, dates without a time of day.

Control events (organisation, markers) and submissions share one topic and one key, the facility, so a partition
holds a facility's whole story in order.
"""

from operator import not_
from typing import Annotated, Final, Literal, Self

from pydantic import Field, StringConstraints, model_validator

from schemas.closed import MOST, ZERO, ClosedCount
from schemas.event import Event, State
from schemas.fields import (
    CohortId,
    Count,
    Day,
    EventId,
    Frozen,
    Id,
    ItemId,
    Offset,
    Path,
    RoundId,
    Sha256,
    Token,
    Total,
)
from schemas.indicator import Indicator
from schemas.policy import Policy
from schemas.season import Season

BELOW_K: Final = "<K"
Heads = Count | Literal["<K"]


class Submission(Event):
    """One person's answers to one form, under the token of that round and form."""

    type: Literal["submission"] = "submission"
    round: RoundId
    form: Id
    form_version: Count
    node: Id
    respondent: Token
    revision: Count
    answers: Annotated[dict[ItemId, Annotated[int, Field(ge=-(10**6), le=10**6)]], Field(max_length=200)]
    submitted_on: Day
    source: Id
    key_id: Id


class SubmissionWithdrawn(Event):
    """A person takes back every revision of one form in one open round, for good."""

    type: Literal["submission.withdrawn"] = "submission.withdrawn"
    round: RoundId
    form: Id
    respondent: Token


class RoundOpened(Event):
    """A fielding wave: what is asked, where, between which answer dates, and under which policy.

    Without a season it is of the short calendar. `scoring_keys` says of each form with which key it is scored, as a
    hash; events of earlier versions do not.
    """

    type: Literal["round.opened"] = "round.opened"
    round: RoundId
    forms: Annotated[tuple[Id, ...], Field(min_length=1, max_length=50, fail_fast=True)]
    first_answer_date: Day
    last_answer_date: Day
    leaves: Annotated[tuple[Id, ...], Field(min_length=1, max_length=100_000, fail_fast=True)]
    policy: Policy
    key_id: Id
    season: Annotated[Season | None, Field(exclude_if=not_)] = None
    scoring_keys: Annotated[dict[Id, Sha256], Field(exclude_if=not_, max_length=50)] = Field(default_factory=dict)


class RoundClosed(Event):
    """Everything before this marker counts, everything after it is late."""

    type: Literal["round.closed"] = "round.closed"
    round: RoundId


class RoundCancelled(Event):
    """A round is given up: nothing of it is ever published, and its dates may be fielded again."""

    type: Literal["round.cancelled"] = "round.cancelled"
    round: RoundId


WhyRetired = Literal["consent", "feed_error", "legal", "wrong_unit", "other"]
"""Why a cohort is retired: a code, so that no name can stand in it."""


class CohortRetirement(Event):
    """A sealed cohort is to be left out of every figure from now on, for good; nothing replaces it. Closed side only.

    It is named by its place, as a place has at most one cohort of a form in a round.
    """

    type: Literal["cohort.retirement"] = "cohort.retirement"
    round: RoundId
    form: Id
    node: Id
    reason: WhyRetired


class Node(Frozen):
    """One place of the organisation. `headcount` may be left out above the leaves: then it is the children's sum.

    `staff_group` says of a leaf which people of the place above it answer there, such as nurses.
    """

    id: Id
    parent: Id | None
    kind: Id
    name: Annotated[str, StringConstraints(min_length=1, max_length=120)]
    headcount: Annotated[int, Field(ge=0, le=1_000_000)] | None = None
    staff_group: Annotated[Id | None, Field(exclude_if=not_)] = None


class OrganisationUpdated(Event):
    """The whole organisation of a facility. In force for rounds opened after it."""

    type: Literal["organisation.updated"] = "organisation.updated"
    levels: Annotated[tuple[Id, ...], Field(min_length=1, max_length=10, fail_fast=True)]
    nodes: Annotated[tuple[Node, ...], Field(min_length=1, max_length=100_000, fail_fast=True)]
    effective_from: Day


class Intervention(Event):
    """What leadership did about a place on a day; kind and label are of a catalogue, so that no name can stand in them.

    With `rebase` control limits are worked out anew from that day. One that is `withdrawn` takes an earlier one back;
    of those of one place, day, kind and label the last counts.
    """

    type: Literal["intervention"] = "intervention"
    node: Id
    on: Day
    kind: Id
    label: Id
    rebase: Annotated[bool, Field(exclude_if=not_)] = False
    withdrawn: Annotated[bool, Field(exclude_if=not_)] = False


class CohortSealed(Event):
    """The coded totals of one cohort on one scale. Nothing finer about answers ever leaves the anonymiser."""

    type: Literal["cohort.sealed"] = "cohort.sealed"
    cohort_id: CohortId
    node: Id
    path: Path
    round: RoundId
    form: Id
    scale: Id
    n: Annotated[int, Field(ge=1, le=MOST)]
    score_low: Total
    score_high: Total
    at_risk_low: Count | None
    at_risk_high: Count | None
    policy_hash: Sha256

    @model_validator(mode="after")
    def _bounds_in_order(self) -> Self:
        low, high = self.at_risk_low, self.at_risk_high
        if (low is None) != (high is None) or self.score_low > self.score_high:
            raise ValueError("bounds are out of order")
        if low is not None and high is not None and not low <= high <= self.n:
            raise ValueError("bounds are out of order")
        return self


class NodeState(Frozen):
    """What a reader may know of a node in a round: its place, and per form whether anything is published.

    `headcount_asked` is that of the leaves which the round fields; events of earlier versions do not tell it. Beside
    sensitive forms alone there is neither headcount. `of_group` is the staff group of a leaf. With a `staff_group` not
    the node is meant but all leaves of that group under it, as far as they have cohorts of their own.
    """

    node: Id
    path: Path
    name: str
    kind: Id
    headcount: Annotated[Heads | None, Field(exclude_if=lambda heads: heads is None)] = None
    headcount_asked: Annotated[Heads | None, Field(exclude_if=lambda heads: heads is None)] = None
    of_group: Annotated[Id | None, Field(exclude_if=not_)] = None
    staff_group: Annotated[Id | None, Field(exclude_if=not_)] = None
    states: dict[Id, State]


class RoundSealed(Event):
    """The last record of a sealed round. It holds no count of any outcome.

    `sensitive` names the forms that were sealed as sensitive: only places where those may be sealed have a state there.
    `scoring_keys` are those that the round was opened with.
    """

    type: Literal["round.sealed"] = "round.sealed"
    round: RoundId
    forms: Annotated[tuple[Id, ...], Field(fail_fast=True)]
    sensitive: Annotated[tuple[Id, ...], Field(fail_fast=True, exclude_if=not_)] = ()
    first_answer_date: Day
    last_answer_date: Day
    policy: Policy
    policy_hash: Sha256
    season: Annotated[Season | None, Field(exclude_if=not_)] = None
    scoring_keys: Annotated[dict[Id, Sha256], Field(exclude_if=not_)] = Field(default_factory=dict)
    nodes: Annotated[tuple[NodeState, ...], Field(fail_fast=True)]

    @model_validator(mode="after")
    def _every_node_has_a_state_in_every_form(self) -> Self:
        sensitive = set(self.sensitive)
        if not sensitive <= set(self.forms):
            raise ValueError("a form is sensitive that the round does not field")
        ordinary = set(self.forms) - sensitive
        for node in self.nodes:
            if not ordinary <= set(node.states) <= set(self.forms):
                raise ValueError("a node lacks a state, or has one of another form")
            if any(
                (state == "not_published") != (form in sensitive)
                for form, state in node.states.items()
                if state != "published"
            ):
                raise ValueError("a state that its form does not have")
        return self


class CohortRetired(Event):
    """A sealed cohort is in no figure from now on. Its rows stay as evidence; why it was retired is not told."""

    type: Literal["cohort.retired"] = "cohort.retired"
    cohort_id: CohortId
    node: Id
    path: Path
    round: RoundId
    form: Id


class InterventionRecorded(Event):
    """An intervention as everybody may know it: beside charts it says when something was done.

    `path` is that of the place when it was recorded. Of those of one place, day, kind and label the one with the
    highest `version` holds, and none if that is taken back.
    """

    type: Literal["intervention.recorded"] = "intervention.recorded"
    node: Id
    path: Path
    on: Day
    kind: Id
    label: Id
    rebase: bool
    taken_back: bool
    version: Annotated[int, Field(ge=1, le=MOST)]


class Outcomes(Frozen):
    """Deliveries of one facility, round and form by outcome. Closed side only."""

    received: ClosedCount = ZERO
    admitted: ClosedCount = ZERO
    duplicate: ClosedCount = ZERO
    superseded: ClosedCount = ZERO
    withdrawn: ClosedCount = ZERO
    incomplete: ClosedCount = ZERO
    late: ClosedCount = ZERO
    invalid: ClosedCount = ZERO
    published: ClosedCount = ZERO
    retired: ClosedCount = ZERO
    withheld: ClosedCount = ZERO


class Evidence(Event):
    """What an auditor needs to check a sealed form against the log. Closed side only."""

    round: RoundId
    form: Id
    opened_offset: Offset
    closed_offset: Offset
    policy_hash: Sha256
    organisation_hash: Sha256
    code_hash: Sha256


class CohortManifest(Evidence):
    """The members of one cohort as sorted tags, HMAC(audit key, token and form); large cohorts come in parts."""

    type: Literal["cohort.manifest"] = "cohort.manifest"
    cohort_id: CohortId
    node: Id
    part: Count
    parts: Count
    tags: Annotated[tuple[Sha256, ...], Field(fail_fast=True)]


class FormManifest(Evidence):
    """The outcome counts of one form up to the close, and the cohorts it was sealed into."""

    type: Literal["form.manifest"] = "form.manifest"
    cohorts: Annotated[tuple[CohortId, ...], Field(fail_fast=True)]
    outcomes: Outcomes


class RetirementManifest(Event):
    """Which request, at which offset, retired a cohort of n people, and why. Closed side only."""

    type: Literal["retirement.manifest"] = "retirement.manifest"
    round: RoundId
    form: Id
    cohort_id: CohortId
    node: Id
    n: Annotated[int, Field(ge=1, le=MOST)]
    reason: WhyRetired
    request: EventId
    retired_offset: Offset
    policy_hash: Sha256
    organisation_hash: Sha256
    code_hash: Sha256


Echoed = OrganisationUpdated | RoundOpened | RoundClosed | RoundCancelled | CohortRetired | InterventionRecorded


class Echo(Event):
    """A control event the worker has acted on, with its offset; read first after an assignment.

    That of a marker that ends a round, and of a retirement, is written after all else that they lead to. `cohorts`
    holds, per form and node, the sizes of the cohorts that a close has sealed. Of a retirement it is `cohort.retired`
    that is echoed: senders of other facilities read echoes too, and the reason is not theirs to know.
    Of an intervention it is `intervention.recorded`.
    """

    type: Literal["echo"] = "echo"
    offset: Offset
    event: Annotated[Echoed, Field(discriminator="type")]
    cohorts: dict[Id, dict[Id, Count]] = Field(default_factory=dict)


class DeadLetter(Frozen):
    """Where a refused record lies and why it was refused. Never the record, never a value of it."""

    type: Literal["deadletter"] = "deadletter"
    event_id: EventId
    schema_version: Literal[1] = 1
    outcome: Literal["invalid", "late", "incomplete"]
    reason: Id
    topic: str
    partition: Count
    offset: Offset
    facility: Id | None
    round: RoundId | None
    form: Id | None
    source: Id | None


AnyEvent = (
    Submission
    | SubmissionWithdrawn
    | RoundOpened
    | RoundClosed
    | RoundCancelled
    | CohortRetirement
    | OrganisationUpdated
    | Intervention
    | CohortSealed
    | CohortRetired
    | InterventionRecorded
    | RoundSealed
    | CohortManifest
    | FormManifest
    | RetirementManifest
    | Echo
    | Indicator
    | DeadLetter
)
