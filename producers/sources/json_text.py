"""JSON as text by name, for sources that write it: nothing of what it holds enters an error."""

import codecs
import json
from collections.abc import Iterator
from typing import Any, Final

from schemas.errors import InputRefused

_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class Number(str):
    """A number as it is written: as text, so that nothing is lost or computed from digits without end."""

    __slots__ = ()


class NotJson(Exception):
    """Bytes that are no JSON, or JSON that says something twice. The message is a hint."""


def loads(data: bytes | str) -> Any:
    """One JSON value; numbers are kept as they are written. NotJson if it is none."""
    try:
        text = data if isinstance(data, str) else data.decode("utf-8-sig")
        return json.loads(text, parse_int=Number, parse_float=Number, parse_constant=str, object_pairs_hook=_once)
    except UnicodeDecodeError:
        raise NotJson("not UTF-8 text: export it again as UTF-8") from None
    except RecursionError:
        raise NotJson("nested far too deep") from None
    except json.JSONDecodeError as error:
        raise NotJson(f"not JSON, or cut off (line {error.lineno}, column {error.colno}): export it again") from None
    except ValueError:
        raise NotJson("a number without end: export it again") from None


def parsed(file: str, data: bytes) -> Any:
    """The one JSON value of a file; InputRefused if it is none."""
    try:
        return loads(decoded(data))
    except NotJson as error:
        raise InputRefused(f"{file}: {error}") from None


def decoded(data: bytes) -> bytes | str:
    """The text of UTF-16 with its mark, as Windows writes it; all else as it is."""
    return data.decode("utf-16", "replace") if data.startswith(_UTF_16) else data


def members(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every value of nested objects and lists by its path, such as `answers.1`; lists count from 1."""
    waiting = [(name, value)]
    while waiting:
        path, found = waiting.pop()
        if isinstance(found, dict):
            waiting += [(_under(path, key), part) for key, part in reversed(found.items())]
        elif isinstance(found, list):
            waiting += [(_under(path, str(place)), part) for place, part in reversed([*enumerate(found, 1)])]
        else:
            yield path, found


def text_of(value: Any) -> str:
    """A JSON value as the text of a cell: nothing for null, and none for what is no single value."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else ""


def _under(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise NotJson("a name is given twice in one object: export it again")
    return found
