"""All mutants, and the table of them that stands in docs/privacy.md."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from tests.mutants import calendars, closed, courses, rounds, sealing, sensitive, totals
from tests.mutants.harness import Mutant, caught

MUTANTS: Final = {
    mutant.name: mutant
    for mutant in (
        *sealing.COUNTED,
        *sealing.SEALED,
        *sensitive.MUTANTS,
        *rounds.MUTANTS,
        *calendars.MUTANTS,
        *totals.MUTANTS,
        *courses.MUTANTS,
        *closed.MUTANTS,
    )
}
PAGE: Final = Path(__file__).parents[2] / "docs" / "privacy.md"
_BEGIN, _END = "<!-- mutants -->\n", "<!-- end of mutants -->\n"


@cache
def caught_by(name: str) -> Mapping[str, str]:
    """What each check that objects to a mutant says of it."""
    return caught(MUTANTS[name].edits)


def unnoticed() -> list[Mutant]:
    """The mutants that pass the check which must catch them."""
    return [mutant for mutant in MUTANTS.values() if mutant.caught_by not in caught_by(mutant.name)]


def table() -> str:
    """Every mutant, the checks that catch it, and what the first of them says."""
    rows = [(name, ", ".join(caught_by(name)), next(iter(caught_by(name).values()), "")) for name in MUTANTS]
    head = ("mutant", "caught by", "what the first of them says")
    return "".join(f"| {' | '.join(cells)} |\n" for cells in (head, ("---",) * len(head), *rows))


def in_page(page: str) -> str:
    """The table as a page has it."""
    return page.partition(_BEGIN)[2].partition(_END)[0]


def with_table(page: str, new: str) -> str:
    """The page with another table; ValueError if it has no place for one."""
    before, begin, rest = page.partition(_BEGIN)
    _, end, after = rest.partition(_END)
    if not end:
        raise ValueError("the page has no place for the table")
    return before + begin + new + end + after
