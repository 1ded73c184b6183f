"""The lines of a log, and the truth behind them."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LogLine:
    """One record: the facility it is keyed by, its bytes without a newline, and whether it has to be signed."""

    facility: str | None
    value: bytes
    control: bool


@dataclass(frozen=True, slots=True)
class Truth:
    """What no survey sees: a scale over all staff of a unit in one round, in published units, and who answered."""

    round: str
    facility: str
    unit: str
    form: str
    scale: str
    headcount: int
    answered: int
    latent_mean: float
    mean: float
    at_risk_share: float


@dataclass(frozen=True, slots=True)
class SimulatedRound:
    """One round of the whole health system, in log order."""

    round: str
    lines: tuple[LogLine, ...]
    truth: tuple[Truth, ...]
