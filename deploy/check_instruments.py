"""The doctor's look at the instruments: whether their files can be used, and open rounds scored as they were opened."""

from typing import Final

from deploy.doctor import Finding, Unseen
from deploy.library import library_of
from deploy.settings import Settings
from schemas.errors import InputRefused, SettingsError
from schemas.instruments.enabled import keys_of
from stream_processors.steps.ledger import Ledger

CHECK: Final = "instruments"


def check_instruments(settings: Settings, known: Ledger | Unseen) -> Finding:
    """Whether this machine knows the forms of every open round, and scores them as whoever opened it."""
    try:
        library = library_of(settings)
    except (InputRefused, SettingsError) as error:
        return Finding(CHECK, "problem", str(error), "Correct it, then check again.")
    terms = () if isinstance(known, Unseen) else (one.terms for one in known.rounds if one.state == "open")
    for opened in terms:
        other = set(opened.scoring_keys.items()) - set(keys_of(opened.forms, library.catalogue).items())
        if other:
            found = f"round {opened.round} of {opened.facility} was opened with another key of {min(other)[0]}"
            return Finding(CHECK, "problem", found, "Give this machine the instruments of the one that opened it.")
    count = f"{len(library.instruments)} known, {sum(map(library.is_enabled, library.instruments))} in use"
    return Finding(CHECK, "ok", count)
