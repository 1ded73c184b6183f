"""One mapping, week after week: the round comes with it or from outside, and nothing unfinished is used."""

from pathlib import Path

import pytest

from deploy.export import read_export
from deploy.resources import catalogue
from producers.sources.drafts import to_submission
from producers.sources.mapping import Mapping, examine_mapping, for_round, load_mapping
from schemas.errors import InputRefused
from tests.limesurvey import LIMESURVEY_MAPPING, limesurvey_export
from tests.unit.test_csv_source import HEADER, KEYS, SIMPLE, drafts, mapping_of
from tests.unit.test_mapping import MINIMAL

EVERY_WEEK = Mapping.model_validate({name: value for name, value in SIMPLE.items() if name != "round"})


def test_a_mapping_needs_no_round_until_something_is_sent() -> None:
    assert EVERY_WEEK.round is None
    (draft,) = drafts(HEADER + "1,a,u,2026-10-06,3\n", EVERY_WEEK)
    with pytest.raises(InputRefused, match="no round is chosen: name it when you send, or write `round`"):
        to_submission(draft, EVERY_WEEK, KEYS)
    assert to_submission(draft, for_round(EVERY_WEEK, "2026-W41"), KEYS).round == "2026-W41"


def test_the_round_comes_from_the_mapping_or_from_outside() -> None:
    assert for_round(EVERY_WEEK, "2026-W41").chosen_round() == "2026-W41"
    assert for_round(mapping_of(round="r1"), None).chosen_round() == "r1"
    assert for_round(mapping_of(round="r1"), "r1") == mapping_of(round="r1")
    assert EVERY_WEEK.round is None


@pytest.mark.parametrize(
    ("mapping", "round_", "sentence"),
    [
        (EVERY_WEEK, None, "no round is chosen"),
        (mapping_of(round="r1"), "r2", "the mapping is for round r1: remove `round` from it to use it for others"),
        (EVERY_WEEK, "", "is not a round's name"),
        (EVERY_WEEK, "KW 41", "'KW 41' is not a round's name: use letters"),
        (EVERY_WEEK, "2026-W41\n", "is not a round's name"),
        (EVERY_WEEK, "x" * 65, "is not a round's name"),
    ],
)
def test_a_round_that_is_not_clear_is_refused(mapping: Mapping, round_: str | None, sentence: str) -> None:
    with pytest.raises(InputRefused, match=sentence):
        for_round(mapping, round_)


def test_a_trial_names_its_round_in_the_mapping(tmp_path: Path) -> None:
    mapping, export = tmp_path / "mapping.yaml", tmp_path / "export.csv"
    export.write_bytes(limesurvey_export(60))
    mapping.write_text(LIMESURVEY_MAPPING, "utf-8")
    assert read_export(export, mapping, catalogue()).mapping.chosen_round() == "2026-W41"
    mapping.write_text(LIMESURVEY_MAPPING.replace("round: 2026-W41 ", "# "), "utf-8")
    with pytest.raises(InputRefused, match="no round is chosen"):
        read_export(export, mapping, catalogue())


# what is still to be filled in


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("facility: st-anna", "facility: CHANGE-ME", "facility still says CHANGE-ME: write your facility's id"),
        ("survey: 12", "survey: ' CHANGE-ME '", "survey still says CHANGE-ME: write the survey's number"),
        ("round: 2026-W41", "round: CHANGE-ME", "round still says CHANGE-ME: .* name the round when you send"),
        ("unit: Ward", "unit: CHANGE-ME", "columns.unit still says CHANGE-ME: write the column"),
        ("person: Email", "person: CHANGE-ME", "columns.person still says CHANGE-ME: .* identity: response"),
        ("Europe/Berlin", "CHANGE-ME", "timezone still says CHANGE-ME: write the facility's"),
        ("sib5:", "CHANGE-ME:", "forms still says CHANGE-ME: write a form's id"),
        ('"Burnt out?"', "CHANGE-ME", "forms.sib5.items.1 still says CHANGE-ME: write the column that holds the item"),
        ("timezone:", "units: {CHANGE-ME: a}\ntimezone:", "units still says CHANGE-ME: write"),
        ("timezone:", "accept: {column: a, values: [1, CHANGE-ME]}\ntimezone:", "accept.values.1 still says CHANGE-ME"),
    ],
)
def test_a_setting_that_was_not_filled_in_is_refused_by_its_name(
    tmp_path: Path, old: str, new: str, sentence: str
) -> None:
    path = tmp_path / "mapping.yaml"
    assert old in MINIMAL
    path.write_text(MINIMAL.replace(old, new), "utf-8")
    with pytest.raises(InputRefused, match=sentence):
        load_mapping(path)
    found = examine_mapping(path)
    assert isinstance(found, list)
    assert len(found) == 1


def test_other_mistakes_are_told_beside_what_is_unfinished(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    text = MINIMAL.replace("st-anna", "CHANGE-ME").replace("Ward", "CHANGE-ME").replace("Email", "CHANGE-ME")
    path.write_text(text.replace("source: forms", "source: Forms"), "utf-8")
    found = examine_mapping(path)
    assert isinstance(found, list)
    assert [sentence.split()[0] for sentence in found] == ["facility", "columns.person", "columns.unit", "source"]


def test_only_the_first_mistakes_are_told_unless_all_are_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "mapping.yaml"
    items = ", ".join(f"{item}: CHANGE-ME" for item in range(7, 14))
    path.write_text(MINIMAL.replace("sib5:", "cbi.work:").replace('1: "Burnt out?"', items), "utf-8")
    with pytest.raises(InputRefused, match=r"items\.11 still says .*; and 2 more\. docs/examples"):
        load_mapping(path)
    found = examine_mapping(path)
    assert isinstance(found, list)
    assert len(found) == 7


@pytest.mark.parametrize(
    "text",
    [
        "&a [*a]",
        "facility: &a {x: *a}",
        "a: &a [1]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: [*c, *c]",
        'facility: "\\ud800"',
        '"\\udfff": 1',
        "columns: {person: &p [*p, CHANGE-ME]}",
    ],
)
def test_blocks_that_hold_themselves_and_letters_that_are_none_are_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "mapping.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(InputRefused) as refusal:
        load_mapping(path)
    assert str(refusal.value).encode()


@pytest.mark.parametrize("merge", ["!!merge <<", "<<", '!!merge "x"'])
def test_nothing_is_merged_so_that_no_merge_of_merges_grows(tmp_path: Path, merge: str) -> None:
    path = tmp_path / "mapping.yaml"
    levels = [f"a{i}: &a{i} {{{merge}: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in range(1, 12)]
    path.write_text("a0: &a0 {x: 1, y: 2}\n" + "".join(levels), "utf-8")
    with pytest.raises(InputRefused, match=r"mapping\.yaml"):
        load_mapping(path)
