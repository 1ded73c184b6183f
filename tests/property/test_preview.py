"""The preview of a close on random logs: it promises exactly what the close then does, and tells no number."""

import copy
import json
import random
from collections import Counter
from dataclasses import replace

import pytest

from schemas.codec import decode
from schemas.events import Echo, FormManifest, RoundClosed, RoundSealed
from stream_processors.steps.admit import OpenRound, resolve
from stream_processors.steps.preview import Outlook, open_round_of, outlook, too_small
from stream_processors.steps.story import Record, Story, advance
from tests.hospital import answers, opening, record
from tests.random_logs import random_log
from tests.records import RULES, outcomes_of, records

LOGS, BATCHES = 240, 8
LEAVES = ["ward-1", "ward-2"]
HOSPITAL = record({"surgery/ward-1": 30, "surgery/ward-2": 30})


def closes(log: list[Record]) -> list[tuple[int, RoundClosed]]:
    """The close markers of a log with their offsets."""
    return [(record.offset, event) for record in log if isinstance(event := decode(record.value), RoundClosed)]


def previewed(log: list[Record], close: RoundClosed) -> OpenRound | None:
    """The round as a preview finds it at the end of a log, from the echoes and records it reads."""
    return open_round_of(echoes_of(log), log, close.facility, close.round, RULES)


def echoes_of(log: list[Record]) -> list[Echo]:
    """What the worker says of a log that it has acted on."""
    story = Story()
    outputs = (output for one in log for stage in advance(story, one, RULES) for output in stage)
    return [output.event for output in outputs if isinstance(output.event, Echo)]


def check(found: tuple[Outlook, ...], opened: OpenRound, log: list[Record], at: int) -> Counter[str]:
    """The preview against what the marker at the end of the log leads to."""
    story = Story()
    events = [event for record in log[: at + 1] for stage in advance(story, record, RULES) for _, event in stage]
    sealed = next(event for event in reversed(events) if isinstance(event, RoundSealed))
    states = {node.node: node.states for node in sealed.nodes if node.staff_group is None}
    counts = {
        event.form: outcomes_of(event)
        for event in events
        if isinstance(event, FormManifest) and event.round == sealed.round
    }
    for form, held in opened.forms.items():
        admitted = {leaf: len(members) for leaf, members in resolve(held).items()}
        mine = {one.place: one for one in found if one.form == form}
        if form in sealed.sensitive:
            told = {node: of_it[form] for node, of_it in states.items() if form in of_it}
            assert {place: one.prospect for place, one in mine.items()} == told
            continue
        kept = sum(admitted.get(leaf, 0) for leaf, one in mine.items() if one.prospect in ("published", "pooled"))
        assert (kept, sum(admitted.values()) - kept) == (counts[form]["published"], counts[form]["withheld"])
        for leaf, one in mine.items():
            assert (one.prospect == "published") == (states[leaf][form] == "published")
            assert one.where is None or one.where in opened.organisation.paths[leaf]
            assert one.prospect != "pooled" or states[one.where or ""][form] == "published"
    return Counter(one.prospect for one in found)


@pytest.mark.parametrize("batch", range(BATCHES))
def test_what_is_previewed_is_what_the_close_does(batch: int) -> None:
    seen: Counter[str] = Counter()
    for seed in range(batch, LOGS, BATCHES):
        log = records(random_log(random.Random(seed)))
        for at, close in closes(log):
            opened = previewed(log[:at], close)
            if opened is not None:
                untouched = copy.deepcopy(opened)
                seen += check(outlook(opened), untouched, log, at)
    assert set(seen) == {"published", "pooled", "withheld", "overfull", "not_published"}


def test_a_preview_needs_no_instruments_of_other_facilities() -> None:
    of_others = json.dumps([HOSPITAL, opening(LEAVES, forms=["cbi.work"])])
    elsewhere = json.loads(of_others.replace('"general"', '"north"'))
    log = records([HOSPITAL, *elsewhere, opening(LEAVES), *answers("r1", {"ward-1": 12})])
    here = replace(RULES, catalogue={"sib5": RULES.catalogue["sib5"]})
    opened = open_round_of(echoes_of(log), log, "general", "r1", here)
    assert opened is not None
    assert {leaf: len(members) for leaf, members in resolve(opened.forms["sib5"]).items()} == {"ward-1": 12}


def test_a_round_that_is_not_open_has_no_preview() -> None:
    log = records(random_log(random.Random(3)))
    at, close = closes(log)[0]
    assert previewed(log[:at], close) is not None
    assert previewed(log[: at + 1], close) is None
    assert previewed(log[:at], close.model_copy(update={"round": "another"})) is None


def test_units_too_small_for_figures_are_told_by_headcount_alone() -> None:
    log = records(random_log(random.Random(3)))
    at, close = closes(log)[0]
    opened = previewed(log[:at], close)
    assert opened is not None
    heads, size = opened.organisation.headcounts, opened.terms.policy.cohort_size
    small = too_small(opened.organisation, opened.terms.leaves, opened.terms.policy)
    assert set(small) == {leaf for leaf in opened.terms.leaves if heads[leaf] < size}
