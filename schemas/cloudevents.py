"""CloudEvents headers of a record, in binary mode: https://github.com/cloudevents/spec, Kafka protocol binding 1.0.

There is no time header: the instant of an answer would identify the person.
"""

from typing import Final, Protocol

SCHEMA: Final = "urn:wardpulse:schema"
"""The schemas' ids are this, the event's type, and its version."""
_SOURCE: Final = "wardpulse"
CONTENT_TYPE: Final = ("content-type", b"application/json")


class Described(Protocol):
    """What headers are made of."""

    @property
    def type(self) -> str:
        """The event's type."""

    @property
    def event_id(self) -> str:
        """What a repeat is known by."""

    @property
    def facility(self) -> str | None:
        """Whose it is; None if that is not known."""

    @property
    def schema_version(self) -> int:
        """The version of its schema."""


def schema_id(event_type: str, version: int) -> str:
    """The `$id` of an event's schema."""
    return f"{SCHEMA}:{event_type}:{version}"


def headers(event: Described) -> list[tuple[str, bytes]]:
    """The headers that describe an event. Equal events have equal headers."""
    source = _SOURCE if event.facility is None else f"{_SOURCE}/{event.facility}"
    return [
        ("ce_specversion", b"1.0"),
        ("ce_type", event.type.encode()),
        ("ce_source", source.encode()),
        ("ce_id", event.event_id.encode()),
        ("ce_dataschema", schema_id(event.type, event.schema_version).encode()),
        CONTENT_TYPE,
    ]
