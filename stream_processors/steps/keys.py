"""Scoring keys: a round is scored with the key that it was opened with, and figures of two keys are no one series."""

from collections.abc import Iterable

from schemas.errors import DataError, FatalError, Reason
from schemas.events import RoundOpened, RoundSealed
from schemas.instruments.scoring import Catalogue, Form


def check_opening(event: RoundOpened, forms: Iterable[Form]) -> None:
    """DataError if whoever opens a round scores its forms otherwise. Markers of earlier versions name no keys."""
    if event.scoring_keys and event.scoring_keys != {form.id: form.key_hash for form in forms}:
        raise DataError(Reason.OTHER_SCORING_KEY)


def check_sealed(event: RoundSealed, known: Catalogue) -> None:
    """FatalError if a round was sealed with a key that is not known any more: its figures would mix with others."""
    for form, key in sorted(event.scoring_keys.items()):
        if form not in known:
            problem = "which no instrument has any more: put its file back (instruments_folder)"
        elif known[form].key_hash != key:
            problem = "with another scoring key than the one there is now: restore its file as it was"
        else:
            continue
        raise FatalError(
            f"round {event.round} of {event.facility} was sealed with form {form}, {problem}. "
            "A changed key needs an id of its own: figures of two keys are no one series"
        )
