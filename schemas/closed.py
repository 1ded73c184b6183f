"""Counts of the closed side, as a type of their own: no published field, log line or label takes one.

A count of deliveries or of withheld people is no number to anybody: it can be added to and compared with its like, and
is written as a number only by the one method that says where it goes. A test lists the modules that may call it.
"""

from functools import total_ordering
from typing import Any, Final, NoReturn, Self

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

MOST: Final = 2**31 - 1


@total_ordering
class ClosedCount:
    """A number that only the closed side may read. It never changes; `+=` makes another."""

    __slots__ = ("_number",)
    _number: int

    def __init__(self, number: int = 0) -> None:
        object.__setattr__(self, "_number", number)

    def __add__(self, other: "ClosedCount | int") -> "ClosedCount":
        """The sum. A number plus a closed count is refused, so that a sum is never less closed than its parts."""
        return ClosedCount(self._number + (other._number if isinstance(other, ClosedCount) else other))

    def __sub__(self, other: int) -> "ClosedCount":
        """The difference to a number that is public."""
        return ClosedCount(self._number - other)

    def __eq__(self, other: object) -> bool:
        """Whether both are equal; it equals no plain number."""
        return self._number == other._number if isinstance(other, ClosedCount) else NotImplemented

    def __lt__(self, other: "ClosedCount") -> bool:
        """Whether it is smaller than another closed count."""
        return self._number < other._number if isinstance(other, ClosedCount) else NotImplemented

    def __hash__(self) -> int:
        """Equal counts have equal hashes."""
        return hash((ClosedCount, self._number))

    def __bool__(self) -> bool:
        """Refused: whether a count is 0 is a fact about it, to be asked by comparing."""
        raise TypeError("a closed count is neither true nor false: compare it with ZERO")

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError("a closed count never changes")

    def __repr__(self) -> str:
        """The same for every count: what formats or logs one does not show it."""
        return "<closed count>"

    def __deepcopy__(self, memo: object) -> Self:
        """Itself, as it never changes."""
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a closed count is not pickled")

    def for_the_closed_side(self) -> int:
        """The number. Whoever calls this answers for where it goes."""
        return self._number

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """On the wire it is a number; within the process nothing but a closed count is taken for one."""
        number = core_schema.int_schema(strict=True, ge=0, le=MOST)
        counted = core_schema.is_instance_schema(cls)
        return core_schema.json_or_python_schema(
            core_schema.no_info_after_validator_function(cls, number),
            core_schema.no_info_after_validator_function(_within_the_field, counted),
            serialization=core_schema.plain_serializer_function_ser_schema(
                cls.for_the_closed_side, return_schema=number, when_used="json"
            ),
        )


ZERO: Final = ClosedCount()


def _within_the_field(count: ClosedCount) -> ClosedCount:
    if not ZERO <= count <= ClosedCount(MOST):
        raise ValueError("no count that can be written")
    return count


class ClosedCounts(dict[str, ClosedCount]):
    """Closed counts by name; one that is not there is 0."""

    def __missing__(self, name: str) -> ClosedCount:
        return ZERO

    def add(self, others: "ClosedCounts") -> None:
        """Add other counts to these, name by name."""
        for name, count in others.items():
            self[name] += count

    def for_the_closed_side(self) -> dict[str, int]:
        """The numbers by name. Whoever calls this answers for where they go."""
        return {name: count.for_the_closed_side() for name, count in self.items()}
