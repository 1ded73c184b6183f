"""What a log published, as rows that a test can change before the auditor sees them."""

import copy
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from deploy.resources import definitions, interventions
from schemas.canonical import canonical_json, sha256_hex
from schemas.clickhouse.rows import plain
from schemas.codec import as_dict
from stream_processors.audit.disclosure import audit
from stream_processors.audit.evidence import Evidence
from stream_processors.audit.reading import Reader
from stream_processors.audit.report import Report
from stream_processors.steps.replay import Replay
from tests.hospital import Event
from tests.hospital import answers as same_answers

Raw = dict[str, Any]


@dataclass
class Published:
    """Open rows as in the files of a dry run, and manifests as on the wire; `manifests` is None for none at all."""

    cohorts: list[Raw] = field(default_factory=list)
    indicators: list[Raw] = field(default_factory=list)
    rounds: list[Raw] = field(default_factory=list)
    retired: list[Raw] = field(default_factory=list)
    manifests: list[Raw] | None = field(default_factory=list)
    interventions: list[Raw] = field(default_factory=list)

    def evidence(self) -> Evidence:
        """The rows as the auditor reads them."""
        reader = Reader()
        takers: list[tuple[str, Iterable[Raw], Callable[[Raw, str], None]]] = [
            ("cohorts.jsonl", self.cohorts, reader.cohort),
            ("indicators.jsonl", self.indicators, reader.figure),
            ("rounds.jsonl", self.rounds, reader.sealed_round),
            ("retired_cohorts.jsonl", self.retired, reader.retired),
            ("interventions.jsonl", self.interventions, reader.intervention),
        ]
        for name, rows, take in takers:
            for number, row in enumerate(rows, 1):
                take(row, f"{name} line {number}")
        if self.manifests is not None:
            reader.closed_evidence()
            for number, manifest in enumerate(self.manifests, 1):
                reader.event(canonical_json(manifest), f"manifests.jsonl line {number}")
        return reader.evidence

    def audited(self) -> Report:
        """The auditor's report."""
        return audit(self.evidence(), definitions(), acts=interventions().acts())

    def copy(self) -> "Published":
        """The same once more, to be changed."""
        return copy.deepcopy(self)

    def add(self, other: "Published") -> "Published":
        """Both together: everything that was ever emitted."""
        manifests = None if self.manifests is None else [*self.manifests, *(other.manifests or [])]
        return Published(
            [*self.cohorts, *other.cohorts],
            [*self.indicators, *other.indicators],
            [*self.rounds, *other.rounds],
            [*self.retired, *other.retired],
            manifests,
            [*self.interventions, *other.interventions],
        )


def published(result: Replay) -> Published:
    """What a replay published, with its evidence."""
    return Published(
        cohorts=[plain(event) for event in result.cohorts],
        indicators=[plain(event) for event in result.indicators],
        rounds=[plain(event) for event in result.rounds],
        retired=[plain(event) for event in result.retired],
        manifests=[as_dict(event) for event in result.manifests],
        interventions=[plain(event) for event in result.interventions],
    )


def answers(round: str, counts: Mapping[str, int], form: str = "sib5", day: str = "2026-01-06") -> list[Event]:
    """So many people of each leaf, under tokens of this round and form alone, as sources make them."""
    given = same_answers(round, counts, form, day)
    return [one | {"respondent": sha256_hex([round, form, one["respondent"]])} for one in given]
