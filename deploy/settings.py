"""Settings: one frozen object read from a mapping such as the environment. Unknown names are refused."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self

from schemas.errors import SettingsError
from schemas.policy import FLOORS

PREFIX: Final = "WARDPULSE_"


def _boolean(text: str) -> bool:
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def _minimum_k(text: str) -> int:
    floor, why = FLOORS["k"]
    try:
        number = int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None
    if number < floor:
        raise ValueError(f"may not be under {floor:.0f}: {why}")
    return number


def _setting(default: Any, read: Callable[[str], Any], *, secret: bool = False) -> Any:
    return field(default=default, metadata={"read": read}, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """What the processes need to know. Each field is read from WARDPULSE_ and its name in capitals."""

    bootstrap: str = _setting("localhost:9092", str)
    topic_prefix: str = _setting("", str)
    embedded: bool = _setting(False, _boolean)
    """Whether the broker is the embedded one, which knows neither idempotent producers nor newer protocols."""
    clickhouse: str = _setting("chdb:wardpulse-data/clickhouse", str, secret=True)
    """`chdb:FOLDER`, or `https://user:password@host:port/database`."""
    verify_keys: Path | None = _setting(None, Path)
    """JSON file of facility to hex Ed25519 public keys; control events of others are refused."""
    audit_key_file: Path | None = _setting(None, Path)
    """File of at least 32 random bytes that key the manifests' tags."""
    minimum_k: int = _setting(5, _minimum_k)
    """Rounds with a smaller k are refused."""

    @classmethod
    def read(cls, mapping: Mapping[str, str]) -> Self:
        """Read settings from a mapping; SettingsError for an unknown name or a value that cannot be."""
        known = {PREFIX + item.name.upper(): item for item in fields(cls)}
        given = {name: value for name, value in mapping.items() if name.startswith(PREFIX)}
        for name in given:
            if name not in known:
                raise SettingsError(f"{name} is not a setting; known are {', '.join(sorted(known))}")
        values = {}
        for name, text in given.items():
            try:
                values[known[name].name] = known[name].metadata["read"](text)
            except ValueError as error:
                raise SettingsError(f"{name} {error}") from None
        return cls(**values)

    def environment(self) -> dict[str, str]:
        """The mapping these settings are read from, for a child process."""
        values = {PREFIX + item.name.upper(): getattr(self, item.name) for item in fields(self)}
        return {name: str(value) for name, value in values.items() if value is not None}
