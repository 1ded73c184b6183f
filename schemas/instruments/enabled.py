"""The forms in use, and those that are known and not in use for want of a licence."""

from collections.abc import Iterable, Mapping
from typing import Final

from schemas.instruments.model import Instrument
from schemas.instruments.scoring import Catalogue, Form

SETTING: Final = "licensed_instruments"


class EnabledForms(dict[str, Form]):
    """Form id to form, of the instruments in use. `known` holds those too that are not in use, `waiting` says why."""

    def __init__(self, instruments: Iterable[Instrument], licensed: Iterable[str] = ()) -> None:
        known = tuple(instruments)
        in_use = [one for one in known if is_enabled(one, licensed)]
        super().__init__((form.id, form) for one in in_use for form in one.build_forms())
        self.known: Catalogue = {form.id: form for one in known for form in one.build_forms()}
        self.waiting: Mapping[str, Instrument] = {form: one for one in known if one not in in_use for form in one.forms}


def is_enabled(instrument: Instrument, licensed: Iterable[str]) -> bool:
    """Whether an instrument is in use: it needs no licence, or the site says that it has one."""
    return instrument.licence.needed != "licence" or instrument.id in licensed


def known_forms(catalogue: Catalogue) -> Catalogue:
    """Every form that is known, in use or not: what was sealed under a licence stays readable after it has ended."""
    return catalogue.known if isinstance(catalogue, EnabledForms) else catalogue


def why_not(form: str, catalogue: Catalogue) -> str:
    """Why a form that the catalogue does not have cannot be used, to go on after its name."""
    if isinstance(catalogue, EnabledForms) and form in catalogue.waiting:
        instrument = catalogue.waiting[form]
        return (
            f"is not in use: {instrument.name} needs a licence of its owner ({instrument.licence.holder}). "
            f"With one, name {instrument.id} in the setting {SETTING}"
        )
    return f"is not a known form: use one of {', '.join(sorted(catalogue))}"


def keys_of(forms: Iterable[str], catalogue: Catalogue) -> dict[str, str]:
    """Form to the hash of its scoring key, for the opening of a round; a form that is not known is left out."""
    return {form: catalogue[form].key_hash for form in forms if form in catalogue}
