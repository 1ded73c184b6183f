"""Counts wait for a seal: then they are the conservation counts, before that nothing is shown."""

import random
from collections import Counter

import pytest

from schemas.events import DeadLetter, Echo, FormManifest, RoundCancelled, RoundClosed
from stream_processors.steps.conservation import tally
from stream_processors.steps.release import SMALLEST, Kept, Released, Waiting
from stream_processors.steps.replay import Replay
from tests.random_logs import random_log
from tests.records import numbers, replayed
from tests.unit.test_cancel import CANCELLING, answers
from tests.unit.test_rounds import CLOSING, ORGANISATION, opening

AGAIN = opening(round="r2", first_answer_date="2026-02-01", last_answer_date="2026-02-10")


def release(result: Replay, waiting: Waiting | None = None) -> list[Released]:
    """What each seal of a log shows."""
    waiting, shown = waiting or Waiting(), []
    for event in result.events:
        match event:
            case FormManifest():
                waiting.manifest(event)
            case DeadLetter():
                waiting.letter(event)
            case Echo(event=RoundClosed(facility=facility, round=name)):
                shown.append(waiting.sealed((facility, name)))
            case Echo(event=RoundCancelled(facility=facility, round=name)):
                waiting.cancelled((facility, name))
    return shown


def total(shown: list[Released], waiting: list[Kept]) -> Released:
    """What was shown and what waits, together."""
    outcomes, reasons = Counter[str](), Counter[str]()
    for counts in [*shown, *(kept.released() for kept in waiting)]:
        outcomes.update(counts.outcomes)
        reasons.update(counts.reasons)
    return Released(outcomes, reasons)


def conserved(result: Replay) -> Counter[str]:
    """The conservation counts of a whole log, added up."""
    found: Counter[str] = Counter()
    manifests = [event for event in result.manifests if isinstance(event, FormManifest)]
    for counts in numbers(tally(manifests, result.dead_letters)).values():
        found.update(counts)
    return +found


@pytest.mark.parametrize("seed", range(40))
def test_what_was_shown_and_what_waits_are_the_conservation_counts_of_any_log(seed: int) -> None:
    result, waiting = replayed(random_log(random.Random(seed))), Waiting()
    found = total(release(result, waiting), [*waiting._letters.values(), waiting._shared])
    assert +Counter(found.outcomes) == conserved(result)
    assert found.reasons == Counter(letter.reason for letter in result.dead_letters)


def test_a_release_given_again_shows_nothing_twice() -> None:
    result = replayed([ORGANISATION, opening(), {**answers("r1")[0], "round": "none"}, *answers("r1"), CLOSING])
    waiting = Waiting()
    first, again = release(result, waiting), release(result, waiting)
    assert first[0].outcomes["received"] == 16
    assert again[0] == Released()


def test_a_round_of_few_people_waits_for_the_next() -> None:
    few, enough = (
        answers("r1", SMALLEST - 1),
        [{**one, "submitted_on": "2026-02-02"} for one in answers("r2", SMALLEST)],
    )
    log = [ORGANISATION, opening(), *few, CLOSING, AGAIN, *enough, {**CLOSING, "round": "r2"}]
    shown = release(replayed(log))
    assert [counts.outcomes.get("admitted", 0) for counts in shown] == [0, 2 * SMALLEST - 1]


def test_what_is_late_or_unreadable_does_not_count_as_people_to_hide_among() -> None:
    junk = [{**one, "round": "none"} for one in answers("r1", 40)]
    log = [ORGANISATION, opening(), *answers("r1", 2), *junk, CLOSING]
    assert release(replayed(log)) == [Released()]


def test_a_cancelled_round_is_counted_with_the_next_seal() -> None:
    later = [{**one, "submitted_on": "2026-02-02"} for one in answers("r2")]
    log = [ORGANISATION, opening(), *answers("r1", 1), CANCELLING, AGAIN, *later, {**CLOSING, "round": "r2"}]
    (shown,) = release(replayed(log))
    assert shown.outcomes["received"] == 16


def test_refused_answers_of_a_round_wait_for_its_own_seal() -> None:
    result = replayed([ORGANISATION, opening(), {**answers("r1")[0], "form": "none"}, *answers("r1")])
    (letter,) = result.dead_letters
    waiting = Waiting()
    waiting.letter(letter)
    other = replayed([ORGANISATION, opening(), *answers("r1"), CLOSING])
    for manifest in other.manifests:
        if isinstance(manifest, FormManifest):
            waiting.manifest(manifest.model_copy(update={"facility": "elsewhere"}))
    assert not waiting.sealed(("elsewhere", "r1")).reasons
    assert letter.round == "r1"


def test_memory_does_not_grow_with_refused_records() -> None:
    result = replayed([ORGANISATION, opening(), {**answers("r1")[0], "form": "none"}])
    waiting = Waiting()
    for offset in range(10_000):
        waiting.letter(result.dead_letters[0].model_copy(update={"offset": offset}))
    assert len(waiting._letters) == len(waiting._seen) == 1
    assert len(waiting._letters["general", "r1"].reasons) == 1
