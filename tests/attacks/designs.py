"""Designs under attack. Each turns a world into a view: all that a viewer is ever shown, and nothing else."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from schemas.events import CohortSealed
from stream_processors.steps.rollup import Totals
from tests.attacks.inference import Figure, exact
from tests.attacks.world import HOUSE, Answer, Closed, Opened, World, events
from tests.records import replayed

Group = tuple[str, str, str]
"""(node, round, staff group or "" for everybody)."""


@dataclass
class View:
    """Every figure of every group ever shown, in order. `refusals` are for the tests; no viewer sees them."""

    figures: dict[Group, list[Figure]] = field(default_factory=dict)
    refusals: list[str] = field(default_factory=list)

    def show(self, group: Group, figure: Figure) -> None:
        """Show a figure; the same one twice tells nothing new."""
        versions = self.figures.setdefault(group, [])
        if figure not in versions[-1:]:
            versions.append(figure)

    def versions(self, node: str, round_: str = "r1", staff: str = "") -> list[Figure]:
        """All versions of a figure, oldest first; none if the design does not answer this."""
        return self.figures.get((node, round_, staff), [])

    def last(self, node: str, round_: str = "r1", staff: str = "") -> Figure | None:
        """The last version of a figure."""
        return next(reversed(self.versions(node, round_, staff)), None)


Design = Callable[[World], View]


def sealed(world: World) -> View:
    """The product: the log of the world through the real steps; of what they emit the open events alone."""
    result, view = replayed(events(world)), View()
    view.refusals = [letter.reason for letter in result.dead_letters]
    for closed in result.rounds:
        rows = [row for row in result.cohorts if row.round == closed.round]
        for node, totals in _roll_up(rows).items():
            view.show((node, closed.round, ""), _figure(totals))
        for (_, key, _), totals in result.history.rounds[closed.facility, closed.round].totals.items():
            if key.staff_group:
                view.show((key.node, closed.round, key.staff_group), _figure(totals))
    return view


def _figure(totals: Totals) -> Figure:
    return Figure(totals.n, totals.score_low, totals.score_high, totals.at_risk_low, totals.at_risk_high)


def _roll_up(rows: Iterable[CohortSealed]) -> dict[str, Totals]:
    """Node to the totals of the cohorts at or under it; every row is of one form and scale."""
    sums: dict[str, Totals] = {}
    for row in rows:
        for node in row.path:
            sums[node] = sums.get(node, Totals()).merge(Totals.of(row))
    return sums


State = dict[tuple[str, str], Answer]
"""What a naive design holds: who answered last in a round."""


def _apply(world: World) -> Iterable[State]:
    """The state after each step. A naive design takes late answers and withdrawals at any time."""
    state: State = {}
    for step in world.steps:
        if isinstance(step, Answer):
            state[step.round, step.person] = step
        elif not isinstance(step, Opened | Closed):
            state.pop((step.round, step.person), None)
        yield state


def _members(answers: Iterable[Answer], world: World, node: str, round_: str, staff: str) -> list[Answer]:
    units = world.under(node)
    return [one for one in answers if one.round == round_ and one.unit in units and staff in ("", one.staff)]


def _nodes(world: World) -> list[str]:
    return [HOUSE, *world.departments, *world.units]


def _table(state: State, world: World, round_: str, staff: str) -> Mapping[str, Figure]:
    """The figure of every node, for one staff group or everybody."""
    return {
        node: exact([one.value for one in _members(state.values(), world, node, round_, staff)])
        for node in _nodes(world)
    }


def _groups(world: World) -> list[tuple[str, str]]:
    answers = [step for step in world.steps if isinstance(step, Answer)]
    return sorted({(one.round, staff) for one in answers for staff in ("", one.staff)})


def threshold(world: World, smallest: int = 5) -> View:
    """Any group of at least `smallest` is answered exactly, at the end of the day."""
    view, state = View(), list(_apply(world))[-1]
    for round_, staff in _groups(world):
        for node, figure in _table(state, world, round_, staff).items():
            if figure.n >= smallest:
                view.show((node, round_, staff), figure)
    return view


def threshold_of_three(world: World) -> View:
    """A threshold of three."""
    return threshold(world, 3)


def suppression(world: World) -> View:
    """A threshold of 5, and where one unit of a department is hidden, the next smallest is hidden as well."""
    view, state = View(), list(_apply(world))[-1]
    for round_, staff in _groups(world):
        table = _table(state, world, round_, staff)
        hidden = {node for node, figure in table.items() if figure.n < 5}
        for units in world.departments.values():
            if len([unit for unit in units if 0 < table[unit].n < 5]) == 1:
                hidden |= set(sorted(units, key=lambda unit: table[unit].n)[:2])
        for node in table.keys() - hidden:
            view.show((node, round_, staff), table[node])
    return view


def two_way(world: World) -> View:
    """A table of units by staff groups: cells of fewer than 5 are hidden, all sums of rows and columns are shown."""
    view, state = View(), list(_apply(world))[-1]
    for round_, staff in _groups(world):
        for node, figure in _table(state, world, round_, staff).items():
            if node not in world.units or figure.n >= 5:
                view.show((node, round_, staff), figure)
    return view


def departments_of_thirty(world: World) -> View:
    """Departments and the hospital are shown exactly from 30 people on, units never."""
    view, shown = View(), threshold(world, 30)
    view.figures = {group: figures for group, figures in shown.figures.items() if group[0] not in world.units}
    return view


def rolling(world: World) -> View:
    """A live mean: every figure is shown anew after each answer, from 5 on."""
    view = View()
    for state in _apply(world):
        for round_, _ in _groups(world):
            for node, figure in _table(state, world, round_, "").items():
                if figure.n >= 5:
                    view.show((node, round_, ""), figure)
    return view


def rows_counted(world: World) -> View:
    """A threshold of 5; units count what they received, the hospital counts people."""
    view = threshold(world)
    answers = [step for step in world.steps if isinstance(step, Answer)]
    for unit in world.units:
        figure = exact([one.value for one in _members(answers, world, unit, "r1", "")])
        if figure.n >= 5:
            view.show((unit, "r1", ""), figure)
    return view


def _pooled(world: World, state: State, round_: str, smallest: int, view: View) -> None:
    """Units large enough alone are shown; the others of a department together, if these are enough."""
    for department, units in world.departments.items():
        pool: list[int] = []
        for unit in units:
            values = [one.value for one in _members(state.values(), world, unit, round_, "")]
            if len(values) >= smallest:
                view.show((unit, round_, ""), exact(values))
            else:
                pool += values
        if len(pool) >= smallest:
            view.show((department, round_, ""), exact(pool))


def sealed_again(world: World) -> View:
    """Small units are pooled, whoever dominates, and anew at each close under the policy then in force."""
    view, smallest = View(), dict[str, int]()
    for step, state in zip(world.steps, _apply(world), strict=True):
        if isinstance(step, Opened):
            smallest[step.round] = step.k + step.coalition
        elif isinstance(step, Closed):
            _pooled(world, state, step.round, smallest[step.round], view)
    return view


NAMES: Final[Mapping[Design, str]] = {
    threshold: "threshold of 5",
    threshold_of_three: "threshold of 3",
    suppression: "threshold and next smallest hidden",
    two_way: "table of units by staff groups, small cells hidden",
    departments_of_thirty: "departments from 30 on",
    rolling: "live rolling mean",
    rows_counted: "units count rows",
    sealed_again: "pools made anew at each close",
}
