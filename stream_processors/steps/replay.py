"""A whole log through the pure steps at once: what a dry run writes, and what the deployed pipeline must equal."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from schemas.closed import ClosedCounts
from schemas.events import (
    AnyEvent,
    CohortManifest,
    CohortRetired,
    CohortSealed,
    DeadLetter,
    Echo,
    FormManifest,
    InterventionRecorded,
    RetirementManifest,
    RoundSealed,
)
from schemas.indicator import Indicator
from schemas.instruments.enabled import known_forms
from stream_processors.steps.conservation import Bucket, tally
from stream_processors.steps.history import History
from stream_processors.steps.indicators import fold
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Output, Record, Story, advance


@dataclass(slots=True)
class Replay:
    """Everything a log led to, in order of emission."""

    stories: dict[int, Story] = field(default_factory=dict)
    history: History = field(default_factory=History)
    events: list[AnyEvent] = field(default_factory=list)

    def take(self, record: Record, rules: Rules) -> None:
        """Take the next record of its partition."""
        story = self.stories.setdefault(record.partition, Story())
        for output in _outputs(story, record, rules):
            self.events.append(output.event)
            self.events += fold(self.history, output.event, known_forms(rules.catalogue))

    @property
    def cohorts(self) -> list[CohortSealed]:
        """Sealed rows."""
        return [event for event in self.events if isinstance(event, CohortSealed)]

    @property
    def retired(self) -> list[CohortRetired]:
        """Cohorts that were retired after their seal."""
        return [event for event in self.events if isinstance(event, CohortRetired)]

    @property
    def interventions(self) -> list[InterventionRecorded]:
        """What was recorded of interventions."""
        return [event for event in self.events if isinstance(event, InterventionRecorded)]

    @property
    def indicators(self) -> list[Indicator]:
        """Rolling indicators."""
        return [event for event in self.events if isinstance(event, Indicator)]

    @property
    def rounds(self) -> list[RoundSealed]:
        """Sealed rounds."""
        return [event for event in self.events if isinstance(event, RoundSealed)]

    @property
    def manifests(self) -> list[CohortManifest | FormManifest | RetirementManifest]:
        """Evidence; closed side."""
        kinds = CohortManifest | FormManifest | RetirementManifest
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """Refused records; closed side."""
        return [event for event in self.events if isinstance(event, DeadLetter)]

    @property
    def echoes(self) -> list[Echo]:
        """What a restart would read; closed side."""
        return [event for event in self.events if isinstance(event, Echo)]

    def outcomes(self) -> dict[Bucket, ClosedCounts]:
        """The conservation counts; closed side."""
        counted = [manifest for manifest in self.manifests if not isinstance(manifest, CohortManifest)]
        return tally(counted, self.dead_letters, self.stories.values())


def replay(records: Iterable[Record], rules: Rules) -> Replay:
    """Run records, each partition's in its order, through the steps."""
    result = Replay()
    for record in records:
        result.take(record, rules)
    return result


def _outputs(story: Story, record: Record, rules: Rules) -> Iterator[Output]:
    for stage in advance(story, record, rules):
        yield from stage
