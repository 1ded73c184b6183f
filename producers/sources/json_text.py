"""JSON as text by name, for sources that write it: nothing of what it holds enters an error."""

import codecs
import json
from collections.abc import Collection, Iterator
from typing import Any, Final

from schemas.errors import InputRefused

NESTED: Final = "holds several values where one belongs: name the one that is meant in the mapping"
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


def members(value: Any, wanted: Collection[str]) -> Iterator[tuple[str, Any]]:
    """What nested objects and lists hold under the names wanted, such as `answers.1`; lists count from 1.

    A filled object or list under such a name comes whole, so that it can be refused and is not taken for nothing.
    """
    # no other branch is entered: paths made of long names and long lists would grow without bound
    leading = {name[:end] for name in wanted for end in range(len(name)) if name[end] == "."} | {""}
    waiting = [("", value)]
    while waiting:
        path, found = waiting.pop()
        if path in wanted and found not in ({}, []):
            yield path, found
        if path in leading:
            waiting += [(_under(path, key), part) for key, part in reversed(_parts(found))]


def _parts(found: Any) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        return list(found.items())
    return [(str(place), part) for place, part in enumerate(found, 1)] if isinstance(found, list) else []


def is_nested(value: Any) -> bool:
    """Whether it is an object or a list, which no cell can hold."""
    return isinstance(value, dict | list)


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
