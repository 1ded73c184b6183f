"""A trial deployment: keys made on the spot, one folder, everything on this machine."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from deploy.embedded import embedded_kafka
from deploy.library import with_instruments_of
from deploy.local import Kafka, Local, local_deployment
from deploy.settings import Settings
from producers.keystore import Keystore
from schemas.errors import SettingsError


def claim_folder(folder: Path, trial: Mapping[str, object]) -> None:
    """Mark a folder as this trial's; SettingsError if another trial has used it."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise SettingsError(f"{folder} cannot be used as a folder ({error.strerror}): name another") from None
    mark, text = folder / "trial.json", json.dumps(trial, sort_keys=True)
    if mark.exists() and mark.read_text("utf-8") != text:
        raise SettingsError(f"{folder} holds another trial ({mark.read_text('utf-8')}): use --data with a new folder")
    if not mark.exists() and any(folder.iterdir()):
        raise SettingsError(f"{folder} is not empty and holds no trial: use --data with a new folder")
    mark.write_text(text, "utf-8")


@contextmanager
def trial_deployment(
    folder: Path,
    keystores: Mapping[str, Keystore],
    random: Callable[[int], bytes],
    processes: bool = True,
    kafka: Kafka = embedded_kafka,
    topic_prefix: str = "",
    given: Settings | None = None,
) -> Iterator[Local]:
    """Broker, worker and writer over a folder, with the facilities' keys known to the worker.

    Without `processes` only the broker runs, and the caller starts the rest. Which instruments are in use is taken from
    the settings given.
    """
    verify_keys, audit_key = folder / "verify-keys.json", folder / "audit.key"
    verify_keys.write_text(json.dumps({name: [store.verify_key.hex()] for name, store in keystores.items()}), "utf-8")
    if not audit_key.exists():
        audit_key.touch(mode=0o600)
        audit_key.write_bytes(random(32))
    settings = Settings(
        clickhouse=f"chdb:{folder / 'clickhouse'}",
        verify_keys=verify_keys,
        audit_key_file=audit_key,
        topic_prefix=topic_prefix,
    )
    settings = with_instruments_of(given or Settings(), settings)
    with local_deployment(folder / "logs", settings, kafka) as local:
        if processes:
            local.start("worker", "-m", "wardpulse", "worker", "--with-parent")
            local.start("writer", "-m", "wardpulse", "writer", "--with-parent")
        yield local
