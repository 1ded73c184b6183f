"""What the commands for rounds check at this end: the same rules as the worker's, said in sentences."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest

from deploy.control import ADVICE, refusal
from deploy.rounds import cancelling, closing, is_over, opening, policy, retiring, rounds_rows, still_open, today
from deploy.settings import Settings
from schemas.errors import InputRefused, Reason
from schemas.policy import Policy
from schemas.season import Season
from stream_processors.steps.ledger import Ledger, ledger
from tests.records import replayed
from tests.unit.test_cancel import CANCELLING, answers
from tests.unit.test_rounds import CLOSING, ORGANISATION
from tests.unit.test_rounds import opening as marker

TERMS: Mapping[str, Any] = {
    "round": "r2",
    "forms": ("sib5",),
    "first_answer_date": date(2026, 2, 2),
    "last_answer_date": date(2026, 2, 15),
    "leaves": ("ward-1",),
    "policy": Policy(),
}
SEASON = Season(id="S1", first=date(2026, 1, 5), last=date(2026, 3, 29), long_below=20, calendar="short")


def known(*events: dict[str, Any]) -> Ledger:
    """What the log says after these events."""
    return ledger(replayed([ORGANISATION, *events]).echoes)


def test_a_marker_that_the_rules_take_is_made() -> None:
    event = opening(known(), "general", 5, **TERMS)
    assert (event.round, event.forms, event.leaves) == ("r2", ("sib5",), ("ward-1",))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"leaves": ("ward-9",)}, Reason.UNKNOWN_UNIT),
        ({"leaves": ("ward-1", "ward-1")}, Reason.UNKNOWN_UNIT),
        ({"forms": ("mbi",)}, Reason.UNKNOWN_FORM),
        ({"forms": ("phq_2",), "season": SEASON}, Reason.SENSITIVE_FORM),
        ({"policy": Policy(sensitive_forms=("sib5",)), "season": SEASON}, Reason.SENSITIVE_FORM),
        ({"season": SEASON.model_copy(update={"long_below": 41})}, Reason.BAD_SEASON),
        ({"forms": ("cbi.work", "cbi.client")}, Reason.REPEATED_INSTRUMENT),
        ({"last_answer_date": date(2026, 2, 1)}, Reason.BAD_DATE),
        ({"round": "r1"}, Reason.ROUND_OPENED_TWICE),
        ({"first_answer_date": date(2026, 1, 18)}, Reason.ROUND_OVERLAPS),
        ({"policy": Policy(k=6)}, Reason.POLICY_UNDER_MINIMUM),
    ],
)
def test_a_marker_that_the_rules_refuse_is_refused_here_with_a_sentence(
    changes: dict[str, Any], reason: Reason
) -> None:
    with pytest.raises(InputRefused) as refused:
        opening(known(marker()), "general", 7, **{**TERMS, **changes})
    assert str(reason) in str(refused.value)
    assert ADVICE[reason] in str(refused.value)


def test_what_a_rule_says_of_a_round_is_passed_on() -> None:
    season = SEASON.model_copy(update={"first": date(2026, 2, 9)})
    with pytest.raises(InputRefused, match="dates lie outside the season; the rounds of a season keep"):
        opening(known(), "general", 5, **{**TERMS, "season": season})


@pytest.mark.parametrize("changes", [{"round": "../x"}, {"forms": ()}, {"leaves": ("Ward 1",)}])
def test_a_marker_that_is_none_is_refused_with_the_field(changes: dict[str, Any]) -> None:
    with pytest.raises(InputRefused, match=f"the round cannot be: {next(iter(changes))}"):
        opening(known(), "general", 5, **{**TERMS, **changes})


def test_a_facility_without_an_organisation_is_told_to_announce_one() -> None:
    with pytest.raises(InputRefused, match="organisation announce"):
        opening(known(), "elsewhere", 5, **TERMS)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [({"k": 4}, "under its floor of 5"), ({"outside": 1}, "under its floor of 2"), ({"identity": "x"}, "identity")],
)
def test_no_option_lowers_a_floor(given: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InputRefused, match=sentence):
        policy(**given)


def test_values_left_out_are_the_defaults() -> None:
    assert policy(k=None, coalition=None, outside=None, identity=None) == Policy()
    assert policy(k=12, identity="response") == Policy(k=12, identity="response")


def test_only_an_open_round_can_be_ended() -> None:
    assert still_open(known(marker()), "general", "r1").terms.round == "r1"
    for events, sentence in [
        ([], "no such round"),
        ([marker(), CLOSING], "is sealed"),
        ([marker(), CANCELLING], "is cancelled"),
    ]:
        with pytest.raises(InputRefused, match=sentence):
            still_open(known(*events), "general", "r1")


def test_ending_markers_have_ids_of_their_own() -> None:
    close, cancel = closing("general", "r1"), cancelling("general", "r1")
    assert close == closing("general", "r1")
    assert close.event_id != cancel.event_id != closing("general", "r2").event_id


def test_the_list_tells_an_open_round_that_is_past_its_dates() -> None:
    found = known(marker(), marker(round="r2", forms=["cbi.work"]), {**CLOSING, "round": "r2"})
    shown = {row["round"]: (row["state"], row["days_overdue"]) for row in rounds_rows(found, date(2026, 1, 20))}
    assert shown == {"r1": ("open", 2), "r2": ("sealed", 0)}
    on_its_last_day = rounds_rows(found, date(2026, 1, 18))
    assert [row["days_overdue"] for row in on_its_last_day] == [0, 0]


def test_the_day_is_that_of_the_settings_calendar() -> None:
    night = datetime(2026, 1, 18, 23, 30, tzinfo=UTC)
    assert today(Settings(), lambda: night) == date(2026, 1, 18)
    assert today(Settings(timezone="Europe/Berlin"), lambda: night) == date(2026, 1, 19)


def test_a_day_is_over_when_it_is_over_everywhere() -> None:
    last = date(2026, 1, 18)
    assert not is_over(last, lambda: datetime(2026, 1, 19, 11, 59, tzinfo=UTC))
    assert is_over(last, lambda: datetime(2026, 1, 19, 12, 0, tzinfo=UTC))


def test_every_reason_for_which_a_marker_can_be_refused_has_advice() -> None:
    unaddressed = set(Reason) - set(ADVICE)
    of_submissions = {
        *(Reason.NOT_JSON, Reason.EMPTY, Reason.UNKNOWN_TYPE, Reason.UNSUPPORTED, Reason.BAD_SCHEMA, Reason.BAD_TOKEN),
        *(Reason.BAD_ANSWER, Reason.KEY_MISMATCH, Reason.UNKNOWN_ITEM, Reason.WRONG_FORM_VERSION, Reason.WRONG_KEY),
        *(Reason.ANSWER_OUT_OF_RANGE, Reason.OUTSIDE_DATES, Reason.AFTER_CLOSE, Reason.INCOMPLETE_ANSWERS),
    }
    assert unaddressed == of_submissions
    assert "see docs/decisions.md" in str(refusal("x", Reason.NOT_JSON))


SEALED = (marker(), *answers("r1"), CLOSING)
ASKED = {"form": "sib5", "node": "ward-1", "reason": "consent"}


def test_a_retirement_that_the_rules_take_is_made_and_says_how_many_vanish() -> None:
    event, found = retiring(known(*SEALED), "general", "r1", **ASKED)
    assert (event.round, event.form, event.node, event.reason) == ("r1", "sib5", "ward-1", "consent")
    assert found.ending.cohorts == {"sib5": {"ward-1": 15}}
    # asked again it is the same event
    assert retiring(known(*SEALED), "general", "r1", **ASKED)[0] == event


@pytest.mark.parametrize(
    ("log", "changes", "reason"),
    [
        (SEALED, {"node": "general"}, Reason.NO_COHORT),
        (SEALED, {"node": "ward-9"}, Reason.UNKNOWN_UNIT),
        (SEALED, {"form": "cbi.work"}, Reason.UNKNOWN_FORM),
        (SEALED[:-1], {}, Reason.ROUND_OPEN),
        ((*SEALED[:-1], CANCELLING), {}, Reason.ROUND_CANCELLED),
        ((), {}, Reason.UNKNOWN_ROUND),
        ((*SEALED, {**CANCELLING, "type": "cohort.retirement", **ASKED}), {}, Reason.RETIRED_TWICE),
    ],
)
def test_a_retirement_that_the_rules_refuse_is_refused_here_with_a_sentence(
    log: tuple[dict[str, Any], ...], changes: dict[str, str], reason: Reason
) -> None:
    with pytest.raises(InputRefused) as refused:
        retiring(known(*log), "general", "r1", **{**ASKED, **changes})
    assert str(reason) in str(refused.value)
    assert ADVICE[reason] in str(refused.value)


@pytest.mark.parametrize("changes", [{"reason": "Dr Huber asked for it"}, {"node": "Ward 1"}])
def test_a_retirement_that_is_no_event_is_refused_without_quoting_it(changes: dict[str, str]) -> None:
    with pytest.raises(InputRefused) as refused:
        retiring(known(*SEALED), "general", "r1", **{**ASKED, **changes})
    assert not any(value in str(refused.value) for value in changes.values())


def test_the_list_of_rounds_names_retired_cohorts() -> None:
    retired = {**CANCELLING, "type": "cohort.retirement", **ASKED}
    (row,) = rounds_rows(known(*SEALED, retired), date(2026, 2, 1))
    assert (row["state"], row["retired"]) == ("sealed", [{"form": "sib5", "node": "ward-1"}])


def test_the_list_of_rounds_says_season_and_calendar() -> None:
    in_season = marker(leaves=["ward-1", "ward-2"], season=SEASON.model_dump(mode="json"))
    (row,) = rounds_rows(known(in_season), date(2026, 1, 6))
    assert (row["season"], row["calendar"]) == ("S1", "short")
    (row,) = rounds_rows(known(marker()), date(2026, 1, 6))
    assert (row["season"], row["calendar"]) == (None, "short")
