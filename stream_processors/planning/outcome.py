"""What a candidate comes to: drawn seasons, each round split by the rule that seals real ones."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, sqrt
from random import Random
from statistics import fmean, median, median_low

from schemas.instruments.scoring import Form
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.planning.candidates import Assumptions, Candidate
from stream_processors.planning.draws import Counts, Drawn, draw_binomial
from stream_processors.planning.shift import days_to_see
from stream_processors.steps.figures import Z, wilson
from stream_processors.steps.seal import Sealing, split


@dataclass(frozen=True, slots=True)
class Outcome:
    """What leaders will see. Shares of leaves are per round, each leaf's in the calendar it is in.

    `heard` is the share of answers that are in figures of the leaf they were given at, `once` that of leaves with
    figures of their own at least once a season. `risk_width` is the width of the 95 % interval of the at-risk share at
    a published leaf of median size, `mean_half` half the width of its mean's, in standard deviations of persons.
    `days` is the median over leaves until half a standard deviation is seen, `never` the share that do not see it
    within two years.
    """

    published: float
    pooled: float
    withheld: float
    heard: float
    once: float
    risk_width: float | None
    mean_half: float | None
    days: float | None
    never: float


@dataclass(slots=True)
class _Leaf:
    """What became of one leaf's answers over all rounds drawn."""

    days: int
    rounds: int = 0
    pooled: int = 0
    answers: int = 0
    seasons_heard: int = 0
    published: list[int] = field(default_factory=list)

    @property
    def withheld(self) -> int:
        return self.rounds - self.pooled - len(self.published)

    @property
    def chance(self) -> float:
        return len(self.published) / self.rounds

    @property
    def days_to_see(self) -> float:
        return days_to_see(fmean(self.published), self.chance, self.days) if self.published else inf


def outcome(candidate: Candidate, form: Form, seasons: Sequence[Drawn], assumed: Assumptions) -> Outcome:
    """What the candidate comes to over these seasons."""
    long = set(candidate.long_leaves)
    short = [leaf for leaf in candidate.organisation.leaves() if leaf not in long]
    tallies = {leaf: _Leaf(candidate.round_days) for leaf in short}
    tallies |= {leaf: _Leaf(assumed.season_days) for leaf in long}
    in_short, in_long = (_sealing(candidate, form, leaves) for leaves in (short, long))
    for season in seasons:
        before = {leaf: len(tally.published) for leaf, tally in tallies.items()}
        for counts in season.short if short else ():
            _count(tallies, {leaf: counts[leaf] for leaf in short}, in_short)
        if long:
            _count(tallies, {leaf: season.long[leaf] for leaf in long}, in_long)
        for leaf, tally in tallies.items():
            tally.seasons_heard += len(tally.published) > before[leaf]
    return _summary(list(tallies.values()), len(seasons), assumed)


def sensitive_share(
    organisation: Organisation, policy: Policy, form: Form, assumed: Assumptions, draws: int, random: Random
) -> float:
    """The share of departments that a sensitive form is published for, when the share `opt_in` answer it.

    In an organisation without departments it is that of the places at its `sensitive_level`.
    """
    heads = {leaf: organisation.headcounts[leaf] for leaf in organisation.leaves()}
    draw = {people: draw_binomial(people, assumed.opt_in, random) for people in set(heads.values())}
    sealing = Sealing(organisation, organisation.asked(heads), policy, "", "", form)
    lowest = sensitive_level(organisation)
    departments = {node.id for node in organisation.nodes.values() if node.kind == lowest}
    found = [
        len(departments & set(split({leaf: draw[people]() for leaf, people in heads.items()}, sealing).sealed))
        for _ in range(draws)
    ]
    return fmean(found) / len(departments)


def sensitive_level(organisation: Organisation) -> str:
    """The lowest level that has figures of a sensitive form."""
    kinds = {node.kind for name, node in organisation.nodes.items() if organisation.may_seal_sensitive(name)}
    return max(kinds, key=organisation.levels.index)


def _sealing(candidate: Candidate, form: Form, leaves: Iterable[str]) -> Sealing:
    # neither who fields a round nor its name has a part in who is sealed with whom
    return Sealing(candidate.organisation, candidate.organisation.asked(leaves), candidate.policy, "", "", form)


def _count(tallies: Mapping[str, _Leaf], counts: Counts, sealing: Sealing) -> None:
    sealed, paths = split(counts, sealing).sealed, sealing.organisation.paths
    for leaf, answers in counts.items():
        tally = tallies[leaf]
        tally.rounds += 1
        tally.answers += answers
        if leaf in sealed:
            tally.published.append(answers)
        else:
            tally.pooled += any(node in sealed for node in paths[leaf])


def _summary(leaves: Sequence[_Leaf], seasons: int, assumed: Assumptions) -> Outcome:
    sizes = [answers for leaf in leaves for answers in leaf.published]
    typical = median_low(sizes) if sizes else None
    days = [leaf.days_to_see for leaf in leaves]
    low, high = wilson(assumed.at_risk, typical) if typical else (0.0, 0.0)
    return Outcome(
        published=fmean(leaf.chance for leaf in leaves),
        pooled=fmean(leaf.pooled / leaf.rounds for leaf in leaves),
        withheld=fmean(leaf.withheld / leaf.rounds for leaf in leaves),
        heard=sum(sizes) / max(1, sum(leaf.answers for leaf in leaves)),
        once=fmean(leaf.seasons_heard / seasons for leaf in leaves),
        risk_width=high - low if typical else None,
        mean_half=Z / sqrt(typical) if typical else None,
        days=None if median(days) == inf else median(days),
        never=fmean(day == inf for day in days),
    )
