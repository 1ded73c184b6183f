"""Persons become tokens here, under a key that is destroyed: pure functions, and the only ones that see an identifier.

A token is one person in one form of one round. It says nothing across forms or rounds.
"""

import hashlib
import hmac
import unicodedata

from producers.keystore import RoundKeys
from schemas.canonical import canonical_json, uuid8


def normalise(person: str) -> str:
    """The one spelling of a person's identifier; ValueError if nothing is left of it."""
    # folding case can undo a composition, so the composed form is taken last as well
    folded = unicodedata.normalize("NFC", unicodedata.normalize("NFC", person).strip().casefold())
    if not folded:
        raise ValueError("a person's identifier is empty")
    return folded


def respondent_token(keys: RoundKeys, form: str, person: str) -> str:
    """The token that finds a person's repeated answers to one form of one round: 64 hex digits."""
    return _mac(keys, [form, normalise(person)]).hex()


def event_id(keys: RoundKeys, source: str, survey: str, response: str, form: str, revision: int) -> str:
    """The id of a submission: equal for a file sent twice, meaningless once the key is gone."""
    return uuid8(_mac(keys, [source, survey, response, form, revision]))


def withdrawal_id(keys: RoundKeys, source: str, survey: str, response: str, form: str) -> str:
    """The id of a withdrawal of a submission, whatever its revision."""
    return uuid8(_mac(keys, [source, survey, response, form, "withdrawn"]))


def _mac(keys: RoundKeys, parts: list[str | int]) -> bytes:
    return hmac.digest(keys.token_key, canonical_json(parts), hashlib.sha256)
