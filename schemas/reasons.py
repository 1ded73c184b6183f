"""What each reason for a refusal means, who can repair it, and whether the same record may be sent again. Data."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

from schemas.errors import Reason

Again = Literal["never", "once its round is open", "after an upgrade"]
"""When sending the same bytes again can come to something else."""


class Meaning(NamedTuple):
    """What was wrong with a record, and what to do about it."""

    what: str
    repair: str
    again: Again = "never"


_SOURCE: Final = "correct the program that sends it, and submit the answers anew"
_MARKER: Final = "a command says so at once; nothing was done, correct it and give the command again"
_OPEN: Final[Again] = "once its round is open"
_UPGRADE: Final[Again] = "after an upgrade"

MEANINGS: Final[Mapping[Reason, Meaning]] = {
    Reason.NOT_JSON: Meaning("the record is no JSON, or is cut off", _SOURCE),
    Reason.TOO_LARGE: Meaning("the record is longer than any event may be", _SOURCE),
    Reason.EMPTY: Meaning("the record has no value", _SOURCE),
    Reason.UNKNOWN_TYPE: Meaning("an event of a type that this version does not know", "upgrade the worker", _UPGRADE),
    Reason.UNSUPPORTED: Meaning("a form of an event that this version does not read", "upgrade the worker", _UPGRADE),
    Reason.BAD_SCHEMA: Meaning("a field is missing, unknown, or not as the schema has it", _SOURCE, _UPGRADE),
    Reason.BAD_TOKEN: Meaning("the respondent is no token of 64 hex digits", _SOURCE),
    Reason.BAD_ANSWER: Meaning("the answers are not item numbers with whole numbers", _SOURCE),
    Reason.BAD_DATE: Meaning("a date is none, or a last date lies before a first", _SOURCE),
    Reason.BAD_ORGANISATION: Meaning("the organisation is no tree of the levels named", _MARKER),
    Reason.BAD_SIGNATURE: Meaning(
        "a marker or withdrawal is not signed with a key that the worker knows",
        "make the key known (wardpulse keystore trust), restart the worker, and give the command again",
    ),
    Reason.KEY_MISMATCH: Meaning("the record's key is not the facility it names", _SOURCE),
    Reason.POLICY_UNDER_FLOOR: Meaning("a round's policy is under a floor", _MARKER),
    Reason.POLICY_UNDER_MINIMUM: Meaning("a round's k is under this deployment's minimum_k", _MARKER),
    Reason.NO_ORGANISATION: Meaning(
        "it came before the facility's organisation was announced",
        "announce it, open the round, then redrive",
        _OPEN,
    ),
    Reason.UNKNOWN_ROUND: Meaning(
        "it names a round that had not been opened", "open the round, then redrive; or correct the name", _OPEN
    ),
    Reason.UNKNOWN_FORM: Meaning(
        "it names a form that its round does not field, or an opening one that the worker has not in use",
        "correct the mapping, submit anew; or the worker's instruments, then give the command again",
    ),
    Reason.UNKNOWN_UNIT: Meaning(
        "it names a unit that its round does not cover, or that the organisation does not have",
        "correct the mapping; submit anew",
    ),
    Reason.UNKNOWN_ITEM: Meaning("it answers an item that the form does not have", "correct the mapping; submit anew"),
    Reason.WRONG_FORM_VERSION: Meaning(
        "it was made for another version of the instrument",
        "correct the mapping's version, or give edge and worker the same instruments; then submit anew or redrive",
        _UPGRADE,
    ),
    Reason.WRONG_KEY: Meaning(
        "it was made with other keys than its round was opened with", "submit anew with the keystore that opened it"
    ),
    Reason.ANSWER_OUT_OF_RANGE: Meaning("an answer is none that the item has", "correct the mapping; submit anew"),
    Reason.OUTSIDE_DATES: Meaning("it is dated outside its round", "correct the date at the source; else it stays out"),
    Reason.OTHER_SCORING_KEY: Meaning(
        "a round's opening says that its forms are scored otherwise than the worker scores them",
        "give both the same instruments (wardpulse instruments list), then give the command again",
    ),
    Reason.REPEATED_INSTRUMENT: Meaning("a round fields two forms of one instrument", _MARKER),
    Reason.SENSITIVE_FORM: Meaning("a season fields a sensitive form", _MARKER),
    Reason.BAD_SEASON: Meaning("a round does not keep the terms of its season", _MARKER),
    Reason.LEVELS_REORDERED: Meaning("levels change their order while a round is open", _MARKER),
    Reason.REPEATED_EVENT: Meaning("exactly this record came before", _MARKER),
    Reason.ROUND_OPENED_TWICE: Meaning("a round of this name was opened before", _MARKER),
    Reason.ROUND_CLOSED_TWICE: Meaning("the round had ended", _MARKER),
    Reason.ROUND_OVERLAPS: Meaning("two rounds of one form would share days and people", _MARKER),
    Reason.ROUND_OPEN: Meaning("a cohort of a round that is still open cannot be retired", _MARKER),
    Reason.ROUND_CANCELLED: Meaning("the round was cancelled", _MARKER),
    Reason.NO_COHORT: Meaning("no cohort was sealed at the place to be retired", _MARKER),
    Reason.RETIRED_TWICE: Meaning("the cohort was retired before", _MARKER),
    Reason.UNKNOWN_INTERVENTION: Meaning("its kind, or that label of the kind, is not in the catalogue", _MARKER),
    Reason.DAY_TOO_FAR: Meaning("an intervention is over a year off every round and organisation record", _MARKER),
    Reason.RECORDED_TWICE: Meaning("the intervention stands like this already", _MARKER),
    Reason.NO_INTERVENTION: Meaning("there is no such intervention to take back", _MARKER),
    Reason.AFTER_CLOSE: Meaning(
        "it came after its round was closed", "nothing: what is late stays late, and no round may take it"
    ),
    Reason.INCOMPLETE_ANSWERS: Meaning(
        "too few items of a scale are answered", "nothing, if the person left it so; a later whole sheet counts"
    ),
}
"""Every reason."""
