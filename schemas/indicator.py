"""The event that tells a place's figures at the close of a round."""

from typing import Literal

from schemas.event import Event, State
from schemas.fields import Count, Id, Path, RoundId, Small
from schemas.season import Calendar


class Indicator(Event):
    """A node's figures over a window of rounds, as known at the close of `round`. Means are in published units.

    The window is of rounds of one calendar. With a `staff_group` the figures are those of all leaves of that group
    under the node that have cohorts of their own: `leaves_published` of the `leaves_fielded` in the window.
    `cohorts_retired` counts the retired cohorts left out of the window and the one before. Each retirement gives a
    version of its own, and the one with the greatest count holds.
    """

    type: Literal["indicator"] = "indicator"
    node: Id
    path: Path
    round: RoundId
    form: Id
    scale: Id
    calendar: Calendar = "short"
    staff_group: Id | None = None
    leaves_published: Count | None = None
    leaves_fielded: Count | None = None
    window: Small
    rounds_published: Small
    rounds_fielded: Small
    cohorts_retired: Count = 0
    state: State
    responses: Count | None
    mean: float | None
    mean_low: float | None
    mean_high: float | None
    at_risk_low: Count | None
    at_risk_high: Count | None
    at_risk_share: float | None
    at_risk_share_low: float | None
    at_risk_share_high: float | None
    coverage: float | None
    change: float | None
    change_low: float | None
    change_high: float | None
