"""The event that tells a place's figures at the close of a round."""

from typing import Annotated, Literal

from pydantic import Field

from schemas.event import Event, State
from schemas.fields import Count, Day, Id, Path, RoundId, Small
from schemas.season import Calendar

Cause = Literal["common", "improvement", "concern"]
"""Common cause: nothing but the variation that is always there. The others are special causes, for good and bad."""


class Indicator(Event):
    """A node's figures over a window of rounds, as known at the close of `round`. Means are in published units.

    The window is of rounds of one calendar. With a `staff_group` the figures are those of all leaves of that group
    under the node that have cohorts of their own: `leaves_published` of the `leaves_fielded` in the window.
    `change`, `share_change` and `coverage_change` are to the window before this one, which shares no round with it; the
    first two with 95 % intervals. `round_...` and all that follows is of single rounds: the figures of `round` itself,
    their exponentially weighted mean, and the control chart of `round_mean`: limits of `limit_points` rounds, counted
    from `rebased_on` if that is given, and what they say of this round (`signal`, by which `signal_rules`).
    `cohorts_retired` counts the retired cohorts left out of the place's series up to this round. Each retirement gives
    a version of its own, and the one with the greatest count holds.
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
    coverage_change: float | None = None
    change: float | None
    change_low: float | None
    change_high: float | None
    share_change: float | None = None
    share_change_low: float | None = None
    share_change_high: float | None = None
    round_responses: Count | None = None
    round_mean: float | None = None
    round_at_risk_low: Count | None = None
    round_at_risk_high: Count | None = None
    smoothed: float | None = None
    centre: float | None = None
    limit_low: float | None = None
    limit_high: float | None = None
    limit_points: Count | None = None
    rebased_on: Day | None = None
    signal: Cause | None = None
    signal_rules: Annotated[tuple[Id, ...], Field(max_length=4, fail_fast=True)] = ()
