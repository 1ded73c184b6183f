"""Mutants of what is published of a cohort, and of what is made of it."""

from typing import Final

from tests.mutants.checks import AUDITOR
from tests.mutants.harness import Edit, Mutant
from tests.mutants.sealing import POLICY, SEAL

CODING: Final = "stream_processors.steps.coding"
EVENTS: Final = "schemas.events"
FIELDS: Final = "schemas.fields"
FIGURES: Final = "stream_processors.steps.figures"
HISTORY: Final = "stream_processors.steps.history"
INDICATORS: Final = "stream_processors.steps.indicators"
ROLLUP: Final = "stream_processors.steps.rollup"
SCORING: Final = "schemas.instruments.scoring"

_CODED: Final = """    coded = code(scale, len(scores), total, at_risk, sealing.policy.guard)
"""
_BOTH: Final = "return Coded(*_boxed(total, bottom, top, lowest, highest), low, high)"
_MEANS: Final = """    totals, asked = window.totals, window.asked
"""
_CODED_MEANS: Final = """    window = Summed(_coded(window.totals, scale), window.rounds, window.asked)
    totals, asked = window.totals, window.asked
"""
_CODED_SUMS: Final = """def _coded(sums: Totals, scale: Scale) -> Totals:
    from stream_processors.steps.coding import code
    coded = code(scale, sums.n, sums.score_low, sums.at_risk_low, 2)
    bounds = (coded.score_low, coded.score_high, coded.at_risk_low, coded.at_risk_high)
    return Totals(sums.n, *bounds, sums.has_cut)


def _share("""
_TOTALS: Final = """        return cls(
            row.n,
            row.score_low,
            row.score_high,
            row.at_risk_low or 0,
            row.at_risk_high or 0,
"""
_UNCODED_TOTALS: Final = """        from stream_processors.steps.seal import UNCODED
        total, at_risk = UNCODED[row.cohort_id, row.scale]
        return cls(
            row.n,
            total,
            total,
            at_risk,
            at_risk,
"""
_KIND: Final = """    type: Literal["cohort.sealed"] = "cohort.sealed"
"""
_N: Final = """        n=len(scores),
"""
_SPAN: Final = "Fraction(span * (total - n * self.score_min), n * (self.score_max - self.score_min))"
_SPAN_OF_ANY: Final = "Fraction(span * (total - n * self.score_min)) / (n * (self.score_max - self.score_min))"

MUTANTS: Final = (
    Mutant(
        "code after the roll-up",
        AUDITOR,
        (
            Edit(
                SEAL,
                "from stream_processors.steps.coding import code\n",
                "from stream_processors.steps.coding import Coded\n",
            ),
            Edit(SEAL, _CODED, "    coded = Coded(total, total, at_risk, at_risk)\n"),
            Edit(FIGURES, _MEANS, _CODED_MEANS),
            Edit(FIGURES, "def _share(", _CODED_SUMS),
        ),
    ),
    Mutant(
        "code the count but not the total",
        AUDITOR,
        (Edit(CODING, _BOTH, "return Coded(total, total, low, high)"),),
    ),
    Mutant(
        "code the total but not the count",
        AUDITOR,
        (Edit(CODING, _BOTH, _BOTH.replace("low, high)", "at_risk, at_risk)")),),
    ),
    Mutant(
        "leave the coalition out of the coding",
        AUDITOR,
        (Edit(POLICY, "return self.coalition + 1", "return 1"),),
    ),
    Mutant(
        "clamp without publishing the range",
        AUDITOR,
        (
            Edit(
                CODING,
                "return (lowest if clamped == bottom else clamped), (highest if clamped == top else clamped)",
                "return clamped, clamped",
            ),
        ),
    ),
    Mutant(
        "make the box one too wide",
        AUDITOR,
        (Edit(CODING, "count * l1 + (n - count) * l0 + room, ", "count * l1 + (n - count) * l0 + room - 1, "),),
    ),
    Mutant(
        "score exact means",
        AUDITOR,
        (
            Edit(SCORING, "Score(rounded, ", "Score(total * len(self.items) / answered, "),
            Edit(SCORING, _SPAN, _SPAN_OF_ANY),
            Edit(SCORING, "return Fraction(total, n)", "return Fraction(total) / n"),
            Edit(FIELDS, "Total = Annotated[int, ", "Total = Annotated[float, "),
        ),
    ),
    Mutant(
        "publish the lowest score beside the total",
        AUDITOR,
        (
            Edit(EVENTS, _KIND, _KIND + "    lowest: int\n"),
            Edit(SEAL, _N, _N + "        lowest=min(score[0] for score in scores),\n"),
        ),
    ),
    Mutant(
        "leave a retired cohort in the figures",
        AUDITOR,
        (Edit(HISTORY, "figures.retire(event.cohort_id)", "figures.retired.add(event.cohort_id)"),),
    ),
    Mutant(
        "compute indicators from uncoded totals",
        AUDITOR,
        (
            Edit(SEAL, "Admitted = Mapping[str, Members]\n", "UNCODED = {}\nAdmitted = Mapping[str, Members]\n"),
            Edit(SEAL, _CODED, _CODED + "    UNCODED[cohort.id, scale.id] = total, at_risk\n"),
            Edit(ROLLUP, _TOTALS, _UNCODED_TOTALS),
        ),
    ),
)
