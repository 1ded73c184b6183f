"""Every reason a record can be refused for, and the one exception tree.

WardpulseError
|- DataError          a record or row is bad: counted outcome and dead letter; processing goes on
|- RetryableError     69  a delivery did not happen: nothing was lost, the caller may try again
|- FatalError         the process stops, exit code not 0, nothing skipped
   |- SettingsError       78  a setting, key or file is missing or not allowed
   |- BrokerUnavailable   69  Kafka cannot be read or written
   |  |- AccessRefused    77  Kafka refuses this user, or what it asks for
   |- SourceRefused       77  a survey system refuses its token, or what is asked with it
   |- SinkUnavailable     69  ClickHouse cannot be written
   |- LogTruncated        74  the log no longer holds what is needed
   |- InputRefused        65  a file given on the command line cannot be used
"""

from enum import StrEnum
from typing import ClassVar


class Reason(StrEnum):
    """Why a record was refused. A code and nothing else: it never quotes the record."""

    NOT_JSON = "not_json"
    TOO_LARGE = "too_large"
    EMPTY = "empty"
    UNKNOWN_TYPE = "unknown_type"
    UNSUPPORTED = "unsupported"
    BAD_SCHEMA = "bad_schema"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a reason code
    BAD_ANSWER = "bad_answer"
    BAD_DATE = "bad_date"
    BAD_ORGANISATION = "bad_organisation"
    BAD_SIGNATURE = "bad_signature"
    KEY_MISMATCH = "key_mismatch"
    POLICY_UNDER_FLOOR = "policy_under_floor"
    POLICY_UNDER_MINIMUM = "policy_under_minimum"
    NO_ORGANISATION = "no_organisation"
    UNKNOWN_ROUND = "unknown_round"
    UNKNOWN_FORM = "unknown_form"
    UNKNOWN_UNIT = "unknown_unit"
    UNKNOWN_ITEM = "unknown_item"
    WRONG_FORM_VERSION = "wrong_form_version"
    WRONG_KEY = "wrong_key"
    ANSWER_OUT_OF_RANGE = "answer_out_of_range"
    OUTSIDE_DATES = "outside_dates"
    REPEATED_INSTRUMENT = "repeated_instrument"
    OTHER_SCORING_KEY = "other_scoring_key"
    SENSITIVE_FORM = "sensitive_form"
    BAD_SEASON = "bad_season"
    LEVELS_REORDERED = "levels_reordered"
    REPEATED_EVENT = "repeated_event"
    ROUND_OPENED_TWICE = "round_opened_twice"
    ROUND_CLOSED_TWICE = "round_closed_twice"
    ROUND_OVERLAPS = "round_overlaps"
    ROUND_OPEN = "round_open"
    ROUND_CANCELLED = "round_cancelled"
    NO_COHORT = "no_cohort"
    RETIRED_TWICE = "retired_twice"
    UNKNOWN_INTERVENTION = "unknown_intervention"
    DAY_TOO_FAR = "day_too_far"
    RECORDED_TWICE = "recorded_twice"
    NO_INTERVENTION = "no_intervention"
    AFTER_CLOSE = "after_close"
    INCOMPLETE_ANSWERS = "incomplete_answers"


class WardpulseError(Exception):
    """Root of every error this project raises on purpose."""


class DataError(WardpulseError):
    """A record that cannot be used. `detail` is for a person at the edge; it never enters a log or a topic."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail


class RetryableError(WardpulseError):
    """A delivery that was not confirmed. Event ids are deterministic, so sending again is safe."""

    exit_code: ClassVar[int] = 69


class FatalError(WardpulseError):
    """The process must stop; the log is left where it can be read again."""

    exit_code: ClassVar[int] = 70


class SettingsError(FatalError):
    """A setting, key or file is missing or not allowed."""

    exit_code = 78


class BrokerUnavailable(FatalError):
    """Kafka cannot be read or written."""

    exit_code = 69


class AccessRefused(BrokerUnavailable):
    """Kafka refuses the user or password, or the user may not do what is needed."""

    exit_code = 77


class SourceRefused(FatalError):
    """A survey system refuses the token, or its user may not do what is needed."""

    exit_code = 77


class SinkUnavailable(FatalError):
    """ClickHouse cannot be written or read."""

    exit_code = 69


class LogTruncated(FatalError):
    """A needed offset lies before the start of the log."""

    exit_code = 74


class InputRefused(FatalError):
    """A file given on the command line cannot be used."""

    exit_code = 65
