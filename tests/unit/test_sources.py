"""Every source in its exact format, with its quirks: who answered what is read as it was written."""

from collections import Counter
from typing import get_args

import pytest

from deploy.resources import catalogue
from producers.keystore import RoundKeys
from producers.sources.drafts import Draft, Outcome, Withdrawal, to_event
from producers.sources.mapping import Mapping
from producers.sources.registry import SOURCES, Extra, SourceName, read
from producers.sources.sheet import Refused
from schemas.codec import encode
from tests.exports import EXPORTS
from tests.surveyed import FORM, ZONE, Export

CATALOGUE = catalogue()
KEYS = RoundKeys.derive(b"t" * 32, b"c" * 32)
NAMES = [name for name in EXPORTS if EXPORTS[name]("icu-1", 8).source in SOURCES]


def mapping_of(export: Export) -> Mapping:
    """The mapping as the command would complete it."""
    return Mapping.model_validate({**SOURCES[source_of(export)].completed(export.mapping), "round": "r1"})


def source_of(export: Export) -> SourceName:
    """The name of its source, typed."""
    return next(name for name in SOURCES if name == export.source)


def outcomes(export: Export) -> list[Outcome]:
    """What becomes of each sheet."""
    questionnaires = tuple(data for name, data in export.beside.items() if name == "questionnaire")
    extra = Extra(questionnaires, export.beside.get("dictionary"))
    return list(read(export.data, mapping_of(export), CATALOGUE, source_of(export), extra))


def test_what_may_be_chosen_is_what_there_is() -> None:
    assert set(get_args(SourceName)) == set(SOURCES)
    assert {EXPORTS[name]("icu-1", 8).source for name in NAMES} | {"csv"} == set(SOURCES)


@pytest.mark.parametrize("name", NAMES)
def test_every_sheet_is_read_as_it_was_answered(name: str) -> None:
    export = EXPORTS[name]("icu-1", 14)
    found = outcomes(export)
    drafts = [one for one in found if isinstance(one, Draft)]
    assert len(drafts) == len(export.people) + export.again
    latest = {draft.response: draft for draft in sorted(drafts, key=lambda one: one.revision)}
    read_back = [(draft.node, draft.submitted_on, draft.answers) for draft in latest.values()]
    for person in export.people:
        mine = (person.unit, person.sent.astimezone(ZONE).date(), person.answers)
        if name == "google-forms" and person.number == 6:
            mine = (person.unit, export.people[4].sent.astimezone(ZONE).date(), person.answers)
        assert mine in read_back
    assert len({draft.person or draft.response for draft in drafts}) == len(export.people)
    assert {draft.form for draft in drafts} == {FORM}


@pytest.mark.parametrize("name", NAMES)
def test_what_is_no_answer_is_counted_with_its_reason(name: str) -> None:
    export = EXPORTS[name]("icu-1", 14)
    found = outcomes(export)
    assert Counter(one.reason for one in found if isinstance(one, Refused)) == export.refused
    assert sum(isinstance(one, Withdrawal) for one in found) == len(export.withdrawn)


@pytest.mark.parametrize("name", NAMES)
def test_nobody_is_named_in_what_is_sent_or_refused(name: str) -> None:
    export = EXPORTS[name]("icu-1", 14)
    mapping, found = mapping_of(export), outcomes(export)
    said = [encode(to_event(one, mapping, KEYS)).decode() for one in found if not isinstance(one, Refused)]
    said += [repr(one) for one in found]
    text = "\n".join(said).casefold()
    for person in export.people:
        for identifier in person.identifiers():
            assert identifier.casefold() not in text
    assert "203.0.113" not in text


@pytest.mark.parametrize("name", NAMES)
def test_the_same_file_gives_the_same_events(name: str) -> None:
    first, second = (EXPORTS[name]("icu-1", 14) for _ in range(2))
    assert first.data == second.data
    mapping = mapping_of(first)
    events = [
        [encode(to_event(one, mapping, KEYS)) for one in outcomes(export) if not isinstance(one, Refused)]
        for export in (first, second)
    ]
    assert events[0] == events[1]
