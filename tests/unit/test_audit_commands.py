"""`wardpulse audit disclosure` by hand: what it reads, what it says, and its exit codes."""

import json
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from producers.simulate import Simulation, lines
from schemas.errors import InputRefused
from wardpulse import application

EXAMPLES: Final = Path(__file__).parents[2] / "docs" / "examples" / "audit"


def run(*words: str | Path) -> tuple[int, str]:
    """Exit code and output of a command; its error is raised."""
    result = CliRunner().invoke(application(), [*map(str, words)], catch_exceptions=False)
    return result.exit_code, result.stdout


def audited(*words: str | Path) -> tuple[int, str]:
    """Exit code and output of an audit."""
    return run("audit", "disclosure", *words)


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """The results of a dry run."""
    events, out = tmp_path / "events.jsonl", tmp_path / "results"
    events.write_bytes(b"".join(line.value + b"\n" for line in lines(Simulation(1, 300, 5, 4))))
    run("dry-run", events, "--out", out)
    return out


def change_line(path: Path, number: int, **changed: Any) -> None:
    """Change columns of one line of a file."""
    rows = path.read_text("utf-8").splitlines()
    rows[number] = json.dumps({**json.loads(rows[number]), **changed})
    path.write_text("\n".join(rows) + "\n", "utf-8")


def test_the_results_of_a_dry_run_are_safe(results: Path) -> None:
    code, said = audited(results)
    assert code == 0
    assert said.endswith("verdict: safe\n")
    assert all(line.startswith("safe ") for line in said.splitlines()[:-1])


def test_a_dry_run_of_what_is_no_log_says_so_and_one_of_a_log_does_not(results: Path, tmp_path: Path) -> None:
    export = tmp_path / "export.csv"
    export.write_text("id;unit;q1\n1;icu;4\n", "utf-8")
    code, said = run("dry-run", export, "--out", tmp_path / "nothing")
    assert code == 0
    assert f"nothing in {export} was taken: it should hold one JSON event per line" in said
    _, usual = run("dry-run", results.parent / "events.jsonl", "--out", tmp_path / "again")
    assert "was taken" not in usual


def test_a_leak_is_told_with_its_rows_and_exit_code_1(results: Path) -> None:
    cohorts = results / "cohorts.jsonl"
    first = json.loads(cohorts.read_text("utf-8").splitlines()[0])
    with cohorts.open("a", encoding="utf-8") as file:
        file.write(json.dumps({**first, "n": first["n"] - 1}) + "\n")
    code, said = audited(results)
    assert code == 1
    assert f"+ {first['node']}, {first['round']}" in said
    assert "= one person" in said
    assert said.endswith("verdict: unsafe\n")
    code, said = audited(results, "--json")
    found = json.loads(said)
    assert (code, found["verdict"]) == (1, "unsafe")
    assert [term["coefficient"] for term in found["findings"][0]["combination"]] == ["1", "-1"]


def test_without_its_closed_evidence_a_folder_is_undecided(results: Path) -> None:
    (results / "closed" / "manifests.jsonl").unlink()
    code, said = audited(results)
    assert code == 2
    assert said.endswith("verdict: undecided\n")
    assert "safe      counts add up" not in said


def test_a_file_that_does_not_belong_there_is_looked_into(results: Path) -> None:
    (results / "notes.txt").write_text("ab" * 32, "utf-8")
    code, said = audited(results)
    assert code == 1
    assert "what looks like a token or an event id stands in notes.txt" in said
    assert "abab" not in said


@pytest.mark.parametrize(
    ("name", "content", "refusal"),
    [
        ("cohorts.jsonl", b'{"n": 12', "cohorts.jsonl line 1: this is not JSON; is the file whole"),
        ("cohorts.jsonl", b"[]", "cohorts.jsonl line 1: this is not a JSON object"),
        ("cohorts.jsonl", b'{"n": NaN}', "cohorts.jsonl line 1: this is not JSON"),
        ("cohorts.jsonl", b"\xff\xfe", "cohorts.jsonl line 1: this is not JSON"),
        ("rounds.jsonl", b"{}", "rounds.jsonl line 1: column policy must be an object"),
        ("closed/manifests.jsonl", b"\n", "manifests.jsonl line 1: this is no event of ours"),
        ("closed/manifests.jsonl", b"", "no manifest tells the members of this row"),
    ],
)
def test_a_file_that_is_not_whole_is_refused_with_its_line(
    results: Path, name: str, content: bytes, refusal: str
) -> None:
    (results / name).write_bytes(content)
    with pytest.raises(InputRefused, match=refusal):
        audited(results)


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match=r"holds neither cohorts\.jsonl of a dry run nor the folder clickhouse"):
        audited(tmp_path)


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["--clickhouse", str(EXAMPLES)],
        ["--table", "x.csv"],
        ["--hidden", "x.csv"],
        [str(EXAMPLES), "--manifests", "x.jsonl"],
        ["--table", "x.csv", "--hidden", "y.csv", "--smallest", "1"],
        [str(EXAMPLES), "--smallest", "5"],
        [str(EXAMPLES), "--maximum", "5"],
    ],
)
def test_what_does_not_go_together_is_wrong_usage(words: list[str]) -> None:
    assert CliRunner().invoke(application(), ["audit", "disclosure", *words]).exit_code == 2


def test_a_table_from_elsewhere_is_audited() -> None:
    code, said = audited("--table", EXAMPLES / "f1-table.csv", "--hidden", EXAMPLES / "f1-hidden.csv")
    assert code == 1
    assert "hidden wb is 47: nothing else is possible" in said
    code, said = audited(
        "--table", EXAMPLES / "f1-safe-table.csv", "--hidden", EXAMPLES / "f1-safe-hidden.csv", "--json"
    )
    assert code == 0
    assert json.loads(said)["hidden"]["wb"] == {"low": "0", "high": "78"}


def test_limits_of_a_cell_are_given_as_exact_numbers() -> None:
    pair = ("--table", EXAMPLES / "f3-table.csv", "--hidden", EXAMPLES / "f3-hidden.csv", "--json")
    _, said = audited(*pair, "--minimum", "1", "--maximum", "5")
    assert json.loads(said)["hidden"]["p1"] == {"low": "1", "high": "5"}
    with pytest.raises(InputRefused, match="--minimum must hold numbers"):
        audited(*pair, "--minimum", "one")


def test_tables_that_are_not_there_or_not_utf_8_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputRefused, match="No such file"):
        audited("--table", tmp_path / "none.csv", "--hidden", EXAMPLES / "f1-hidden.csv")
    wrong = tmp_path / "latin.csv"
    wrong.write_bytes("name,value,cells\nt\xe4t,3,a".encode("latin-1"))
    with pytest.raises(InputRefused, match="is not UTF-8"):
        audited("--table", wrong, "--hidden", EXAMPLES / "f1-hidden.csv")


def test_no_finding_tells_a_tag_or_a_value_of_a_column_it_does_not_know(results: Path) -> None:
    manifests = results / "closed" / "manifests.jsonl"
    number, manifest = next(
        (index, json.loads(line))
        for index, line in enumerate(manifests.read_text("utf-8").splitlines())
        if "cohort.manifest" in line
    )
    change_line(manifests, number, tags=manifest["tags"][1:])
    change_line(results / "cohorts.jsonl", 0, respondent=manifest["tags"][0])
    code, said = audited(results, "--json")
    assert code == 1
    assert not any(tag in said for tag in manifest["tags"])
