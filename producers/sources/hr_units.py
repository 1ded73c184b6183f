"""From the units of a personnel system to the record of an organisation.

A record is the whole organisation, so one unit that cannot be used refuses the file. Sentences name units by their
code, as far as it looks like one: a file of people, taken for a file of units, has anything in its place.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from producers.sources.hr_mapping import HrMapping, refuse
from producers.sources.mapping import tidy
from producers.sources.organisation_file import OrganisationFile
from schemas.closed import MOST
from schemas.errors import DataError, InputRefused
from schemas.events import Node
from schemas.fields import Id
from schemas.organisation import organisation

ROSTER: Final = 3
"""So many rows of one unit at a time are no slip: the file has a row per person."""
LONGEST_NAME: Final = 120
_CODE: Final = re.compile(r"[A-Za-z0-9._/+\-]{1,64}")
_COUNT: Final = re.compile(r"([0-9]{1,7})(?:[.,]0{0,2})?")
_MOST: Final = min(MOST, 1_000_000)
_MOST_DEEP: Final = 100
_ID: Final[TypeAdapter[str]] = TypeAdapter(Id)


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit as its system writes it; all is text, and "" where it is not told. `kinds`: what it is, best first."""

    line: int
    code: str
    name: str = field(repr=False)
    parent: str = ""
    kinds: tuple[str, ...] = ()
    headcount: str = field(default="", repr=False)
    staff_group: str = ""


@dataclass(frozen=True, slots=True)
class Listed:
    """The units in force, and the codes of those that are not, by why."""

    units: tuple[Unit, ...]
    others: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Built:
    """The record, and how many units the file has that are not in it: under another root, or of a kind left out."""

    record: OrganisationFile
    elsewhere: int
    left_out: int


def called(code: str, line: int) -> str:
    """What to call a unit in a sentence."""
    return f"unit {code}" if _CODE.fullmatch(code) else f"the unit in line {line}"


def refuse_repeats(file: str, places: Mapping[str, Sequence[int]]) -> None:
    """InputRefused if a code is at several places at a time. `places` are the lines of each code."""
    for code, lines in places.items():
        if len(lines) >= ROSTER:
            raise InputRefused(
                f"{file}: {called(code, lines[0])} has {len(lines)} rows or more at a time, as in a list of people: "
                "give counts, not rosters: one row for a unit, with how many people it has"
            )
    refuse(
        file,
        (
            f"{called(code, lines[0])} is there twice at a time, in lines {lines[0]} and {lines[1]}: keep one of them"
            for code, lines in places.items()
            if len(lines) > 1
        ),
    )


def count(text: str) -> int | None:
    """A headcount; None if it is no whole number from 0 up to a million."""
    found = _COUNT.fullmatch(text)
    number = int(found[1]) if found else _MOST + 1
    return number if number <= _MOST else None


def build(file: str, listed: Listed, mapping: HrMapping, as_of: date) -> Built:
    """The record of the units in force; InputRefused with a sentence for what is wrong with them."""
    units = {unit.code: unit for unit in listed.units}
    if not units:
        raise InputRefused(f"{file}: has no unit in force on {as_of}: correct the date, or the columns of the mapping")
    refuse(file, _orphans(units, listed.others, mapping.root))
    root = _root(file, units, mapping)
    paths = _paths(file, units, root)
    kept = {code: unit for code, unit in units.items() if root in paths[code]}
    kinds = _kinds(file, kept, paths, root, mapping)
    inside = {code: unit for code, unit in kept.items() if kinds[code] is not None}
    if mapping.levels[-1] not in kinds.values():
        raise InputRefused(
            f"{file}: has no {mapping.levels[-1]}, which is where people answer: correct kinds or levels in the mapping"
        )
    parents = {code: _parent(paths[code], inside) for code in inside}
    refuse(file, _level_problems(inside, kinds, parents, mapping.levels))
    refuse(file, _headcount_problems(kept, kinds, mapping.levels))
    refuse(file, _sum_problems(inside, paths, parents))
    ids = _ids(file, inside, root, mapping)
    refuse(file, _word_problems(inside, kinds, mapping))
    nodes = [_node(unit, ids, kinds[code], parents[code], mapping) for code, unit in inside.items()]
    return Built(_record(file, nodes, mapping, as_of), len(units) - len(kept), len(kept) - len(inside))


def _orphans(units: Mapping[str, Unit], others: Mapping[str, str], root: str | None) -> Iterator[str]:
    for code, unit in units.items():
        if unit.parent and unit.parent not in units and code != root:
            # a code as such, since its own line is not known
            above = f"unit {unit.parent}" if _CODE.fullmatch(unit.parent) else "one"
            why = others.get(unit.parent, "is not in the file")
            yield f"{called(code, unit.line)} is under {above} that {why}: correct it, or add that unit"


def _root(file: str, units: Mapping[str, Unit], mapping: HrMapping) -> str:
    if mapping.root is not None:
        if mapping.root not in units:
            raise InputRefused(f"{file}: has no unit {mapping.root} in force: correct root in the mapping")
        return mapping.root
    tops = [unit for unit in units.values() if not unit.parent]
    if len(tops) > 1:
        names = " and ".join(called(unit.code, unit.line) for unit in tops[:2])
        raise InputRefused(
            f"{file}: has {len(tops)} units without one above, such as {names}: name the facility with root in the "
            "mapping, or say what the others are under"
        )
    if not tops:
        first = next(iter(units.values()))
        raise InputRefused(
            f"{file}: every unit is under another one, {called(first.code, first.line)} too, so they lie in a circle: "
            "leave the facility's own parent empty, or name it with root in the mapping"
        )
    return tops[0].code


def _paths(file: str, units: Mapping[str, Unit], root: str) -> dict[str, tuple[str, ...]]:
    """Each unit with all above it, top first. InputRefused for units in a circle, and for a tree without end."""
    paths: dict[str, tuple[str, ...]] = {root: (root,)}
    for code, unit in units.items():
        chain: dict[str, None] = {}
        here = code
        while here not in paths and here not in chain:
            chain[here] = None
            here = units[here].parent or here
        if here in chain and units[here].parent:
            raise InputRefused(
                f"{file}: {called(here, units[here].line)} is under itself, by way of those it is under: "
                "correct what is above it"
            )
        above = paths.get(here, ())
        if len(above) + len(chain) > _MOST_DEEP:
            raise InputRefused(f"{file}: {called(code, unit.line)} lies more than {_MOST_DEEP} units deep: correct it")
        for one in reversed(chain):
            above = (*above, one)
            paths[one] = above
    return paths


def _kinds(
    file: str, units: Mapping[str, Unit], paths: Mapping[str, tuple[str, ...]], root: str, mapping: HrMapping
) -> dict[str, str | None]:
    """The level of each unit; None for those left out. The facility is of the first, whatever the file calls it."""
    known = {tidy(name).casefold(): kind for name, kind in mapping.kinds.items()}
    known = {**{level: level for level in mapping.levels}, **known}
    # where no unit says what it is and no kind is named, its place in the tree says it
    by_depth = not mapping.kinds and not any(unit.kinds for code, unit in units.items() if code != root)
    found: dict[str, str | None] = {root: mapping.levels[0]}
    wrong = []
    for code, unit in units.items():
        if code == root:
            continue
        depth = len(paths[code]) - 1 - paths[code].index(root)
        names = [name for name in map(str.casefold, unit.kinds) if name in known]
        if by_depth and depth < len(mapping.levels):
            found[code] = mapping.levels[depth]
        elif not by_depth and names:
            found[code] = known[names[0]]
        else:
            what = "lies deeper than there are levels" if by_depth else "is of no kind that the mapping knows"
            wrong.append(f"{called(code, unit.line)} {what}: name its kind in kinds, with null to leave it out")
    refuse(file, wrong)
    return found


def _parent(path: tuple[str, ...], inside: Collection[str]) -> str | None:
    """The nearest unit above that is not left out."""
    return next((code for code in reversed(path[:-1]) if code in inside), None)


def _level_problems(
    units: Mapping[str, Unit],
    kinds: Mapping[str, str | None],
    parents: Mapping[str, str | None],
    levels: Sequence[str],
) -> Iterator[str]:
    rank: dict[str | None, int] = {level: place for place, level in enumerate(levels)}
    for code, unit in units.items():
        above = parents[code]
        if above is not None and rank[kinds[above]] >= rank[kinds[code]]:
            yield (
                f"{called(code, unit.line)} is a {kinds[code]} under {called(above, units[above].line)}, a "
                f"{kinds[above]}: levels go {', '.join(levels)}; correct the kinds or what it is under"
            )


def _headcount_problems(
    units: Mapping[str, Unit], kinds: Mapping[str, str | None], levels: Sequence[str]
) -> Iterator[str]:
    for code, unit in units.items():
        who, people = called(code, unit.line), count(unit.headcount)
        if unit.headcount and people is None:
            yield f"{who} has a headcount that is no whole number from 0 to {_MOST}: count people, not full-time posts"
        elif not unit.headcount and kinds[code] == levels[-1]:
            yield f"{who} has no headcount: give how many people may answer there, 0 if nobody"
        elif people and kinds[code] is None:
            yield (
                f"{who} is left out by kinds and has people of its own: count them in the unit above, and leave its "
                "own headcount empty"
            )


def _sum_problems(
    units: Mapping[str, Unit], paths: Mapping[str, tuple[str, ...]], parents: Mapping[str, str | None]
) -> Iterator[str]:
    """A headcount above others is of all people there: one of its own staff alone would give a coverage over 1."""
    below = Counter[str]()
    for code in sorted(units, key=lambda code: -len(paths[code])):
        unit, above = units[code], parents[code]
        own = count(unit.headcount) if unit.headcount else None
        if own is not None and own < below[code]:
            yield (
                f"{called(code, unit.line)} has fewer people than the units under it have together: give all of them, "
                "or leave its headcount empty"
            )
        if above is not None:
            below[above] += below[code] if own is None else own


def _ids(file: str, units: Mapping[str, Unit], root: str, mapping: HrMapping) -> dict[str, str]:
    ids = {code: mapping.ids.get(code, code.lower()) for code in units} | {root: mapping.facility}
    wrong, owners = [], dict[str, str]()
    for code, unit in units.items():
        who, owner = called(code, unit.line), owners.setdefault(ids[code], code)
        if not _is_id(ids[code]):
            wrong.append(f"the code of {who} is no id: give it one with ids in the mapping, such as {{CODE: ward-a}}")
        elif owner != code:
            wrong.append(
                f"{who} and {called(owner, units[owner].line)} would both have the id {ids[code]}: give one of them "
                "another with ids in the mapping"
            )
    refuse(file, wrong)
    return ids


def _word_problems(units: Mapping[str, Unit], kinds: Mapping[str, str | None], mapping: HrMapping) -> Iterator[str]:
    for code, unit in units.items():
        who = called(code, unit.line)
        if not unit.name or len(unit.name) > LONGEST_NAME:
            yield f"{who} needs a name of 1 to {LONGEST_NAME} letters"
        elif not unit.name.isprintable() or "\N{REPLACEMENT CHARACTER}" in unit.name:
            yield f"{who} has a damaged name: save the file as UTF-8, or name its encoding under header in the mapping"
        if unit.staff_group and kinds[code] != mapping.levels[-1]:
            yield f"{who} has a staff group, and only those of the last level, {mapping.levels[-1]}, can have one"
        elif unit.staff_group and not _is_id(_group(unit, mapping)):
            yield f"{who} has a staff group that is no id: give it one with staff_groups in the mapping"


def _group(unit: Unit, mapping: HrMapping) -> str:
    return mapping.staff_groups.get(unit.staff_group, unit.staff_group.lower())


def _is_id(text: str) -> bool:
    try:
        _ID.validate_python(text)
    except ValidationError:
        return False
    return True


def _node(unit: Unit, ids: Mapping[str, str], kind: str | None, parent: str | None, mapping: HrMapping) -> Node:
    fields: dict[str, Any] = {"staff_group": _group(unit, mapping)} if unit.staff_group else {}
    return Node(
        id=ids[unit.code],
        parent=None if parent is None else ids[parent],
        kind=kind or "",
        name=unit.name,
        headcount=count(unit.headcount) if unit.headcount else None,
        **fields,
    )


def _record(file: str, nodes: Iterable[Node], mapping: HrMapping, as_of: date) -> OrganisationFile:
    record = OrganisationFile(
        facility=mapping.facility, levels=mapping.levels, nodes=tuple(nodes), effective_from=as_of
    )
    try:
        organisation(record.event(mapping.facility))
    except DataError as error:
        raise InputRefused(f"{file}: {error.detail}") from None
    except ValidationError:
        # every field of a unit was looked at: what is left is their number
        raise InputRefused(f"{file}: has {len(record.nodes)} units, more than a record can hold") from None
    return record
