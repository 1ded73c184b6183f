"""The mark that a first mapping leaves for its author, and what to write in its place."""

import re
from collections.abc import Iterator
from typing import Any, Final

CHANGE_ME: Final = "CHANGE-ME"

Place = tuple[str, ...]
"""Where something stands in a mapping, from the outermost setting in."""

_ADVICE: Final = (
    (r"facility", "write your facility's id, such as st-anna"),
    (r"source", "write an id for the survey system, such as limesurvey"),
    (r"survey", "write the survey's number or name in its system"),
    (r"round", "write the round's name, or remove the line and name the round when you send"),
    (r"timezone", "write the facility's, such as Europe/Berlin"),
    (r"submitted_on", "write the date of the answers, such as 2026-10-12"),
    (r"columns\.response", "write the column that names the answer sheet"),
    (r"columns\.person", "write the column that names the person; without one remove it and set identity: response"),
    (r"columns\.unit", "write the column that names the unit"),
    (r"columns\.submitted", "write the column with the date; without one remove it and set submitted_on"),
    (r"forms", "write a form's id, such as cbi.work"),
    (r"forms\..*\.items.*", "write the column that holds the item"),
)


def unfinished(content: Any) -> dict[Place, str]:
    """Every place of a mapping that is still to be filled in, with a sentence about it."""
    return {place: f"{'.'.join(place)} still says {CHANGE_ME}: {_advice(place)}" for place in _marks(content)}


def _marks(content: Any) -> Iterator[Place]:
    # YAML may refer to one block from many places, even from inside itself: each is looked at once
    seen: set[int] = set()
    waiting: list[tuple[Place, Any]] = [((), content)]
    while waiting:
        place, value = waiting.pop()
        if isinstance(value, str) and value.strip() == CHANGE_ME and place:
            yield place
        elif isinstance(value, dict | list) and id(value) not in seen:
            seen.add(id(value))
            inner = [(str(key), part) for key, part in _parts(value)]
            if any(key.strip() == CHANGE_ME for key, _ in inner):
                yield place
            waiting += [((*place, key), part) for key, part in reversed(inner)]


def _parts(block: dict[Any, Any] | list[Any]) -> Iterator[tuple[Any, Any]]:
    return iter(block.items()) if isinstance(block, dict) else enumerate(block)


def _advice(place: Place) -> str:
    name = ".".join(place)
    return next((advice for pattern, advice in _ADVICE if re.fullmatch(pattern, name, re.DOTALL)), "write its value")
