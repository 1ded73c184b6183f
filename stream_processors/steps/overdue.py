"""Rounds that should have been closed. An open round publishes nothing and pins its place in the log."""

from collections.abc import Iterable
from datetime import date
from typing import NamedTuple

from schemas.events import RoundOpened


class Overdue(NamedTuple):
    """A round that is open after its last answer date, and for how many days."""

    facility: str
    round: str
    days: int


def overdue(opened: Iterable[RoundOpened], today: date) -> tuple[Overdue, ...]:
    """Which of the rounds open are overdue on a day; on its last answer date a round is not."""
    late = (
        Overdue(terms.facility, terms.round, (today - terms.last_answer_date).days)
        for terms in opened
        if terms.last_answer_date < today
    )
    return tuple(sorted(late))
