"""Attacks on sensitive forms: that somebody opted in is an answer itself, and it follows where everybody did.

The attacker knows who works where, and half of the time is the only one of the target's place who did not opt in.
"""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from random import Random
from typing import Final

from tests.attacks.certainty import open_events
from tests.attacks.designs import Design, View, departments_of_thirty, sealed
from tests.attacks.others import Other, Try, told_by_trying
from tests.attacks.world import Answer, Closed, Opened, Step, World, crowd

FORM: Final = "phq_2"
HEADS: Final = {"ward": 12, "a": 23, "b": 40, "c": 10, "d": 20}
PLACES: Final = {"medicine": ("ward", "a"), "surgery": ("b", "c"), "services": ("d",)}
Make = Callable[[Random], World]


def opted_in(rng: Random, counts: dict[str, int], heads: dict[str, int]) -> World:
    """So many people of each unit fill in the sensitive form."""
    people = [_with_a_sheet(rng, one) for unit, count in counts.items() for one in crowd(rng, unit, count)]
    return World(PLACES, (Opened(form=FORM), *people, Closed()), headcounts=heads)


def _with_a_sheet(rng: Random, one: Answer) -> Answer:
    return replace(one, form=FORM, sheet=(("1", rng.randint(0, 3)), ("2", rng.randint(0, 3))))


def everybody_of_a_unit(rng: Random) -> World:
    """All twelve of the ward, or all but the attacker, and enough others of the department."""
    return opted_in(rng, {"ward": 12 - rng.randint(0, 1), "a": rng.randint(19, 20)}, HEADS)


def everybody_of_a_department(rng: Random) -> World:
    """All of the ward's department, or all but the attacker."""
    return opted_in(rng, {"ward": 12, "a": 23 - rng.randint(0, 1), **_surgery(rng)}, HEADS)


def everybody_of_the_others(rng: Random) -> World:
    """One department of three is large; of the two others all opted in, or all but the attacker."""
    heads = HEADS | {"a": 8}
    return opted_in(rng, {"ward": 12, "a": 8, "d": 20 - rng.randint(0, 1), **_surgery(rng)}, heads)


def _surgery(rng: Random) -> dict[str, int]:
    return {"b": rng.randint(27, 30), "c": rng.randint(4, 6)}


def everybody_or_few(rng: Random) -> dict[bool, World]:
    """All of the ward's department, or three people of it; beside it there is one person who did not opt in."""
    others, heads = _surgery(rng), HEADS | {"d": 1}
    seed = rng.random()
    return {
        everybody: opted_in(Random(seed), others | ({"ward": 12, "a": 23} if everybody else {"ward": 3}), heads)
        for everybody in (True, False)
    }


def like_any_other(world: World) -> View:
    """The product, where the form is not sensitive: the same people answer an ordinary one."""
    return sealed(replace(world, steps=tuple(map(_ordinary, world.steps))))


def _ordinary(step: Step) -> Step:
    if isinstance(step, Answer):
        return replace(step, form="sib5", sheet=())
    return Opened() if isinstance(step, Opened) else step


def is_known(view: View, world: World) -> bool:
    """Whether it follows that the target's whole place opted in: all but one of a group that can be made of figures."""
    shown = {node: versions[-1].n for (node, _, _), versions in view.figures.items()}
    for node in shown:
        inside = [one for one in shown if one != node and world.under(one) < world.under(node)]
        inside = [one for one in inside if "ward" not in world.under(one)]
        largest = [one for one in inside if not any(world.under(one) < world.under(other) for other in inside)]
        for parts in ([], largest):
            people = shown[node] - sum(shown[one] for one in parts)
            there = _heads(world, node) - sum(_heads(world, one) for one in parts)
            if "ward" in world.under(node) and people > 0 and there - people <= 1:
                return True
    return False


def _heads(world: World, node: str) -> int:
    return sum(world.headcounts[unit] for unit in world.under(node))


def known(make: Make, design: Design) -> Try:
    """One trial."""

    def tried(rng: Random) -> bool:
        world = make(rng)
        return is_known(design(world), world)

    return tried


def states_with_reasons(world: World) -> dict[str, str]:
    """A design that says of a department why it is not published."""
    shown, states = departments_of_thirty(world), {}
    for department in world.departments:
        figure = shown.last(department)
        whole = figure is not None and figure.n > _heads(world, department) - 2
        states[department] = "too few" if figure is None else "everybody" if whole else "published"
    return states


def _certain(name: str, naive: Design, design: str, make: Make, stops: str) -> Other:
    return Other(name, design, known(make, naive), known(make, sealed), Fraction(0), Fraction(0), stops)


HALF: Final = Fraction(1, 2)
OTHERS: Final = (
    _certain(
        "who opted in: a unit's figures and coverage",
        like_any_other,
        "sealed like any other form",
        everybody_of_a_unit,
        "nothing of units is told",
    ),
    _certain(
        "who opted in: all of a department",
        departments_of_thirty,
        "departments from 30 on",
        everybody_of_a_department,
        "no cohort without room for two who did not",
    ),
    _certain(
        "who opted in: facility minus a department",
        departments_of_thirty,
        "departments from 30 on",
        everybody_of_the_others,
        "the rest is a cohort with room too, or withheld",
    ),
    Other(
        "who opted in: why a department is silent",
        "states with their reasons",
        told_by_trying(states_with_reasons, everybody_or_few),
        told_by_trying(open_events, everybody_or_few),
        HALF,
        HALF,
        "one state, whatever the reason",
    ),
)
