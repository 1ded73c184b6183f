"""JSON lines and Qualtrics' JSON under hostile hands: no answer vanishes, nobody borrows a name, nothing grows."""

import json
import time
import tracemalloc
from typing import Any

import pytest

from producers.sources.json_lines import read_json_lines
from producers.sources.json_text import members
from producers.sources.mapping import Header
from producers.sources.qualtrics import read_qualtrics
from producers.sources.sheet import Refused, Sheet

WANTED = ("ExternalReference", "ResponseId", "QID1")


def lines(value: Any, *wanted: str) -> list[Sheet | Refused]:
    return list(read_json_lines(json.dumps(value).encode(), wanted))


def qualtrics(values: Any) -> list[Sheet | Refused]:
    data = json.dumps({"responses": [{"responseId": "R_1", "values": values}]}).encode()
    return list(read_qualtrics(data, WANTED, Header(), "ResponseId"))


@pytest.mark.parametrize("held", [["3"], {"code": 3}, [[]], [{}]])
def test_an_answer_inside_a_list_or_object_is_refused_and_not_taken_for_nothing(held: Any) -> None:
    (found,) = lines({"answers": {"7": held, "8": 1}}, "answers.7", "answers.8")
    assert isinstance(found, Refused)
    assert (found.reason, found.column) == ("wrong_shape", "answers.7")
    (found,) = qualtrics({"QID1": held})
    assert isinstance(found, Refused)
    assert (found.reason, found.column) == ("wrong_shape", "QID1")


@pytest.mark.parametrize("held", [[], {}, None, ""])
def test_what_is_empty_is_not_answered(held: Any) -> None:
    (found,) = lines({"answers": {"7": held, "8": 1}}, "answers.7", "answers.8")
    assert isinstance(found, Sheet)
    assert (found.cells.get("answers.7", ""), found.cells["answers.8"]) == ("", "1")


@pytest.mark.parametrize("turn", [1, -1])
def test_embedded_data_does_not_stand_for_who_qualtrics_says_answered(turn: int) -> None:
    named = [("externalDataReference", "mine"), ("ExternalReference", "somebody-else")][::turn]
    (found,) = qualtrics(dict(named))
    assert isinstance(found, Refused)
    assert "somebody" not in found.hint


def test_names_are_found_however_they_are_nested() -> None:
    found = {"a.b": {"c": 1}, "a": {"b.d": 2}, "l": [{"x": 3}], "other": {"a": {"b": {"c": 9}}}}
    assert dict(members(found, {"a.b.c", "a.b.d", "l.1.x"})) == {"a.b.c": 1, "a.b.d": 2, "l.1.x": 3}


def test_long_names_over_long_lists_cost_no_more_than_the_file() -> None:
    value = {"k" * 200_000: [0] * 200_000}
    tracemalloc.start()
    begun = time.perf_counter()
    assert not list(members(value, {"answers.7"}))
    spent, (_, most) = time.perf_counter() - begun, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 10_000_000  # a path for each place would be 40 GB
    assert spent < 5
