"""REDCap's flat exports, one row per record, event and instance; with the project's data dictionary, if it is given.

With the dictionary every cell of a field with choices is its code, also in an export of labels; an instrument's answers
count only once it is marked Complete; and a column that may say who a person is cannot be an item.

The fields of its own that a mapping may name: `$response`, the record with its event, instrument and instance;
`$event`, `$instrument`, `$instance` and `$group`, the data access group.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

from producers.sources.csv_file import sheets
from producers.sources.csv_text import Table, load, open_table
from producers.sources.mapping import Header, tidy
from producers.sources.redcap_dictionary import Dictionary, check_items, named, read_dictionary
from producers.sources.sheet import NOT_SUBMITTED, Refused, RowReason, Sheet
from schemas.errors import InputRefused

RESPONSE: Final = "$response"
GROUP: Final = "redcap_data_access_group"
PERSON: Final = "redcap_survey_identifier"
_EVENT, _INSTRUMENT, _INSTANCE = "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"
OWN: Final = {"$event": _EVENT, "$instrument": _INSTRUMENT, "$instance": _INSTANCE, "$group": GROUP}
"""The fields of our own that are columns of the export."""
_USUAL_RECORD: Final = "record_id"
_SPLIT: Final = (_EVENT, _INSTRUMENT, _INSTANCE)
CHOOSING: Final = frozenset({*_SPLIT, "$event", "$instrument", "$instance"})
"""What a rule may name to choose among the rows of a record."""
_LACKING: Final = {
    GROUP: "export the data access groups too, or name another column as columns.unit in the mapping",
    PERSON: "export the survey fields too; without them set identity: response in the mapping, and open rounds so",
    _EVENT: "only projects with several events have it",
    _INSTRUMENT: "only projects with repeating instruments or events have it",
    _INSTANCE: "only projects with repeating instruments or events have it",
}
_STATUS: Final = {"Incomplete": "0", "Unverified": "1", "Complete": "2"}
_STATES: Final = frozenset({"", *_STATUS, *_STATUS.values()})
_COMPLETE: Final = frozenset({"2", "Complete"})
_POINT_NOUGHT: Final = re.compile(r"(?<=[0-9])\.0+\Z")
_NOT_TICKED: Final = frozenset({"", "0", "Unchecked"})


def status_of(form: str) -> str:
    """The column that says whether an instrument is complete."""
    return f"{form}_complete"


def columns_of(wanted: Collection[str]) -> tuple[str, ...]:
    """The columns that an export must have for what is wanted of it; InputRefused if it is none of ours."""
    strange = next((name for name in wanted if name.startswith("$") and name not in (RESPONSE, *OWN)), None)
    if strange is not None:
        raise InputRefused(f"REDCap has no field {strange}: it has {', '.join((RESPONSE, *OWN))} besides its columns")
    return tuple(dict.fromkeys(OWN.get(name, name) for name in wanted if name != RESPONSE))


@dataclass(frozen=True, slots=True)
class _Layout:
    """What does not change from row to row. `forms`: each instrument with an item, and the items it has."""

    wanted: tuple[str, ...]
    record: str
    known: Dictionary | None
    items: frozenset[str]
    forms: Mapping[str, tuple[str, ...]]
    is_split: bool


class _Row(NamedTuple):
    """The text of a row, the instrument it repeats, those complete in it, and whether it holds labels."""

    cells: Mapping[str, str]
    instrument: str
    complete: Collection[str]
    labelled: bool


def read_redcap(
    export: Path | bytes,
    wanted: tuple[str, ...],
    header: Header,
    dictionary: Path | bytes | None,
    items: Collection[str],
    response: str = RESPONSE,
) -> Iterator[Sheet | Refused]:
    """The rows of an export. `items`: those of the wanted that are answers.

    If another column than `$response` is the `response`, a second row of a record that it names is refused.
    InputRefused, before the first, if it lacks a column, or if an item may not be one by the dictionary.
    """
    columns = columns_of(wanted)
    known = None if dictionary is None else read_dictionary(dictionary)
    if known is not None:
        check_items(known, items)
    table = _table(export, columns, header)
    forms = {} if known is None else _forms(known, items)
    record = (_record(table.places, known, items),) if RESPONSE in wanted else ()
    needed = (*columns, *(status_of(form) for form in forms), *record)
    _check_there(table.places, needed)
    split = tuple(name for name in _SPLIT if name in table.places)
    layout = _Layout(wanted, "".join(record), known, frozenset(items), forms, bool(split))
    rows = sheets(table, tuple(dict.fromkeys(needed + split)))
    if response == RESPONSE or not split:
        return (_outcome(found, layout) for found in rows)
    return _told_apart(rows, layout, response)


def _table(export: Path | bytes, columns: tuple[str, ...], header: Header) -> Table:
    file, data = load(export)
    try:
        return open_table(data, columns, header, _LACKING, file)
    except InputRefused:
        # such an export has the column once for each instrument
        if b"Complete?" not in data[: data.find(b"\n")]:
            raise
    raise InputRefused(f"{file}: its first line has labels, not names: export it as raw data, which has the codes too")


def _forms(known: Dictionary, items: Collection[str]) -> dict[str, tuple[str, ...]]:
    forms: dict[str, tuple[str, ...]] = {}
    for item in items:
        form = known.columns[item].field.form
        forms[form] = (*forms.get(form, ()), item)
    return forms


def _record(places: Mapping[str, int], known: Dictionary | None, items: Collection[str]) -> str:
    """The column that names the record: the dictionary's first field; without one the usual name, or the first column.

    A report may leave the record out; taken for its name, an answer would make one sheet of many people's.
    """
    if known is not None:
        return known.record
    first = _USUAL_RECORD if _USUAL_RECORD in places else min(places, key=places.__getitem__)
    is_other = first.startswith("redcap_") or first.endswith(("_complete", "_timestamp"))
    if not first or is_other or first in items:
        raise InputRefused("the first column does not name the record: export all columns, or give --dictionary")
    return first


def _check_there(places: Mapping[str, int], needed: Collection[str]) -> None:
    missing = next((name for name in needed if name not in places), None)
    if missing is None:
        return
    if missing.endswith("_complete"):
        why = "it says which answers are finished, and none is read without it: export the form's status too"
    else:
        why = "by the dictionary it names the record: export it too, or download the dictionary again"
    raise InputRefused(f"the export has no column {missing}: {why}")


def _outcome(found: Sheet | Refused, layout: _Layout) -> Sheet | Refused:
    if isinstance(found, Refused):
        return found
    cells, instrument = found.cells, _instrument(found.cells, layout)
    if layout.known is None:
        row = _Row(cells, instrument, (), False)
    else:
        states = {form: tidy(cells[status_of(form)]) for form in layout.forms}
        complete = [form for form in states if states[form] in _COMPLETE]
        if not complete:
            return _not_complete(found, instrument, states, layout)
        row = _Row(cells, instrument, complete, not _STATUS.keys().isdisjoint(states.values()))
    return _sheet(found.line, row, layout)


def _told_apart(rows: Iterator[Sheet | Refused], layout: _Layout, response: str) -> Iterator[Sheet | Refused]:
    """The rows without those that would pass for another row of their record, and so be lost as its duplicate."""
    seen: dict[str, list[str]] = {}
    for found in rows:
        one = _outcome(found, layout)
        if (
            isinstance(found, Sheet)
            and isinstance(one, Sheet)
            and any(one.cells[item].strip() for item in layout.items)
        ):
            key = [found.cells.get(name, "").strip() for name in _SPLIT]
            if seen.setdefault(one.cells[response].strip(), key) != key:
                hint = (
                    f"another event or instance of the record has this name too: leave columns.response to {RESPONSE}"
                )
                one = Refused(found.line, response, str(RowReason.NOT_ACCEPTED), hint)
        yield one


def _not_complete(found: Sheet, instrument: str, states: Mapping[str, str], layout: _Layout) -> Refused:
    strange = next((form for form in states if states[form] not in _STATES), None)
    if strange is not None:
        hint = "it is not 0, 1, 2, nor Incomplete, Unverified, Complete: export raw data, not labels"
        return Refused(found.line, status_of(strange), str(RowReason.WRONG_SHAPE), hint)
    is_elsewhere = bool(instrument) and instrument not in layout.forms
    is_empty = not any(_says(found.cells[item], item, layout) for items in layout.forms.values() for item in items)
    if is_empty and (is_elsewhere or (layout.is_split and not any(states.values()))):
        column = _INSTRUMENT if is_elsewhere else next(name for name in _SPLIT if name in found.cells)
        hint = "the row is of another event or instrument, and holds nothing of the one that the mapping reads"
        return Refused(found.line, column, str(RowReason.NOT_ACCEPTED), hint)
    hint = f"{NOT_SUBMITTED}: the form is not marked Complete"
    return Refused(found.line, status_of(next(iter(states))), str(RowReason.NOT_SUBMITTED), hint)


def _says(cell: str, item: str, layout: _Layout) -> bool:
    """Whether somebody may have answered; a box that nobody ticked is written as one on a page that nobody saw."""
    is_box = layout.known is not None and layout.known.columns[item].is_box
    return tidy(cell) not in (_NOT_TICKED if is_box else ("",))


def _sheet(line: int, row: _Row, layout: _Layout) -> Sheet | Refused:
    cells = {}
    for name in layout.wanted:
        text = _text(name, row, layout)
        if text is None:
            hint = "a number that is no choice of the dictionary: export raw data, or download the dictionary again"
            return Refused(line, name, str(RowReason.BAD_ANSWER), hint)
        cells[name] = text
    if "\0" in cells.get(RESPONSE, ""):
        return Refused(line, RESPONSE, str(RowReason.DAMAGED_TEXT), "the record's name is damaged: export again")
    return Sheet(line, cells)


def _text(name: str, row: _Row, layout: _Layout) -> str | None:
    """What a name stands for in a row; None for a number that must not be taken for a code."""
    if name == RESPONSE:
        return _response(row, layout.record)
    if name == "$instrument":
        return row.instrument
    cell = row.cells[OWN.get(name, name)]
    if layout.known is None or name not in layout.known.columns:
        is_status = layout.known is not None and name.removesuffix("_complete") in layout.known.forms
        return _STATUS.get(tidy(cell), cell) if is_status else cell
    field, is_box = layout.known.columns[name]
    if name not in layout.items:
        return (field.tick(cell) if is_box else field.code(cell, row.labelled)) or cell
    if field.form not in row.complete:
        return ""
    return field.tick(cell) if is_box else field.code(cell, row.labelled)


def _response(row: _Row, record: str) -> str:
    """The record with its event, instrument and instance, so that no two rows have one name."""
    record_id = row.cells[record].strip()
    if not record_id:
        return ""
    event, instance = (row.cells.get(name, "").strip() for name in (_EVENT, _INSTANCE))
    # programs that read it as a number write 1 as 1.0 where other rows have none
    parts = [record_id, event, row.instrument, _POINT_NOUGHT.sub("", instance)]
    # a NUL would be written as an escape, under which nobody would look for damage
    return "\0" if "\0" in "".join(parts) else json.dumps(parts, ensure_ascii=False, separators=(",", ":"))


def _instrument(cells: Mapping[str, str], layout: _Layout) -> str:
    """The instrument that a row repeats, by its own name where the dictionary knows what it is called."""
    text = tidy(cells.get(_INSTRUMENT, ""))
    name = named(text)
    return name if layout.known is not None and name in layout.known.forms else text
