"""How many leaves are heard by themselves at least once in a season."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

from stream_processors.planning.calendars import chance_of_figures

Habit = Callable[[Random], float]
"""One person's own chance to answer a round, drawn."""


def most_answers(random: Random, heads: int, habit: Habit, rounds: int) -> int:
    """The most answers that a leaf of so many people gives in one of so many rounds; people keep their habits."""
    people = [habit(random) for _ in range(heads)]
    return max(sum(random.random() < chance for chance in people) for _ in range(rounds))


def heard_once(
    random: Random, heads: Sequence[int], habit: Habit, rounds: int, sizes: Sequence[int], draws: int
) -> Mapping[int, float]:
    """Per cohort size, the share of leaves that have figures of their own in at least one of the rounds."""
    counts = dict.fromkeys(sizes, 0)
    for _ in range(draws):
        for leaf in heads:
            # fewer people than any cohort never have figures, whoever answers
            most = most_answers(random, leaf, habit, rounds) if leaf >= min(sizes) else 0
            for size in sizes:
                counts[size] += most >= size
    return {size: count / (draws * len(heads)) for size, count in counts.items()}


def heard_in_a_long_round(heads: Sequence[int], chance: float, size: int) -> float:
    """The expected number of leaves with figures of their own in one long round."""
    return sum(chance_of_figures(leaf, chance, size) for leaf in heads)
