"""Qualtrics: CSV and TSV exports with two or three header rows, and JSON exports.

The first row holds the columns' names, the second the questions' text, and in exports since 2017 a third their import
ids. JSON exports name a question by its id (`QID1`); the fields Qualtrics adds go by their CSV names here.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from producers.sources.csv_file import sheets
from producers.sources.csv_text import Record, load, open_table
from producers.sources.json_text import NESTED, is_nested, members, parsed, text_of
from producers.sources.mapping import Header
from producers.sources.sheet import Refused, RowReason, Sheet
from schemas.errors import InputRefused

MOST_HEADER_ROWS: Final = 3
_RESPONSE_ID: Final = re.compile(r"\s*(R|FS)_[A-Za-z0-9]+\s*")
_CSV_NAMES: Final = {
    "_recordId": "ResponseId",
    "responseId": "ResponseId",
    "startDate": "StartDate",
    "endDate": "EndDate",
    "recordedDate": "RecordedDate",
    "status": "Status",
    "finished": "Finished",
    "progress": "Progress",
    "externalDataReference": "ExternalReference",
    "recipientEmail": "RecipientEmail",
    "distributionChannel": "DistributionChannel",
    "userLanguage": "UserLanguage",
}
_JSON_NAMES: Final = frozenset(_CSV_NAMES)


def read_qualtrics(
    export: Path | bytes, wanted: tuple[str, ...], header: Header, response: str
) -> Iterator[Sheet | Refused]:
    """The responses of an export, CSV or JSON. `response`: the column with Qualtrics' ids, which begin with `R_`."""
    file, data = load(export)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        return _responses(file, data, wanted)
    table = open_table(data, wanted, header, file=file)
    if header.skip_after is None and response in table.places:
        table = replace(table, records=_below_the_header(table.records, table.places[response]))
    return sheets(table, wanted)


def _below_the_header(records: Iterator[Record], place: int) -> Iterator[Record]:
    """What follows the rows of questions and import ids, which have no response id."""
    first = list(islice(records, MOST_HEADER_ROWS - 1))
    heading = 0
    while heading < len(first) and not _is_response(first[heading], place):
        heading += 1
    return chain(first[heading:], records)


def _is_response(record: Record, place: int) -> bool:
    # a row that cannot be read is no heading: it must be counted
    return record.cells is None or bool(_RESPONSE_ID.fullmatch("".join(record.cells[place : place + 1])))


def _responses(file: str, data: bytes, wanted: tuple[str, ...]) -> Iterator[Sheet | Refused]:
    content = parsed(file, data)
    found = content.get("responses") if isinstance(content, dict) else None
    if not isinstance(found, list):
        raise InputRefused(f"{file}: is JSON, but holds no list of responses: export it from Qualtrics as JSON again")
    return (_response(number, one, frozenset(wanted)) for number, one in enumerate(found, 1))


def _response(number: int, found: Any, wanted: frozenset[str]) -> Sheet | Refused:
    values = found.get("values") if isinstance(found, dict) else None
    if not isinstance(values, dict):
        return Refused(number, None, str(RowReason.WRONG_SHAPE), "the response has no block of values: export it again")
    # the id of the response itself goes first: those in the block may be answers of that name
    own = text_of(found.get("responseId"))
    cells = {"ResponseId": own} if own and "ResponseId" in wanted else {}
    for name, value in members(values, wanted | _JSON_NAMES):
        column = _CSV_NAMES.get(name, name)
        if column not in wanted or value is None or (own and column == "ResponseId"):
            continue
        # data that links carry into a response must not stand for what Qualtrics itself says under that name
        if is_nested(value) or cells.setdefault(column, text_of(value)) != text_of(value):
            return Refused(number, column, str(RowReason.WRONG_SHAPE), NESTED)
    return Sheet(number, cells)
