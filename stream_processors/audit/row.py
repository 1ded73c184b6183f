"""One row of a file or table, whose columns are asked for by name and type.

What has another type than the contract says is refused with its place; a number that should be whole may be a fraction,
and is judged later.
"""

from datetime import date
from fractions import Fraction
from functools import cached_property
from typing import Final

from schemas.canonical import sha256_hex
from schemas.errors import InputRefused
from stream_processors.audit.evidence import COURSE, SERIES, Number
from stream_processors.audit.exact import Raw

ROW_HASH: Final = "row_hash"
_ADDED: Final = (
    ("k_sensitive", "headcount_slack", "cohorts_retired"),
    (
        "sensitive_forms",
        "sensitive",
        "calendar",
        "season",
        "season_first",
        "season_last",
        "long_below",
        "headcount_asked",
        "of_group",
        "staff_group",
        "leaves_published",
        "leaves_fielded",
    ),
    (*SERIES, *COURSE),
)
"""Columns by the version of the tables that brought them; rows of earlier versions have a hash without them."""
LATEST: Final = len(_ADDED)
_UNWRITTEN: Final[tuple[object, ...]] = (0, "", None, [], "short")
"""What a table has where nothing was written."""


class Row:
    """One row, whose columns are asked for by name and type; InputRefused names the place and the column."""

    def __init__(self, raw: Raw, at: str, columns: tuple[str, ...]) -> None:
        self.raw, self.at, self._columns = raw, at, columns

    @property
    def table(self) -> str:
        """The place without the number of the line."""
        return self.at.partition(" line ")[0]

    def extras(self) -> list[tuple[str, object]]:
        """The columns that nobody asks for; a hash that is not the row's could be anything."""
        known = (*self._columns, ROW_HASH) if self.version is not None else self._columns
        return [(name, value) for name, value in self.raw.items() if name not in known]

    @cached_property
    def version(self) -> int | None:
        """With how many of the additions to the tables its hash was made; None if it is not the row's at all."""
        if ROW_HASH not in self.raw:
            return None
        row = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in self.raw.items()
            if name != ROW_HASH
        }
        for known in range(len(_ADDED), -1, -1):
            later = {name for names in _ADDED[known:] for name in names}
            kept = {name: value for name, value in row.items() if name not in later or value not in _UNWRITTEN}
            try:
                if self.raw[ROW_HASH] == sha256_hex(kept):
                    return known
            except (TypeError, ValueError, RecursionError):
                return None
        return None

    def text(self, column: str) -> str:
        """A text."""
        value = self.raw.get(column)
        if not _is_text(value):
            raise self._refused(column, "text")
        assert isinstance(value, str)
        return value

    def text_or(self, column: str, default: str) -> str:
        """A text that earlier versions did not write, or an empty one where nothing is meant."""
        return default if self.raw.get(column) is None else self.text(column)

    def texts(self, column: str) -> tuple[str, ...]:
        """Several texts."""
        value = self.raw.get(column)
        if not isinstance(value, list | tuple) or not all(_is_text(one) for one in value):
            raise self._refused(column, "a list of texts")
        return tuple(value)

    def path(self) -> tuple[str, ...]:
        """The path of a node."""
        return self.texts("path")

    def mapping(self, column: str) -> Raw:
        """A JSON object."""
        value = self.raw.get(column)
        if not isinstance(value, dict):
            raise self._refused(column, "an object")
        return value

    def mappings(self, column: str) -> list[Raw]:
        """A list of JSON objects."""
        value = self.raw.get(column)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._refused(column, "a list of objects")
        return value

    def number(self, column: str) -> Number:
        """A number, exactly as it was written."""
        value = self.raw.get(column)
        if isinstance(value, float):
            value = _shortest(value)
        if isinstance(value, bool) or not isinstance(value, int | Fraction):
            raise self._refused(column, "a number")
        return int(value) if Fraction(value).denominator == 1 else value

    def flag(self, column: str) -> bool:
        """Yes or no; no where earlier versions did not write it."""
        value = self.raw.get(column, False)
        if value not in (0, 1):
            raise self._refused(column, "true or false")
        return bool(value)

    def number_or_none(self, column: str) -> Number | None:
        """A number, or nothing."""
        if column not in self.raw:
            raise self._refused(column, "a number or null")
        return None if self.raw[column] is None else self.number(column)

    def whole(self, column: str) -> int:
        """A whole number."""
        value = self.number(column)
        if not isinstance(value, int):
            raise self._refused(column, "a whole number")
        return value

    def day(self, column: str) -> date:
        """A date."""
        value = self.raw.get(column)
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(self.text(column))
        except ValueError:
            raise self._refused(column, "a date, YYYY-MM-DD") from None

    def _refused(self, column: str, wanted: str) -> InputRefused:
        return InputRefused(f"{self.at}: column {column} must be {wanted}")


def _is_text(value: object) -> bool:
    """Whether a value is text that can be written: JSON can name halves of characters."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _shortest(value: float) -> Fraction | None:
    """The decimal that a stored number was written as; nothing for what is no number."""
    try:
        return Fraction(repr(value))
    except ValueError:
        return None
