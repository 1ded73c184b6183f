"""Whether published totals, of all versions and in any combination, involve at least K people or nobody.

A submission is an unknown. Those that are in the same rows cannot be told apart, so they are merged; if every class of
them holds K people, so does every combination of rows that is not empty. The classes come from the manifests' tags.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Final

from schemas.errors import InputRefused
from stream_processors.audit.evidence import Asked, CohortRow, Evidence, Membership
from stream_processors.audit.identities import grouped
from stream_processors.audit.linear import Groups, Isolated, Safe, Total, isolate
from stream_processors.audit.report import Finding, Term, rows_of

CHECK: Final = "at least K people"
BUDGET: Final = 100_000
NO_MANIFESTS: Final = (
    "who is in which cohort is not in the published rows: give the manifests, which are evidence of the closed side"
    " (closed/manifests.jsonl in a folder)"
)
Tags = tuple[bytes, ...]


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Rows of fewer than K people, and combinations of rows that leave fewer."""
    smallest = {sealed.asked: sealed.smallest for sealed in evidence.rounds}
    for row in evidence.cohorts:
        if row.asked not in smallest:
            what = "a row of a round that is not sealed, or whose end is not among what was given"
            yield Finding(CHECK, "undecided", what, rows_of([row.name]))
        elif row.n < smallest[row.asked]:
            what = f"a row of fewer than {smallest[row.asked]} people"
            yield Finding(CHECK, "unsafe", what, rows_of([row.name]), int(row.n))
    if evidence.memberships is None:
        if evidence.cohorts:
            yield Finding(CHECK, "undecided", NO_MANIFESTS)
        return
    members = _complete(evidence.memberships)
    told = {one.asked for one in (*evidence.memberships, *evidence.sealed)}
    # rows outlive manifests: of a form without any it is not known who is in it, the others are decided
    decided = [row for row in evidence.cohorts if row.asked in told or not told]
    for asked, rows in grouped(evidence.cohorts, lambda row: row.asked).items():
        if told and asked not in told:
            what = f"no manifest of {', '.join(asked)} is among what was given; they are kept for a time only"
            yield Finding(CHECK, "undecided", what, rows_of([rows[0].name]))
    for asked, rows in grouped(decided, lambda row: row.asked).items():
        yield from _of_a_form(asked, rows, members, smallest.get(asked, 0))
    for form, rows in grouped(decided, lambda row: row.form).items():
        yield from _between_rounds(form, rows, members, smallest)


def _complete(memberships: Iterable[Membership]) -> dict[tuple[Asked, str], list[tuple[Membership, Tags]]]:
    """Every version of every cohort's members; InputRefused if a part is missing or does not fit."""
    found: dict[tuple[Asked, str], list[tuple[Membership, Tags]]] = {}
    for name, parts in grouped(memberships, lambda one: (one.asked, one.cohort_id)).items():
        count = parts[0].parts
        versions = grouped(parts, lambda one: one.part)
        if any(one.parts != count for one in parts) or set(versions) != set(range(count)):
            raise InputRefused(
                f"{parts[0].at}: the manifest of cohort {name[1]} at {parts[0].node} in {parts[0].round} is not "
                f"complete: it says {count} parts, and {len(versions)} are there"
            )
        longest = max(len(one) for one in versions.values())
        for version in range(longest):
            chosen = [one[min(version, len(one) - 1)] for _, one in sorted(versions.items())]
            found.setdefault(name, []).append((chosen[0], tuple(tag for part in chosen for tag in part.tags)))
    return found


def _of_a_form(
    asked: Asked,
    rows: list[CohortRow],
    members: Mapping[tuple[Asked, str], list[tuple[Membership, Tags]]],
    smallest: int,
) -> Iterator[Finding]:
    known = {row.cohort_id: members.get((asked, row.cohort_id), []) for row in rows}
    for row in rows:
        yield from _against_its_manifest(row, known[row.cohort_id])
    repeated = any(len(versions) != 1 for versions in known.values())
    total = sum(len(tags) for versions in known.values() for _, tags in versions)
    distinct = len({tag for versions in known.values() for _, tags in versions for tag in tags})
    if repeated or total != distinct:
        for scale, same in grouped(rows, lambda row: row.scale).items():
            yield from _combined(same, known, smallest, f"{', '.join(asked)}, {scale}")


def _between_rounds(
    form: str,
    rows: list[CohortRow],
    members: Mapping[tuple[Asked, str], list[tuple[Membership, Tags]]],
    smallest: Mapping[Asked, int],
) -> Iterator[Finding]:
    """Submissions that were sealed in two rounds: a tag is made of a token, and a token is of one round."""
    known = {row.cohort_id: members[row.asked, row.cohort_id] for row in rows}
    first: dict[bytes, Asked] = {}
    again = {
        tag
        for row in {row.cohort_id: row for row in rows}.values()
        for _, tags in known[row.cohort_id]
        for tag in tags
        if first.setdefault(tag, row.asked) != row.asked
    }
    if again:
        held = {name for name, versions in known.items() if any(again.intersection(tags) for _, tags in versions)}
        sharing = [row for row in rows if row.cohort_id in held]
        fewest = max(smallest.get(row.asked, 0) for row in sharing)
        for scale, same in grouped(sharing, lambda row: row.scale).items():
            yield from _combined(same, known, fewest, f"several rounds of {form}, {scale}")


def _against_its_manifest(row: CohortRow, versions: list[tuple[Membership, Tags]]) -> Iterator[Finding]:
    if not versions:
        raise InputRefused(f"no manifest tells the members of this row: {row.name}")
    for manifest, tags in versions:
        if manifest.policy_hash != row.policy_hash or manifest.node != row.node:
            yield Finding(CHECK, "unsafe", f"the manifest ({manifest.at}) is of another place or policy", _one(row))
        if len(set(tags)) != len(tags):
            yield Finding(CHECK, "unsafe", f"one person is counted twice in a cohort ({manifest.at})", _one(row))
    sizes = {len(set(tags)) for _, tags in versions}
    if row.n not in sizes:
        what = f"a row of {row.n} people whose manifest has {' and '.join(map(str, sorted(sizes)))}"
        yield Finding(CHECK, "unsafe", what, _one(row))


def _combined(
    rows: list[CohortRow], known: Mapping[str, list[tuple[Membership, Tags]]], smallest: int, where: str
) -> Iterator[Finding]:
    """People who are in more than one row: which combination of the rows leaves the fewest."""
    columns: dict[bytes, set[str]] = defaultdict(set)
    for row in rows:
        for index, tags in _versions_of(row, known[row.cohort_id]):
            for tag in tags:
                columns[tag].add(_version_name(row, index))
    classes = grouped(columns.items(), lambda item: frozenset(item[1]))
    names = {column: f"class {number}" for number, column in enumerate(classes)}
    cells: dict[str, dict[str, Fraction]] = defaultdict(dict)
    for column in classes:
        for row_name in column:
            cells[row_name][names[column]] = Fraction(1)
    totals = [Total(row_name, held, None) for row_name, held in sorted(cells.items())]
    groups = Groups({}, {names[column]: len(people) for column, people in classes.items()})
    found = isolate(totals, groups, smallest, BUDGET)
    if isinstance(found, Isolated):
        terms = tuple(Term(coefficient, row_name) for row_name, coefficient in found.terms)
        what = f"rows that share people combine to fewer than {smallest}: {where}"
        yield Finding(CHECK, "unsafe", what, terms, found.people, found.is_shortest)
    elif not isinstance(found, Safe):
        yield Finding(CHECK, "undecided", f"rows share people, and not every combination could be tried: {where}")
    else:
        shared = [name for column in classes if len(column) > 1 for name in sorted(column)]
        what = f"one person is in two cohorts of a form: {where}"
        yield Finding(CHECK, "unsafe", what, rows_of(sorted(set(shared))[:2]))


def _versions_of(row: CohortRow, versions: list[tuple[Membership, Tags]]) -> Iterator[tuple[int, Tags]]:
    """The versions of a cohort's members that a row can be of: those of its size, or all."""
    fitting = [(index, tags) for index, (_, tags) in enumerate(versions) if len(tags) == row.n]
    return iter(fitting or [(index, tags) for index, (_, tags) in enumerate(versions)])


def _version_name(row: CohortRow, index: int) -> str:
    return row.name if index == 0 else f"{row.name}, members as of its manifest {index + 1}"


def _one(row: CohortRow) -> tuple[Term, ...]:
    return rows_of([row.name])
