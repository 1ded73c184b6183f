"""Google Forms: a sheet saved as CSV, which has no number for a response.

A response is named by its time stamp, and by its turn among those of the same second.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from producers.sources.csv_file import read_csv
from producers.sources.mapping import Header
from producers.sources.sheet import Refused, Sheet

RESPONSE: Final = "$response"


def read_google_forms(
    export: Path | bytes, wanted: tuple[str, ...], header: Header, stamp: str
) -> Iterator[Sheet | Refused]:
    """The rows of an export, with `$response` made from the column of time stamps."""
    columns = tuple(dict.fromkeys((*(name for name in wanted if name != RESPONSE), stamp)))
    advice = "Google Forms names it in the language of the form: write its name as columns.submitted into the mapping"
    return _named(read_csv(export, columns, header, {stamp: advice}), stamp)


def _named(found: Iterator[Sheet | Refused], stamp: str) -> Iterator[Sheet | Refused]:
    turns: Counter[str] = Counter()
    for one in found:
        if isinstance(one, Refused):
            yield one
            continue
        text = one.cells[stamp].strip()
        turns[text] += 1
        yield replace(one, cells={**one.cells, RESPONSE: f"{text}#{turns[text]}" if text else ""})
