"""Random numbers and trial keys from the seed: one independent stream per label, so parts can be made in any order."""

import hashlib
import hmac
from collections.abc import Callable
from random import Random

from schemas.canonical import canonical_json


def stream(seed: int, *label: str | int) -> Random:
    """The random numbers of one part of the simulation."""
    text = canonical_json([seed, *label]).decode()
    return Random(text)  # noqa: S311 - a simulation must be repeatable


def trial_random(seed: int, label: str) -> Callable[[int], bytes]:
    """Key bytes for trials. Whoever knows the seed knows them, so they protect nobody."""
    secret = canonical_json(["wardpulse trial key", seed, label])
    used = 0

    def random(size: int) -> bytes:
        nonlocal used
        found = bytearray()
        while len(found) < size:
            found += hmac.digest(secret, used.to_bytes(8, "big"), hashlib.sha256)
            used += 1
        return bytes(found[:size])

    return random
