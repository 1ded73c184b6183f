"""Confluent's wire format around a value: a zero byte and the schema's id in a registry, four bytes.

https://docs.confluent.io/platform/current/schema-registry/fundamentals/serdes-develop/index.html#wire-format. Whoever
reads takes it off; signatures, hashes and sizes are of the value itself.
"""

from typing import Final

_MAGIC: Final = b"\0"
_LENGTH: Final = 5


def framed(value: bytes, schema_id: int) -> bytes:
    """A value with the id of its schema before it; OverflowError if the id is none."""
    return _MAGIC + schema_id.to_bytes(_LENGTH - 1, "big") + value


def unframed(value: bytes | None) -> bytes | None:
    """A value without such a frame. JSON never begins with a zero byte, so what has none stays as it is."""
    if value is not None and value.startswith(_MAGIC) and value[_LENGTH : _LENGTH + 1] == b"{":
        return value[_LENGTH:]
    return value
