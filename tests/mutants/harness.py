"""Applies a mutant to a second copy of the code, and asks every check what it objects to."""

from collections.abc import Collection
from dataclasses import dataclass

from tests.changed_modules import replaced, second_copy, source_of
from tests.mutants.checks import objections
from tests.mutants.logs import interrupted, logs
from tests.mutants.world import PACKAGES, world


@dataclass(frozen=True)
class Edit:
    """One text of a module, there exactly once, and what stands there instead."""

    module: str
    old: str
    new: str


@dataclass(frozen=True)
class Mutant:
    """A way to break the promise, and the check that must object to it: the auditor, unless it cannot know."""

    name: str
    caught_by: str
    edits: tuple[Edit, ...]


def sources(edits: Collection[Edit]) -> dict[str, str]:
    """Each edited module's new source; ValueError if an edit does not fit the code any more."""
    found: dict[str, str] = {}
    for edit in edits:
        found[edit.module] = replaced(found.get(edit.module) or source_of(edit.module), edit.old, edit.new)
    return found


def caught(edits: Collection[Edit]) -> dict[str, str]:
    """What each check that objects says of the code with these edits, in the order of the checks."""
    with second_copy(PACKAGES, sources(edits)):
        changed = world(logs(), interrupted())
    return objections(changed)
