"""What the fields of events are made of: ids, days, counts, and the settings that all models share."""

from datetime import date
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, StringConstraints
from pydantic_core import CoreSchema, core_schema

from schemas.closed import MOST


class _WrittenDay:
    """On the wire a day is YYYY-MM-DD and nothing else; within what every store can hold."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        first, last = date(2000, 1, 1), date(2100, 1, 1)
        text = core_schema.str_schema(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")
        return core_schema.json_or_python_schema(
            core_schema.chain_schema([text, core_schema.date_schema(strict=False, ge=first, le=last)]),
            core_schema.date_schema(strict=True, ge=first, le=last),
        )


Day = Annotated[date, _WrittenDay()]

Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]
# rounds are commonly named after ISO weeks, 2026-W41, so they may hold capitals
RoundId = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
EventId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
Token = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Path = Annotated[tuple[Id, ...], Field(min_length=1, max_length=10, fail_fast=True)]
CohortId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{32}$")]
ItemId = Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,3})$")]
Count = Annotated[int, Field(ge=0, le=MOST)]
Small = Annotated[int, Field(ge=0, le=255)]
Offset = Annotated[int, Field(ge=0, le=2**63 - 1)]
Total = Annotated[int, Field(ge=-(2**53), le=2**53)]


class Frozen(BaseModel):
    """What every model of the contract shares."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)
