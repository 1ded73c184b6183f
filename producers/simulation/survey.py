"""One round at one facility: who answers what and when, and the truth over those who do not."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any, Final

from producers.keystore import RoundKeys
from producers.pseudonym import event_id, respondent_token
from producers.simulation.answers import TRANSIENT, answer_all, leave_out
from producers.simulation.log import Truth
from producers.simulation.population import Facility, Person, Unit
from producers.simulation.settings import ROUND_DAYS, Wave
from schemas.instruments.scoring import Form

SOURCE: Final = "simulator"
# answers come at the start and after the reminders on days 4 and 8
_DAY_WEIGHTS: Final = (18, 14, 8, 5, 14, 7, 4, 3, 12, 6, 3, 2, 2, 2)
_STOPS_AFTER_FIRST_FORM: Final = 0.07
_SKIPS_SOME: Final = 0.04


@dataclass(frozen=True, slots=True)
class Fielding:
    """Two weeks of one round at one facility, and the units it asks."""

    facility: Facility
    wave: Wave
    keys: RoundKeys
    forms: tuple[Form, ...]

    @property
    def units(self) -> tuple[Unit, ...]:
        """The units of the round's calendar, by headcount alone."""
        season = self.wave.season
        if season is None:
            return self.facility.units
        is_long = season.calendar == "long"
        return tuple(unit for unit in self.facility.units if (len(unit.people) < season.long_below) == is_long)

    @property
    def revision(self) -> int:
        """That of an answer given in these two weeks; the one after it is of somebody who changes it at once."""
        return 2 * (self.wave.index - self.wave.first_index)


@dataclass(frozen=True, slots=True)
class Sent:
    """A submission's fields and when it arrives, in days from the start of the round."""

    time: float
    fields: dict[str, Any]


class _Tally:
    """Sums over the staff of one unit on one form, over all two weeks of a round."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.answered = set[str]()
        self.counted, self.latent = 0, 0.0
        self.totals, self.at_risk = [0] * len(form.scales), [0] * len(form.scales)

    def add(self, latent: float, answers: dict[str, int]) -> None:
        scores = self.form.score(answers)
        if scores is not None:
            self.counted += 1
            self.latent += latent
            for place, score in enumerate(scores):
                self.totals[place] += score.value
                self.at_risk[place] += bool(score.at_risk)

    def truth(self, fielding: Fielding, unit: Unit) -> Iterator[Truth]:
        for scale, total, at_risk in zip(self.form.scales, self.totals, self.at_risk, strict=True):
            yield Truth(
                round=fielding.wave.id,
                facility=fielding.facility.id,
                unit=unit.id,
                form=self.form.id,
                scale=scale.id,
                headcount=len(unit.people),
                answered=len(self.answered),
                latent_mean=round(self.latent / self.counted, 6),
                mean=round(float(scale.published(total, self.counted)), 6),
                at_risk_share=round(at_risk / self.counted, 6),
            )


class Tallies:
    """What is behind a round. Each figure is over all staff and all its two weeks: a long round's over the season."""

    def __init__(self, fielding: Fielding) -> None:
        self._fielding = fielding
        self.of_unit = {unit.id: [_Tally(form) for form in fielding.forms] for unit in fielding.units}

    def truth(self) -> list[Truth]:
        """The truth of every unit, form and scale."""
        found = ((tally, unit) for unit in self._fielding.units for tally in self.of_unit[unit.id])
        return [row for tally, unit in found for row in tally.truth(self._fielding, unit)]


def survey(random: Random, fielding: Fielding, tallies: Tallies) -> list[Sent]:
    """Everything that is answered in the two weeks, unit by unit; what is behind it is added to the tallies."""
    sent: list[Sent] = []
    for unit in fielding.units:
        for person in unit.people:
            sent += _ask(random, fielding, unit, person, tallies.of_unit[unit.id])
    return sent


def _ask(random: Random, fielding: Fielding, unit: Unit, person: Person, tallies: Sequence[_Tally]) -> Iterator[Sent]:
    latent = unit.levels[fielding.wave.index] + person.burnout + random.gauss(0, TRANSIENT)
    wanted = _forms_answered(random, person, len(tallies))
    time = random.choices(range(ROUND_DAYS), _DAY_WEIGHTS)[0] + random.random() if wanted else 0.0
    for position, tally in enumerate(tallies):
        answers = answer_all(random, tally.form, latent)
        tally.add(latent, answers)
        if position < wanted:
            tally.answered.add(person.identifier)
            fields = _fields(fielding, unit, person, tally.form, _as_given(random, tally.form, answers))
            yield dated(fielding, time, fields)


def _forms_answered(random: Random, person: Person, forms: int) -> int:
    if random.random() >= person.inclination:
        return 0
    return 1 if random.random() < _STOPS_AFTER_FIRST_FORM else forms


def _as_given(random: Random, form: Form, answers: dict[str, int]) -> dict[str, int]:
    spare = min(2, *(len(scale.items) - scale.min_answered for scale in form.scales))
    if spare and random.random() < _SKIPS_SOME:
        return leave_out(random, answers, random.randint(1, spare))
    return answers


def _fields(fielding: Fielding, unit: Unit, person: Person, form: Form, answers: dict[str, int]) -> dict[str, Any]:
    response = f"{fielding.wave.id}/{person.identifier}"
    return {
        "type": "submission",
        "schema_version": 1,
        "facility": fielding.facility.id,
        "event_id": event_id(fielding.keys, SOURCE, fielding.wave.id, response, form.id, fielding.revision),
        "round": fielding.wave.id,
        "form": form.id,
        "form_version": form.version,
        "node": unit.id,
        "respondent": respondent_token(fielding.keys, form.id, person.identifier),
        "revision": fielding.revision,
        "answers": answers,
        "source": SOURCE,
        "key_id": fielding.keys.key_id,
    }


def dated(fielding: Fielding, time: float, fields: dict[str, Any]) -> Sent:
    """A submission that is given at this time; its date is all that is kept of it."""
    day = fielding.wave.begins + timedelta(days=min(int(time), ROUND_DAYS - 1))
    return Sent(time, fields | {"submitted_on": day.isoformat()})
