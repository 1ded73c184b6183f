"""Attacks on staff groups over several levels: what the margins of a table leave of its hidden cells."""

from random import Random
from typing import Final

from tests.attacks.designs import View, threshold, two_way
from tests.attacks.inference import Figure, best_guess, coded
from tests.attacks.subtraction import Make, Scenario, less
from tests.attacks.world import HOUSE, Answer, Closed, Opened, World, crowd

UNITS: Final = ("a", "b", "ward")
GROUPS: Final = ("nurse", "doctor")


def own_pool(view: View) -> Figure | None:
    """The hospital without every unit that is shown: those whom the target is pooled with."""
    shown = [view.last(f"{unit}-{staff}") for unit in UNITS for staff in GROUPS]
    return less(view.last(HOUSE), *(figure for figure in shown if figure))


def row_minus_cell(view: View) -> Figure | None:
    """The ward without its nurses, or the pool."""
    return less(view.last("ward"), view.last("ward-nurse")) or own_pool(view)


def column_minus_cells(view: View) -> Figure | None:
    """All nurses without those of the other units, or the pool."""
    return less(view.last(HOUSE, staff="nurse"), view.last("a-nurse"), view.last("b-nurse")) or own_pool(view)


def alone_of_its_group(staff: str, **sizes: int) -> Make:
    """The target is the ward's only one of its group; how many of each other group of each unit answer."""

    def make(rng: Random) -> World:
        cells = {name.replace("_", "-"): size for name, size in sizes.items()}
        people = [one for name, size in cells.items() for one in crowd(rng, name, size, staff=name.rpartition("-")[2])]
        alone = Answer("target", f"ward-{staff}", rng.randint(1, 5), staff=staff)
        places = {unit: tuple(f"{unit}-{group}" for group in GROUPS) for unit in UNITS}
        groups = {f"{unit}-{group}": group for unit in UNITS for group in GROUPS}
        return World(places, (Opened(), *people, alone, Closed()), groups=groups)

    return make


SCENARIOS: Final = (
    Scenario(
        "row and cell of a table: a ward's only doctor",
        two_way,
        alone_of_its_group("doctor", a_nurse=11, a_doctor=6, b_nurse=11, b_doctor=5, ward_nurse=11),
        row_minus_cell,
        best_guess(12, coded()),
        "a sum holds what is sealed under it, and no more",
    ),
    Scenario(
        "column and cells of a table: all nurses",
        threshold,
        alone_of_its_group("nurse", a_nurse=11, a_doctor=6, b_nurse=11, b_doctor=5, ward_doctor=11),
        column_minus_cells,
        best_guess(12, coded()),
        "all nurses are the units' own cohorts alone",
    ),
)
