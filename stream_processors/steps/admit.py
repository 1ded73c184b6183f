"""Admission: what an open round holds, and what each delivery came to when it closes.

Precedence of outcomes, so that arrival order before the close is irrelevant: invalid; then, among deliveries with one
event id, all but one are duplicate; then incomplete, withdrawn, superseded, admitted. Late is decided by the log:
after the close marker.
"""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from schemas.canonical import sha256_hex
from schemas.closed import ZERO, ClosedCount
from schemas.errors import DataError, Reason
from schemas.events import Outcomes, RoundOpened, Submission, SubmissionWithdrawn
from schemas.instruments.scoring import Form, Score
from schemas.organisation import Organisation
from stream_processors.steps.seal import Members

Held = tuple[tuple[Score, ...], int, bytes, str]
"""(scores, or () if incomplete; revision; token; leaf)."""


@dataclass(slots=True)
class Counts:
    """The conservation counters of one form. Each outcome has its own; none is derived from another."""

    # every delivery is counted here, and a plain number takes a tenth of the time; who reads it gets a closed count
    _received: int = 0
    admitted: ClosedCount = ZERO
    duplicate: ClosedCount = ZERO
    superseded: ClosedCount = ZERO
    withdrawn: ClosedCount = ZERO
    incomplete: ClosedCount = ZERO
    invalid: ClosedCount = ZERO
    published: ClosedCount = ZERO
    withheld: ClosedCount = ZERO

    @property
    def received(self) -> ClosedCount:
        """Every delivery, whatever it came to."""
        return ClosedCount(self._received)

    def outcomes(self) -> Outcomes:
        """The counts as an event field."""
        return Outcomes(
            received=self.received,
            admitted=self.admitted,
            duplicate=self.duplicate,
            superseded=self.superseded,
            withdrawn=self.withdrawn,
            incomplete=self.incomplete,
            invalid=self.invalid,
            published=self.published,
            withheld=self.withheld,
        )


@dataclass(slots=True)
class HeldForm:
    """What one form of an open round holds in memory: under 600 bytes a submission."""

    form: Form
    held: dict[bytes, Held] = field(default_factory=dict)
    withdrawn: set[bytes] = field(default_factory=set)
    counts: Counts = field(default_factory=Counts)


@dataclass(frozen=True, slots=True)
class OpenRound:
    """A round between its markers: its terms as logged, and the submissions held per form.

    `leaves` maps each covered leaf to itself, so that every submission held shares one string for it.
    """

    terms: RoundOpened
    organisation: Organisation
    opened_at: int
    leaves: Mapping[str, str]
    forms: Mapping[str, HeldForm]


def admit(opened: OpenRound, submission: Submission) -> Reason | None:
    """Take one delivery into an open round. Returns why it is refused or incomplete; None if it is held whole."""
    held = opened.forms.get(submission.form)
    if held is None:
        return Reason.UNKNOWN_FORM
    held.counts._received += 1
    try:
        _check(opened, held.form, submission)
        scores = held.form.score(submission.answers)
    except DataError as error:
        held.counts.invalid += 1
        return error.reason
    _hold(held, submission, opened.leaves[submission.node], scores)
    return None if scores else Reason.INCOMPLETE_ANSWERS


def withdraw(opened: OpenRound, withdrawal: SubmissionWithdrawn) -> None:
    """Remove every revision of a token and form, for good; DataError if the round does not field the form."""
    held = opened.forms.get(withdrawal.form)
    if held is None:
        raise DataError(Reason.UNKNOWN_FORM)
    held.withdrawn.add(bytes.fromhex(withdrawal.respondent))


def resolve(held: HeldForm) -> dict[str, Members]:
    """At the close: count what every held delivery came to, and return the admitted members by leaf."""
    counts, best = held.counts, dict[bytes, bytes]()
    for event_id, (scores, revision, token, _) in held.held.items():
        if not scores:
            counts.incomplete += 1
        elif token in held.withdrawn:
            counts.withdrawn += 1
        elif (rival := best.get(token)) is None:
            best[token] = event_id
        else:
            counts.superseded += 1
            if (held.held[rival][1], rival) < (revision, event_id):
                best[token] = event_id
    members: dict[str, Members] = defaultdict(Members)
    counts.admitted += len(best)
    for token, event_id in best.items():
        scores, _, _, leaf = held.held[event_id]
        group = members[leaf]
        group.tokens.append(token)
        group.scores.append(scores)
    return dict(members)


def _check(opened: OpenRound, form: Form, submission: Submission) -> None:
    terms = opened.terms
    if submission.form_version != form.version:
        raise DataError(Reason.WRONG_FORM_VERSION)
    if submission.key_id != terms.key_id:
        raise DataError(Reason.WRONG_KEY)
    if submission.node not in opened.leaves:
        raise DataError(Reason.UNKNOWN_UNIT)
    if not terms.first_answer_date <= submission.submitted_on <= terms.last_answer_date:
        raise DataError(Reason.OUTSIDE_DATES)


def _hold(held: HeldForm, submission: Submission, leaf: str, scores: tuple[Score, ...] | None) -> None:
    event_id = bytes.fromhex(submission.event_id.replace("-", ""))
    item: Held = (scores or (), submission.revision, bytes.fromhex(submission.respondent), leaf)
    known = held.held.get(event_id)
    if known is not None:
        held.counts.duplicate += 1
        item = max(known, item, key=lambda copy: _rank(event_id, copy))
    held.held[event_id] = item


def _rank(event_id: bytes, copy: Held) -> tuple[bool, str, str]:
    """Which of two copies with one event id is kept: a whole one, and else by lot, so that no score is favoured.

    Scores draw the lot only where nothing else differs: what anybody answered must not move a size.
    """
    scores, revision, token, leaf = copy
    return bool(scores), sha256_hex([event_id.hex(), revision, token.hex(), leaf]), sha256_hex([event_id.hex(), scores])
