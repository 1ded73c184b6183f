"""Canonical JSON and the identifiers derived from it: sorted keys, no spaces, UTF-8, lowercase hex."""

import hashlib
import json
from typing import Any


def canonical_json(value: Any) -> bytes:
    """The one byte form of a JSON value. NaN and infinities are refused (ValueError)."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode()


def sha256_hex(value: Any) -> str:
    """SHA-256 over the canonical JSON of a value: 64 lowercase hex digits."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def uuid8(digest: bytes) -> str:
    """Shape the first 16 bytes of a digest as a UUID version 8 (RFC 9562, section 5.8)."""
    raw = bytearray(digest[:16])
    raw[6] = (raw[6] & 0x0F) | 0x80
    raw[8] = (raw[8] & 0x3F) | 0x80
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def derived_id(*parts: Any) -> str:
    """A deterministic id for an event that names no person: UUIDv8 over the SHA-256 of its parts."""
    return uuid8(hashlib.sha256(canonical_json(list(parts))).digest())
