"""Writes the table of attacks into the privacy page."""

from pathlib import Path
from typing import Final

from tests.attacks.results import NAMES_OF_ATTACKS, Result, result, table

PAGE: Final = Path(__file__).parents[2] / "docs" / "privacy.md"
START: Final = "<!-- attacks -->\n"
END: Final = "<!-- end of attacks -->\n"


def every_result() -> list[Result]:
    """All attacks, tried."""
    return [result(name) for name in NAMES_OF_ATTACKS]


def with_table(page: str, results: list[Result]) -> str:
    """The page with its table made anew."""
    before, rest = page.split(START)
    return f"{before}{START}{table(results)}\n{END}{rest.split(END)[1]}"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text("utf-8"), every_result()), "utf-8")
