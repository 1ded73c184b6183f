"""Every form that ships is sealed as the second implementation has it, and the auditor finds nothing."""

from random import Random
from typing import Any, Final

import pytest

from deploy.resources import catalogue
from producers.simulation.answers import answer_all, leave_out
from schemas.canonical import sha256_hex
from schemas.clickhouse.rows import plain
from tests.hospital import closing, opening, record
from tests.oracle import expected_outcomes, expected_rows
from tests.published import published
from tests.records import numbers, replayed

Event = dict[str, Any]
HEADS: Final = {"surgery/ward-1": 60, "surgery/ward-2": 50, "medicine/ward-3": 40, "medicine/ward-4": 12}
LEAVES: Final = ["ward-1", "ward-2", "ward-3", "ward-4"]
ANSWERED: Final = {"ward-1": 42, "ward-2": 31, "ward-3": 24, "ward-4": 5}


def people(random: Random, form: str, mood: float) -> list[Event]:
    """Answers of some of each unit: whole, with gaps, and a code too far; `mood` is how they are on the whole."""
    found, asked = [], catalogue()[form]
    for leaf, count in ANSWERED.items():
        for number in range(count):
            answers = answer_all(random, asked, random.gauss(mood, 1))
            if number % 9 == 8:
                answers = leave_out(random, answers, random.randint(1, len(answers)))
            if number % 13 == 12 and answers:
                item = random.choice(sorted(answers))
                answers[item] = asked.answer_ranges[item][1] + 1
            name = sha256_hex([form, leaf, number])
            found.append(
                {
                    "type": "submission",
                    "facility": "general",
                    "event_id": f"{name[:8]}-{name[8:12]}-{name[12:16]}-{name[16:20]}-{name[20:32]}",
                    "round": "r1",
                    "form": form,
                    "form_version": asked.version,
                    "node": leaf,
                    "respondent": name,
                    "revision": 0,
                    "answers": answers,
                    "submitted_on": "2026-01-06",
                    "source": "csv",
                    "key_id": "k",
                }
            )
    return found


@pytest.mark.parametrize("mood", [-4.0, 0.0, 4.0])
@pytest.mark.parametrize("form", sorted(catalogue()))
def test_a_form_is_sealed_as_the_second_implementation_has_it_and_the_auditor_finds_nothing(
    form: str, mood: float
) -> None:
    keys = {form: catalogue()[form].key_hash}
    marker = opening(LEAVES, forms=[form], scoring_keys=keys)
    log = [record(HEADS), marker, *people(Random(f"{form} {mood}"), form, mood), closing()]
    result = replayed(log)
    rows = [plain(event) for event in result.cohorts]
    place = ("facility", "round", "form", "path", "scale")
    assert sorted(rows, key=lambda row: [row[name] for name in place]) == expected_rows(log)
    assert {row["scale"] for row in rows} == {scale.id for scale in catalogue()[form].scales}
    outcomes = numbers(result.outcomes())
    for bucket, counts in expected_outcomes(log).items():
        assert {name: outcomes[bucket][name] for name in counts} == counts
    report = published(result).audited()
    assert (report.verdict, report.findings) == ("safe", [])
