"""The record of an organisation from what a hospital has: our own YAML, CSV or FHIR of its personnel system."""

import dataclasses
from datetime import date
from pathlib import Path
from typing import Literal

from deploy.files import replacing
from producers.sources.hr_csv import read_units, with_headcounts
from producers.sources.hr_fhir import day_of_bundle, read_fhir_units
from producers.sources.hr_mapping import EXAMPLE, load_hr_mapping, parse_as_of
from producers.sources.hr_units import build
from producers.sources.organisation_file import load_organisation, organisation_text
from schemas.errors import InputRefused
from schemas.events import OrganisationUpdated

SourceKind = Literal["yaml", "csv", "fhir"]


@dataclasses.dataclass(frozen=True, slots=True)
class Given:
    """What the command was given to read the organisation from."""

    file: Path
    source: SourceKind
    mapping: Path | None = None
    headcounts: Path | None = None
    as_of: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Read:
    """The record, and a sentence for whatever the file holds and the record does not."""

    event: OrganisationUpdated
    notes: tuple[str, ...] = ()


def read_organisation(given: Given) -> Read:
    """Read and check an organisation; InputRefused with what is wrong and what to do."""
    if given.source == "yaml":
        _refuse_options(given)
        return Read(load_organisation(given.file))
    if given.mapping is None:
        raise InputRefused(f"--source {given.source} needs --mapping, which says how to read the file: see {EXAMPLE}")
    mapping = load_hr_mapping(given.mapping)
    as_of = _day(given)
    is_csv = given.source == "csv"
    listed = read_units(given.file, mapping, as_of) if is_csv else read_fhir_units(given.file, mapping)
    if given.headcounts is not None:
        listed = with_headcounts(listed, given.headcounts, mapping, as_of)
    built = build(str(given.file), listed, mapping, as_of)
    counts = (
        (len(listed.others), "not in force"),
        (built.elsewhere, "not under the root"),
        (built.left_out, "of kinds that the mapping leaves out"),
    )
    notes = tuple(f"{number} of the file's units are left out: {why}" for number, why in counts if number)
    return Read(built.record.event(mapping.facility), notes)


def write_organisation(event: OrganisationUpdated, path: Path) -> None:
    """Write a record as the YAML that `organisation announce` takes."""
    try:
        with replacing(path) as file:
            file.write(organisation_text(event).encode())
    except OSError as error:
        raise InputRefused(f"{path}: cannot be written ({error.strerror}): correct the path of --out") from None


def _refuse_options(given: Given) -> None:
    options = {"--mapping": given.mapping, "--headcounts": given.headcounts, "--as-of": given.as_of}
    unused = next((name for name, value in options.items() if value is not None), None)
    if unused is not None:
        raise InputRefused(f"{unused} is for --source csv and --source fhir: say which of them {given.file} is")


def _day(given: Given) -> date:
    if given.as_of is not None:
        return parse_as_of(given.as_of)
    found = day_of_bundle(given.file) if given.source == "fhir" else None
    if found is None:
        raise InputRefused(f"{given.file}: does not say of which day it is: say it with --as-of, such as 2026-10-01")
    return parse_as_of(found.isoformat())
