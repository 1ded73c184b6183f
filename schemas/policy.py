"""The disclosure policy of a round and its floors (docs/privacy.md, "Policy")."""

from operator import not_
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator
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


def _in_order(forms: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(sorted(set(forms)))  # one way to write a set, so that it has one hash


_Form = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")]


class Policy(BaseModel):
    """Frozen parameters under which a round is sealed. Its hash is in every cohort.

    `sensitive_forms` names forms to be sealed as sensitive beside those whose instrument says so.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    k: Annotated[int, Field(le=10_000)] = 10
    coalition: Annotated[int, Field(le=1_000)] = 1
    outside: Annotated[int, Field(le=10_000)] = 3
    k_sensitive: Annotated[int, Field(le=10_000)] = 30
    headcount_slack: Annotated[float, Field(le=1, allow_inf_nan=False), AfterValidator(_without_minus_zero)] = 0.10
    identity: Literal["person", "response"] = "person"
    sensitive_forms: Annotated[
        tuple[_Form, ...], Field(max_length=50, fail_fast=True, exclude_if=not_), AfterValidator(_in_order)
    ] = ()

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
    def sensitive_size(self) -> int:
        """The fewest distinct people in a cohort of a sensitive form."""
        return max(self.cohort_size, self.k_sensitive)

    @property
    def guard(self) -> int:
        """e = coalition + 1, the people a coding box leaves room for at either end."""
        return self.coalition + 1

    def hash(self) -> str:
        """SHA-256 over the policy's canonical JSON, 64 lowercase hex digits."""
        return sha256_hex(self.model_dump(mode="json"))
