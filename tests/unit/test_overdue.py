"""A round is overdue from the day after its last answer date."""

from datetime import date

import pytest

from schemas.canonical import canonical_json
from schemas.events import RoundOpened
from stream_processors.steps.overdue import Overdue, overdue
from tests.unit.test_rounds import opening


def terms(**fields: object) -> RoundOpened:
    """A round's terms."""
    return RoundOpened.model_validate_json(canonical_json(opening(**fields)))


@pytest.mark.parametrize(("day", "days"), [(date(2026, 1, 1), 0), (date(2026, 1, 11), 0), (date(2026, 1, 12), 1)])
def test_on_its_last_answer_date_a_round_is_not_overdue_and_the_day_after_it_is(day: date, days: int) -> None:
    opened = terms(last_answer_date="2026-01-11")
    assert overdue([opened], day) == ((Overdue("general", "r1", days),) if days else ())


def test_the_overdue_rounds_are_listed_in_order_with_their_days() -> None:
    rounds = [terms(round=name, last_answer_date=last) for name, last in (("b", "2026-01-09"), ("a", "2026-01-10"))]
    assert overdue(rounds, date(2026, 2, 10)) == (Overdue("general", "a", 31), Overdue("general", "b", 32))
