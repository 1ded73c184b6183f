"""Mappings are written by hand: whatever is wrong with one is said in a sentence, before a row is read."""

from collections.abc import Callable
from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deploy.resources import catalogue
from producers.sources.mapping import Mapping, form_problems, load_mapping
from schemas.errors import InputRefused
from schemas.organisation import organisation
from tests.limesurvey import LIMESURVEY_FILE, LIMESURVEY_MAPPING

MINIMAL = """
facility: st-anna
source: forms
survey: 12
round: 2026-W41
columns: {response: ID, person: Email, unit: Ward, submitted: Done}
timezone: Europe/Berlin
forms:
  sib5: {version: 1, items: {1: "Burnt out?"}}
"""

Load = Callable[[str], Mapping]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    def from_text(text: str) -> Mapping:
        path = tmp_path / "mapping.yaml"
        path.write_text(text, "utf-8")
        return load_mapping(path)

    return from_text


def test_the_documented_example_is_complete_and_valid() -> None:
    mapping = load_mapping(LIMESURVEY_FILE)
    assert mapping.organisation is not None
    tree = organisation(mapping.organisation.event(mapping.facility))
    assert set(tree.leaves()) == set(mapping.units.values())
    assert mapping.dates is not None
    assert (mapping.dates.first, mapping.dates.last) == (date(2026, 10, 5), date(2026, 10, 18))


def test_the_documented_example_names_every_setting() -> None:
    sections = {name for name in Mapping.model_fields if f"\n{name}:" in LIMESURVEY_MAPPING.replace("# ", "")}
    assert sections == set(Mapping.model_fields)


def test_the_same_organisation_gives_the_same_event() -> None:
    first, second = (load_mapping(LIMESURVEY_FILE).organisation for _ in range(2))
    assert first is not None
    assert second is not None
    assert first.event("st-anna") == second.event("st-anna")


def test_a_short_mapping_gets_defaults(load: Load) -> None:
    mapping = load(MINIMAL)
    assert (mapping.survey, mapping.identity, mapping.header.skip_after) == ("12", "person", None)
    assert mapping.known_units() == frozenset()


def test_names_that_yaml_takes_for_other_things_stay_text(load: Load) -> None:
    mapping = load(MINIMAL + "units: {NO: no-1, 012: w-12, 1_0: w-10, 12:30: w-1230, 2026-01-01: w-d, yes: on, 7: w-7}")
    assert set(mapping.units) == {"NO", "012", "1_0", "12:30", "2026-01-01", "yes", "7"}
    assert mapping.units["yes"] == "on"


def test_one_accept_rule_may_be_written_without_a_list(load: Load) -> None:
    mapping = load(MINIMAL + "accept: {column: Status, values: [0]}")
    assert mapping.accept[0].values == {"0"}
    assert mapping.used_columns() == ("ID", "Email", "Ward", "Done", "Status", "Burnt out?")


def test_blanks_and_line_breaks_in_column_names_do_not_matter(load: Load) -> None:
    mapping = load(MINIMAL.replace('"Burnt out?"', '"Burnt \\n\\u00a0 out? "'))
    assert mapping.item_columns() == ("Burnt out?",)


def test_a_survey_without_persons_must_say_so(load: Load) -> None:
    without = MINIMAL.replace("person: Email, ", "")
    with pytest.raises(InputRefused, match="identity: response"):
        load(without)
    assert load(without + "identity: response").columns.person is None


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("facility: st-anna", "", "facility is missing: add it"),
        ("facility: st-anna", "facility: St. Anna", "facility is not an id"),
        ("source: forms", "sauce: forms", "no setting sauce.*known are facility, source"),
        ("Ward,", "Ward, ward: x,", "columns has no setting ward.*known are response, person, unit"),
        (", submitted: Done", "", "one of columns.submitted .* and submitted_on"),
        ("timezone:", "submitted_on: 2026-10-12\ntimezone:", "one of columns.submitted .* and submitted_on"),
        ("timezone: Europe/Berlin", "", "needs timezone"),
        ("Europe/Berlin", "Europe/Berlim", "timezone is not a time zone"),
        ("Europe/Berlin", "../../etc/passwd", "timezone is not a time zone"),
        ("timezone:", "date_format: '%d.%m'\ntimezone:", "date_format is not a date format"),
        ("timezone:", "date_format: '%Y-%m-%d %'\ntimezone:", "date_format is not a date format"),
        ("timezone:", "date_format: '%Y-%Y-%m-%d'\ntimezone:", "date_format is not a date format"),
        ("timezone:", "header: {encoding: rot13}\ntimezone:", "header.encoding .*'utf-8'"),
        ("timezone:", "header: {delimiter: x}\ntimezone:", "header.delimiter"),
        ("timezone:", "header: {skip_after: -1}\ntimezone:", "header.skip_after"),
        ("timezone:", "header: [1]\ntimezone:", "header must be a block of settings"),
        ("timezone:", "accept: {column: Status, values: []}\ntimezone:", r"accept.0.values must not be empty"),
        ("timezone:", "dates: {first: 2026-10-18, last: 2026-10-05}\ntimezone:", "dates must have first before last"),
        ("timezone:", "dates: {first: 18.10.2026, last: x}\ntimezone:", "dates.first must be a date such as"),
        ("timezone:", "units: {A: Ward A}\ntimezone:", "units.A is not an id"),
        ("sib5", "sib6", "forms.sib6 is not a known form: use one of cbi.client, cbi.personal, cbi.work, gad_2"),
        ("items: {1:", "items: {2:", "forms.sib5.items.2 is not an item: the form has 1"),
        ("items: {1:", "items: {Q1:", "forms.sib5.items.Q1 is not an id"),
        ("version: 1", "version: 2", "forms.sib5.version is 2, but the form has version 1"),
        ("version: 1", "version: one", "forms.sib5.version must be a whole number"),
        ("Burnt out?", "Ward", "uses the column Ward for an item and for something else"),
        ('out?"}', 'out?"}, values: {A0: 0, A1: 1}', "forms.sib5.values.A0 is 0: answers are coded from 1 to 5"),
        ("survey: 12", "survey: [12]", "survey must be text: put it in quotes"),
        ("survey: 12", "survey: 12\nsurvey: 13", "line 2: survey is given twice"),
        ("survey: 12", "survey: 'twelve", "line .*check colons, quotes and indentation"),
        ("survey: 12", "survey: !!int twelve", "is not YAML"),
        ("survey: 12", "survey: !!python/name:os.system x", "line 4: could not determine a constructor"),
        ("survey: 12", "survey: " + "[" * 5000, "YAML|line"),
    ],
)
def test_a_mistake_is_refused_with_its_place_and_what_to_do(load: Load, old: str, new: str, sentence: str) -> None:
    assert old in MINIMAL
    with pytest.raises(InputRefused, match=sentence) as refusal:
        load(MINIMAL.replace(old, new))
    assert "mapping.yaml" in str(refusal.value)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("U01: med-a", "U01: med-z", "units: med-z is not a unit of the organisation"),
        ("id: med-a, parent: medicine", "id: med-a, parent: medisin", "med-a has a parent that does not exist"),
        ("headcount: 84", "headcount: many", "organisation.nodes.1.*headcount|organisation.nodes.2.*headcount"),
        ("{id: st-anna, parent: null", "{id: st-ann, parent: null", "node st-anna must be the root"),
    ],
)
def test_an_organisation_that_does_not_hold_together_is_refused(load: Load, old: str, new: str, sentence: str) -> None:
    assert old in LIMESURVEY_MAPPING
    with pytest.raises(InputRefused, match=sentence):
        load(LIMESURVEY_MAPPING.replace(old, new))


def test_too_few_items_for_a_score_are_refused(load: Load) -> None:
    text = MINIMAL.replace("sib5:", "cbi.work:").replace('{1: "Burnt out?"}', "{7: a, 8: b}")
    with pytest.raises(InputRefused, match="has 2 items of work: name them all, 7, 8, 9, 10, 11, 12, 13"):
        load(text)


def test_a_catalogue_of_ones_own_decides(load: Load) -> None:
    own = {name: form for name, form in catalogue().items() if name != "sib5"}
    assert form_problems(load(MINIMAL), catalogue()) == []
    assert "forms.sib5 is not a known form" in form_problems(load(MINIMAL), own)[0]


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="cannot be read"):
        load_mapping(tmp_path / "none.yaml")
    latin = tmp_path / "latin.yaml"
    latin.write_bytes("facility: münchen".encode("cp1252"))
    with pytest.raises(InputRefused, match="save it as UTF-8"):
        load_mapping(latin)
    latin.write_bytes(b"")
    with pytest.raises(InputRefused, match="the mapping must be a block of settings"):
        load_mapping(latin)


def test_a_mapping_saved_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(MINIMAL, "utf-8-sig")
    assert load_mapping(path).facility == "st-anna"


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    lines=st.lists(st.text(alphabet="abAB01 :-[]{}&*!|>'\"#%@\n\t\0é", max_size=12), max_size=4), place=st.integers(0)
)
def test_no_damage_to_a_mapping_raises_anything_else(tmp_path: Path, lines: list[str], place: int) -> None:
    path = tmp_path / "mapping.yaml"
    kept = MINIMAL.splitlines()
    at = place % len(kept)
    path.write_text("\n".join([*kept[:at], *lines, *kept[at:]]), "utf-8")
    with suppress(InputRefused):
        load_mapping(path)
