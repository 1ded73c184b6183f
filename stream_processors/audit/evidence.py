"""What the auditor decides about: every published row as it was found, and the closed evidence behind the rows.

Numbers are integers or fractions, so that nothing is decided by rounding.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from typing import Final

Number = int | Fraction
Asked = tuple[str, str, str]
"""(facility, round, form): what is sealed together."""


class OfAForm:
    """What belongs to a form of a facility's round."""

    __slots__ = ()
    facility: str
    round: str
    form: str

    @property
    def asked(self) -> Asked:
        """The facility, round and form it belongs to."""
        return self.facility, self.round, self.form


@dataclass(frozen=True, slots=True)
class CohortRow(OfAForm):
    """One published row of one cohort and scale. `at` says where it was found."""

    at: str = field(compare=False)
    cohort_id: str
    facility: str
    node: str
    path: tuple[str, ...]
    round: str
    form: str
    scale: str
    n: Number
    score_low: Number
    score_high: Number
    at_risk_low: Number | None
    at_risk_high: Number | None
    policy_hash: str

    @property
    def name(self) -> str:
        """How a report calls the row."""
        return f"{self.node}, {self.round}, {self.form} {self.scale}, n={self.n}, cohort {self.cohort_id} ({self.at})"


SERIES: Final = (
    "coverage_change",
    "share_change",
    "share_change_low",
    "share_change_high",
    "round_responses",
    "round_mean",
    "round_at_risk_low",
    "round_at_risk_high",
    "smoothed",
    "centre",
    "limit_low",
    "limit_high",
    "limit_points",
)
"""What is told of single rounds and of changes, since versions do."""
COURSE: Final = ("rebased_on", "signal", "signal_rules")
"""What is told of limits beside numbers, since versions do."""


@dataclass(frozen=True, slots=True)
class FigureRow(OfAForm):
    """One published indicator: the figures of a node, or of a staff group under it, over a window of rounds."""

    at: str = field(compare=False)
    facility: str
    node: str
    path: tuple[str, ...]
    round: str
    form: str
    scale: str
    calendar: str
    staff_group: str
    window: int
    state: str
    counts: tuple[tuple[str, int], ...]
    figures: tuple[tuple[str, Number | None], ...]
    rebased_on: date | None = None
    signal: str = ""
    signal_rules: tuple[str, ...] = ()

    @property
    def tells_course(self) -> bool:
        """Whether it tells of single rounds, as every published figure does but those of earlier versions."""
        return dict(self.figures).get("smoothed") is not None

    @property
    def name(self) -> str:
        """How a report calls the row."""
        group = f" ({self.staff_group})" if self.staff_group else ""
        return f"figures of {self.node}{group}, {self.round}, {self.form} {self.scale} ({self.at})"


LEAST_SENSITIVE: Final = 20
"""The floor of k_sensitive, where rows do not keep what it was."""


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """The policy a form of a round was sealed under. What ClickHouse did not keep in earlier versions is None."""

    k: int
    coalition: int
    outside: int
    identity: str
    k_sensitive: int | None = None
    headcount_slack: Number | None = None
    sensitive_forms: tuple[str, ...] = ()

    @property
    def smallest(self) -> int:
        """K, the fewest people of a cohort."""
        return self.k + self.coalition

    @property
    def guard(self) -> int:
        """e, the people a coding box leaves room for."""
        return self.coalition + 1


@dataclass(frozen=True, slots=True)
class SeasonRow:
    """The season of a round as it is published."""

    id: str
    first: date
    last: date
    long_below: int


@dataclass(frozen=True, slots=True)
class RoundRow(OfAForm):
    """A sealed round and one of its forms. `sensitive` says that the form was sealed as sensitive."""

    at: str = field(compare=False)
    facility: str
    round: str
    form: str
    first: date
    last: date
    policy: PolicyRow
    policy_hash: str
    sensitive: bool = False
    calendar: str = "short"
    season: SeasonRow | None = None

    @property
    def smallest(self) -> int:
        """The fewest people of a cohort of this form."""
        least = self.policy.smallest
        return max(least, self.policy.k_sensitive or LEAST_SENSITIVE) if self.sensitive else least


@dataclass(frozen=True, slots=True)
class NodeRow(OfAForm):
    """What is published of a node in a round and form beside figures.

    `headcount` and `asked_heads`, how many people the round asked there, are None where they are not shown; `label` is
    its name in words. `of_group` is the staff group of a leaf; with a `staff_group` the row is of all leaves of that
    group under the node. Rows of earlier versions do not tell how many were asked, and have the headcount for it.
    """

    at: str = field(compare=False)
    facility: str
    round: str
    form: str
    node: str
    path: tuple[str, ...]
    kind: str
    state: str
    headcount: Number | None
    asked_heads: Number | None
    label: str
    of_group: str = ""
    staff_group: str = ""
    tells_asked: bool = field(default=True, compare=False)

    def sums_up(self, leaf: "NodeRow") -> bool:
        """Whether this row of a staff group is of a leaf, too."""
        return leaf.of_group == self.staff_group and self.node in leaf.path[:-1]


@dataclass(frozen=True, slots=True)
class RetiredRow(OfAForm):
    """A cohort that is in no figure from its retirement on; its rows stay published."""

    at: str = field(compare=False)
    cohort_id: str
    facility: str
    node: str
    path: tuple[str, ...]
    round: str
    form: str


@dataclass(frozen=True, slots=True)
class InterventionRow:
    """What leadership says it did about a place; `version` counts what was said of it."""

    at: str = field(compare=False)
    facility: str
    node: str
    path: tuple[str, ...]
    on: date
    kind: str
    label: str
    rebase: bool
    taken_back: bool
    version: int


@dataclass(frozen=True, slots=True)
class Membership(OfAForm):
    """Closed side: the members of one cohort as tags, one of possibly several parts."""

    at: str = field(compare=False)
    facility: str
    round: str
    form: str
    cohort_id: str
    node: str
    part: int
    parts: int
    policy_hash: str
    tags: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Sealed(OfAForm):
    """Closed side: the cohorts a form was sealed into, when its round was open, and its counts by outcome."""

    at: str = field(compare=False)
    facility: str
    round: str
    form: str
    opened_offset: int
    closed_offset: int
    policy_hash: str
    cohorts: tuple[str, ...]
    outcomes: Mapping[str, int] = field(hash=False)


@dataclass(frozen=True, slots=True)
class KeyRow:
    """With which key a round says that a form was scored, as a hash."""

    at: str
    facility: str
    round: str
    form: str
    key: str


@dataclass(frozen=True, slots=True)
class Extra:
    """A column or table that the contract does not have, with a value of it."""

    at: str
    column: str
    value: object


OpenRow = CohortRow | RetiredRow | FigureRow | NodeRow | RoundRow


@dataclass(slots=True)
class Evidence:
    """Everything there is to audit. Repeats of a row collapse, versions of it stay.

    `memberships` is None where no closed evidence was given. `opened` tells the rounds of a facility in the order they
    were opened, `order` in the order they were sealed, and `retirements` the cohorts in the order they were retired,
    where the source of the rows tells it.
    """

    cohorts: dict[CohortRow, None] = field(default_factory=dict)
    figures: dict[FigureRow, None] = field(default_factory=dict)
    rounds: dict[RoundRow, None] = field(default_factory=dict)
    nodes: dict[NodeRow, None] = field(default_factory=dict)
    memberships: dict[Membership, None] | None = None
    sealed: dict[Sealed, None] = field(default_factory=dict)
    retired: dict[RetiredRow, None] = field(default_factory=dict)
    interventions: dict[InterventionRow, None] = field(default_factory=dict)
    opened: dict[tuple[str, str], int] = field(default_factory=dict)
    order: dict[tuple[str, str], int] = field(default_factory=dict)
    retirements: dict[str, int] = field(default_factory=dict)
    keys: list[KeyRow] = field(default_factory=list)
    extras: list[Extra] = field(default_factory=list)

    def rows(self) -> Iterator[OpenRow]:
        """Every open row of a form."""
        yield from self.cohorts
        yield from self.figures
        yield from self.nodes
        yield from self.rounds
        yield from self.retired
