"""Whether the closed counts agree with the rows: nobody appears or vanishes between admission and publication."""

from collections.abc import Iterator
from typing import Final

from stream_processors.audit.evidence import Evidence, Sealed
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding, rows_of

CHECK: Final = "counts add up"
_RECEIVED: Final = ("admitted", "duplicate", "superseded", "withdrawn", "incomplete", "late", "invalid")
_ADMITTED: Final = ("published", "retired", "withheld")


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Forms whose counts break the rule, were sealed twice, or do not name the cohorts that were published."""
    if evidence.memberships is None:
        return
    rows = grouped(evidence.cohorts, lambda row: row.asked)
    for asked, versions in grouped(evidence.sealed, lambda sealed: sealed.asked).items():
        if len(versions) > 1:
            yield Finding(CHECK, "unsafe", f"{', '.join(asked)} was sealed {len(versions)} times ({versions[0].at})")
        yield from _of_a_form(versions[0])
        people = {row.cohort_id: row.n for row in rows.get(asked, [])}
        counted = versions[0].outcomes["published"] + versions[0].outcomes["retired"]
        if people.keys() == set(versions[0].cohorts) and sum(people.values()) != counted:
            what = f"the rows of {', '.join(asked)} are of more or fewer people than were counted ({versions[0].at})"
            yield Finding(CHECK, "unsafe", what)
        for row in rows.get(asked, []):
            if row.cohort_id not in versions[0].cohorts:
                what = f"a row of a cohort that its form was not sealed into ({versions[0].at})"
                yield Finding(CHECK, "unsafe", what, rows_of([row.name]))
    sealed, told = {one.asked for one in evidence.sealed}, {one.asked for one in evidence.memberships}
    for asked, found in rows.items():
        # where no manifest at all is left, that is said once, of the members
        if asked in told and asked not in sealed:
            what = "no manifest of the form tells how it was sealed"
            yield Finding(CHECK, "undecided", what, rows_of([found[0].name]))


def _of_a_form(sealed: Sealed) -> Iterator[Finding]:
    counts = sealed.outcomes
    where = f"{', '.join(sealed.asked)} ({sealed.at})"
    if counts["received"] != sum(counts[name] for name in _RECEIVED):
        yield Finding(CHECK, "unsafe", f"received is not the sum of its outcomes: {where}")
    if counts["admitted"] != sum(counts[name] for name in _ADMITTED):
        yield Finding(CHECK, "unsafe", f"admitted is not the sum of what became of it: {where}")


def notes(evidence: Evidence) -> Iterator[str]:
    """What is not there any more, or could not be looked at, and changes no verdict."""
    published = {row.cohort_id for row in evidence.cohorts}
    lost = [cohort for sealed in evidence.sealed for cohort in sealed.cohorts if cohort not in published]
    if lost:
        yield f"cohorts that the manifests name, but that are not among the rows given: {len(lost)}"
    if not evidence.cohorts:
        yield "there are no rows of cohorts: nothing was published"
