"""Every way to set a programme up that is asked about, what each comes to, and the one that is proposed."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random
from typing import Final

from producers.simulation.habits import Responders
from schemas.errors import InputRefused
from schemas.events import OrganisationUpdated
from schemas.instruments.scoring import Form
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.planning.candidates import BASE_DAYS, Assumptions, Candidate, threshold, to_level
from stream_processors.planning.draws import Crowd
from stream_processors.planning.outcome import Outcome, outcome, sensitive_share

Streams = Callable[..., Random]
"""The random numbers for a label."""
EXAMPLE_OF_SENSITIVE: Final = "phq_2"


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: of whose organisation, which candidates, and what is taken to be so."""

    record: OrganisationUpdated
    policies: tuple[Policy, ...]
    round_days: tuple[int, ...]
    responders: tuple[Responders, ...]
    assumed: Assumptions
    draws: int

    def __post_init__(self) -> None:
        longest = max(self.round_days)
        if longest > self.assumed.season_days:
            raise InputRefused(f"a round of {longest} days does not fit into a season of {self.assumed.season_days}")
        if len(self.record.levels) < 2:
            raise InputRefused("the organisation has one level: units are needed below the facility")

    @property
    def policy(self) -> Policy:
        """The policy that the proposal is for: the default one's k where it is among those asked about."""
        usual = [policy for policy in self.policies if policy.k == Policy().k]
        return (usual or list(self.policies))[0]

    @property
    def days(self) -> int:
        """The length of round that the proposal is for: two weeks where they are among those asked about."""
        return BASE_DAYS if BASE_DAYS in self.round_days else self.round_days[0]

    @property
    def organisations(self) -> tuple[Organisation, ...]:
        """The organisation with all its levels, and with fewer and fewer."""
        return tuple(to_level(self.record, depth) for depth in range(len(self.record.levels), 1, -1))


@dataclass(frozen=True, slots=True)
class Line:
    """One candidate with one kind of responders, and what it comes to."""

    responders: Responders
    candidate: Candidate
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Proposal:
    """One or two calendars under the policy and with the rounds that are usual, for the whole organisation."""

    candidate: Candidate
    lines: tuple[Line, ...]
    instead: tuple[Line, ...]
    staff_long: float

    @property
    def has_two_calendars(self) -> bool:
        """Whether small units are asked once a season."""
        return self.candidate.long_below > 0


def count_lines(question: Question) -> int:
    """At most how many lines there will be."""
    places = len(question.record.levels) - 1
    return 2 * places * len(question.policies) * len(question.round_days) * len(question.responders)


def lines(question: Question, form: Form, streams: Streams) -> Iterator[Line]:
    """Every candidate with every kind of responders. The same seasons are drawn for all policies and calendars."""
    for responders in question.responders:
        for organisation in question.organisations:
            heads = {leaf: organisation.headcounts[leaf] for leaf in organisation.leaves()}
            for days in question.round_days:
                crowd = Crowd(responders, question.assumed, days)
                random = streams("plan", responders, len(organisation.levels), days)
                seasons = [crowd.season(heads, random) for _ in range(question.draws)]
                for candidate in _candidates(question, organisation, days):
                    yield Line(responders, candidate, outcome(candidate, form, seasons, question.assumed))


def _candidates(question: Question, organisation: Organisation, days: int) -> Iterator[Candidate]:
    # a facility has one threshold and cannot tell who is of which kind, so it is that of those who answer less
    least = min(Crowd(responders, question.assumed, days).response for responders in question.responders)
    for policy in question.policies:
        yield Candidate(policy, organisation, days, 0)
        long_below = threshold(policy.cohort_size, least, question.assumed.reliable)
        divided = Candidate(policy, organisation, days, long_below)
        if divided.long_leaves:
            yield divided


def proposal(question: Question, found: list[Line]) -> Proposal:
    """Two calendars where some units are small and they are then heard more often, whoever answers."""
    whole = question.organisations[0]
    mine = [line for line in found if line.candidate.organisation.levels == whole.levels]
    usual = [
        line for line in mine if (line.candidate.policy, line.candidate.round_days) == (question.policy, question.days)
    ]
    one = tuple(line for line in usual if not line.candidate.long_below)
    two = tuple(line for line in usual if line.candidate.long_below)
    better = bool(two) and all(
        line.outcome.published > other.outcome.published for other, line in zip(one, two, strict=True)
    )
    chosen, instead = (two, one) if better else (one, two)
    candidate = chosen[0].candidate
    people = sum(whole.headcounts[leaf] for leaf in whole.leaves())
    long = sum(whole.headcounts[leaf] for leaf in candidate.long_leaves)
    return Proposal(candidate, chosen, instead, long / people if people else 0.0)


def sensitive(question: Question, catalogue: Mapping[str, Form], streams: Streams) -> float:
    """The share of departments that a sensitive form is published for; in a season there is none."""
    return sensitive_share(
        question.organisations[0],
        question.policy,
        catalogue[EXAMPLE_OF_SENSITIVE],
        question.assumed,
        question.draws,
        streams("plan", "sensitive"),
    )
