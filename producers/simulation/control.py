"""The control events of a facility: its organisation, the markers of its rounds, and withdrawals."""

from producers.simulation.log import LogLine
from producers.simulation.population import Facility
from producers.simulation.settings import FIRST_MONDAY, Wave
from producers.simulation.survey import Fielding
from schemas.canonical import derived_id
from schemas.codec import encode
from schemas.events import Intervention, Node, OrganisationUpdated, RoundClosed, RoundOpened, SubmissionWithdrawn
from schemas.policy import Policy

LEVELS = ("facility", "department", "unit")
# the two weeks, from 0, in which something is done: late enough for charts to have a course before
FIRST_ACT, SECOND_ACT = 4, 8


def organisation_updated(facility: Facility) -> LogLine:
    """The facility's whole organisation; only units have a headcount of their own."""
    nodes = [Node(id=facility.id, parent=None, kind="facility", name=facility.name)]
    nodes += [Node(id=id, parent=facility.id, kind="department", name=name) for id, name in facility.departments]
    nodes += [
        Node(id=unit.id, parent=unit.department, kind="unit", name=unit.name, headcount=len(unit.people))
        for unit in facility.units
    ]
    event = OrganisationUpdated(
        facility=facility.id,
        event_id=derived_id("organisation.updated", facility.id, [node.model_dump() for node in nodes]),
        levels=LEVELS,
        nodes=tuple(nodes),
        effective_from=FIRST_MONDAY,
    )
    return LogLine(facility.id, encode(event), control=True)


def round_opened(fielding: Fielding) -> RoundOpened:
    """The start of the round on its units, under the default policy."""
    facility, wave = fielding.facility, fielding.wave
    return RoundOpened(
        facility=facility.id,
        event_id=derived_id("round.opened", facility.id, wave.id),
        round=wave.id,
        forms=wave.forms,
        first_answer_date=wave.first,
        last_answer_date=wave.last,
        leaves=tuple(sorted(unit.id for unit in fielding.units)),
        season=wave.season,
        policy=Policy(),
        key_id=fielding.keys.key_id,
        scoring_keys={form.id: form.key_hash for form in fielding.forms},
    )


def opening(fielding: Fielding) -> LogLine:
    """The marker that opens the round."""
    return LogLine(fielding.facility.id, encode(round_opened(fielding)), control=True)


def closing(fielding: Fielding, attempt: str = "") -> LogLine:
    """The marker that closes the round; another attempt is another event."""
    facility, round = fielding.facility.id, fielding.wave.id
    event_id = derived_id("round.closed", facility, round, attempt)
    return LogLine(facility, encode(RoundClosed(facility=facility, event_id=event_id, round=round)), control=True)


def intervention(facility: Facility, wave: Wave) -> LogLine | None:
    """What leadership did as these two weeks began, if it did anything; it changes nothing about the answers."""
    acts = {
        FIRST_ACT: (facility.departments[0][0], "support_programme", "peer-support", False),
        SECOND_ACT: (facility.units[0].id, "staffing", "added-night-shift", True),
    }
    if wave.index not in acts:
        return None
    node, kind, label, rebase = acts[wave.index]
    event_id = derived_id("intervention", facility.id, wave.index)
    event = Intervention(
        facility=facility.id, event_id=event_id, node=node, on=wave.begins, kind=kind, label=label, rebase=rebase
    )
    return LogLine(facility.id, encode(event), control=True)


def withdrawal(fielding: Fielding, form: str, respondent: str) -> LogLine:
    """A person takes back their answers to one form of the round."""
    facility, round = fielding.facility.id, fielding.wave.id
    event = SubmissionWithdrawn(
        facility=facility,
        event_id=derived_id("submission.withdrawn", facility, round, form, respondent),
        round=round,
        form=form,
        respondent=respondent,
    )
    return LogLine(facility, encode(event), control=True)
