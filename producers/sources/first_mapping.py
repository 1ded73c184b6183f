"""A first mapping for an export, from its column names alone: rows hold what people said, and are not read.

What only the hospital can know is left as CHANGE-ME, which `load_mapping` refuses by the setting's name. Column names
come from a file nobody has checked, so each is written in quotes, in comments too.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from producers.sources.csv_text import load, read_heading
from producers.sources.placeholders import CHANGE_ME
from producers.sources.systems import KNOWN, Accept, Column, System, recognise
from producers.sources.yaml_text import quoted
from schemas.errors import InputRefused
from schemas.instruments.scoring import Form

_COMMENT_AT: Final = 28
_MOST_LISTED: Final = 40
_LONGEST_LISTED: Final = 60
_STEM: Final = re.compile(r"(?P<before>.*?)(?P<number>[0-9]{1,9})(?P<after>[^0-9]*)", re.DOTALL)
# REDCap's way to write checkboxes: each column is one choice, not one item
_CHECKBOX: Final = "___"
_AN_ANSWER: Final = re.compile(r"[0-9]{1,4}([-./])[0-9]{1,2}\1[0-9]{1,4}([ T].*)?|[^\s@]+@[^\s@]+", re.DOTALL)


def first_mapping(export: Path | bytes, forms: Sequence[Form] = ()) -> str:
    """The text of a mapping to finish by hand. InputRefused if the file has no line of column names."""
    _check_not_json(export)
    names, skip_after = read_heading(export, KNOWN)
    odd = next((place for place, name in enumerate(names, 1) if _AN_ANSWER.fullmatch(name)), None)
    if odd is not None:
        # by number: it is probably what a person answered
        raise InputRefused(f"column {odd} has a date or an address for a name: the first line must hold column names")
    system = recognise(names)
    free = [name for name in names if name and name not in system.own]
    proposals = {form.id: _proposal(form, forms, free) for form in forms}
    placed = {column for columns in proposals.values() for column in columns}
    sections = (
        _head(system),
        _columns(system, [name for name in free if name not in placed]),
        _accept(system.accept),
        _header(skip_after),
        _units(),
        _forms(forms, proposals),
    )
    return "\n".join("\n".join(section) + "\n" for section in map(tuple, sections) if section)


def _check_not_json(export: Path | bytes) -> None:
    file, data = load(export)
    if data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"["):
        raise InputRefused(
            f"{file}: is JSON, which has no line of column names: docs/integrating.md has mappings for FHIR, "
            "Qualtrics' JSON and JSON lines to copy"
        )


def _head(system: System) -> Iterator[str]:
    yield f"# A first mapping for a {system.title} export, made from its column names alone."
    yield f"# Write a value for every {CHANGE_ME} and check all else; docs/sources.md explains each setting."
    yield f"# It is for: wardpulse submit --source {system.kind}"
    yield ""
    yield _line(f"facility: {CHANGE_ME}", "your facility's id: small letters, digits, . _ -")
    yield _line(f"source: {system.source or CHANGE_ME}", "where the answers come from, an id")
    yield _line(f"survey: {CHANGE_ME}", "the survey's number or name there")
    yield _line("# round: 2026-W41", "only if the mapping is for this one round; else name the round when you send")
    identity = "person" if system.person else "response"
    yield _line(f"identity: {identity}", "person, or response for surveys that do not know who answers")


def _columns(system: System, free: Sequence[str]) -> Iterator[str]:
    yield "# Columns of the file that this mapping does not use yet:" + ("" if free else " none")
    yield from _listed("#   ", free)
    yield "columns:"
    yield from _column("response", system.response, "names the answer sheet")
    if system.person:
        yield from _column("person", system.person, "names the person")
    yield from _column("unit", system.unit, "names the unit")
    if system.submitted:
        yield from _column("submitted", system.submitted, "the date it was sent off")
    yield _line("  # revision: version", "a whole number that grows when a person corrects an answer sheet")
    yield from _dates(system)


def _dates(system: System) -> Iterator[str]:
    if system.submitted:
        yield _line("# submitted_on: 2026-10-12", "instead of columns.submitted, for surveys that hide dates")
        yield _line(f"timezone: {CHANGE_ME}", "your facility's, such as Europe/Berlin")
    else:
        yield _line(f"submitted_on: {CHANGE_ME}", "the date of these answers; or name a column as columns.submitted")
        yield _line("# timezone: Europe/Berlin", "your facility's; needed with columns.submitted")
    if system.date_format:
        yield _line(f"date_format: {quoted(system.date_format)}", "as your export writes dates: check it")
    else:
        yield _line('# date_format: "%d.%m.%Y"', "for dates that are not like 2026-10-12")


def _column(setting: str, column: Column, meaning: str) -> Iterator[str]:
    yield _line(f"  {setting}: {CHANGE_ME if column.name is None else quoted(column.name)}", meaning)
    yield from _listed("  #   perhaps ", column.choices)
    if column.note:
        yield f"  #   {column.note}"


def _accept(rules: Sequence[Accept]) -> Iterator[str]:
    if not rules:
        return
    yield "# Only rows with these values are read, all rules at once."
    sure = any(not rule.is_choice for rule in rules)
    yield "accept:" if sure else "# accept:"
    for rule in rules[:_MOST_LISTED]:
        mark = "# " if rule.is_choice else ""
        values = ", ".join(map(quoted, rule.values))
        yield _line(f"{mark}  - {{column: {quoted(rule.column)}, values: [{values}]}}", rule.note)


def _header(skip_after: int) -> Iterator[str]:
    yield "header:"
    yield _line(f"  skip_after: {skip_after}", "rows between the column names and the first answer sheet")
    yield "  encoding: auto"
    yield "  delimiter: auto"


def _units() -> Iterator[str]:
    yield "# What the unit column holds, and the id it stands for. Leave out if it holds the ids themselves."
    yield "# units:"
    yield "#   U01: med-a"


def _forms(forms: Sequence[Form], proposals: Mapping[str, Sequence[str]]) -> Iterator[str]:
    yield "# For each item of a form its column. Items are reversed by the instrument, not here."
    yield "forms:"
    for form in forms:
        yield from _form(form, proposals[form.id])
    if not forms:
        yield _line(f"  {CHANGE_ME}:", "a form's id, such as cbi.work")
        yield _line("    version: 1", "of the instrument")
        yield _line(f"    items: {{1: {CHANGE_ME}}}", "each item and its column, see the list above")


def _form(form: Form, proposal: Sequence[str]) -> Iterator[str]:
    limits = form.answer_ranges.values()
    low, high = min(low for low, _ in limits), max(high for _, high in limits)
    yield f"  {form.id}:"
    if form.sensitive:
        yield "    # a form about health, for a round without a season: docs/operations.md, Sensitive forms"
    yield f"    version: {form.version}"
    if proposal:
        yield "    # GUESSED from the order of the columns alone: check that each holds the item beside it"
    else:
        yield "    # columns of the list above"
    yield "    items:"
    for place, item in enumerate(form.answer_ranges):
        yield f"      {item}: {quoted(proposal[place]) if proposal else CHANGE_ME}"
    yield _line(
        f"    # values: {{A1: {low}}}", f"cell to answer code, {low} to {high}; only if cells do not hold codes"
    )


def _listed(start: str, names: Sequence[str]) -> Iterator[str]:
    for name in names[:_MOST_LISTED]:
        yield start + quoted(name if len(name) <= _LONGEST_LISTED else name[:_LONGEST_LISTED] + "...")
    if len(names) > _MOST_LISTED:
        yield f"{start}and {len(names) - _MOST_LISTED} more"


def _proposal(form: Form, forms: Sequence[Form], names: Sequence[str]) -> Sequence[str]:
    """The one run of columns with as many as the form has items; none if two runs or two forms come into question."""
    size = len(form.answer_ranges)
    runs = [run for run in _runs(names) if len(run) == size]
    rivals = [other for other in forms if len(other.answer_ranges) == size]
    return runs[0] if size > 1 and len(runs) == len(rivals) == 1 else ()


def _runs(names: Sequence[str]) -> Iterator[list[str]]:
    """Neighbours that differ by a number alone, which grows: Q1[SQ001], Q1[SQ002]."""
    for stem, members in groupby(names, _stem):
        run = list(members)
        numbers = [int(found["number"]) for found in map(_STEM.fullmatch, run) if found]
        if stem is not None and numbers == sorted(set(numbers)):
            yield run


def _stem(name: str) -> tuple[str, str] | None:
    found = _STEM.fullmatch(name)
    return None if found is None or _CHECKBOX in name else (found["before"], found["after"])


def _line(setting: str, comment: str) -> str:
    return f"{setting:<{_COMMENT_AT - 1}} # {comment}"
