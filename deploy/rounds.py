"""Opening, closing and cancelling a round, and retiring a cohort: what is checked, shown first, and sent."""

import sys
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta, timezone
from typing import Any, Final
from zoneinfo import ZoneInfo

from pydantic import ValidationError

from deploy.control import Control, refusal
from deploy.library import in_use
from deploy.resources import interventions
from deploy.settings import Settings
from producers.client import partition_of
from producers.keystore import Keystore
from schemas.canonical import derived_id
from schemas.codec import decode
from schemas.errors import DataError, InputRefused, Reason
from schemas.events import (
    CohortRetired,
    CohortRetirement,
    CohortSealed,
    DeadLetter,
    Echo,
    RoundCancelled,
    RoundClosed,
    RoundOpened,
)
from schemas.instruments.enabled import keys_of
from schemas.organisation import Organisation
from schemas.policy import Policy
from schemas.season import calendar_of
from schemas.topics import Topic
from stream_processors.kafka_log import LogRecord
from stream_processors.steps.ledger import KnownRound, Ledger
from stream_processors.steps.preview import Outlook, open_round_of, outlook
from stream_processors.steps.restart import resume
from stream_processors.steps.retiring import sealed_round
from stream_processors.steps.rounds import EndedRound, Rules, open_round
from stream_processors.steps.story import Record

NO_KEY: Final = "0"


def today(settings: Settings, now: Callable[[], datetime]) -> date:
    """The day in the calendar of the settings; `now()` is aware."""
    return now().astimezone(ZoneInfo(settings.timezone)).date()


def is_over(last_answer_date: date, now: Callable[[], datetime]) -> bool:
    """Whether a day is over everywhere on earth: a calendar of one's choice must not bring a preview forward."""
    return now().astimezone(timezone(timedelta(hours=-12))).date() > last_answer_date


def policy(**given: Any) -> Policy:
    """A policy of the values given, defaults for the rest; InputRefused under a floor."""
    try:
        return Policy(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        raise InputRefused(f"the policy cannot be: {_sentences(error)}") from None


def organisation_of(known: Ledger, facility: str) -> Organisation:
    """A facility's organisation in force; InputRefused if it has none."""
    found = known.facility(facility).organisation
    if found is None:
        raise refusal(f"a round of {facility}", Reason.NO_ORGANISATION)
    return found


def opening(known: Ledger, facility: str, minimum_k: int, **terms: Any) -> RoundOpened:
    """The marker of a round, without its key yet; InputRefused if the rules would refuse it."""
    name = terms["round"]
    try:
        event = RoundOpened(
            facility=facility,
            event_id=derived_id("round.opened", facility, name),
            key_id=NO_KEY,
            scoring_keys=keys_of(terms["forms"], in_use()),
            **terms,
        )
    except ValidationError as error:
        raise InputRefused(f"the round cannot be: {_sentences(error)}") from None
    try:
        if event.policy.k < minimum_k:
            raise DataError(Reason.POLICY_UNDER_MINIMUM)
        open_round(known.facility(facility), event, sys.maxsize, recorded_rules())
    except DataError as error:
        raise refusal(f"round {name}", error.reason, error.detail) from None
    return event


def still_open(known: Ledger, facility: str, name: str) -> KnownRound:
    """A round that can be ended; InputRefused if it was not opened or has ended."""
    found = known.find(facility, name)
    if found is None:
        raise refusal(f"round {name} of {facility}", Reason.UNKNOWN_ROUND)
    if found.state != "open":
        raise InputRefused(f"round {name} of {facility} is {found.state}: that cannot be undone or done again")
    return found


def preview(control: Control, keystore: Keystore, name: str) -> tuple[Outlook, ...]:
    """What closing a round would come to, from every record of its partition so far."""
    log, topic = control.log, control.topic(Topic.SUBMISSIONS)
    number = partition_of(keystore.facility, len(log.partitions(topic)))
    echoes = control.echoes(number)
    records = (Record(*record) for record in log.read(topic, number, resume(echoes, committed=None)[1]))
    past: list[Echo | DeadLetter] = [*echoes, *control.refused(number)]
    opened = open_round_of(past, records, keystore.facility, name, recorded_rules())
    if opened is None:
        raise refusal(f"round {name} of {keystore.facility}", Reason.UNKNOWN_ROUND)
    return outlook(opened)


def closing(facility: str, name: str) -> RoundClosed:
    """The marker that closes a round."""
    return RoundClosed(facility=facility, event_id=derived_id("round.closed", facility, name), round=name)


def cancelling(facility: str, name: str) -> RoundCancelled:
    """The marker that gives a round up."""
    return RoundCancelled(facility=facility, event_id=derived_id("round.cancelled", facility, name), round=name)


def retiring(known: Ledger, facility: str, name: str, **what: str) -> tuple[CohortRetirement, EndedRound]:
    """The request to retire a cohort, and its round; InputRefused if the rules would refuse it."""
    event_id = derived_id("cohort.retirement", facility, name, what["form"], what["node"])
    try:
        event = CohortRetirement.model_validate({"facility": facility, "event_id": event_id, "round": name, **what})
    except ValidationError as error:
        raise InputRefused(f"the retirement cannot be: {_sentences(error)}") from None
    found = known.facility(facility).rounds.get(name)
    try:
        if found is None:
            raise DataError(Reason.UNKNOWN_ROUND)
        return event, sealed_round(found, event)
    except DataError as error:
        raise refusal(f"to retire {event.form} of {event.node} in {name}", error.reason) from None


def rounds_rows(known: Ledger, on: date) -> list[dict[str, Any]]:
    """Every round as a row; an open one that is past its dates says by how many days."""
    return [_row(one, on) for one in known.rounds]


def published_answers(records: Iterable[LogRecord], facility: str, name: str) -> list[dict[str, Any]]:
    """Answers in the sealed cohorts of a round, per form and place, without retired ones: what everybody may know."""
    found: dict[str, CohortSealed] = {}
    retired: set[str] = set()
    for record in records:
        event = _decoded(record)
        if isinstance(event, CohortSealed) and (event.facility, event.round) == (facility, name):
            found[event.cohort_id] = event
        elif isinstance(event, CohortRetired):
            retired.add(event.cohort_id)
    counts: dict[tuple[str, tuple[str, ...]], int] = {}
    for row in (row for cohort_id, row in found.items() if cohort_id not in retired):
        for depth in range(1, len(row.path) + 1):
            key = (row.form, row.path[:depth])
            counts[key] = counts.get(key, 0) + row.n
    return [{"form": form, "place": path[-1], "answers": counts[form, path]} for form, path in sorted(counts)]


def _row(known: KnownRound, on: date) -> dict[str, Any]:
    terms = known.terms
    days = (on - terms.last_answer_date).days if known.state == "open" else 0
    return {
        "facility": terms.facility,
        "round": terms.round,
        "forms": list(terms.forms),
        "first_answer_date": terms.first_answer_date.isoformat(),
        "last_answer_date": terms.last_answer_date.isoformat(),
        "units": len(terms.leaves),
        "cohort_size": terms.policy.cohort_size,
        "identity": terms.policy.identity,
        "season": terms.season and terms.season.id,
        "calendar": calendar_of(terms.season),
        "state": known.state,
        "days_overdue": max(days, 0),
        "retired": [{"form": form, "node": node} for form, node in sorted(known.retired)],
    }


def recorded_rules() -> Rules:
    """What decides at this end: the same rules. Which signatures were refused, the worker has said."""
    # a close that no worker has come to yet is gone through here as well, so both must look like what they are
    return Rules(in_use(), lambda *_: True, audit_key=b"", code_hash="0" * 64, interventions=interventions())


def _decoded(record: LogRecord) -> Any:
    try:
        return decode(record.value)
    except DataError:
        return None  # no worker of ours wrote it


def _sentences(error: ValidationError) -> str:
    details = error.errors(include_url=False, include_input=False)
    return "; ".join(f"{'.'.join(map(str, detail['loc'])) or 'policy'}: {detail['msg']}" for detail in details[:3])
