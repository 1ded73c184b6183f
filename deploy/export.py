"""One round from a survey export: what is needed to open it, send it and close it."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from producers.client import Sendable
from producers.keystore import Keystore
from producers.sources.drafts import Draft, Withdrawal, to_event
from producers.sources.mapping import Dates, Mapping, OrganisationSection, for_round, load_mapping
from producers.sources.registry import NOTHING, SOURCES, Extra, SourceName, read
from producers.sources.sheet import Refused
from schemas.canonical import derived_id
from schemas.errors import InputRefused
from schemas.events import RoundClosed, RoundOpened
from schemas.instruments.enabled import keys_of
from schemas.instruments.scoring import Catalogue
from schemas.organisation import organisation
from schemas.policy import Policy


@dataclass(frozen=True)
class Export:
    """A survey export that has been read; identifiers are still in the drafts."""

    mapping: Mapping
    place: OrganisationSection
    dates: Dates
    drafts: tuple[Draft | Withdrawal, ...]
    refused: tuple[Refused, ...]
    scoring_keys: dict[str, str]

    @property
    def accepted(self) -> int:
        """Answer sheets that will be sent."""
        return len(self.drafts)

    @property
    def forms(self) -> list[str]:
        """The forms asked."""
        return sorted(self.mapping.forms)

    def check_usable(self) -> None:
        """InputRefused, with the commonest reason, if there is nothing to send."""
        if self.drafts:
            return
        if not self.refused:
            raise InputRefused("the export holds no rows")
        (reason, hint), count = Counter((row.reason, row.hint) for row in self.refused).most_common(1)[0]
        raise InputRefused(f"none of the rows can be used; {count} of {len(self.refused)} for {reason}: {hint}")

    def keystore(self, folder: Path, random: Callable[[int], bytes]) -> Keystore:
        """The facility's keystore with keys of this round, made in the folder or found there."""
        path = folder / f"{self.mapping.facility}.json"
        store = Keystore.open(path) if path.exists() else Keystore.create(path, self.mapping.facility, random)
        store.new_round(self.mapping.chosen_round(), random)
        return store

    def events(self, keystore: Keystore) -> Iterator[Sendable]:
        """The round in log order: organisation, opening, submissions, close."""
        facility, round_ = self.mapping.facility, self.mapping.chosen_round()
        keys = keystore.round_keys(round_)
        place = self.place.event(facility)
        yield place
        yield RoundOpened(
            facility=facility,
            event_id=derived_id("round.opened", facility, round_),
            round=round_,
            forms=tuple(self.forms),
            first_answer_date=self.dates.first,
            last_answer_date=self.dates.last,
            leaves=organisation(place).leaves(),
            policy=Policy(identity=self.mapping.identity),
            key_id=keys.key_id,
            scoring_keys=self.scoring_keys,
        )
        for draft in self.drafts:
            yield to_event(draft, self.mapping, keys)
        yield RoundClosed(facility=facility, event_id=derived_id("round.closed", facility, round_), round=round_)


def read_export(
    export: Path,
    mapping_file: Path,
    catalogue: Catalogue,
    source: SourceName = "csv",
    extra: Extra = NOTHING,
) -> Export:
    """Read an export with its mapping; InputRefused if either cannot be used, or lacks what a whole round needs."""
    mapping = for_round(load_mapping(mapping_file, catalogue, SOURCES[source].completed), None)
    if mapping.organisation is None or mapping.dates is None:
        raise InputRefused(f"{mapping_file} needs the sections organisation and dates to open a round by itself")
    rows = list(read(export, mapping, catalogue, source, extra))
    return Export(
        mapping,
        mapping.organisation,
        mapping.dates,
        tuple(row for row in rows if not isinstance(row, Refused)),
        tuple(row for row in rows if isinstance(row, Refused)),
        keys_of(mapping.forms, catalogue),
    )
