"""The anonymiser's commands: the worker, the writer, and the same steps over a file."""

import os
import signal
import threading
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer

from deploy.library import in_use
from deploy.resources import code_hash
from deploy.settings import Settings
from deploy.wiring import TRIAL_AUDIT_KEY, file_rules, live_rules, read_audit_key
from stream_processors.dry_run import dry_run
from stream_processors.exits import end_with_parent
from stream_processors.logs import running, set_up
from stream_processors.metrics import WorkerMetrics, WriterMetrics, serving

_WORKER_HELP = """Anonymise: hold open rounds, seal them at their close, roll up indicators.

Settings come from the environment, WARDPULSE_BOOTSTRAP_SERVERS and so on. The worker keeps nothing on disk: after a
restart it reads the open rounds from the log again. It stops with an exit code other than 0 when Kafka cannot be
written (69) or the log no longer holds what it needs (74).

Example: WARDPULSE_VERIFY_KEYS=keys.json WARDPULSE_AUDIT_KEY_FILE=audit.key wardpulse worker
"""
_WRITER_HELP = """Write sealed rows and indicators to ClickHouse: insert, then commit.

Stops with exit code 69 when Kafka or ClickHouse cannot be reached; started again it goes on where it was.

Example: WARDPULSE_BOOTSTRAP_SERVERS=kafka:9092 WARDPULSE_CLICKHOUSE=http://clickhouse:8123/wellbeing wardpulse writer
"""
_DRY_RUN_HELP = """Run the anonymiser over a file of events, one JSON event per line in log order.

Writes cohorts.jsonl, retired_cohorts.jsonl, interventions.jsonl, indicators.jsonl and rounds.jsonl, which are safe to
show, and under closed/ the evidence and the counts of every outcome, which are not. Needs no broker. A file carries no
signatures: you vouch for its markers.

Example: wardpulse simulate --out events.jsonl && wardpulse dry-run events.jsonl --out result
"""


WithParent = Annotated[bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")]


def register(app: typer.Typer) -> None:
    """Add the anonymiser's commands to the front door."""
    app.command("dry-run", help=_DRY_RUN_HELP)(_dry_run)
    app.command("worker", help=_WORKER_HELP)(_worker)
    app.command("writer", help=_WRITER_HELP)(_writer)


def _dry_run(
    events: Annotated[Path, typer.Argument(help="File of events, JSON lines.", exists=True, dir_okay=False)],
    out: Annotated[Path, typer.Option(help="Folder for the results; files of an earlier run are replaced.")],
    audit_key_file: Annotated[
        Path | None, typer.Option(help="Key of the manifests' tags; a public one if left out.")
    ] = None,
) -> None:
    key = read_audit_key(audit_key_file) if audit_key_file else TRIAL_AUDIT_KEY
    for line in dry_run(events, out, file_rules(key, in_use())):
        typer.echo(line)


def _worker(with_parent: WithParent = False) -> None:
    # imported here: Faust configures the process it is loaded in
    from stream_processors.topology import build, run
    from stream_processors.watch import Watch

    if with_parent:
        end_with_parent()
    settings = Settings.read(os.environ)
    set_up(settings)
    with running("worker", version("wardpulse"), code_hash()):
        rules = live_rules(settings)
        metrics = WorkerMetrics(rules.code_hash)
        watch = Watch(metrics, settings.timezone)
        with serving(settings.metrics, metrics):
            run(settings, build(settings, rules, watch.observe, watch))


def _writer(with_parent: WithParent = False) -> None:
    from deploy.journal import is_kept
    from stream_processors.watched_writer import run

    if with_parent:
        end_with_parent()
    settings = Settings.read(os.environ)
    set_up(settings)
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    with running("writer", version("wardpulse"), code_hash()):
        metrics = WriterMetrics(code_hash())
        with serving(settings.metrics, metrics):
            run(settings, metrics, asked.is_set, partial(is_kept, settings.journal))
