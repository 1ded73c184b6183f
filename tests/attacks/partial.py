"""Attacks on somebody who left items out: means over what was answered, item totals, sum scales.

Twelve people answer six items of 0 to 4, every sheet equally likely; the target answers only the first few. At risk is
a mean of 2 or more. The attacker knows all of that, and is after the sum of what the target answered, or its remainder.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from itertools import product
from random import Random
from typing import Any, Final

from deploy.resources import catalogue
from schemas.events import CohortSealed
from stream_processors.steps.coding import Coded, code
from tests.attacks.world import Answer, Closed, Opened, events, flat
from tests.records import replayed

FORM: Final = "cbi.personal"
SCALE: Final = catalogue()[FORM].scales[0]
ITEMS: Final = 6
PEOPLE: Final = 12
GUARD: Final = 2

Sheet = dict[str, int]
Secret = Callable[[int], int]
"""From the sum of what the target answered to what the attacker is after."""
Guess = Callable[[list[Sheet]], int]


@dataclass(frozen=True)
class Partial:
    """One attack. `naive` finds the secret from what a naive design publishes of the sheets."""

    name: str
    design: str
    answered: int
    secret: Secret
    naive: Guess
    stops: str

    def sheets(self, rng: Random) -> list[Sheet]:
        """Everybody's answers; the target's come last."""
        whole = [{str(item): rng.randint(0, 4) for item in range(1, ITEMS + 1)} for _ in range(PEOPLE)]
        return [*whole[:-1], {item: whole[-1][item] for item in list(whole[-1])[: self.answered]}]

    def truth(self, sheets: list[Sheet]) -> int:
        """What the attacker is after."""
        return self.secret(sum(sheets[-1].values()))

    def sealed_guess(self, sheets: list[Sheet]) -> int:
        """The best guess from the row that the product publishes."""
        return max(sorted(self.chances()[row_of(sheets)].items()), key=lambda pair: pair[1])[0]

    def best(self) -> Fraction:
        """How often the best guess is right, exactly."""
        right = sum(max(chances.values()) for chances in self.chances().values())
        return Fraction(right, sum(sum(chances.values()) for chances in self.chances().values()))

    def blind(self) -> Fraction:
        """How often it is right if nothing is published."""
        counts = self._without_a_row()
        return Fraction(max(counts.values()), sum(counts.values()))

    def _without_a_row(self) -> Counter[int]:
        counts: Counter[int] = Counter()
        for points, ways in sums(self.answered).items():
            counts[self.secret(points)] += ways
        return counts

    def chances(self) -> Mapping[Coded, Counter[int]]:
        """Row to the secrets behind it, each with the number of ways, of all sheets of everybody."""
        return _chances(self)


def mean_scores(sheets: list[Sheet]) -> Fraction:
    """What a design publishes that scores exact means: the sum of everybody's, on the scale of complete sheets."""
    return sum((Fraction(ITEMS * sum(sheet.values()), len(sheet)) for sheet in sheets), Fraction(0))


def remainder_of_means(sheets: list[Sheet]) -> int:
    """Complete sheets give whole numbers, so what is over is the target's, modulo the number it answered."""
    over = mean_scores(sheets) % 1
    return next(rest for rest in range(5) if Fraction(ITEMS * rest, 5) % 1 == over)


def items_without_complete_cases(sheets: list[Sheet]) -> int:
    """Item totals of whoever answered, added up, less the composite of complete sheets: the target's."""
    by_item: Counter[str] = Counter()
    for sheet in sheets:
        by_item.update(sheet)
    return by_item.total() - sum(sum(sheet.values()) for sheet in sheets if len(sheet) == ITEMS)


def subscales_without_their_sum(sheets: list[Sheet]) -> int:
    """Two subscales of whoever answered them less the sum scale of whoever answered both: the target's first one."""
    halves = [[str(item) for item in range(start, start + 3)] for start in (1, 4)]
    totals = [sum(sheet[i] for i in half) for half in halves for sheet in sheets if set(half) <= sheet.keys()]
    return sum(totals) - sum(sum(sheet.values()) for sheet in sheets if len(sheet) == ITEMS)


ATTACKS: Final = (
    Partial(
        "partial answers: remainder of exact means",
        "exact means over answered items",
        answered=5,
        secret=lambda points: points % 5,
        naive=remainder_of_means,
        stops="one grid: every score is a whole number",
    ),
    Partial(
        "non-response: item totals and complete cases (F5)",
        "item totals beside the complete-case composite",
        answered=5,
        secret=lambda points: points,
        naive=items_without_complete_cases,
        stops="no item totals; one total over the same people",
    ),
    Partial(
        "sum scales",
        "subscales beside their sum over complete cases",
        answered=3,
        secret=lambda points: points,
        naive=subscales_without_their_sum,
        stops="no item is in two scales of a form",
    ),
)


@cache
def sums(items: int) -> Counter[int]:
    """Of the 5^items sheets, how many have each sum."""
    return Counter(map(sum, product(range(5), repeat=items)))


@cache
def _others() -> Counter[tuple[int, int]]:
    """Of all complete sheets of everybody but the target, how many have each (total, number at risk)."""
    result: Counter[tuple[int, int]] = Counter({(0, 0): 1})
    for _ in range(PEOPLE - 1):
        grown: Counter[tuple[int, int]] = Counter()
        for (total, risk), ways in result.items():
            for points, more in sums(ITEMS).items():
                grown[total + points, risk + _at_risk(points, ITEMS)] += ways * more
        result = grown
    return result


def _at_risk(points: int, answered: int) -> int:
    return int(points >= 2 * answered)


@cache
def _chances(attack: Partial) -> Mapping[Coded, Counter[int]]:
    rows: dict[Coded, Counter[int]] = defaultdict(Counter)
    for points, ways in sums(attack.answered).items():
        score = (2 * ITEMS * points + attack.answered) // (2 * attack.answered)
        for (total, risk), more in _others().items():
            whole = total + score, risk + _at_risk(points, attack.answered)
            rows[code(SCALE, PEOPLE, *whole, GUARD)][attack.secret(points)] += ways * more
    return rows


def row_of(sheets: list[Sheet]) -> Coded:
    """The row that the product publishes of these sheets."""
    (row,) = [event for event in replayed(_log(sheets)).events if isinstance(event, CohortSealed)]
    return Coded(row.score_low, row.score_high, row.at_risk_low, row.at_risk_high)


def _log(sheets: list[Sheet]) -> list[dict[str, Any]]:
    people = [
        Answer(f"p{number}", "ward", 0, form=FORM, sheet=tuple(sheet.items())) for number, sheet in enumerate(sheets)
    ]
    return events(flat(Opened(form=FORM), *people, Closed(), units=["ward"]))
