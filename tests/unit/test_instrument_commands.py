"""The commands for instruments: what they list and show, how they score, and that no answer is ever quoted."""

import csv
import io
import json
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner, Result

from deploy.library import library
from deploy.scored import asked_for, score_file
from schemas.errors import InputRefused
from tests.unit.test_instrument_vectors import TOLERANCE, VECTORS, answers_in
from wardpulse import application

VALUE: Final = "918273"
INSTRUMENTS: Final = Path(__file__).parents[2] / "schemas" / "instruments"


def run(*words: str | Path, **env: str) -> Result:
    """A command of the front door."""
    given = ["instruments", *map(str, words)]
    return CliRunner().invoke(application(given), given, env={"COLUMNS": "300", **env})


def said(*words: str | Path, **env: str) -> str:
    """What a command that works prints."""
    result = run(*words, **env)
    assert result.exit_code == 0, (result.output, result.exception)
    return result.stdout


def scored(file: Path, *words: str) -> list[dict[str, str]]:
    """The lines that are scored."""
    return list(csv.DictReader(io.StringIO(run("score", file, *words).stdout)))


def made_up(folder: Path, text: str | bytes) -> Path:
    """A file of answers."""
    file = folder / "made-up.csv"
    file.write_bytes(text.encode() if isinstance(text, str) else text)
    return file


def test_the_list_says_what_is_in_use() -> None:
    rows = {row["instrument"]: row for row in json.loads(said("list", "--json"))}
    assert set(rows) == set(library().by_id)
    assert rows["cbi"]["forms"] == ["cbi.personal", "cbi.work", "cbi.client"]
    assert (rows["cbi"]["in_use"], rows["mbi_hss"]["in_use"], rows["phq_2"]["sensitive"]) == (True, False, True)
    assert rows["pc_ptsd_5"]["items"] == 6
    licensed = json.loads(said("list", "--json", WARDPULSE_LICENSED_INSTRUMENTS="mbi_hss"))
    assert {row["instrument"] for row in licensed if row["in_use"]} - {
        name for name, row in rows.items() if row["in_use"]
    } == {"mbi_hss"}
    table = said("list")
    assert all(name in table for name in rows)


@pytest.mark.parametrize("name", sorted(library().by_id))
def test_an_instrument_is_shown_with_what_could_not_be_checked(name: str) -> None:
    one, text = library().by_id[name], said("show", name)
    assert one.name in text
    assert one.licence.holder in text
    assert all(sentence in text for sentence in (*one.unverified, *one.traps, *one.sources.values()))
    assert all(f"form {form}: " in text for form in one.forms)
    found = json.loads(said("show", name, "--json"))
    assert found["definition"]["id"] == name
    assert set(found["keys"]) == set(one.forms)


def test_an_instrument_that_there_is_not_is_refused() -> None:
    result = run("show", "cbl")
    assert isinstance(result.exception, InputRefused)
    assert "cbi" in str(result.exception)


@pytest.mark.parametrize("kind", ["csv", "json"])
@pytest.mark.parametrize("vector", VECTORS, ids=[vector["id"] for vector in VECTORS])
def test_a_file_is_scored_as_computed_by_hand(tmp_path: Path, vector: dict[str, Any], kind: str) -> None:
    asked, answers = asked_for(library().by_id[vector["instrument"]], None), answers_in(vector)
    if kind == "json":
        text = json.dumps(answers or {"note": 1}) + "\n"
    else:
        cells = [str(answers.get(item, "")) for item in asked.limits]
        text = ",".join([*asked.limits, "note"]) + "\n" + ",".join([*cells, "made up"]) + "\n"
    ((row,), refused, _) = score_file(made_up(tmp_path, text), asked)
    assert refused == []
    assert row.at_risk is vector["expect"]["at_risk"]
    for name, by_hand in vector["expect"]["scores"].items():
        figure = row.shown()[name]
        assert (figure is None) == (by_hand is None)
        assert by_hand is None or abs(figure - by_hand) <= TOLERANCE
        if name in vector["expect"].get("bands", {}):
            assert row.shown()[f"{name}.band"] == vector["expect"]["bands"][name]


def test_scores_are_printed_with_bands_and_the_rule_and_said_to_be_for_made_up_answers(tmp_path: Path) -> None:
    file = made_up(tmp_path, "1;2;3;4;5;6\n2;2;2;2;2;2\n4;4;4;4;4;4\n;;;;1;1\n")
    assert scored(file, "--form", "cbi.personal") == [
        {"line": "2", "personal": "50", "personal.band": "moderate", "personal.at_risk": "yes", "at_risk": "yes"},
        {"line": "3", "personal": "100", "personal.band": "high", "personal.at_risk": "yes", "at_risk": "yes"},
        {"line": "4", "personal": "", "personal.band": "", "personal.at_risk": "", "at_risk": ""},
    ]
    assert "made-up answers only" in run("score", file, "--form", "cbi.personal").stderr
    out = tmp_path / "scores.csv"
    assert said("score", file, "--form", "cbi.personal", "--out", out) == ""
    assert out.read_text("utf-8").startswith("line,personal,")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["made-up.csv", "scores.csv"]
    assert json.loads(said("score", file, "--form", "cbi.personal", "--json"))[0]["personal"] == 50


def test_a_form_not_in_use_can_be_checked_as_well(tmp_path: Path) -> None:
    file = made_up(tmp_path, "1,2\n4,0\n")
    assert scored(file, "--form", "mbi_2item")[0]["at_risk"] == "yes"


@pytest.mark.parametrize(
    "text", [f"1,2\n1,1\n{VALUE},1\n", f"1,2\n1,1\nx{VALUE},1\n", f'{{"1":1,"2":1}}\n{{"1":{VALUE}}}\n']
)
def test_a_wrong_answer_is_refused_with_its_line_and_never_quoted(tmp_path: Path, text: str) -> None:
    result = run("score", made_up(tmp_path, text), "--form", "phq_2")
    assert result.exit_code == 65
    assert result.stdout.count("\n") == 2
    line = 2 if text.startswith("{") else 3
    assert f"line {line}, item 1: " in result.stderr
    assert VALUE not in result.output


def test_an_item_that_the_form_does_not_have_is_refused(tmp_path: Path) -> None:
    result = run("score", made_up(tmp_path, "1,2,3\n1,1,1\n"), "--form", "phq_2")
    assert isinstance(result.exception, InputRefused)
    assert "the name of column 3 is a number and no item of phq_2: it has 1, 2" in str(result.exception)
    result = run("score", made_up(tmp_path, '{"1":1,"2":1}\n{"1":1,"2":1,"7":1}\n'), "--form", "phq_2")
    assert result.exit_code == 65
    assert "line 2, item 7: unknown_item, phq_2 has the items 1, 2" in result.stderr


def test_an_item_that_has_no_column_is_refused(tmp_path: Path) -> None:
    result = run("score", made_up(tmp_path, "1,other\n1,1\n"), "--form", "phq_2")
    assert isinstance(result.exception, InputRefused)
    assert "has no column 2" in str(result.exception)


@pytest.mark.parametrize(
    ("rows", "is_hinted"),
    [
        (["1,1", "4,2", "2,3"], True),
        (["1,1", "4,0"], False),
        (["1,1", "3,2"], False),
        (["1,1", "5,4"], False),
        (["1,1", "4,x"], False),
        (["4,", "1,1"], True),
    ],
)
def test_a_file_coded_from_one_more_is_recognised(tmp_path: Path, rows: list[str], is_hinted: bool) -> None:
    # phq_2 is coded from 0 to 3
    result = run("score", made_up(tmp_path, "\n".join(["1,2", *rows, ""])), "--form", "phq_2")
    assert ("take 1 off every answer" in result.stderr) == is_hinted


def test_either_a_form_or_an_instrument_is_named(tmp_path: Path) -> None:
    file = made_up(tmp_path, "1,2\n1,1\n")
    assert run("score", file).exit_code == 2
    assert run("score", file, "--form", "phq_2", "--instrument", "phq_2").exit_code == 2
    assert isinstance(run("score", file, "--form", "phq_3").exception, InputRefused)
    assert isinstance(run("score", file, "--instrument", "phq_3").exception, InputRefused)
    no_folder = run("score", file, "--form", "phq_2", "--out", tmp_path / "none" / "x.csv")
    assert isinstance(no_folder.exception, InputRefused)


@pytest.mark.parametrize("text", [b"", b"1,2\n", b"\x00\x01\x02", b"[", b'{"1": ', b"[]", b"\xff\xfe1\x00"])
def test_a_file_without_answers_is_refused_or_its_lines_are(tmp_path: Path, text: bytes) -> None:
    result = run("score", made_up(tmp_path, text), "--form", "phq_2")
    assert isinstance(result.exception, InputRefused) or result.exit_code == 65


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    st.binary(max_size=80)
    | st.text('{}[]":,0123456789.-e\n;\t"x', max_size=60).map(str.encode)
    | st.lists(st.lists(st.text("0123456789-+.eE xX", max_size=12), min_size=2, max_size=3), max_size=4).map(
        lambda rows: "\n".join(["1,2", *(",".join(row) for row in rows)]).encode()
    )
)
def test_whatever_is_in_a_file_it_is_scored_or_refused(tmp_path: Path, content: bytes) -> None:
    file = made_up(tmp_path, content)
    try:
        rows, refused, _ = score_file(file, asked_for(library().by_id["phq_2"], None))
    except InputRefused:
        return
    assert rows or refused


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (
            ("--form", "cbi.work"),
            "no column has the number of an item for its name: the first line must name the items",
        ),
        (("--form", "cbi"), "cbi is an instrument: give one of its forms, cbi.personal, cbi.work, cbi.client, or"),
        (("--form", "nothing"), "nothing is not a known form: wardpulse instruments list shows them all"),
    ],
)
def test_what_cannot_be_scored_says_what_to_do_and_quotes_no_header(
    tmp_path: Path, words: tuple[str, ...], sentence: str
) -> None:
    result = run("score", made_up(tmp_path, f"unit,q{VALUE}\nicu,3\n"), *words)
    assert sentence in str(result.exception)
    assert VALUE not in str(result.exception)


def test_an_instrument_that_cannot_be_used_is_told_without_words_of_the_checker(tmp_path: Path) -> None:
    text = (INSTRUMENTS / "sib5.yaml").read_text("utf-8")
    (tmp_path / "own.yaml").write_text(text.replace("id: sib5", "id: own") + "colour: red\n")
    result = run("list", WARDPULSE_INSTRUMENTS_FOLDER=str(tmp_path))
    assert "own.yaml: colour: is not known: correct its name, or take it out." in str(result.exception)
    assert "docs/instruments.md says what a file holds" in str(result.exception)
