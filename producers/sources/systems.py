"""What is known of the survey systems whose exports hospitals have: which columns they write, and what those mean."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

_LIMESURVEY: Final = frozenset(
    {"id", "submitdate", "lastpage", "startlanguage", "seed", "token", "startdate", "datestamp", "ipaddr", "refurl"}
)
_QUALTRICS: Final = frozenset(
    {
        *("StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished"),
        *("RecordedDate", "ResponseId", "RecipientLastName", "RecipientFirstName", "RecipientEmail"),
        *("ExternalReference", "LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage"),
    }
)
_FORMS: Final = frozenset({"ID", "Id", "Start time", "Completion time", "Email", "Name", "Last modified time"})
_REDCAP: Final = frozenset(
    {
        *("record_id", "redcap_survey_identifier", "redcap_data_access_group", "redcap_event_name"),
        *("redcap_repeat_instrument", "redcap_repeat_instance"),
    }
)
_SPLIT: Final = frozenset({"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"})
KNOWN: Final = _LIMESURVEY | _QUALTRICS | _FORMS | _REDCAP


@dataclass(frozen=True)
class Column:
    """The column that a setting needs. `name` is None where only the hospital can know it; `choices` may be it."""

    name: str | None = None
    choices: tuple[str, ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Accept:
    """A rule for the rows to read. A choice is proposed as a comment."""

    column: str
    values: tuple[str, ...]
    note: str
    is_choice: bool = False


@dataclass(frozen=True)
class System:
    """What a header says about the system that wrote it. `own`: its columns that hold no answers.

    `kind` is its name for `--source`. `person` is None if nobody can be told from another, `submitted` if the file has
    no date.
    """

    title: str = "survey"
    source: str | None = None
    kind: str = "csv"
    response: Column = Column()
    person: Column | None = Column()
    unit: Column = Column()
    submitted: Column | None = Column()
    date_format: str | None = None
    accept: tuple[Accept, ...] = ()
    own: frozenset[str] = field(default=frozenset())


def recognise(names: Sequence[str]) -> System:
    """The system that wrote these columns, or one of which nothing is known."""
    found = (known(names) for known in _SYSTEMS)
    return next((system for system in found if system is not None), System())


def _limesurvey(names: Sequence[str]) -> System | None:
    if not {"id", "submitdate"} <= set(names) or not {"lastpage", "startlanguage", "token"} & set(names):
        return None
    return System(
        title="LimeSurvey",
        source="limesurvey",
        kind="limesurvey",
        response=Column("id"),
        # a survey that is not anonymous has tokens, and only such a survey
        person=Column("token") if "token" in names else None,
        submitted=Column("submitdate", note="if it is 1980-01-01 in every row, use submitted_on instead"),
        own=_LIMESURVEY,
    )


def _qualtrics(names: Sequence[str]) -> System | None:
    if "ResponseId" not in names or not {"RecordedDate", "EndDate", "Finished"} & set(names):
        return None
    rules = (
        Accept("Status", ("0", "IP Address"), "answers as such, no previews, tests or spam; as the file spells it"),
        Accept("Finished", ("1", "True", "TRUE"), "finished answer sheets; as the file spells it"),
    )
    date = next((name for name in ("RecordedDate", "EndDate") if name in names), None)
    return System(
        title="Qualtrics",
        source="qualtrics",
        kind="qualtrics",
        response=Column("ResponseId"),
        person=Column(
            choices=_present(names, "ExternalReference", "RecipientEmail"),
            note="empty with an anonymous link; then remove this line and set identity: response",
        ),
        submitted=Column(date) if date else None,
        accept=tuple(rule for rule in rules if rule.column in names),
        own=_QUALTRICS,
    )


def _microsoft_forms(names: Sequence[str]) -> System | None:
    numbers = _present(names, "ID", "Id")
    if not numbers or not {"Start time", "Completion time"} <= set(names):
        return None
    email = Column("Email", note="if it is `anonymous`, remove this line and set identity: response")
    return System(
        title="Microsoft Forms",
        source="forms",
        kind="ms-forms",
        response=Column(numbers[0]),
        person=email if "Email" in names else None,
        submitted=Column("Completion time"),
        date_format="%m/%d/%y %H:%M:%S",
        own=_FORMS,
    )


def _redcap(names: Sequence[str]) -> System | None:
    complete = tuple(name for name in names if re.fullmatch(r"[a-z0-9_]+_complete", name))
    if not complete and "redcap_survey_identifier" not in names:
        return None
    stamps = tuple(name for name in names if re.fullmatch(r"[a-z0-9_]+_timestamp", name))
    # in REDCap the record always comes first
    first = next((name for name in names[:1] if name and name not in (*complete, *stamps)), None)
    unit = "redcap_data_access_group" if "redcap_data_access_group" in names else None
    event = Accept("redcap_event_name", ("event_1_arm_1",), "one event: a record has a row in each", is_choice=True)
    return System(
        title="REDCap",
        source="redcap",
        kind="redcap",
        # a record has a row for each event and instance, which its own name would not tell apart
        response=Column("$response" if _SPLIT & {*names} else first),
        person=Column(
            choices=_present(names, "redcap_survey_identifier"),
            note="without one remove this line and set identity: response",
        ),
        unit=Column(unit),
        submitted=_stamp(stamps),
        accept=(
            *(Accept(name, ("2",), "finished answer sheets; 0 and 1 are not", is_choice=True) for name in complete),
            *(event for name in names if name == event.column),
        ),
        own=_REDCAP | {*names[:1], *complete, *stamps},
    )


def _google_forms(names: Sequence[str]) -> System | None:
    # the only column of its own; in other languages it has another name
    if names[:1] != ["Timestamp"]:
        return None
    return System(
        title="Google Forms",
        source="google",
        kind="google-forms",
        response=Column("$response", note="the time stamp, and its turn within that second"),
        person=None,
        submitted=Column("Timestamp"),
        date_format="%m/%d/%Y %H:%M:%S",
        own=frozenset({"Timestamp", "Email Address"}),
    )


def _stamp(stamps: tuple[str, ...]) -> Column | None:
    if not stamps:
        return None
    return Column(stamps[0]) if len(stamps) == 1 else Column(choices=stamps)


def _present(names: Sequence[str], *wanted: str) -> tuple[str, ...]:
    return tuple(name for name in wanted if name in names)


_SYSTEMS: Final[tuple[Callable[[Sequence[str]], System | None], ...]] = (
    _limesurvey,
    _qualtrics,
    _microsoft_forms,
    _redcap,
    _google_forms,
)
