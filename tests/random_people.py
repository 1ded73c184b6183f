"""What the people of a random log send: answers, and everything that can be untidy about them."""

import random
import uuid
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

Event = dict[str, Any]

# items, lowest and highest answer
FORMS: dict[str, tuple[list[str], int, int]] = {
    "sib5": (["1"], 1, 5),
    "cbi.personal": ([str(item) for item in range(1, 7)], 0, 4),
    "cbi.work": ([str(item) for item in range(7, 14)], 0, 4),
    "cbi.client": ([str(item) for item in range(14, 20)], 0, 4),
    "phq_2": (["1", "2"], 0, 3),
    "gad_2": (["1", "2"], 0, 3),
}
REVERSED = {"13"}
MOODS = ["all_low", "all_high", "all_middle", "low", "high", "even", "one_apart"]


@dataclass(frozen=True)
class Wave:
    """A round as its opening marker declares it, and the organisation its people belong to."""

    opened: Event
    people: dict[str, int]
    rate: float
    places: tuple[str, ...]


def event_id(rng: random.Random) -> str:
    """An id that nothing else has."""
    return str(uuid.UUID(int=rng.getrandbits(128), version=4))


def token(rng: random.Random) -> str:
    """Somebody's token."""
    return f"{rng.getrandbits(256):064x}"


def marker(rng: random.Random, wave: Wave, kind: str, **fields: str) -> Event:
    """An event of a round that is not an answer."""
    return {
        "type": kind,
        "facility": wave.opened["facility"],
        "event_id": event_id(rng),
        "schema_version": 1,
        "round": wave.opened["round"],
        **fields,
    }


def deliveries(rng: random.Random, wave: Wave, form: str) -> list[Event]:
    """What the people of the covered leaves send for one form."""
    events = []
    one_mood = rng.choice(MOODS) if rng.random() < 0.4 else None
    untidy = rng.choice([0.0, 1.0, 1.0, 3.0])
    for leaf in wave.opened["leaves"]:
        mood = one_mood or rng.choice(MOODS)
        for _ in range(wave.people[leaf]):
            if rng.random() < wave.rate:
                events += _person(rng, wave, _submission(rng, wave, form, leaf, _answers(rng, form, mood)), untidy)
    return events


def _submission(rng: random.Random, wave: Wave, form: str, leaf: str, answers: dict[str, int]) -> Event:
    first = date.fromisoformat(wave.opened["first_answer_date"])
    return {
        "type": "submission",
        "facility": wave.opened["facility"],
        "event_id": event_id(rng),
        "schema_version": 1,
        "round": wave.opened["round"],
        "form": form,
        "form_version": 1,
        "node": leaf,
        "respondent": token(rng),
        "revision": rng.choice([0, 0, 0, 1]),
        "answers": answers,
        "submitted_on": (first + timedelta(days=rng.randint(0, 6))).isoformat(),
        "source": rng.choice(["csv", "redcap"]),
        "key_id": wave.opened["key_id"],
    }


def _answers(rng: random.Random, form: str, mood: str) -> dict[str, int]:
    items, low, high = FORMS[form]
    if mood == "one_apart":
        mood = "all_high" if rng.random() < 0.1 else "all_low"
    middle = 3 if form == "sib5" else 2
    always = {"all_low": low, "all_high": high, "all_middle": middle}
    tilt = {"low": [9, 4, 2, 1, 1], "high": [1, 1, 2, 4, 9], "even": [1, 1, 1, 1, 1]}
    answers = {}
    for item in items:
        answer = always[mood] if mood in always else rng.choices(range(low, high + 1), tilt[mood][: high - low + 1])[0]
        answers[item] = low + high - answer if item in REVERSED else answer
    return answers


def _partial(rng: random.Random, answers: dict[str, int]) -> dict[str, int]:
    kept = rng.sample(sorted(answers), rng.randint(0, len(answers)))
    return {item: answers[item] for item in kept}


def _person(rng: random.Random, wave: Wave, first: Event, untidy: float) -> list[Event]:
    """One person's deliveries: usually one, and the more untidy the likelier everything else."""

    def sometimes(probability: float) -> bool:
        return rng.random() < probability * untidy

    form = first["form"]
    if sometimes(0.15):
        first = {**first, "answers": _partial(rng, first["answers"])}
    events = [first]
    if sometimes(0.05):
        events.append(dict(first))
    if sometimes(0.1):
        events.append(_revised(rng, wave, first))
    if sometimes(0.03):
        events.append({**_revised(rng, wave, first), "event_id": first["event_id"]})
    if sometimes(0.02):
        events.append({**first, "respondent": token(rng)})
    if sometimes(0.03):
        events.append({**first, "event_id": event_id(rng), "node": rng.choice(wave.opened["leaves"])})
    if sometimes(0.04):
        events.append(marker(rng, wave, "submission.withdrawn", form=form, respondent=first["respondent"]))
    if sometimes(0.01):
        events.append(marker(rng, wave, "submission.withdrawn", form=form, respondent=token(rng)))
    if sometimes(0.03):
        events.append(_invalid(rng, wave, first))
    return events


def _revised(rng: random.Random, wave: Wave, first: Event) -> Event:
    """The same person once more, differing in anything but the token."""
    answers = _answers(rng, first["form"], rng.choice(MOODS))
    return {
        **first,
        "event_id": event_id(rng),
        "answers": _partial(rng, answers) if rng.random() < 0.3 else answers,
        "revision": first["revision"] + rng.choice([0, 1, 1, 2]),
        "node": rng.choice(wave.opened["leaves"]) if rng.random() < 0.2 else first["node"],
    }


def _invalid(rng: random.Random, wave: Wave, first: Event) -> Event:
    """A delivery that breaks one rule, under its own event id or that of the valid one."""
    items, low, high = FORMS[first["form"]]
    uncovered = sorted(set(wave.people) - set(wave.opened["leaves"])) or ["nowhere"]
    unfielded = sorted(set(FORMS) - set(wave.opened["forms"]))
    own_id = {"event_id": event_id(rng)} if rng.random() < 0.5 else {}
    broken: Event = rng.choice(
        [
            {"key_id": "key-of-another-round"},
            {"form_version": rng.choice([0, 2])},
            {"node": rng.choice(uncovered)},
            {"submitted_on": rng.choice(["2026-01-01", "2027-01-01"])},
            {"answers": {**first["answers"], items[0]: rng.choice([low - 1, high + 1])}},
            {"form": rng.choice(unfielded)},
            {"round": "2026-W99"},
        ]
    )
    return {**first, **broken, **own_id}
