"""The catalogue of interventions: kinds of them, and labels of each kind. There is no free text."""

from typing import Annotated

from pydantic import Field, StringConstraints

from schemas.fields import Count, Frozen, Id

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=80)]


class InterventionKind(Frozen):
    """A kind of intervention, with what was done exactly."""

    name: Sentence
    labels: Annotated[dict[Id, Sentence], Field(min_length=1)]


class Interventions(Frozen):
    """Every kind by id. Without one nothing is an intervention."""

    version: Count = 0
    kinds: dict[Id, InterventionKind] = Field(default_factory=dict)

    def acts(self) -> frozenset[tuple[str, str]]:
        """Every (kind, label)."""
        return frozenset((kind, label) for kind, found in self.kinds.items() for label in found.labels)

    def has(self, kind: str, label: str) -> bool:
        """Whether there is such a label of that kind."""
        return kind in self.kinds and label in self.kinds[kind].labels
