"""Tokens: one person, however written, is one token in a form of a round, and linked to nothing else."""

import re

import pytest

from producers.keystore import RoundKeys
from producers.pseudonym import event_id, normalise, respondent_token

KEYS = RoundKeys.derive(b"t" * 32, b"c" * 32)
OTHER = RoundKeys.derive(b"u" * 32, b"c" * 32)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("  A.Nurse@North.org\n", "a.nurse@north.org"),
        ("Ren\u00e9", "ren\u00e9"),
        ("Rene\u0301", "ren\u00e9"),
        ("RENE\u0301", "ren\u00e9"),
        ("Stra\u00dfe", "strasse"),
        ("\u212bngstr\u00f6m", "\u00e5ngstr\u00f6m"),
        ("\u00a0e1204\u2003", "e1204"),
    ],
)
def test_one_person_has_one_spelling(written: str, expected: str) -> None:
    assert normalise(written) == expected
    assert normalise(normalise(written)) == expected


@pytest.mark.parametrize("text", ["\u1fb3\u0301", "\u0345\u0301", "\u0390", "\u1e9e", "\u01f0"])
def test_folding_that_undoes_a_composition_is_settled(text: str) -> None:
    assert normalise(normalise(text)) == normalise(text)


@pytest.mark.parametrize("nobody", ["", "  ", "\t\n", "\u00a0"])
def test_an_empty_identifier_is_refused(nobody: str) -> None:
    with pytest.raises(ValueError, match="empty"):
        normalise(nobody)
    with pytest.raises(ValueError, match="empty"):
        respondent_token(KEYS, "sib5", nobody)


def test_a_token_is_a_known_function_of_key_form_and_person() -> None:
    token = respondent_token(KEYS, "sib5", "  Rene\u0301@north ")
    assert token == "fb26671bd9ba4a54a182fd0a5754fadaad48c9e4d1c9e05bd62ba53475535492"
    assert token == respondent_token(KEYS, "sib5", "REN\u00c9@NORTH")


def test_tokens_link_nothing_across_forms_rounds_or_people() -> None:
    tokens = {
        respondent_token(keys, form, person)
        for keys in (KEYS, OTHER)
        for form in ("sib5", "cbi.work")
        for person in ("anna", "ben")
    }
    assert len(tokens) == 8
    assert all(re.fullmatch("[0-9a-f]{64}", token) for token in tokens)


def test_form_and_person_cannot_be_shifted_into_each_other() -> None:
    assert respondent_token(KEYS, "a", 'b","c') != respondent_token(KEYS, 'a","b', "c")


def test_an_event_id_is_equal_for_the_same_response_only() -> None:
    first = event_id(KEYS, "csv", "pulse", "17", "sib5", 0)
    assert first == event_id(KEYS, "csv", "pulse", "17", "sib5", 0)
    assert re.fullmatch("[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", first)
    others = {
        event_id(OTHER, "csv", "pulse", "17", "sib5", 0),
        event_id(KEYS, "fhir", "pulse", "17", "sib5", 0),
        event_id(KEYS, "csv", "other", "17", "sib5", 0),
        event_id(KEYS, "csv", "pulse", "18", "sib5", 0),
        event_id(KEYS, "csv", "pulse", "17", "cbi.work", 0),
        event_id(KEYS, "csv", "pulse", "17", "sib5", 1),
    }
    assert len(others) == 6
    assert first not in others
