"""The conservation rule: every delivery has one outcome, and every admitted one one fate. Closed side only.

    received = admitted + duplicate + superseded + withdrawn + incomplete + late + invalid
    admitted = published + retired + withheld

Counts up to a close come from its form manifests, what was retired since from retirement manifests, what came after or
belongs to no round from dead letters; deliveries of a round still open are pending.
"""

from collections.abc import Iterable, Mapping

from schemas.closed import ZERO, ClosedCount, ClosedCounts
from schemas.events import DeadLetter, FormManifest, RetirementManifest
from stream_processors.steps.admit import OpenRound
from stream_processors.steps.story import Story

Bucket = tuple[str | None, str | None, str | None]
"""(facility, round, form); None where a delivery cannot be attributed."""

OUTCOMES = ("admitted", "duplicate", "superseded", "withdrawn", "incomplete", "late", "invalid", "pending")
FATES = ("published", "retired", "withheld")


def tally(
    manifests: Iterable[FormManifest | RetirementManifest],
    dead_letters: Iterable[DeadLetter],
    stories: Iterable[Story] = (),
) -> dict[Bucket, ClosedCounts]:
    """Every bucket's counts. Repeats of a manifest or dead letter count once."""
    buckets: dict[Bucket, ClosedCounts] = {}
    for manifest in {manifest.event_id: manifest for manifest in manifests}.values():
        counts = buckets.setdefault((manifest.facility, manifest.round, manifest.form), ClosedCounts())
        if isinstance(manifest, FormManifest):
            for name, count in manifest.outcomes:
                counts[name] += count
        else:
            counts["published"] -= manifest.n
            counts["retired"] += manifest.n
    for story in stories:
        _add_pending(buckets, story)
    for letter in {letter.event_id: letter for letter in dead_letters}.values():
        _add_letter(buckets, letter)
    return buckets


def violations(buckets: Mapping[Bucket, ClosedCounts]) -> list[Bucket]:
    """The buckets in which the rule does not hold."""
    return [bucket for bucket, counts in buckets.items() if not _holds(counts)]


def _holds(counts: ClosedCounts) -> bool:
    return counts["received"] == _sum(counts, OUTCOMES) and counts["admitted"] == _sum(counts, FATES)


def _sum(counts: ClosedCounts, names: Iterable[str]) -> ClosedCount:
    return sum((counts[name] for name in names), ZERO)


def _add_letter(buckets: dict[Bucket, ClosedCounts], letter: DeadLetter) -> None:
    # an incomplete answer and an invalid one of a known form are in their form's own counts
    if letter.outcome == "incomplete" or (letter.outcome == "invalid" and letter.form is not None):
        return
    counts = buckets.setdefault((letter.facility, letter.round, letter.form), ClosedCounts())
    counts["received"] += 1
    counts[letter.outcome] += 1


def _add_pending(buckets: dict[Bucket, ClosedCounts], story: Story) -> None:
    for name, facility in story.facilities.items():
        for found in facility.rounds.values():
            if isinstance(found, OpenRound):
                for form, held in found.forms.items():
                    counts = buckets.setdefault((name, found.terms.round, form), ClosedCounts())
                    counts["received"] += held.counts.received
                    counts["duplicate"] += held.counts.duplicate
                    counts["invalid"] += held.counts.invalid
                    counts["pending"] += len(held.held)
