"""The page for hospital IT shows the very files that stand in the examples, and they are what the tests generate."""

import re
from pathlib import Path

import pytest

from producers.sources.mapping import load_mapping
from producers.sources.registry import SOURCES
from tests.exports import EXAMPLES, EXPORTS, examples
from tests.unit.test_sources import source_of

PAGE = (Path(__file__).parents[2] / "docs" / "integrating.md").read_text("utf-8")
SHOWN = dict(re.findall(r"^```yaml\n# (\S+)\n(.*?)^```", PAGE, re.M | re.S))


def test_the_examples_are_all_there_is_and_what_is_generated() -> None:
    found = {path.name: path.read_bytes() for path in EXAMPLES.iterdir()}
    mappings = {name: text.encode() for name, text in SHOWN.items()}
    assert set(SHOWN) == {f"{name}.yaml" for name in EXPORTS}
    assert found == examples() | mappings, "python -m tests.exports writes them anew"


@pytest.mark.parametrize("name", EXPORTS)
def test_a_mapping_shown_says_what_the_generated_one_says(name: str) -> None:
    export = EXPORTS[name]("icu-1", 14)
    complete = SOURCES[source_of(export)].completed
    shown = load_mapping(EXAMPLES / f"{name}.yaml", complete=complete)
    assert shown == type(shown).model_validate(complete(export.mapping))


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_every_source_is_on_the_page(name: str) -> None:
    assert f"--source {name}" in PAGE
