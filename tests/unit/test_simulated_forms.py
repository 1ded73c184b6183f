"""Every form can be simulated, whatever its scales, ranges and directions."""

from dataclasses import replace
from random import Random
from statistics import fmean

import pytest

from deploy.resources import catalogue
from producers.simulate import Simulation
from producers.simulation.answers import answer_all
from producers.simulation.feed import trial_round_keys
from producers.simulation.mishaps import with_mishaps
from producers.simulation.population import facilities
from producers.simulation.settings import wave
from producers.simulation.survey import Fielding, Tallies, survey
from schemas.codec import decode
from schemas.events import Submission


@pytest.mark.parametrize("form", sorted(catalogue()))
def test_a_higher_latent_gives_worse_scores_on_every_form(form: str) -> None:
    random, given = Random(5), catalogue()[form]

    def means(latent: float) -> list[float]:
        scored = [given.score(answer_all(random, given, latent)) for _ in range(300)]
        assert None not in scored
        sides = [1 if scale.direction == "higher_is_worse" else -1 for scale in given.scales]
        return [side * fmean(scores[at].value for scores in scored if scores) for at, side in enumerate(sides)]

    for calm, usual, strained in zip(means(-1), means(0), means(1), strict=True):
        assert calm < usual < strained


@pytest.mark.parametrize("form", sorted(catalogue()))
def test_every_form_can_be_simulated_with_its_mishaps(form: str) -> None:
    simulation = Simulation(1, 1500, 1, seed=9)
    (place,) = facilities(simulation)
    current = replace(wave(0), forms=(form,))
    fielding = Fielding(place, current, trial_round_keys(9, place.id, current.id), (catalogue()[form],))
    tallies, random = Tallies(fielding), Random(9)
    entries = list(with_mishaps(random, fielding, survey(random, fielding, tallies)))
    assert len(entries) > 100
    rows = tallies.truth()
    assert {row.scale for row in rows} == {scale.id for scale in catalogue()[form].scales}
    answers = [event.answers for _, line in entries if isinstance(event := decode(line.value), Submission)]
    scored = [catalogue()[form].score(given) for given in answers]
    assert 0 < scored.count(None) < len(scored) / 10
