"""The tables of docs/indicators.md, made anew by `make indicators`."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from tests import effects, false_alarms, truth
from tests.programme import in_page

PAGE: Final = Path(__file__).parent.parent / "docs" / "indicators.md"
TABLES: Final[Mapping[str, Callable[[], str]]] = {**false_alarms.TABLES, **effects.TABLES, **truth.TABLES}


def with_tables(page: str) -> str:
    """The page with every table made anew."""
    for name, make in TABLES.items():
        start, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->\n"
        page = page.replace(f"{start}{in_page(page, name)}{end}", f"{start}{make()}{end}")
    return page


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE.read_text("utf-8")), "utf-8")
