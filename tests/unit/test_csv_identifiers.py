"""What becomes of identifiers in an export: they end in the process that reads it."""

from producers.sources.drafts import Draft, to_submission
from producers.sources.registry import read
from tests.limesurvey import limesurvey_export
from tests.unit.test_csv_source import CATALOGUE, HEADER, KEYS, LIMESURVEY, drafts, mapping_of


def test_a_draft_does_not_show_who_answered_what() -> None:
    (draft,) = drafts(HEADER + "response-secret,person-secret,u,2026-10-06,3\n")
    assert "secret" not in repr(draft)
    assert "answers" not in repr(draft)


def test_a_submission_holds_no_identifier_and_is_the_same_each_time() -> None:
    (draft,) = drafts(HEADER + "response-secret,person-secret,u,2026-10-06,3\n")
    submission = to_submission(draft, mapping_of(), KEYS)
    assert "secret" not in submission.model_dump_json()
    assert submission == to_submission(draft, mapping_of(), KEYS)
    assert (submission.node, submission.answers, submission.key_id) == ("u", {"1": 3}, KEYS.key_id)


def test_one_person_has_one_token_and_each_response_its_own_id() -> None:
    rows = "1,Ann,u,2026-10-06,3\n2, ann,u,2026-10-06,4\n"
    first, second = (to_submission(draft, mapping_of(), KEYS) for draft in drafts(HEADER + rows))
    assert first.respondent == second.respondent
    assert first.event_id != second.event_id


def test_without_persons_each_response_is_a_respondent() -> None:
    mapping = mapping_of(identity="response", columns={"response": "id", "unit": "unit", "submitted": "when"})
    rows = "1,Ann,u,2026-10-06,3\n2,Ann,u,2026-10-06,4\n"
    first, second = (to_submission(draft, mapping, KEYS) for draft in drafts(HEADER + rows, mapping))
    assert first.respondent != second.respondent


def test_every_draft_of_the_made_up_export_becomes_a_submission() -> None:
    mapping = LIMESURVEY
    found = [outcome for outcome in read(limesurvey_export(400), mapping, CATALOGUE) if isinstance(outcome, Draft)]
    assert {to_submission(draft, mapping, KEYS).form for draft in found} == {"cbi.work"}
