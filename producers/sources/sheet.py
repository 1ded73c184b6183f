"""What every source turns its files into: answer sheets of named cells, or refusals that never quote one."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

NOT_SUBMITTED: Final = "the person has not sent the answers off"


class RowReason(StrEnum):
    """Why a row, a resource, or one form of it, was not read."""

    UNREADABLE_ROW = "unreadable_row"
    TOO_FEW_CELLS = "too_few_cells"
    TOO_MANY_CELLS = "too_many_cells"
    WRONG_SHAPE = "wrong_shape"
    QUESTIONNAIRE = "against_questionnaire"
    NOT_ACCEPTED = "not_accepted"
    MISSING_RESPONSE = "missing_response"
    MISSING_PERSON = "missing_person"
    DAMAGED_TEXT = "damaged_text"
    UNKNOWN_UNIT = "unknown_unit"
    NOT_SUBMITTED = "not_submitted"
    BAD_DATE = "bad_date"
    BAD_REVISION = "bad_revision"
    BAD_ANSWER = "bad_answer"
    ANSWER_OUT_OF_RANGE = "answer_out_of_range"
    NO_ANSWERS = "no_answers"


@dataclass(frozen=True, slots=True)
class Sheet:
    """One answer sheet as its source wrote it: text by name, `""` where nothing is answered.

    `line` is where it starts in its file, or its number there, from 1. Names are columns, or a source's own fields,
    which begin with `$`. A withdrawn one takes back what was sent under the same response, whatever its cells say.
    """

    line: int
    cells: Mapping[str, str] = field(repr=False)
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class Refused:
    """Why a row, or one form of it, is not read. `line` is where the row starts in the file.

    `file` is named where several are read at once.
    """

    line: int
    column: str | None
    reason: str
    hint: str
    file: str = ""
