"""Which instruments a deployment knows: what ships and the site's own, each once, in use only with a licence."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from typer.testing import CliRunner

from deploy.check_instruments import check_instruments
from deploy.doctor import Unseen
from deploy.library import MOST_BYTES, in_use, library, library_of, with_instruments_of
from deploy.resources import catalogue, definitions
from deploy.settings import Settings
from deploy.wiring import file_rules, live_rules
from producers.sources.mapping import examine_mapping
from schemas.errors import InputRefused, SettingsError
from schemas.instruments.enabled import why_not
from schemas.instruments.model import Instrument
from stream_processors.audit.instruments import scales
from stream_processors.steps.ledger import ledger
from tests.hospital import opening, record
from tests.records import replayed
from wardpulse import application

OWN = """
id: own_calm
version: 1
name: Calm, a question of this hospital
licence: {terms: our own, holder: this hospital, needed: none, wording: may_ship}
citation: [none]
health_workers: not validated
recall_days: null
min_interval_days: 7
suggested_interval_days: 30
sensitive: true
answers: {min: 1, max: 5, anchors: "1 never, to 5 always"}
scales:
  calm:
    measures: calm
    items: [1, 2]
    reverse: [2]
    published_as: mean
    direction: higher_is_better
    cuts: [{label: little, at_most: 4, published: 2 or less}]
    at_risk: little
    reference: [{figure: mean, value: 3.5, of: nobody, unverified: true}]
forms: {own_calm: [calm]}
sources: {key: our own}
"""
LICENSED = {"mbi_2item", "ambi_9", "mbi_hss", "wbi_7", "wbi_9", "pfi", "bat_23", "bat_12", "bat_4", "uwes_3"}
SENSITIVE = {"phq_2", "gad_2", "pc_ptsd_5", "who_5", "mios", "miss_hp", "stss", "wp_error"}
Write = Callable[..., Settings]


@pytest.fixture
def written(tmp_path: Path) -> Write:
    """Writes files into a folder of instruments, and gives the settings that name it."""

    def write(*texts: str | bytes, **given: Any) -> Settings:
        folder = tmp_path / "own"
        folder.mkdir(exist_ok=True)
        for number, text in enumerate(texts):
            (folder / f"{number}.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return Settings(instruments_folder=folder, **given)

    return write


def refused(settings: Settings) -> str:
    """Why the instruments of these settings cannot be used."""
    library.cache_clear()
    with pytest.raises((InputRefused, SettingsError)) as error:
        library_of(settings)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_ships_is_26_instruments_each_in_the_file_of_its_name() -> None:
    shipped = library()
    assert len(shipped.instruments) == 26
    assert all(file == f"schemas/instruments/{name}.yaml" for name, file in shipped.files.items())
    assert [one.id for one in shipped.instruments] == sorted(one.id for one in shipped.instruments)


def test_instruments_that_need_a_licence_are_not_in_use_and_the_others_are() -> None:
    shipped = library()
    assert {one.id for one in shipped.instruments if not shipped.is_enabled(one)} == LICENSED
    assert set(shipped.catalogue) == {name for name, form in catalogue().items() if form.instrument not in LICENSED}
    assert shipped.catalogue.known == catalogue()


def test_the_forms_about_health_are_sensitive() -> None:
    assert {one.id for one in library().instruments if one.sensitive} == SENSITIVE


def test_wording_ships_of_our_own_questions_alone() -> None:
    assert {one.id for one in library().instruments if one.wording} == {"wp_exposure", "wp_error", "wp_trust"}
    for one in library().instruments:
        assert set(one.wording) in (set(), {item for scale in one.scales.values() for item in scale.items})


def test_a_licence_that_is_named_brings_its_instrument_into_use() -> None:
    found = library_of(Settings(licensed_instruments="mbi_hss,pfi"))
    assert {"mbi_hss", "pfi", "pfi.subscales"} <= set(found.catalogue)
    assert "wbi_7" not in found.catalogue


def test_a_licence_for_nothing_is_refused() -> None:
    assert "licensed_instruments names mbi_hs, which is no instrument" in refused(
        Settings(licensed_instruments="mbi_hs")
    )


def test_a_form_not_in_use_is_refused_with_whose_licence_and_which_setting() -> None:
    said = why_not("mbi_hss", library().catalogue)
    assert "Mind Garden" in said
    assert said.endswith("name mbi_hss in the setting licensed_instruments")
    assert why_not("pfi.subscales", library().catalogue).endswith("name pfi in the setting licensed_instruments")
    assert why_not("nothing", library().catalogue).startswith("is not a known form: use one of cbi.client, ")


def test_a_mapping_of_a_form_not_in_use_says_so(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "examples" / "limesurvey-cbi.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    content["forms"] = {"wbi_7": {"version": 1, "items": {str(item): f"q{item}" for item in range(1, 8)}}}
    file = tmp_path / "mapping.yaml"
    file.write_text(yaml.safe_dump(content), "utf-8")
    found = examine_mapping(file, library().catalogue)
    assert isinstance(found, list)
    assert any("forms.wbi_7 is not in use" in sentence and "Mayo" in sentence for sentence in found)


def test_the_question_before_the_others_must_be_mapped(tmp_path: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "examples" / "limesurvey-cbi.yaml").read_text("utf-8")
    content = yaml.safe_load(text)
    file = tmp_path / "mapping.yaml"
    for items, problems in ((range(1, 6), 1), (range(6), 0)):
        content["forms"] = {"pc_ptsd_5": {"version": 1, "items": {str(item): f"q{item}" for item in items}}}
        file.write_text(yaml.safe_dump(content), "utf-8")
        found = examine_mapping(file, library().catalogue)
        assert len(found if isinstance(found, list) else []) == problems, found


def test_an_instrument_of_the_site_is_in_use_everywhere(written: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    own = written(OWN)
    found = library_of(own)
    (form,) = [form for name, form in found.catalogue.items() if name == "own_calm"]
    assert form.score({"1": 1, "2": 3}) == ((4, True),)
    assert form.sensitive
    monkeypatch.setenv("WARDPULSE_INSTRUMENTS_FOLDER", str(own.instruments_folder))
    assert in_use() == found.catalogue
    assert file_rules(catalogue=in_use()).catalogue == found.catalogue
    assert with_instruments_of(own, Settings()).instruments_folder == own.instruments_folder
    printed = CliRunner().invoke(application(["instruments"]), ["instruments", "list", "--json"])
    assert '"own_calm"' in printed.output


def test_the_worker_uses_the_instruments_of_its_settings(written: Write, tmp_path: Path) -> None:
    (tmp_path / "verify.json").write_text("{}", "utf-8")
    (tmp_path / "audit.key").write_bytes(b"k" * 32)
    keys = {"verify_keys": tmp_path / "verify.json", "audit_key_file": tmp_path / "audit.key"}
    forms = live_rules(written(OWN, licensed_instruments="mbi_hss", **keys)).catalogue
    assert {"own_calm", "mbi_hss"} <= set(forms)
    assert "wbi_7" not in forms


def test_the_auditor_reads_an_instrument_of_the_site_as_the_engine_does(written: Write) -> None:
    found = library_of(written(OWN))
    asked, scale = scales(found.definitions)["own_calm", "calm"], found.catalogue["own_calm"].scales[0]
    assert asked.sensitive
    assert asked.at_risk is not None
    assert (asked.at_risk.low, asked.at_risk.high) == scale.at_risk_range
    assert (asked.other.low, asked.other.high) == scale.not_at_risk_range


def test_two_instruments_or_forms_with_one_id_are_refused_with_both_files(written: Write) -> None:
    said = refused(written(OWN, OWN))
    assert "two of instrument own_calm" in said
    assert "0.yaml" in said
    assert "1.yaml" in said
    said = refused(written(OWN.replace("id: own_calm", "id: cbi"), OWN.replace("own_calm", "another")))
    assert "two of instrument cbi, in schemas/instruments/cbi.yaml and in " in said
    said = refused(written(OWN, OWN.replace("id: own_calm", "id: other")))
    assert "two of form own_calm" in said
    said = refused(written(OWN.replace("forms: {own_calm:", "forms: {cbi.work:"), OWN.replace("own_calm", "another")))
    assert "two of form cbi.work, in schemas/instruments/cbi.yaml and in " in said


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("min_interval_days: 7", "min_interval_days: 0", "min_interval_days"),
        ("recall_days: null", "recall_days: 14", "min_interval_days is under recall_days"),
        ("suggested_interval_days: 30", "suggested_interval_days: 3", "suggested_interval_days is under"),
        ("at_risk: little", "at_risk: much", "at_risk names none of its cuts"),
        ("at_most: 4", "at_least: 4", "at_risk names a cut of the good side"),
        ("at_most: 4", "at_most: 10", "nobody, or everybody"),
        ("at_most: 4", "at_most: 1", "nobody, or everybody"),
        ("at_most: 4", "at_most: 4, at_least: 3", "one of at_least and at_most"),
        ("at_most: 4", 'at_most: "4"', "valid integer"),
        ("items: [1, 2]", "items: [1, 1]", "items must be distinct"),
        ("items: [1, 2]", "items: [1, 0]", "greater than or equal to 1"),
        ("items: [1, 2]", "items: []", "at least 1 item"),
        ("reverse: [2]", "reverse: [3]", "contain every reversed one"),
        ("reverse: [2]", "min_answered: 3", "min_answered exceeds"),
        ("published_as: mean", "published_as: median", "published_as"),
        ("min: 1, max: 5", "min: 5, max: 5", "the smallest answer is not under the largest"),
        ("max: 5, ", "max: 5, other: {7: {min: 0, max: 1}}, ", "names an item that no scale has"),
        ("reverse: [2]", "reverse: [2]\n    at_rsk: little", "at_rsk"),
        ("forms: {own_calm: [calm]}", "forms: {own_calm: [storm]}", "form own_calm has no scale storm"),
        ("forms: {own_calm: [calm]}", "forms: {}", "forms"),
        ("forms: {own_calm: [calm]}", "forms: {Own Calm: [calm]}", "forms"),
        ("wording: may_ship}", "wording: never}\nwording: {1: text}", "wording may not be here"),
        ("sources:", "at_risk_rule: {any: [calm:storm]}\nsources:", "there is no cut calm:storm"),
        ("sources:", "at_risk_rule: {any: [], all: []}\nsources:", "one of any and all"),
        ("sources:", "gate: {item: 0, open: 9}\nsources:", "gate.open is no answer"),
        ("sources:", "gate: {item: 3, open: 1}\nsources:", "gate.item"),
        ("sensitive: true", "sensitive: perhaps", "sensitive"),
        ("value: 3.5", "value: NaN", "finite number"),
    ],
)
def test_a_slip_in_a_file_is_refused_with_its_place(written: Write, old: str, new: str, said: str) -> None:
    assert old in OWN
    found = refused(written(OWN.replace(old, new)))
    assert said in found
    assert "0.yaml" in found


def test_items_left_out_need_one_range_of_answers(written: Write) -> None:
    other = OWN.replace("max: 5, ", "max: 5, other: {2: {min: 0, max: 1}}, ").replace("at_most: 4", "at_most: 2")
    library_of(written(other))
    assert "may not be answered in part" in refused(written(other.replace("reverse: [2]", "min_answered: 1")))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "valid dictionary"),
        (b"- a list", "valid dictionary"),
        (b"id: [unclosed", "is not YAML"),
        (b"\xff\xfe\x00", "not UTF-8"),
        (b"id: a\nid: b", "given twice"),
        (b"a: &a [*a]", "0.yaml"),
        (("a: " + "[" * 5000).encode(), "0.yaml"),
        (b"x: 1\n" * (MOST_BYTES // 5 + 1), "longer than an instrument can be"),
        (b"id: 9999999999999999999999\n", "0.yaml"),
        (b"!!python/object/apply:os.system [echo canary]", "0.yaml"),
    ],
)
def test_what_is_no_instrument_is_refused_and_named(written: Write, text: bytes, said: str) -> None:
    found = refused(written(text))
    assert "0.yaml" in found
    assert said in found or "check" in found


def test_a_file_that_cannot_be_used_is_never_quoted(written: Write) -> None:
    assert "canary" not in refused(written(OWN.replace("direction: higher_is_better", "direction: canary-name")))


@pytest.mark.parametrize(
    ("instead", "said"),
    [
        # a few letters that stand for gigabytes, and for an order that is another in every process
        ("measures: &m calm\n    items: *m", "line 16: an alias or a tag"),
        ("measures: calm\n    items: !!set {1, 2}", "line 16: an alias or a tag"),
        (f"measures: calm\n    items: {list(range(1, 201))}", "scale calm spans more than 2000"),
        (f"measures: calm\n    items: {[1] * 201}", "scales.calm.items: Tuple should have at most 200"),
    ],
)
def test_a_file_that_would_take_for_ever_is_refused_at_once(written: Write, instead: str, said: str) -> None:
    text = OWN.replace("measures: calm\n    items: [1, 2]", instead).replace("max: 5", "max: 50")
    assert said in refused(written(text))


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert "pipe.yaml: is no file" in refused(Settings(instruments_folder=tmp_path))


def test_a_share_published_elsewhere_is_a_share(written: Write) -> None:
    assert "a share is from 0 to 1" in refused(written(OWN.replace("figure: mean", "figure: at_risk_share")))


def test_a_folder_that_is_none_or_holds_none_is_refused(tmp_path: Path) -> None:
    assert "cannot be read" in refused(Settings(instruments_folder=tmp_path / "missing"))
    (tmp_path / "notes.txt").write_text("x", "utf-8")
    assert "holds no .yaml file" in refused(Settings(instruments_folder=tmp_path))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
@given(
    place=st.integers(0, len(OWN) - 1),
    length=st.integers(0, 40),
    put=st.sampled_from(["", "[", "\x00", ": ", "é", "- "]),
)
def test_no_damage_to_a_file_raises_anything_else(tmp_path: Path, place: int, length: int, put: str) -> None:
    folder = tmp_path / "damaged"
    folder.mkdir(exist_ok=True)
    (folder / "own.yaml").write_text(OWN[:place] + put + OWN[place + length :], "utf-8")
    library.cache_clear()
    said = ""
    try:
        found = library_of(Settings(instruments_folder=folder))
    except (InputRefused, SettingsError) as error:
        said = str(error)
    assert "own.yaml" in said or len(found.instruments) == 27


def test_the_doctor_looks_at_the_instruments(written: Write) -> None:
    unseen = Unseen("no broker", "Start it.")
    fine = check_instruments(Settings(), unseen)
    assert (fine.state, fine.found) == ("ok", f"26 known, {26 - len(LICENSED)} in use")
    library.cache_clear()
    wrong = check_instruments(written("id: x"), unseen)
    assert wrong.state == "problem"
    assert "0.yaml" in wrong.found
    for key, state in ((catalogue()["sib5"].key_hash, "ok"), ("0" * 64, "problem")):
        marker = opening(["ward-1"], scoring_keys={"sib5": catalogue()["sib5"].key_hash})
        placed, opened = replayed([record({"surgery/ward-1": 30}), marker]).echoes
        terms = opened.event.model_copy(update={"scoring_keys": {"sib5": key}})
        found = check_instruments(Settings(), ledger([placed, opened.model_copy(update={"event": terms})]))
        assert found.state == state
        assert ("another key of sib5" in found.found) == (state == "problem")


def test_every_shipped_file_says_where_its_facts_are_from() -> None:
    for one in library().instruments:
        assert one.sources
        assert one.citation
        assert one.licence.wording != "may_ship" or one.licence.needed == "none"
        assert one.unverified, one.id


def test_a_definition_that_ships_has_no_unknown_field() -> None:
    for definition in definitions():
        with pytest.raises(ValidationError, match="extra"):
            Instrument.model_validate({**definition, "note": "x"})
