"""Between a round's markers the order of deliveries, repeats of them, and who delivers them change nothing."""

import random
from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from schemas.clickhouse.rows import plain
from stream_processors.steps.replay import Replay
from tests.random_logs import random_log
from tests.records import numbers, replayed

LOGS, BATCHES = 120, 5
DELIVERIES = {"submission", "submission.withdrawn"}
Event = dict[str, Any]
Span = tuple[str, str, int]
"""Facility, round, and how many of the round's markers came before."""
Rearrange = Callable[[random.Random, list[Event]], list[Event]]


def shuffled(rng: random.Random, events: list[Event]) -> list[Event]:
    """The events in another order."""
    return rng.sample(events, len(events))


def doubled(rng: random.Random, events: list[Event]) -> list[Event]:
    """The events in another order, some of them two or three times."""
    return shuffled(rng, [event for event in events for _ in range(rng.choice([1, 1, 2, 3]))])


def from_several_producers(rng: random.Random, events: list[Event]) -> list[Event]:
    """The events dealt to producers that keep their order, each of which sends its last few again after a fault."""
    queues: list[list[Event]] = [[] for _ in range(rng.randint(2, 4))]
    for event in events:
        rng.choice(queues).append(event)
    sent = [[*queue, *queue[-rng.randint(1, 5) :]] for queue in queues]
    turns = shuffled(rng, [{"queue": number} for number, queue in enumerate(sent) for _ in queue])
    rest = [iter(queue) for queue in sent]
    return [next(rest[turn["queue"]]) for turn in turns]


def spans(log: list[Event]) -> list[Span | None]:
    """For each event the span it may be moved within; None for those that must stay."""
    markers: dict[tuple[str, str], int] = defaultdict(int)
    found: list[Span | None] = []
    for event in log:
        name = (event["facility"], event.get("round", ""))
        markers[name] += event["type"] not in DELIVERIES
        found.append((*name, markers[name]) if event["type"] in DELIVERIES else None)
    return found


def rearranged(log: list[Event], rng: random.Random, rearrange: Rearrange) -> list[Event]:
    """The log with each round's deliveries rearranged between its markers, and thrown anew among other rounds'."""
    places = spans(log)
    piles: list[list[Event]] = [[] for _ in log]
    for span in dict.fromkeys(places):
        slots = [index for index, place in enumerate(places) if place == span]
        events = [log[index] for index in slots]
        if span is None:
            drawn = slots
        else:
            events = rearrange(rng, events)
            drawn = sorted(rng.choices(slots, k=len(events)))
        for index, event in zip(drawn, events, strict=True):
            piles[index].append(event)
    return [event for pile in piles for event in pile]


def published(result: Replay) -> tuple[list[Event], ...]:
    """What readers get, in a stable order."""
    rows = (map(plain, result.cohorts), map(plain, result.indicators), map(plain, result.rounds))
    return tuple(sorted(found, key=repr) for found in rows)


def fates(result: Replay) -> dict[Any, dict[str, int]]:
    """The counts that repeats must not change."""
    moved = {"received", "duplicate", "invalid", "late", "pending"}
    counted = {
        bucket: {k: n for k, n in counts.items() if k not in moved}
        for bucket, counts in numbers(result.outcomes()).items()
    }
    return {bucket: counts for bucket, counts in counted.items() if counts.get("admitted")}


@pytest.mark.parametrize("rearrange", [shuffled, doubled, from_several_producers])
@pytest.mark.parametrize("batch", range(BATCHES))
def test_deliveries_in_any_order_and_number_give_the_same_figures(batch: int, rearrange: Rearrange) -> None:
    sealed = 0
    for seed in range(batch, LOGS, BATCHES):
        rng = random.Random(seed)
        log = random_log(rng)
        expected, found = replayed(log), replayed(rearranged(log, rng, rearrange))
        assert published(found) == published(expected), f"seed {seed}"
        assert fates(found) == fates(expected), f"seed {seed}"
        sealed += len(expected.cohorts)
    assert sealed > 20


@pytest.mark.parametrize("batch", range(BATCHES))
def test_deliveries_shuffled_have_the_same_outcomes(batch: int) -> None:
    for seed in range(batch, LOGS, BATCHES):
        rng = random.Random(seed)
        log = random_log(rng)
        assert replayed(rearranged(log, rng, shuffled)).outcomes() == replayed(log).outcomes(), f"seed {seed}"
