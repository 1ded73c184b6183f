"""What an audit found: a verdict, and for each finding the published rows that show it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from fractions import Fraction
from typing import Any, Final, Literal

Verdict = Literal["safe", "unsafe", "undecided"]
EXIT_CODES: Final[dict[Verdict, int]] = {"safe": 0, "unsafe": 1, "undecided": 2}


@dataclass(frozen=True, slots=True)
class Term:
    """A published row and what it is multiplied with in a combination."""

    coefficient: Fraction
    row: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as promised, or cannot be decided.

    `combination` are published rows that together isolate `people`; for a row that is wrong by itself it is that row.
    """

    check: str
    verdict: Literal["unsafe", "undecided"]
    what: str
    combination: tuple[Term, ...] = ()
    people: int | None = None
    is_shortest: bool = True


@dataclass(slots=True)
class Report:
    """The outcome of an audit. `examined` tells per check how many things were looked at; `notes` change no verdict."""

    findings: list[Finding] = field(default_factory=list)
    examined: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @property
    def verdict(self) -> Verdict:
        """Unsafe if anything is; else undecided if anything is; else safe."""
        verdicts = {finding.verdict for finding in self.findings}
        return "unsafe" if "unsafe" in verdicts else "undecided" if verdicts else "safe"

    @property
    def exit_code(self) -> int:
        """0 safe, 1 unsafe, 2 undecided."""
        return EXIT_CODES[self.verdict]

    def add(self, check: str, examined: int, findings: Iterable[Finding]) -> None:
        """Add what a check found, and how much it looked at."""
        self.examined[check] = self.examined.get(check, 0) + examined
        self.findings += findings

    def as_json(self) -> dict[str, Any]:
        """The report as JSON values; coefficients as text, so that they stay exact."""
        return {
            "verdict": self.verdict,
            "examined": self.examined,
            "findings": [_finding(finding) for finding in self.findings],
            "notes": self.notes,
        }


def rows_of(names: Sequence[str]) -> tuple[Term, ...]:
    """The first row less all others; one row by itself."""
    return tuple(Term(Fraction(1 if index == 0 else -1), name) for index, name in enumerate(names))


def _finding(finding: Finding) -> dict[str, Any]:
    terms = [{"coefficient": str(term.coefficient), "row": term.row} for term in finding.combination]
    return {**asdict(finding), "combination": terms}
