"""A deployment in the foreground, on this machine: embedded broker, worker and writer over one folder.

The folder holds everything: keys, the settings that other commands read, the log's journal, ClickHouse and the
processes' own logs. Stopped and started again it goes on where it was.
"""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final

from deploy.control import Control
from deploy.files import locked, replacing
from deploy.journal import KEPT, Journal
from deploy.library import with_instruments_of
from deploy.local import Local, local_deployment
from deploy.rounds import today
from deploy.settings import Settings
from deploy.trial import claim_folder
from schemas.errors import SettingsError
from schemas.topics import WORKER_GROUP, WRITER_GROUP
from stream_processors.steps.overdue import overdue

SETTINGS: Final = "wardpulse.toml"
JOURNAL: Final = "journal"
_KIND: Final = {"kind": "up"}
_WAIT_SECONDS: Final = 0.5


@contextmanager
def deployment(
    folder: Path, timezone: str, random: Callable[[int], bytes], given: Settings | None = None
) -> Iterator[Callable[[], None]]:
    """Run everything; yields what must be called again and again: it keeps the log and sees that all still run.

    Which instruments are in use is taken from the settings given.
    """
    claim_folder(folder, _KIND)
    settings = with_instruments_of(given or Settings(), _settings(folder, timezone, random))
    with _alone(folder), local_deployment(folder / "logs", settings) as local:
        groups = [local.settings.topic_prefix + group for group in (WORKER_GROUP, WRITER_GROUP)]
        with Journal(folder / JOURNAL, local.settings.bootstrap_servers, local.settings.topic_prefix, groups) as kept:
            _write_settings(folder, local.settings)
            try:
                local.start("worker", "-m", "wardpulse", "worker", "--with-parent")
                local.start("writer", "-m", "wardpulse", "writer", "--with-parent")
                yield lambda: _tend(local, kept)
            finally:
                local.stop()
                kept.finish()


def alarms(settings: Settings, now: Callable[[], datetime]) -> list[str]:
    """A sentence for every round that is open past its dates."""
    known = Control.connect(settings).ledger()
    opened = (one.terms for one in known.rounds if one.state == "open")
    return [
        f"ALARM: round {late.round} of {late.facility} is {late.days} days past its last answer date and still open: "
        f"wardpulse rounds close {late.round}, or rounds cancel {late.round}"
        for late in overdue(opened, today(settings, now))
    ]


def _tend(local: Local, kept: Journal) -> None:
    kept.keep(_WAIT_SECONDS)
    for child in local.children.values():
        child.check()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two deployments over one folder would write two logs into one journal."""
    with ExitStack() as held:
        try:
            held.enter_context(locked(folder / "up", wait=False))
        except BlockingIOError:
            raise SettingsError(f"{folder} is in use by another wardpulse up: stop it, or use --data") from None
        yield


def _settings(folder: Path, timezone: str, random: Callable[[int], bytes]) -> Settings:
    keys, verify_keys, audit_key = folder / "keys", folder / "verify-keys.json", folder / "audit.key"
    keys.mkdir(mode=0o700, exist_ok=True)
    if not verify_keys.exists():
        verify_keys.write_text("{}\n", "utf-8")
    if not audit_key.exists():
        with replacing(audit_key) as file:
            file.write(random(32))
    return Settings(
        clickhouse=f"chdb:{folder / 'clickhouse'}",
        keystores=keys,
        verify_keys=verify_keys,
        audit_key_file=audit_key,
        journal=folder / JOURNAL / KEPT,
        timezone=timezone,
    )


def _write_settings(folder: Path, settings: Settings) -> None:
    # paths relative to the folder, so that it can be moved
    lines = {
        "bootstrap.servers": settings.bootstrap_servers,
        "embedded": settings.embedded,
        "clickhouse": "chdb:clickhouse",
        "keystores": "keys",
        "verify_keys": "verify-keys.json",
        "audit_key_file": "audit.key",
        "journal": f"{JOURNAL}/{KEPT}",
        "timezone": settings.timezone,
    }
    if settings.instruments_folder is not None:
        lines["instruments_folder"] = str(settings.instruments_folder)
    if settings.licensed_instruments:
        lines["licensed_instruments"] = settings.licensed_instruments
    text = "".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items())
    with replacing(folder / SETTINGS) as file:
        file.write(b"# written by wardpulse up at each start; the broker's address changes\n" + text.encode())
