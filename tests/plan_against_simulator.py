"""The shares the plan tells beside those the simulator's rounds have after the real steps."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Final

from deploy.resources import catalogue
from producers.simulate import Simulation, simulate
from producers.simulation.control import organisation_updated
from producers.simulation.habits import Responders
from producers.simulation.randomness import stream
from schemas.codec import decode
from schemas.events import OrganisationUpdated, RoundOpened
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.planning.candidates import Assumptions, Candidate, threshold, to_level
from stream_processors.planning.draws import Crowd
from stream_processors.planning.outcome import outcome
from stream_processors.steps.replay import replay
from stream_processors.steps.story import Record
from tests.records import RULES

FORM: Final = "sib5"
STAFF: Final = 400
STATES: Final = ("published", "pooled", "withheld")
Shares = dict[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """One hospital: who answers, with one calendar for some rounds or with two for a season."""

    responders: Responders
    seed: int
    long_below: int

    @property
    def simulation(self) -> Simulation:
        """A season of six rounds, or two rounds where there is no other calendar."""
        rounds = 6 if self.long_below else 2
        return Simulation(1, STAFF, rounds, self.seed, True, self.responders, long_below=self.long_below)


def planned(case: Case) -> Shares:
    """What the plan tells of this hospital."""
    assumed, whole = Assumptions(), _organisation(case)
    heads = {leaf: whole.headcounts[leaf] for leaf in whole.leaves()}
    random = stream(case.seed, "plan", case.responders)
    seasons = [Crowd(case.responders, assumed, 14).season(heads, random) for _ in range(20)]
    found = outcome(Candidate(Policy(), whole, 14, case.long_below), catalogue()[FORM], seasons, assumed)
    return {"published": found.published, "pooled": found.pooled, "withheld": found.withheld}


def simulated(case: Case) -> Shares:
    """What became of the leaves in the simulator's rounds, each in the calendar it is in."""
    log = list(simulate(case.simulation).lines())
    done = replay((Record(0, n, (line.facility or "").encode(), line.value, None) for n, line in enumerate(log)), RULES)
    assert done.dead_letters == []
    opened = [event for line in log if line.control and isinstance(event := decode(line.value), RoundOpened)]
    whole = _organisation(case)
    seen: dict[str, Counter[str]] = {leaf: Counter() for leaf in whole.leaves()}
    for event in opened:
        cohorts = {row.node for row in done.cohorts if (row.round, row.form) == (event.round, FORM)}
        for leaf in event.leaves:
            seen[leaf][_state(whole.paths[leaf], cohorts)] += 1
    return {state: fmean(counts[state] / counts.total() for counts in seen.values()) for state in STATES}


def _organisation(case: Case) -> Organisation:
    (place,) = simulate(case.simulation).facilities
    event = decode(organisation_updated(place).value)
    assert isinstance(event, OrganisationUpdated)
    return to_level(event, len(event.levels))


def _state(path: tuple[str, ...], cohorts: set[str]) -> str:
    if path[-1] in cohorts:
        return "published"
    return "pooled" if cohorts & set(path) else "withheld"


def threshold_of_the_plan() -> int:
    """The threshold that the plan proposes for the default policy and response."""
    return threshold(Policy().cohort_size, Assumptions().response, Assumptions().reliable)


def difference(responders: Responders, long_below: int, seeds: range) -> Shares:
    """Planned less simulated shares, each the mean over the seeds."""
    cases = [Case(responders, seed, long_below) for seed in seeds]
    told, seen = _mean(cases, planned), _mean(cases, simulated)
    return {state: told[state] - seen[state] for state in STATES}


def _mean(cases: list[Case], shares: Callable[[Case], Shares]) -> Shares:
    found = [shares(case) for case in cases]
    return {state: fmean(one[state] for one in found) for state in STATES}
