"""An export on its way into an open round: read, checked against the round, sent."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from deploy.control import Control
from deploy.library import in_use
from deploy.rounds import still_open
from producers.keystore import Keystore, RoundKeys
from producers.sources.drafts import Draft, Outcome, Withdrawal, to_event
from producers.sources.mapping import Mapping, for_round, load_mapping
from producers.sources.refusals import as_rows, check_round, reasons, split
from producers.sources.registry import NOTHING, SOURCES, Extra, SourceName, read
from producers.sources.sheet import Refused
from schemas.errors import InputRefused, SettingsError
from schemas.events import RoundOpened


@dataclass(frozen=True)
class Reading:
    """Files that have been read; identifiers are still in the drafts. `units` are those known to be units."""

    mapping: Mapping
    drafts: tuple[Draft, ...]
    withdrawn: tuple[Withdrawal, ...]
    refused: tuple[Refused, ...]
    units: frozenset[str]

    def usable(self) -> tuple[Draft | Withdrawal, ...]:
        """All that can be sent."""
        return self.drafts + self.withdrawn

    def sheets(self) -> list[dict[str, Any]]:
        """What would be sent, without answers and identifiers: where each sheet stands and how it was understood.

        A unit that is not known to be one is null: a cell that looks like an id may be a person's name.
        """
        return [
            {
                **({"file": draft.file} if draft.file else {}),
                "line": draft.line,
                "form": draft.form,
                "unit": draft.node if draft.node in self.units else None,
                "submitted_on": draft.submitted_on.isoformat(),
                "revision": draft.revision,
                "items_answered": len(draft.answers),
            }
            for draft in self.drafts
        ]

    def refusals(self) -> list[dict[str, Any]]:
        """What is refused: line, column, reason and hint."""
        return as_rows(self.refused)

    def check_usable(self, strict: bool) -> None:
        """InputRefused if there is nothing to send, or, strictly, if anything was refused."""
        usable = self.usable()
        if not usable and not self.refused:
            raise InputRefused("the file holds no rows")
        if not usable or (strict and self.refused):
            rows = f"{len(self.refused)} of {len(usable) + len(self.refused)} answer sheets are refused"
            raise InputRefused(f"nothing is sent: {rows} ({reasons(self.refused)}): --refused FILE lists them all")


def read_files(
    files: Sequence[Path], mapping_file: Path, round: str | None, source: SourceName = "csv", extra: Extra = NOTHING
) -> Reading:
    """Read exports by their mapping alone; nothing is asked of a broker."""
    mapping = mapping_for(mapping_file, round, source)
    return sorted_out(mapping, [one for file in files for one in _read(file, mapping, source, extra, len(files) > 1)])


def mapping_for(mapping_file: Path, round: str | None, source: SourceName) -> Mapping:
    """The mapping of a source, for a round if it or the caller names one."""
    mapping = load_mapping(mapping_file, in_use(), SOURCES[source].completed)
    return mapping if round is None and mapping.round is None else for_round(mapping, round)


def sorted_out(mapping: Mapping, found: Sequence[Outcome]) -> Reading:
    """What was read, with everything refused that is outside the dates of the mapping, if it has any."""
    usable = [one for one in found if not isinstance(one, Refused)]
    refused = [one for one in found if isinstance(one, Refused)]
    if mapping.dates is not None:
        usable, outside = split(usable, mapping, mapping.dates.first, mapping.dates.last)
        refused += outside
    return _reading(mapping, usable, refused, mapping.known_units())


def _read(file: Path, mapping: Mapping, source: SourceName, extra: Extra, is_named: bool) -> Iterator[Outcome]:
    found = read(file, mapping, in_use(), source, extra)
    return (replace(one, file=str(file)) for one in found) if is_named else found


def fitted(reading: Reading, terms: RoundOpened) -> Reading:
    """The reading with everything refused that the round would refuse."""
    check_round(reading.mapping, terms)
    first, last = terms.first_answer_date, terms.last_answer_date
    usable, refused = split(reading.usable(), reading.mapping, first, last, terms.leaves)
    return _reading(reading.mapping, usable, [*reading.refused, *refused], terms.leaves)


def terms_of(control: Control, mapping: Mapping) -> RoundOpened:
    """The terms of the open round a mapping is for; InputRefused if it is not open."""
    return still_open(control.ledger(), mapping.facility, mapping.chosen_round()).terms


def keys_of(keystore: Keystore, terms: RoundOpened) -> RoundKeys:
    """The round's keys; SettingsError if they are not those it was opened with: every answer would be refused."""
    keys = keystore.round_keys(terms.round)
    if keys.key_id != terms.key_id:
        raise SettingsError(
            f"this keystore's keys of round {terms.round} are not those it was opened with: use the keystore of the "
            "place that opened it, or its backup"
        )
    return keys


def send(reading: Reading, control: Control, keystore: Keystore, keys: RoundKeys, sent: Callable[[], None]) -> None:
    """Send everything usable; returns when all are confirmed and kept. RetryableError: send the same file again."""
    with control.producer(keystore) as producer:
        for one in reading.usable():
            producer.send(to_event(one, reading.mapping, keys))
            sent()
    control.wait_until_kept()


def _reading(
    mapping: Mapping, usable: Sequence[Draft | Withdrawal], refused: Sequence[Refused], units: Iterable[str]
) -> Reading:
    return Reading(
        mapping,
        tuple(one for one in usable if isinstance(one, Draft)),
        tuple(one for one in usable if isinstance(one, Withdrawal)),
        tuple(sorted(refused, key=lambda row: (row.file, row.line))),
        frozenset(units),
    )
