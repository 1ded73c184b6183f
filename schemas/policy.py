"""The disclosure policy of a round and its floors (docs/privacy.md, "Policy")."""

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from schemas.canonical import sha256_hex

FLOORS: Final[dict[str, tuple[float, str]]] = {
    "k": (5, "with fewer than 5 people in a group an outsider learns about each of them"),
    "coalition": (0, "it counts members who pool what they know of themselves"),
    "outside": (2, "in a pooled cohort one unit could otherwise subtract itself from the total"),
    "k_sensitive": (20, "opting in to a health question is itself an answer"),
    "headcount_slack": (0, "a node cannot be allowed fewer answers than it has people"),
}


def _without_minus_zero(slack: float) -> float:
    return slack + 0.0  # minus zero equals zero but would hash differently


class Policy(BaseModel):
    """Frozen parameters under which a round is sealed. Its hash is in every cohort."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    k: Annotated[int, Field(le=10_000)] = 10
    coalition: Annotated[int, Field(le=1_000)] = 1
    outside: Annotated[int, Field(le=10_000)] = 3
    k_sensitive: Annotated[int, Field(le=10_000)] = 30
    headcount_slack: Annotated[float, Field(le=1, allow_inf_nan=False), AfterValidator(_without_minus_zero)] = 0.10
    identity: Literal["person", "response"] = "person"

    @model_validator(mode="after")
    def _not_under_its_floors(self) -> Self:
        for name, (floor, why) in FLOORS.items():
            if getattr(self, name) < floor:
                raise PydanticCustomError(
                    "policy_under_floor",
                    "{name} is under its floor of {floor}: {why}",
                    {"name": name, "floor": floor, "why": why},
                )
        if self.coalition > self.k - 2:
            raise PydanticCustomError(
                "policy_under_floor",
                "coalition must be at most k - 2: at-risk counts of the smallest cohort could not be coded",
            )
        return self

    @property
    def cohort_size(self) -> int:
        """K, the fewest distinct people in a cohort: k plus the members who may pool their knowledge."""
        return self.k + self.coalition

    @property
    def guard(self) -> int:
        """e = coalition + 1, the people a coding box leaves room for at either end."""
        return self.coalition + 1

    def hash(self) -> str:
        """SHA-256 over the policy's canonical JSON, 64 lowercase hex digits."""
        return sha256_hex(self.model_dump(mode="json"))
