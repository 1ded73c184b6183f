"""Every instrument a deployment knows: those that ship, and the site's own; and which of them are in use."""

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from deploy.resources import definitions
from deploy.settings import Settings
from producers.sources.yaml_text import parse_yaml
from schemas.errors import InputRefused, SettingsError
from schemas.instruments.enabled import EnabledForms, is_enabled
from schemas.instruments.model import Instrument

SHIPPED: Final = "schemas/instruments/"
MOST_BYTES: Final = 200_000
MOST_FILES: Final = 500
_MOST_TOLD: Final = 3
_LONGEST_PLACE: Final = 100
_SAID: Final = {"extra_forbidden": "is not known: correct its name, or take it out", "missing": "is missing: add it"}


@dataclass(frozen=True)
class Library:
    """Instruments in id order, where each is written, and what the auditor reads of it. `licensed` are ids."""

    instruments: tuple[Instrument, ...]
    files: Mapping[str, str]
    definitions: tuple[Mapping[str, Any], ...]
    licensed: frozenset[str]

    @cached_property
    def catalogue(self) -> EnabledForms:
        """Every form in use, by id."""
        return EnabledForms(self.instruments, self.licensed)

    @cached_property
    def by_id(self) -> Mapping[str, Instrument]:
        """Every instrument, in use or not."""
        return {one.id: one for one in self.instruments}

    def is_enabled(self, instrument: Instrument) -> bool:
        """Whether it is in use."""
        return is_enabled(instrument, self.licensed)


def library_of(settings: Settings) -> Library:
    """What the settings say; InputRefused or SettingsError names the file or setting that is wrong."""
    licensed = frozenset(filter(None, settings.licensed_instruments.split(",")))
    return library(settings.instruments_folder, licensed)


def with_instruments_of(given: Settings, settings: Settings) -> Settings:
    """Settings with the instruments of others, for processes that run in another folder."""
    folder = given.instruments_folder
    return replace(
        settings,
        instruments_folder=None if folder is None else folder.resolve(),
        licensed_instruments=given.licensed_instruments,
    )


def in_use() -> EnabledForms:
    """The forms in use by the settings that this process was started with."""
    return library_of(Settings.read(os.environ)).catalogue


@cache
def library(folder: Path | None = None, licensed: frozenset[str] = frozenset()) -> Library:
    """The instruments that ship and those of a folder. Read once: an edited file needs a new process."""
    shipped = _shipped()
    own = [] if folder is None else [(str(path), *_read(path)) for path in _files(folder)]
    _check_distinct([(file, one) for file, one, _ in (*shipped, *own)])
    found = sorted((*shipped, *own), key=lambda each: each[1].id)
    files = {one.id: file for file, one, _ in found}
    strange = min(licensed - set(files), default=None)
    if strange is not None:
        raise SettingsError(
            f"licensed_instruments names {strange}, which is no instrument: wardpulse instruments list shows them all"
        )
    return Library(tuple(one for _, one, _ in found), files, tuple(given for *_, given in found), licensed)


@cache
def _shipped() -> tuple[tuple[str, Instrument, Mapping[str, Any]], ...]:
    return tuple((f"{SHIPPED}{given['id']}.yaml", Instrument.model_validate(given), given) for given in definitions())


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix in (".yaml", ".yml"))
    except OSError as error:
        raise SettingsError(
            f"instruments_folder {folder} cannot be read ({error.strerror}): correct the path"
        ) from None
    if not found:
        raise SettingsError(
            f"instruments_folder {folder} holds no .yaml file: put instruments there, or leave the setting out"
        )
    if len(found) > MOST_FILES:
        raise SettingsError(
            f"instruments_folder {folder} holds more than {MOST_FILES} .yaml files: is it the right one?"
        )
    return found


def _read(path: Path) -> tuple[Instrument, Mapping[str, Any]]:
    try:
        found = path.stat()
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read ({error.strerror}): correct it, or take it away") from None
    # a pipe would be waited for
    if not stat.S_ISREG(found.st_mode):
        raise InputRefused(f"{path}: is no file: take it away")
    size = found.st_size
    if size > MOST_BYTES:
        raise InputRefused(f"{path}: is longer than an instrument can be, {MOST_BYTES} bytes: is it the right file?")
    content = parse_yaml(path, plain=True)
    try:
        instrument = Instrument.model_validate(content)
    except ValidationError as error:
        raise InputRefused(
            f"{path}: {'; '.join(_sentences(error))}. docs/instruments.md says what a file holds"
        ) from None
    # read as text, true and false are words
    return instrument, {**content, "sensitive": instrument.sensitive}


def _sentences(error: ValidationError) -> Iterator[str]:
    details = error.errors(include_url=False, include_input=False, include_context=False)
    for detail in details[:_MOST_TOLD]:
        place = ".".join(str(part) for part in detail["loc"])[:_LONGEST_PLACE]
        said = _SAID.get(detail["type"], detail["msg"].removeprefix("Value error, "))
        yield f"{place or 'the file'}: {said}"
    if len(details) > _MOST_TOLD:
        yield f"and {len(details) - _MOST_TOLD} more"


def _check_distinct(found: Iterable[tuple[str, Instrument]]) -> None:
    """Two instruments, or two forms, with one id: which one answers are scored with would be a matter of chance."""
    places: dict[tuple[str, str], str] = {}
    for file, instrument in found:
        for name in (("instrument", instrument.id), *(("form", form) for form in instrument.forms)):
            if name in places:
                kind, id = name
                raise InputRefused(
                    f"there are two of {kind} {id}, in {places[name]} and in {file}: "
                    "give yours an id of its own, or take it away"
                )
            places[name] = file
