"""What the demo says of its two calendars, against the same rounds counted here."""

import re
from collections.abc import Mapping
from typing import Any, cast

from deploy.cadence import brought, response, with_cadence
from producers.simulate import Simulation, lines, simulate
from stream_processors.database import Database
from stream_processors.planning.candidates import threshold
from stream_processors.steps.replay import replay
from stream_processors.steps.story import Record
from tests.records import RULES

PLAIN = Simulation(facilities=1, staff=400, rounds=6, seed=2)


class Published:
    """Stands for the database: the cohorts that the steps seal of a simulation."""

    def __init__(self, simulation: Simulation) -> None:
        log = enumerate(lines(simulation))
        records = (Record(0, n, (line.facility or "").encode(), line.value, None) for n, line in log)
        self.cohorts = replay(records, RULES).cohorts

    def query(self, sql: str, parameters: Mapping[str, Any]) -> list[dict[str, Any]]:
        assert "FROM cohorts" in sql
        found = {(row.facility, row.node) for row in self.cohorts if row.form == parameters["form"]}
        return [{"facility": facility, "node": node} for facility, node in found]


def units_heard(simulation: Simulation) -> int:
    leaves = {unit.id for place in simulate(simulation).facilities for unit in place.units}
    return len({row.node for row in Published(simulation).cohorts if row.form == "sib5"} & leaves)


def test_the_threshold_is_the_plans_for_the_response_of_the_simulated_staff() -> None:
    found = with_cadence(PLAIN)
    rows = simulate(PLAIN).truth()
    answered = sum(row.answered for row in rows if row.form == "sib5") / (6 * 400)
    assert abs(response(PLAIN) - answered) < 0.03
    assert found.long_below == threshold(11, response(PLAIN), 0.8)
    assert (found.seed, found.staff, found.responders) == (PLAIN.seed, PLAIN.staff, PLAIN.responders)


def test_it_tells_how_many_units_were_heard_with_two_calendars_and_with_one() -> None:
    cadence = with_cadence(PLAIN)
    first, *said = brought(cadence, cast(Database, Published(cadence)))
    assert f"fewer than {cadence.long_below} people were asked once in 12 weeks" in first
    told = [int(match[1]) for line in said if (match := re.search(r"(\d+) of (\d+)", line))]
    assert told == [units_heard(cadence), units_heard(PLAIN)]
    assert told[0] > told[1]
