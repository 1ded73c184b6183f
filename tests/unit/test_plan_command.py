"""`wardpulse plan` on the example organisation."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from schemas.errors import InputRefused
from wardpulse import application

EXAMPLE = Path(__file__).parents[2] / "docs" / "examples" / "organisation.yaml"


def run(*words: str) -> str:
    """What the command prints on standard output."""
    given = ["plan", str(EXAMPLE), "--draws", "20", *words]
    found = CliRunner().invoke(application(given), given, catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def planned(*words: str) -> dict[str, Any]:
    """The same as JSON."""
    return dict(json.loads(run("--json", *words)))


def test_the_table_has_every_candidate_once_for_each_kind_of_responders_and_the_proposal() -> None:
    shown = run("--k", "10", "--round-days", "14")
    assert shown.count("independent responders") == shown.count("habitual responders") == 1
    assert "Proposed: 31 units with 93% of the staff in short rounds of 14 days" in shown
    assert "in one long round of 84 days: breast-centre, cath-lab" in shown
    assert "Under 11 people, and so never alone: milk-kitchen" in shown
    assert "--calendar long --season S1 --long-below 33" in shown
    assert "A sensitive form that 25% open would be published for" in shown


def test_what_is_planned_is_repeatable_and_adds_up() -> None:
    found = planned("--k", "10", "--k", "5", "--round-days", "14", "--round-days", "28")
    assert found == planned("--k", "10", "--k", "5", "--round-days", "14", "--round-days", "28")
    rows = found["candidates"]
    assert {(row["k"], row["round_days"], row["calendars"]) for row in rows} >= {(10, 14, 1), (10, 14, 2), (5, 14, 1)}
    assert all(row["published"] + row["pooled"] + row["withheld"] == pytest.approx(1, abs=0.001) for row in rows)
    usual, apart = rows[0], rows[1]
    assert (usual["calendars"], usual["long_below"], apart["calendars"]) == (1, None, 2)
    assert apart["published"] > usual["published"]
    proposal = found["proposal"]
    assert not set(proposal["long"]) & set(proposal["short"])
    assert (proposal["k"], proposal["long_below"], len(proposal["long"]) + len(proposal["short"])) == (10, 33, 40)


def test_the_first_k_and_length_asked_for_are_what_is_proposed_for() -> None:
    proposal = planned("--k", "5", "--round-days", "28", "--responders", "habitual")["proposal"]
    assert (proposal["k"], proposal["round_days"]) == (5, 28)
    assert proposal["long_below"] < 33


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--k", "3"], "k is under its floor of 5"),
        (["--response", "1.2"], "a response must be from"),
        (["--opt-in", "0"], "a response must be from"),
        (["--round-days", "100"], "does not fit into a season of 84"),
    ],
)
def test_what_cannot_be_planned_is_refused_with_a_sentence(words: list[str], said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        run(*words)


def test_an_organisation_without_leaves_has_nobody_to_ask(tmp_path: Path) -> None:
    file = tmp_path / "organisation.yaml"
    file.write_text(
        "facility: st-anna\nlevels: [facility, unit]\neffective_from: 2026-10-01\n"
        "nodes:\n  - {id: st-anna, parent: null, kind: facility, name: St Anna}\n"
    )
    words = ["plan", str(file)]
    with pytest.raises(InputRefused, match="there is nobody to ask"):
        CliRunner().invoke(application(words), words, catch_exceptions=False)
