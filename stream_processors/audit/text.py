"""A report in words, for a terminal."""

from collections.abc import Iterator, Mapping
from typing import Final

from stream_processors.audit.report import Finding, Report, Term, Verdict

_ADVICE: Final[Mapping[Verdict, str]] = {
    "unsafe": "stop showing figures, keep everything as it is, begin with the first finding: others may follow from it",
    "undecided": "nothing unsafe was found, but not everything could be decided: see to that, audit again",
}


def report_lines(report: Report, most: int) -> Iterator[str]:
    """The verdict last, before it each check and at most `most` findings of it."""
    for check, examined in report.examined.items():
        found = [finding for finding in report.findings if finding.check == check]
        # nothing looked at is no sign of safety
        yield f"{_mark(found) if found or examined else '-':9} {check}: {examined} examined"
        for finding in found[:most]:
            yield from _finding_lines(finding)
        if len(found) > most:
            yield f"          and {len(found) - most} more; --json lists all"
    for note in report.notes:
        yield f"note      {note}"
    if report.verdict in _ADVICE:
        yield f"next      {_ADVICE[report.verdict]}"
    yield f"verdict: {report.verdict}"


def combination_lines(terms: tuple[Term, ...]) -> Iterator[str]:
    """Each row with its coefficient."""
    for term in terms:
        sign = "+" if term.coefficient > 0 else "-"
        times = "" if abs(term.coefficient) == 1 else f"{abs(term.coefficient)} x "
        yield f"            {sign} {times}{term.row}"


def _mark(found: list[Finding]) -> str:
    verdicts = {finding.verdict for finding in found}
    return "UNSAFE" if "unsafe" in verdicts else "undecided" if verdicts else "safe"


def _finding_lines(finding: Finding) -> Iterator[str]:
    yield f"          {finding.verdict}: {finding.what}"
    yield from combination_lines(finding.combination)
    if finding.people:
        people = f"{finding.people} people" if finding.people > 1 else "one person"
        shortest = "" if finding.is_shortest else " (a shorter combination may exist)"
        yield f"            = {people}{shortest}" if finding.combination else f"          = {people}"
