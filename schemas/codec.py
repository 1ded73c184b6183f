"""Bytes to event and back: the only JSON boundary.

`decode` refuses with a reason code and without quoting the input; `encode` gives one byte form per event.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from schemas.canonical import canonical_json
from schemas.errors import DataError, Reason
from schemas.events import AnyEvent

MAX_BYTES: Final = 1_000_000
"""Longest event, under the 1 MiB that Kafka takes by default with room for headers."""
_ADAPTER: Final[TypeAdapter[AnyEvent]] = TypeAdapter(Annotated[AnyEvent, Field(discriminator="type")])

_BY_ERROR: Final[Mapping[str, Reason]] = {
    "json_invalid": Reason.NOT_JSON,
    "union_tag_invalid": Reason.UNKNOWN_TYPE,
    "union_tag_not_found": Reason.UNKNOWN_TYPE,
    "policy_under_floor": Reason.POLICY_UNDER_FLOOR,
}
_BY_FIELD: Final[Mapping[str, Reason]] = {
    "respondent": Reason.BAD_TOKEN,
    "answers": Reason.BAD_ANSWER,
    "submitted_on": Reason.BAD_DATE,
    "first_answer_date": Reason.BAD_DATE,
    "last_answer_date": Reason.BAD_DATE,
    "effective_from": Reason.BAD_DATE,
    "on": Reason.BAD_DATE,
    "levels": Reason.BAD_ORGANISATION,
    "nodes": Reason.BAD_ORGANISATION,
    # the place of the encrypted form of {node, answers}: reserved, so that it cannot mean anything else later
    "content": Reason.UNSUPPORTED,
}


def decode(value: bytes | None) -> AnyEvent:
    """Read one event; DataError with a reason code if it is not one."""
    if not value:
        raise DataError(Reason.EMPTY)
    if len(value) > MAX_BYTES:
        raise DataError(Reason.TOO_LARGE, f"{len(value)} bytes; the limit is {MAX_BYTES}")
    try:
        return _ADAPTER.validate_json(value)
    except ValidationError as error:
        raise _refusal(error) from None


def encode(event: BaseModel) -> bytes:
    """The canonical JSON of an event; DataError if it exceeds the size limit."""
    value = canonical_json(as_dict(event))
    if len(value) > MAX_BYTES:
        raise DataError(Reason.TOO_LARGE, f"{len(value)} bytes; the limit is {MAX_BYTES}")
    return value


def as_dict(event: BaseModel) -> dict[str, Any]:
    """The event as JSON values."""
    return event.model_dump(mode="json")


def _refusal(error: ValidationError) -> DataError:
    details = error.errors(include_url=False, include_context=False, include_input=False)
    reason, where = min((_reason(detail) for detail in details), key=lambda pair: pair[0] == Reason.BAD_SCHEMA)
    return DataError(reason, where)


def _reason(detail: ErrorDetails) -> tuple[Reason, str]:
    fields = [str(part) for part in detail["loc"][1:2]]
    where = ".".join(fields) if set(fields) <= set(_BY_FIELD) else ""
    known = _BY_ERROR.get(detail["type"])
    if known is not None:
        return known, where
    return next((_BY_FIELD[name] for name in fields if name in _BY_FIELD), Reason.BAD_SCHEMA), where
