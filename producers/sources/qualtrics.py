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
from producers.sources.json_text import members, parsed, text_of
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
    # ids of the response itself go first: those in the block may be answers of that name
    named = chain(members(values), (("responseId", found.get("responseId")),))
    cells = {_CSV_NAMES.get(name, name): text_of(value) for name, value in named if value is not None}
    return Sheet(number, {name: text for name, text in cells.items() if name in wanted})
