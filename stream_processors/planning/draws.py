"""How many answer: whole seasons drawn at random, round by round and place by place.

The same person answers in all rounds of a season: with habits, whoever answered the first is likely to answer the next.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import accumulate
from random import Random

from producers.simulation.habits import Responders, ever, inclination, response_of
from stream_processors.planning.candidates import Assumptions, binomial

Counts = dict[str, int]


@dataclass(frozen=True, slots=True)
class Drawn:
    """How many answered at every place in each short round of one season, and in a round as long as the season."""

    short: tuple[Counts, ...]
    long: Counts


@dataclass(frozen=True, slots=True)
class Crowd:
    """People who answer by one kind of habit, in rounds of one length."""

    responders: Responders
    assumed: Assumptions
    round_days: int

    @property
    def rounds(self) -> int:
        """Short rounds in a season."""
        return self.assumed.season_days // self.round_days

    @property
    def response(self) -> float:
        """The share who answer a short round."""
        return response_of(self.responders, self.assumed.response, self.assumed.chances(self.round_days))

    def season(self, heads: Mapping[str, int], random: Random) -> Drawn:
        """One season of these places."""
        if self.responders == "independent":
            return self._independent(heads, random)
        short: tuple[Counts, ...] = tuple({} for _ in range(self.rounds))
        long: Counts = {}
        for leaf, people in heads.items():
            chances = [inclination(random, self.responders, self.assumed.response) for _ in range(people)]
            often = [ever(chance, self.assumed.chances(self.round_days)) for chance in chances]
            for counts in short:
                counts[leaf] = _answering(often, random)
            season = self.assumed.chances(self.assumed.season_days)
            long[leaf] = _answering([ever(chance, season) for chance in chances], random)
        return Drawn(short, long)

    def _independent(self, heads: Mapping[str, int], random: Random) -> Drawn:
        longer = response_of("independent", self.assumed.response, self.assumed.chances(self.assumed.season_days))
        in_short = {people: draw_binomial(people, self.response, random) for people in set(heads.values())}
        in_long = {people: draw_binomial(people, longer, random) for people in set(heads.values())}
        short = tuple({leaf: in_short[people]() for leaf, people in heads.items()} for _ in range(self.rounds))
        return Drawn(short, {leaf: in_long[people]() for leaf, people in heads.items()})


def draw_binomial(people: int, chance: float, random: Random) -> Callable[[], int]:
    """Draws of how many of the people answer, by inversion."""
    upto = list(accumulate(binomial(people, count, chance) for count in range(people + 1)))
    # the sum of many small numbers may stay a little below 1
    return lambda: min(bisect_left(upto, random.random()), people)


def _answering(chances: list[float], random: Random) -> int:
    draw = random.random
    return sum(draw() < chance for chance in chances)
