"""How many leaves are heard by themselves at least once in a season."""

from collections.abc import Callable, Mapping, Sequence
from random import Random

Habit = Callable[[Random], float]
"""One person's own chance to answer a round, drawn."""


def most_answers(random: Random, heads: int, habit: Habit, rounds: int) -> int:
    """The most answers that a leaf of so many people gives in one of so many rounds; people keep their habits."""
    people = [habit(random) for _ in range(heads)]
    return max(sum(random.random() < chance for chance in people) for _ in range(rounds))


def heard_once(
    random: Random, heads: Sequence[int], habit: Habit, rounds: int, sizes: Sequence[int], draws: int
) -> Mapping[int, list[float]]:
    """Per cohort size, each leaf's chance of figures of its own in at least one of the rounds."""
    counts = {size: [0] * len(heads) for size in sizes}
    for position, leaf in enumerate(heads):
        # fewer people than any cohort never have figures, whoever answers
        for _ in range(draws if leaf >= min(sizes) else 0):
            most = most_answers(random, leaf, habit, rounds)
            for size in sizes:
                counts[size][position] += most >= size
    return {size: [count / draws for count in found] for size, found in counts.items()}
