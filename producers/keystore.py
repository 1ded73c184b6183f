"""The keys of one facility in one file: its signing key, and for each round a token key and a content key.

Every edge process of a facility must use the same file: two token keys in one round would count a person twice.
"""

import base64
import binascii
import hashlib
import hmac
import os
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from pydantic import Field, TypeAdapter, ValidationError

from deploy.files import locked, replacing
from deploy.signing import public_key, sign
from schemas.canonical import canonical_json
from schemas.errors import SettingsError
from schemas.fields import Frozen, Id, RoundId

KEY_BYTES: Final = 32
OWNER_ONLY: Final = 0o600
_FACILITY: Final[TypeAdapter[str]] = TypeAdapter(Id)
_ROUND: Final[TypeAdapter[str]] = TypeAdapter(RoundId)


@dataclass(frozen=True, slots=True)
class RoundKeys:
    """The keys of one round. `key_id` names them without telling anything about them."""

    key_id: str
    token_key: bytes = field(repr=False)
    content_key: bytes = field(repr=False)

    @classmethod
    def derive(cls, token_key: bytes, content_key: bytes) -> Self:
        """The keys with the id that belongs to them."""
        digest = hmac.new(token_key, b"wardpulse key id", hashlib.sha256).hexdigest()
        return cls(digest[:16], token_key, content_key)

    @classmethod
    def generate(cls, random: Callable[[int], bytes]) -> Self:
        """New keys; `random(n)` gives n bytes, `secrets.token_bytes` outside of trials."""
        token_key = random(KEY_BYTES)
        return cls.derive(token_key, random(KEY_BYTES))


class _StoredRound(Frozen):
    key_id: str
    token_key: str = Field(repr=False)
    content_key: str = Field(repr=False)


class _Stored(Frozen):
    facility: Id
    signing_key: str = Field(repr=False)
    rounds: dict[RoundId, _StoredRound]


@dataclass(frozen=True, slots=True)
class _Content:
    facility: str
    signing_key: bytes = field(repr=False)
    rounds: Mapping[str, RoundKeys]


class Keystore:
    """A facility's keys. Round keys are read from the file each time, so a destroyed one is gone at once."""

    def __init__(self, path: Path, facility: str, signing_key: bytes) -> None:
        self._path = path
        self._signing_key = signing_key
        self.facility = facility

    def __repr__(self) -> str:
        return f"Keystore(facility={self.facility!r}, path={str(self._path)!r}, keys=***)"

    @classmethod
    def create(cls, path: Path, facility: str, random: Callable[[int], bytes]) -> Self:
        """A new keystore without rounds. A file that exists is never overwritten."""
        _check(_FACILITY, facility, "facility")
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            if path.exists():
                raise SettingsError(f"{path} exists already: open it, or move it away first")
            signing_key = random(KEY_BYTES)
            _write(path, _Content(facility, signing_key, {}))
        return cls(path, facility, signing_key)

    @classmethod
    def open(cls, path: Path) -> Self:
        """The keystore in a file; SettingsError says what to do if it cannot be used."""
        content = _read(path)
        return cls(path, content.facility, content.signing_key)

    @property
    def verify_key(self) -> bytes:
        """The raw Ed25519 public key the worker checks control events with."""
        return public_key(self._signing_key)

    def sign(self, value: bytes) -> bytes:
        """The Ed25519 signature of a control event's bytes."""
        return sign(self._signing_key, value)

    def round_keys(self, round: str) -> RoundKeys:
        """The keys of a round; SettingsError if it has none."""
        keys = _read(self._path).rounds.get(round)
        if keys is None:
            raise SettingsError(f"{self._path} has no keys of round {round}: open the round at this facility first")
        return keys

    def rounds(self) -> dict[str, RoundKeys]:
        """The keys of every round, in the order of the rounds' names."""
        return dict(sorted(_read(self._path).rounds.items()))

    def content(self) -> bytes:
        """All of it, every key included, as `put_back` takes it."""
        return _bytes(_read(self._path))

    @classmethod
    def put_back(cls, path: Path, content: bytes, merge: bool = False) -> list[str]:
        """Write what `content()` gave where no keystore is; returns the rounds added.

        A keystore that is there stays as it is: SettingsError unless it holds the same, or, with `merge`, only lacks
        rounds, which are added. ValueError if the content is not a keystore.
        """
        new = _parse(content)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with locked(path):
            there = _read(path) if path.exists() else None
            missing = sorted(new.rounds if there is None else new.rounds.keys() - there.rounds.keys())
            if there is not None:
                _check_joinable(path, there, new, merge)
            if there is None or missing:
                kept = {} if there is None else there.rounds
                _write(path, _Content(new.facility, new.signing_key, {**kept, **new.rounds}))
        return missing

    def new_round(self, round: str, random: Callable[[int], bytes]) -> RoundKeys:
        """The keys of a round, made now unless another process already did."""
        _check(_ROUND, round, "round")
        with locked(self._path):
            content = _read(self._path)
            if round in content.rounds:
                return content.rounds[round]
            keys = RoundKeys.generate(random)
            _write(self._path, _Content(content.facility, content.signing_key, {**content.rounds, round: keys}))
        return keys

    def destroy_round(self, round: str) -> None:
        """Remove a round's keys from the file. Backups of the file are the operator's to destroy."""
        with locked(self._path):
            content = _read(self._path)
            kept = {name: keys for name, keys in content.rounds.items() if name != round}
            _write(self._path, _Content(content.facility, content.signing_key, kept))


def _check(adapter: TypeAdapter[str], value: str, what: str) -> None:
    try:
        adapter.validate_python(value)
    except ValidationError:
        raise SettingsError(f"{value!r} cannot name a {what}: use letters, digits, dot, dash and underscore") from None


def facility_of(content: bytes) -> str:
    """The facility whose keystore this is; ValueError if it is none, or damaged."""
    return _parse(content).facility


def _check_joinable(path: Path, there: _Content, new: _Content, merge: bool) -> None:
    if (there.facility, there.signing_key) != (new.facility, new.signing_key):
        raise SettingsError(f"{path} has another signing key: it is another keystore; move it away first to replace it")
    differing = sorted(name for name in there.rounds.keys() & new.rounds if there.rounds[name] != new.rounds[name])
    if differing:
        raise SettingsError(f"{path} has other keys for round {', '.join(differing)}: nothing was changed")
    if not merge and there.rounds.keys() != new.rounds.keys():
        raise SettingsError(f"{path} exists and has other rounds: use --merge to add those it lacks")


def _write(path: Path, content: _Content) -> None:
    with replacing(path) as file:
        file.write(_bytes(content))


def _bytes(content: _Content) -> bytes:
    rounds = {
        name: {"key_id": keys.key_id, "token_key": _text(keys.token_key), "content_key": _text(keys.content_key)}
        for name, keys in content.rounds.items()
    }
    return canonical_json({"facility": content.facility, "signing_key": _text(content.signing_key), "rounds": rounds})


def _parse(content: bytes) -> _Content:
    stored = _Stored.model_validate_json(content)
    rounds = {name: _round_keys(keys) for name, keys in stored.rounds.items()}
    return _Content(stored.facility, _key(stored.signing_key), rounds)


def _read(path: Path) -> _Content:
    try:
        with path.open("rb") as file:
            _check_permissions(path, stat.S_IMODE(os.fstat(file.fileno()).st_mode))
            return _parse(file.read())
    except FileNotFoundError:
        raise SettingsError(
            f"there is no keystore at {path}: make it with wardpulse keystore init, or correct the path"
        ) from None
    except OSError as error:
        raise SettingsError(f"cannot read the keystore {path}: {error.strerror}") from None
    except ValueError:
        # the cause would quote keys
        raise SettingsError(
            f"{path} is not a keystore, or it is damaged: move it away and restore it from its backup"
        ) from None


def _check_permissions(path: Path, mode: int) -> None:
    if mode & ~OWNER_ONLY:
        raise SettingsError(f"others may use the keystore {path} (mode {mode:04o}): run chmod 600 on it")


def _round_keys(stored: _StoredRound) -> RoundKeys:
    keys = RoundKeys.derive(_key(stored.token_key), _key(stored.content_key))
    if keys.key_id != stored.key_id:
        raise ValueError("a key id does not belong to its key")
    return keys


def _text(key: bytes) -> str:
    return base64.b64encode(key).decode()


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise ValueError("a key is not base64") from None
    if len(key) != KEY_BYTES:
        raise ValueError("a key has a wrong length")
    return key
