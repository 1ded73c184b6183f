"""The audit of disclosure: every check over everything ever published. Pure; see docs/privacy.md, "The auditor"."""

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from stream_processors.audit import (
    asked,
    calendar,
    coding,
    figures,
    headcounts,
    identities,
    interventions,
    keys,
    membership,
    outcomes,
    places,
    seasons,
    sensitive,
    sinks,
)
from stream_processors.audit.evidence import Evidence
from stream_processors.audit.instruments import Definition, scales
from stream_processors.audit.report import Finding, Report, rows_of

CODING: Final = "coded totals"
Told = Callable[[str], None]


def audit(
    evidence: Evidence,
    definitions: Iterable[Definition],
    told: Told = lambda _: None,
    acts: interventions.Acts = frozenset(),
) -> Report:
    """Decide whether the published rows keep the promise. `told` hears of each check before it begins.

    `acts` are the catalogue's interventions; others are not to be published.

    InputRefused if the evidence is not whole: a tree with a gap, a manifest that lacks a part, a row without one.
    """
    read = tuple(definitions)
    report, known = Report(), scales(read)
    order_of_rounds(evidence)
    checks: list[tuple[str, int, Callable[[], Iterator[Finding]]]] = [
        (identities.CHECK, len(evidence.cohorts), lambda: identities.findings(evidence)),
        (places.CHECK, len(evidence.figures), lambda: places.findings(evidence)),
        (membership.CHECK, len(evidence.cohorts), lambda: membership.findings(evidence)),
        (outcomes.CHECK, len(evidence.sealed), lambda: outcomes.findings(evidence)),
        (CODING, len(evidence.cohorts), lambda: _coded(evidence, known)),
        (headcounts.CHECK, len(evidence.nodes), lambda: headcounts.findings(evidence, known.values())),
        (asked.CHECK, len(evidence.nodes), lambda: asked.findings(evidence)),
        (calendar.CHECK, len(evidence.rounds), lambda: calendar.findings(evidence)),
        (seasons.CHECK, len(evidence.rounds), lambda: seasons.findings(evidence)),
        (sensitive.CHECK, len(evidence.rounds), lambda: sensitive.findings(evidence, known.values())),
        (keys.CHECK, len(evidence.keys), lambda: keys.findings(evidence, read)),
        (sinks.CHECK, sum(1 for _ in evidence.rows()), lambda: sinks.findings(evidence)),
        (interventions.CHECK, len(evidence.interventions), lambda: interventions.findings(evidence, acts)),
        (figures.CHECK, len(evidence.figures), lambda: figures.findings(evidence, known)),
    ]
    for name, examined, check in checks:
        told(name)
        report.add(name, examined, check())
    report.notes += [*outcomes.notes(evidence), *interventions.notes(evidence)]
    return report


def order_of_rounds(evidence: Evidence) -> None:
    """Order a facility's rounds by the offsets of their markers, where the manifests tell them."""
    for sealed in evidence.sealed:
        evidence.opened[sealed.facility, sealed.round] = sealed.opened_offset
        evidence.order[sealed.facility, sealed.round] = sealed.closed_offset


def _coded(evidence: Evidence, known: figures.Scales) -> Iterator[Finding]:
    guards = {sealed.asked: sealed.policy.guard for sealed in evidence.rounds}
    verdicts: dict[tuple[object, ...], str | None] = {}
    forms = {form for form, _ in known}
    for sealed in evidence.rounds:
        if sealed.form not in forms:
            yield Finding(CODING, "unsafe", f"{sealed.round} asks a form that no instrument has ({sealed.at})")
    for row in evidence.cohorts:
        scale, guard = known.get((row.form, row.scale)), guards.get(row.asked)
        if scale is None:
            yield Finding(CODING, "unsafe", "a total of something that is no scale of its form", rows_of([row.name]))
        elif guard is not None and row.n >= guard and guard <= identities.CEILINGS["coalition"] + 1:
            numbers = (row.n, row.score_low, row.score_high, row.at_risk_low, row.at_risk_high)
            key = (row.form, row.scale, guard, *numbers)
            if key not in verdicts:
                verdicts[key] = coding.fault(row, scale, guard)
            if (wrong := verdicts[key]) is not None:
                yield Finding(CODING, "unsafe", wrong, rows_of([row.name]))
