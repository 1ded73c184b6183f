"""docs/instruments.md says what the files of the instruments say."""

import re
from pathlib import Path
from typing import Final

import yaml

from deploy.library import Library, library, library_of
from deploy.settings import Settings
from schemas.instruments.model import Instrument, ScaleDefinition

PAGE: Final = (Path(__file__).parents[2] / "docs" / "instruments.md").read_text("utf-8")


def table(known: Library) -> list[str]:
    """The table of what there is, a line for each scale."""
    return [
        " | ".join(
            [
                f"| {_name(one, known) if place == 0 else ''}",
                *(name, _asked(one, name), _published(scale), f"{_cut(scale)} |"),
            ]
        )
        for one in known.instruments
        for place, (name, scale) in enumerate(one.scales.items())
    ]


def _name(one: Instrument, known: Library) -> str:
    marks = [] if known.is_enabled(one) else ["licence"]
    marks += ["sensitive"] if one.sensitive else []
    return f"`{one.id}` {one.name}" + (f" ({', '.join(marks)})" if marks else "")


def _asked(one: Instrument, scale: str) -> str:
    return ", ".join(f"`{form}`" for form, scales in one.forms.items() if scale in scales) or "in no form"


def _published(scale: ScaleDefinition) -> str:
    units = {"percent": "0 to 100", "ten": "0 to 10", "mean": "mean", "sum": "sum"}[scale.published_as]
    return f"{len(scale.items)}, {units}, {'high' if scale.direction == 'higher_is_worse' else 'low'} is worse"


def _cut(scale: ScaleDefinition) -> str:
    return next((cut.published for cut in scale.cuts if cut.label == scale.at_risk), "no share")


def written() -> list[str]:
    """The table on the page."""
    found = re.search(r"<!-- instruments -->\n\|.*\n\|.*\n((?:\|.*\n)+)<!-- end -->", PAGE)
    assert found is not None
    return found[1].splitlines()


def test_the_table_is_the_files() -> None:
    assert written() == table(library())


def test_the_example_on_the_page_can_be_used(tmp_path: Path) -> None:
    found = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    (tmp_path / "own.yaml").write_text(found[1], "utf-8")
    own = yaml.safe_load(found[1])["id"]
    known = library_of(Settings(instruments_folder=tmp_path))
    assert known.is_enabled(known.by_id[own])
    assert set(known.by_id[own].forms) <= set(known.catalogue)


def test_every_question_of_our_own_is_on_the_page() -> None:
    for one in library().instruments:
        for text in one.wording.values():
            assert text in PAGE
