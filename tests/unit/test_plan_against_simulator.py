"""What a plan says is what the simulator yields through the real steps: both kinds of responders, both cadences."""

import json
from collections import Counter
from random import Random
from typing import Any, Final

import pytest

from deploy.resources import catalogue
from producers.simulate import Simulation, simulate
from producers.simulation.habits import Responders, response_of
from producers.simulation.settings import SEASON_ROUNDS
from schemas.codec import decode
from schemas.events import OrganisationUpdated
from schemas.organisation import Organisation, organisation
from schemas.policy import Policy
from stream_processors.planning.shares import POOLED, PUBLISHED, WITHHELD, Fielding, shares
from stream_processors.steps.replay import Replay
from stream_processors.steps.seasons import assigned
from tests.records import replayed

SEEDS: Final = 100
STAFF: Final = 300
RESPONSE: Final = 0.4
LONG_BELOW: Final = 33
CLOSE_ENOUGH: Final = 0.05
FORM: Final = "sib5"


def planned(place: Organisation, responders: Responders, long_below: int, seed: int) -> Counter[str]:
    """The shares that a plan expects."""
    leaves = assigned(place, long_below)
    long = response_of(responders, RESPONSE, SEASON_ROUNDS)
    calendars = [Fielding(leaves["short"], RESPONSE), Fielding(leaves["long"], long)]
    found = shares(Random(seed), place, calendars, Policy(), catalogue()[FORM], draws=40)
    return Counter({PUBLISHED: found.published, POOLED: found.pooled, WITHHELD: found.withheld})


def yielded(result: Replay, answered: dict[tuple[str, str], int]) -> Counter[str]:
    """The shares of the units that were published, pooled and withheld, each in the rounds it was asked in.

    A unit's answers are pooled if the nearest cohort above it took them in; `answered` tells whether there are any.
    """
    fates: list[Counter[str]] = []
    for sealed in result.rounds:
        cohorts = {row.node for row in result.cohorts if (row.round, row.form) == (sealed.round, FORM)}
        asked = [node for node in sealed.nodes if node.kind == "unit" and node.states[FORM] != "not_fielded"]
        for node in asked:
            nearest = next((place for place in reversed(node.path) if place in cohorts), None)
            is_heard = nearest is not None and answered[sealed.round, node.node]
            fate = PUBLISHED if nearest == node.node else POOLED if is_heard else WITHHELD
            fates.append(Counter({fate: 1 / _times(sealed.round, result)}))
    units = {node.node for sealed in result.rounds for node in sealed.nodes if node.kind == "unit"}
    total = sum(fates, Counter[str]())
    return Counter({name: total[name] / len(units) for name in (PUBLISHED, POOLED, WITHHELD)})


def _times(round_: str, result: Replay) -> int:
    """In how many rounds the units of a round are asked in the season."""
    return 1 if round_.endswith("-long") else sum(not one.round.endswith("-long") for one in result.rounds)


def one_seed(responders: Responders, long_below: int, seed: int) -> tuple[Counter[str], Counter[str]]:
    """(planned, yielded) for the staff of one seed."""
    rounds = SEASON_ROUNDS if long_below else 1
    simulated = simulate(Simulation(1, STAFF, rounds, seed, True, responders, RESPONSE, long_below))
    made = list(simulated.rounds())
    lines = [json.loads(line.value) for current in made for line in current.lines]
    # the other forms of a round have cohorts of their own
    log: list[dict[str, Any]] = [event for event in lines if event.get("form", FORM) == FORM]
    event = next(decode(line.value) for line in made[0].lines if b"organisation.updated" in line.value)
    assert isinstance(event, OrganisationUpdated)
    answered = {(row.round, row.unit): row.answered for current in made for row in current.truth if row.form == FORM}
    return planned(organisation(event), responders, long_below, seed), yielded(replayed(log), answered)


@pytest.mark.parametrize("long_below", [0, LONG_BELOW])
@pytest.mark.parametrize("responders", ["independent", "habitual"])
def test_a_plans_shares_are_what_the_simulator_yields(responders: Responders, long_below: int) -> None:
    plan, simulator = Counter[str](), Counter[str]()
    for seed in range(SEEDS):
        expected, found = one_seed(responders, long_below, seed)
        plan += expected
        simulator += found
    assert sum(simulator.values()) == pytest.approx(SEEDS)
    differences = {name: (plan[name] - simulator[name]) / SEEDS for name in (PUBLISHED, POOLED, WITHHELD)}
    assert all(abs(difference) <= CLOSE_ENOUGH for difference in differences.values()), differences
