"""Canaries: values that are recognised wherever they surface, in whatever spelling."""

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

MOST_DIGITS: Final = 12
"""Longest number; anything longer is looked for as text is."""
SHORTEST: Final = 8
"""Shorter spellings turn up by chance."""


class Canary(NamedTuple):
    """A value, and what it was planted as."""

    kind: str
    value: bytes


def spellings(value: bytes) -> set[bytes]:
    """Everything that a value may look like: as it is, without dashes, the bytes that it is the hex of, and hex, base64
    (wherever it begins in what was encoded) and unkeyed hash of these. All in small letters, base64 too."""
    bare = value.replace(b"-", b"")
    raw = {value, bare, *_unhexed(bare)}
    found = raw | {text for each in raw for text in _encoded(each)}
    return {spelling.lower() for spelling in found if len(spelling) >= SHORTEST}


def _unhexed(text: bytes) -> Iterator[bytes]:
    if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", text):
        yield bytes.fromhex(text.decode())


def _encoded(raw: bytes) -> Iterator[bytes]:
    yield raw.hex().encode()
    digest = hashlib.sha256(raw)
    yield from (digest.digest(), digest.hexdigest().encode())
    for before in range(3):
        whole = base64.b64encode(bytes(before) + raw).rstrip(b"=")
        # characters that also hold bits of what comes before or after
        cut = whole[before and before + 1 : len(whole) - bool((before + len(raw)) % 3)]
        yield from (cut, cut.translate(bytes.maketrans(b"+/", b"-_")))


class Scan:
    """Looks for canaries in bytes. Made once: the spellings of many canaries take a while to write."""

    def __init__(self, canaries: Iterable[Canary]) -> None:
        self._canaries = list(dict.fromkeys(canaries))
        self._spellings = [(canary, _patterns(canary.value)) for canary in self._canaries]

    def found(self, text: bytes) -> list[Canary]:
        """The canaries that the text holds."""
        folded = text.lower()
        # few spellings begin as anything in the text does; only these are looked for at length
        begun = {folded[at : at + SHORTEST] for at in range(len(folded))}
        return [canary for canary, known in self._spellings if _is_in(known, folded, begun)]

    def missing(self, text: bytes) -> list[Canary]:
        """The canaries that the text does not hold."""
        there = set(self.found(text))
        return [canary for canary in self._canaries if canary not in there]


def _patterns(value: bytes) -> re.Pattern[bytes] | set[bytes]:
    if value.isdigit() and len(value) <= MOST_DIGITS:
        # within a longer number, an id or a fraction it is there by chance
        return re.compile(rb"(?<![0-9a-z.])" + value + rb"(?![0-9a-z])")
    return spellings(value)


def _is_in(known: re.Pattern[bytes] | set[bytes], folded: bytes, begun: set[bytes]) -> bool:
    if isinstance(known, re.Pattern):
        return known.search(folded) is not None
    return any(spelling[:SHORTEST] in begun and spelling in folded for spelling in known)
