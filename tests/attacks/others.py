"""The attacks that are no subtraction: each with what it does to a naive design, and the same code on the product."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import Any, Final

from producers.keystore import RoundKeys
from producers.pseudonym import event_id, respondent_token
from schemas.canonical import canonical_json, uuid8
from tests.attacks.certainty import (
    Group,
    Read,
    count_clamped_alone,
    ever_excludes,
    figures_shown,
    number_at_risk_is_wrong,
    open_events,
    outcomes_shown,
    withheld_answers,
    withheld_withdrawals,
)
from tests.attacks.designs import Design, sealed, threshold
from tests.attacks.inference import BLIND
from tests.attacks.leavers import EVEN, best_guess_of_joiner, guess_of_joiner
from tests.attacks.partial import ATTACKS, Partial
from tests.attacks.world import Answer, Closed, Opened, Step, World, flat

Try = Callable[[Random], bool]
"""One trial: whether the attack was right."""


@dataclass(frozen=True)
class Other:
    """One attack with a trial on a naive design and one on the product."""

    name: str
    design: str
    naive: Try
    sealed: Try
    best: Fraction
    blind: Fraction
    stops: str
    prevented: bool = True
    naive_minimum: float = 0.95


def of_partial(attack: Partial) -> Other:
    """An attack on somebody who left items out."""

    def naive(rng: Random) -> bool:
        sheets = attack.sheets(rng)
        return attack.naive(sheets) == attack.truth(sheets)

    def guessed(rng: Random) -> bool:
        sheets = attack.sheets(rng)
        return attack.sealed_guess(sheets) == attack.truth(sheets)

    return Other(attack.name, attack.design, naive, guessed, attack.best(), attack.blind(), attack.stops)


def alike(rng: Random) -> Group:
    """Eleven people who answer alike."""
    return Group("homogeneous", (rng.randint(1, 5),) * 11)


def nobody_at_risk(rng: Random) -> Group:
    """Eleven people of whom nobody is at risk."""
    return Group("enumeration", tuple(rng.randint(1, 2) for _ in range(11)))


def only_one_at_risk(rng: Random) -> Group:
    """Eleven people of whom the attacker alone is at risk."""
    own = rng.randint(3, 5)
    return Group("enumeration", (own, *(rng.randint(1, 2) for _ in range(10))), own=own)


def certain(name: str, make: Callable[[Random], Group], own: int | None, stops: str) -> Other:
    """An attack that excludes an answer of somebody for sure."""
    best = max(ever_excludes(11, one) for one in ((None,) if own is None else EVEN))

    def on(design: Design) -> Try:
        return lambda rng: make(rng).succeeds(design)

    return Other(name, "threshold of 5", on(threshold), on(sealed), best, Fraction(0), stops)


def clamped(design: Design) -> Try:
    """F8: from a total that a clamped count cannot have, that nobody is at risk."""

    def tried(rng: Random) -> bool:
        answers = [1] * 10 + [2]
        rng.shuffle(answers)
        people = [Answer(f"p{i}", "ward", value) for i, value in enumerate(answers)]
        world = flat(Opened(), *people, Closed(), units=["ward"])
        return number_at_risk_is_wrong(design(world).last("ward"))

    return tried


def told_by_trying(read: Read, make: Callable[[Random], Mapping[Any, World]]) -> Try:
    """The attacker knows everything but one fact, makes every world that may be, and compares what is shown."""

    def tried(rng: Random) -> bool:
        worlds = make(rng)
        truth = rng.choice(list(worlds))
        seen = {fact: repr(read(world)) for fact, world in worlds.items()}
        return bool(rng.choice([fact for fact in worlds if seen[fact] == seen[truth]]) == truth)

    return tried


def withheld_or_not_there(rng: Random) -> dict[bool, World]:
    """A target whose unit is withheld did or did not answer."""
    others = [step for step in next(iter(withheld_answers(rng).values())).steps if isinstance(step, Answer)]
    people = {True: others, False: [one for one in others if one.person != "target"]}
    return {there: flat(Opened(), *them, Closed(), units=["a", "ward"]) for there, them in people.items()}


STAYERS: Final = 11


def joined(design: Design, repeat: Fraction, leaves: bool = False) -> Try:
    """Somebody joins, or leaves, a group that answers in two rounds."""

    def tried(rng: Random) -> bool:
        target, first = rng.randint(1, 5), [rng.randint(1, 5) for _ in range(STAYERS)]
        second = [one if rng.random() < repeat else rng.randint(1, 5) for one in first]
        (first if leaves else second).append(target)
        view = design(two_rounds(first, second))
        before, after = view.last("ward", "r1"), view.last("ward", "r2")
        assert before is not None
        assert after is not None
        pair = (after, before) if leaves else (before, after)
        return guess_of_joiner(STAYERS, repeat, *pair) == target

    return tried


def two_rounds(first: list[int], second: list[int]) -> World:
    """The same unit in two rounds that share no day."""
    steps: list[Step] = [Opened(), *(Answer(f"p{i}", "ward", one) for i, one in enumerate(first)), Closed()]
    steps.append(Opened("r2", "2026-02-02", "2026-02-15"))
    for i, one in enumerate(second):
        steps.append(Answer(f"p{i}", "ward", one, "r2", submitted="2026-02-02"))
    return flat(*steps, Closed("r2"), units=["ward"])


def joiner(percent: int, leaves: bool = False) -> Other:
    """The same people again, of whom so many in a hundred repeat their answer; one joins or leaves."""
    repeat = Fraction(percent, 100)
    best = best_guess_of_joiner(STAYERS, repeat, EVEN)
    name = f"known {'leaver' if leaves else 'joiner'}, {percent} % of 11 others repeat"
    tries = joined(threshold, repeat, leaves), joined(sealed, repeat, leaves)
    least = 0.7 * float(best)
    stops = "NOT PREVENTED: the rounds hold different people; best from uncoded totals"
    return Other(name, "threshold of 5", *tries, best, BLIND, stops, prevented=False, naive_minimum=least)


RESPONSES: Final = 300


def enumerated(make: Callable[[RoundKeys, int], str]) -> Try:
    """The key is gone: the attacker tries every response number, under a key of its own."""

    def tried(rng: Random) -> bool:
        keys, other = RoundKeys.generate(rng.randbytes), RoundKeys.generate(rng.randbytes)
        sought = rng.randrange(RESPONSES)
        found = make(keys, sought)
        return any(make(other, number) == found for number in range(RESPONSES))

    return tried


def unkeyed_id(_: RoundKeys, number: int) -> str:
    """An event id that needs no key."""
    return uuid8(hashlib.sha256(canonical_json(["survey", number, "sib5", 0])).digest())


def keyed_id(keys: RoundKeys, number: int) -> str:
    """An event id of the product."""
    return event_id(keys, "csv", "survey", str(number), "sib5", 0)


def hashed_person(_: RoundKeys, number: int) -> str:
    """A token that is a hash of the staff number."""
    return hashlib.sha256(f"staff-{number}".encode()).hexdigest()


def keyed_person(keys: RoundKeys, number: int) -> str:
    """A token of the product."""
    return respondent_token(keys, "sib5", f"staff-{number}")


def linked(across_forms: Callable[[RoundKeys, str, str], str]) -> Try:
    """Whether one person's answers to two forms have one token."""

    def tried(rng: Random) -> bool:
        keys, person = RoundKeys.generate(rng.randbytes), f"staff-{rng.randrange(RESPONSES)}"
        return across_forms(keys, "sib5", person) == across_forms(keys, "cbi.work", person)

    return tried


def token_without_form(keys: RoundKeys, _: str, person: str) -> str:
    """A token that leaves the form out."""
    return respondent_token(keys, "any", person)


def found_again(new_key: bool) -> Try:
    """Whether one person has one token in two rounds, of which each has a key of its own or not."""

    def tried(rng: Random) -> bool:
        first, second = RoundKeys.generate(rng.randbytes), RoundKeys.generate(rng.randbytes)
        person = f"staff-{rng.randrange(RESPONSES)}"
        token = respondent_token(second if new_key else first, "sib5", person)
        return token == respondent_token(first, "sib5", person)

    return tried


HALF: Final = Fraction(1, 2)
NOTHING: Final = Fraction(0)
CODED: Final = "coding: no row excludes an answer"
KEYED: Final = "HMAC under a key that is destroyed"

OTHERS: Final = (
    *(of_partial(attack) for attack in ATTACKS),
    certain("homogeneous group: all answer alike", alike, None, CODED),
    certain("reconstruction from n, total and at risk, by an outsider", nobody_at_risk, None, CODED),
    certain("the same, by one member", only_one_at_risk, 1, "coding with `coalition` 1"),
    Other(
        "downcoding: a count clamped beside an exact total (F8)",
        "count coded, total not",
        clamped(count_clamped_alone),
        clamped(sealed),
        NOTHING,
        NOTHING,
        "the total has a box too",
    ),
    Other(
        "minimality: who knows all other answers, of one withheld",
        "threshold of 5",
        told_by_trying(figures_shown, withheld_answers),
        told_by_trying(open_events, withheld_answers),
        BLIND,
        BLIND,
        "sealing looks at sizes and never at answers",
    ),
    Other(
        "complement of counts: did somebody withdraw",
        "sealed, with outcome counts beside it",
        told_by_trying(outcomes_shown, withheld_withdrawals),
        told_by_trying(open_events, withheld_withdrawals),
        HALF,
        HALF,
        "outcome counts are closed",
    ),
    Other(
        "side channels: did somebody of a withheld unit answer",
        "sealed, with outcome counts beside it",
        told_by_trying(outcomes_shown, withheld_or_not_there),
        told_by_trying(open_events, withheld_or_not_there),
        HALF,
        HALF,
        "nothing open moves; lag, logs, metrics: `tests/e2e/test_operations.py`, `tests/e2e/test_canaries.py`",
    ),
    joiner(100),
    joiner(90),
    joiner(70),
    joiner(100, leaves=True),
    Other(
        "enumerating event ids when the key is gone",
        "ids without a key",
        enumerated(unkeyed_id),
        enumerated(keyed_id),
        NOTHING,
        NOTHING,
        KEYED,
    ),
    Other(
        "enumerating persons when the key is gone",
        "hashes of staff numbers",
        enumerated(hashed_person),
        enumerated(keyed_person),
        NOTHING,
        NOTHING,
        KEYED,
    ),
    Other(
        "linking a person's forms",
        "tokens without the form",
        linked(token_without_form),
        linked(respondent_token),
        NOTHING,
        NOTHING,
        "the form is in the token",
    ),
    Other(
        "linking a person's rounds",
        "one key for all rounds",
        found_again(new_key=False),
        found_again(new_key=True),
        NOTHING,
        NOTHING,
        "a key for each round",
    ),
)
