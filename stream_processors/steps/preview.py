"""What closing an open round would publish, from the log as it stands: states of places, and never a number.

Sealing cannot be undone, so whoever closes a round sees first which units will have figures of their own, which will be
pooled and where, and which will be withheld. Counts are not shown: two looks would tell who answered between them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from schemas.events import DeadLetter, Echo
from schemas.organisation import Organisation
from schemas.policy import Policy
from stream_processors.steps.admit import OpenRound, resolve
from stream_processors.steps.closing import sealing_of
from stream_processors.steps.restart import refused_offsets, resume
from stream_processors.steps.rounds import Rules
from stream_processors.steps.seal import partition
from stream_processors.steps.story import Record, advance

Prospect = Literal["published", "pooled", "withheld", "overfull", "not_published"]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will become of a leaf's answers to a form. `where`: the place they are pooled at, or that is overfull.

    Of a sensitive form: whether anything is published at or under a place where it may be sealed, and nothing else.
    """

    form: str
    place: str
    prospect: Prospect
    where: str | None = None


def open_round_of(
    past: Sequence[Echo | DeadLetter], records: Iterable[Record], facility: str, round: str, rules: Rules
) -> OpenRound | None:
    """A round as the worker holds it at the end of these records; None if it is not open there.

    `past` and `records` are of the facility's partition: the echoes, what was refused for good, and the
    records from the opening of the oldest open round. Other facilities' are passed over: this machine may not have the
    instruments of their rounds.
    """
    echoes = [event for event in past if isinstance(event, Echo)]
    story, start = resume(echoes, committed=None, refused=refused_offsets(past))
    for record in records:
        if record.offset >= start and record.key == facility.encode():
            advance(story, record, rules)
    known = story.facilities.get(facility)
    found = known.rounds.get(round) if known else None
    return found if isinstance(found, OpenRound) else None


def outlook(opened: OpenRound) -> tuple[Outlook, ...]:
    """What a close would come to, per form and leaf covered, in order of path. The round's counts are used up."""
    found: list[Outlook] = []
    paths = opened.organisation.paths
    for form in sorted(opened.forms):
        sealing = sealing_of(opened, opened.forms[form])
        split = partition(resolve(opened.forms[form]), sealing)
        if sealing.is_sensitive:
            found += _sensitive_outlook(form, opened.organisation, {node for one in split.cohorts for node in one.path})
            continue
        sealed, overfull = {cohort.node for cohort in split.cohorts}, set(split.overfull_nodes)
        found += [
            _outlook(form, leaf, paths[leaf], sealed, overfull)
            for leaf in sorted(opened.leaves, key=lambda leaf: paths[leaf])
        ]
    return tuple(found)


def _sensitive_outlook(form: str, organisation: Organisation, published: set[str]) -> list[Outlook]:
    nodes = sorted(organisation.nodes, key=lambda node: organisation.paths[node])
    return [
        Outlook(form, node, "published" if node in published else "not_published")
        for node in nodes
        if organisation.may_seal_sensitive(node)
    ]


def too_small(organisation: Organisation, leaves: Iterable[str], policy: Policy) -> tuple[str, ...]:
    """The leaves that are too small for figures of their own, by headcount alone, whoever answers."""
    return tuple(leaf for leaf in leaves if organisation.headcounts[leaf] < policy.cohort_size)


def _outlook(form: str, leaf: str, path: Sequence[str], sealed: set[str], overfull: set[str]) -> Outlook:
    over = next((node for node in path if node in overfull), None)
    if over is not None:
        return Outlook(form, leaf, "overfull", over)
    # what a place cannot seal passes up, to the nearest place that can
    nearest = next((node for node in reversed(path) if node in sealed), None)
    if nearest is None:
        return Outlook(form, leaf, "withheld")
    return Outlook(form, leaf, "published") if nearest == leaf else Outlook(form, leaf, "pooled", nearest)
