"""A first mapping of each system's export, finished by hand, reads the answers that are in the file."""

import re
from typing import Any

import pytest
import yaml

from deploy.resources import catalogue
from producers.sources.drafts import Draft
from producers.sources.first_mapping import first_mapping
from producers.sources.mapping import Mapping
from producers.sources.registry import SOURCES, Extra, read
from schemas.errors import InputRefused
from tests.exports import EXPORTS
from tests.surveyed import FORM, Export
from tests.unit.test_sources import source_of

CATALOGUE = catalogue()
# what only the hospital can know: where its survey holds the unit and the person
UNITS = {"limesurvey": "Q0", "qualtrics": "unit", "ms-forms": "Ward", "google-forms": "Where do you work?"}


def finished(export: Export, content: dict[str, Any]) -> Mapping:
    """The mapping with every mark replaced."""
    content |= {name: export.mapping[name] for name in ("facility", "survey", "timezone")}
    columns = content["columns"]
    columns["unit"] = UNITS.get(export.source, columns["unit"])
    if "person" in columns:
        columns["person"] = SOURCES[source_of(export)].columns["person"]
    if "submitted" in export.mapping["columns"]:
        columns["submitted"] = export.mapping["columns"]["submitted"]
    content["forms"][FORM] = export.mapping["forms"][FORM]
    return Mapping.model_validate(SOURCES[source_of(export)].completed(content))


@pytest.mark.parametrize("name", ["limesurvey", "qualtrics", "ms-forms", "google-forms", "redcap"])
def test_a_first_mapping_reads_what_its_source_wrote(name: str) -> None:
    export = EXPORTS[name]("icu-1", 14)
    text = first_mapping(export.data, [CATALOGUE[FORM]])
    named = re.search(r"submit --source (\S+)", text)
    assert named is not None
    assert named[1] == export.source
    mapping = finished(export, yaml.safe_load(text))
    extra = Extra(dictionary=export.beside.get("dictionary"))
    found = read(export.data, mapping, CATALOGUE, source_of(export), extra)
    answers = [draft.answers for draft in found if isinstance(draft, Draft)]
    assert sorted(map(str, answers)) == sorted(str(person.answers) for person in export.people)


@pytest.mark.parametrize("name", ["fhir", "jsonl", "qualtrics-json"])
def test_json_has_no_column_names_to_make_a_mapping_of(name: str) -> None:
    with pytest.raises(InputRefused, match=r"is JSON.*docs/integrating\.md has mappings"):
        first_mapping(EXPORTS[name]("icu-1", 8).data)
