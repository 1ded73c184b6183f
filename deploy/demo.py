"""The demo: a simulated health system, or an export of your own, through the whole pipeline on this machine."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from deploy.embedded import EVENTS_PER_PARTITION
from deploy.local import Local
from schemas.codec import decode
from schemas.errors import InputRefused
from schemas.events import DeadLetter, FormManifest
from schemas.topics import Topic
from stream_processors.database import Database
from stream_processors.steps.conservation import FATES, OUTCOMES, tally, violations

DRAIN_SECONDS: Final = 600.0


@contextmanager
def progress_bar(console: Console) -> Iterator[Progress]:
    """A progress bar with the share done and the time taken."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console) as progress:
        yield progress


def check_capacity(events: Counter[int]) -> None:
    """InputRefused if a partition would get more than the embedded broker keeps. Events by partition number."""
    most = max(events.values(), default=0)
    if most > EVENTS_PER_PARTITION:
        raise InputRefused(
            f"{most} events would go to one partition, and the embedded broker keeps about {EVENTS_PER_PARTITION}: "
            "use fewer rounds or staff, or Apache Kafka"
        )


def drain(local: Local, console: Console) -> None:
    """Wait, visibly, until everything has come through."""
    with console.status("Anonymising, rolling up, writing to ClickHouse"):
        local.wait_until_drained(DRAIN_SECONDS)


def closed_side(local: Local) -> list[str]:
    """The conservation counts of the whole run, from the worker's own evidence; for operators and auditors."""
    letters = [event for event in _events(local, Topic.DEADLETTERS) if isinstance(event, DeadLetter)]
    manifests = [event for event in _events(local, Topic.MANIFESTS) if isinstance(event, FormManifest)]
    buckets = tally(manifests, letters)
    total = sum(buckets.values(), Counter[str]())
    broken = violations(buckets)
    reasons = Counter(letter.reason for letter in letters)
    return [
        f"received {total['received']} = " + " + ".join(f"{total[name]} {name}" for name in OUTCOMES if total[name]),
        f"admitted {total['admitted']} = " + " + ".join(f"{total[name]} {name}" for name in FATES if total[name]),
        f"the rule holds in {len(buckets) - len(broken)} of {len(buckets)} facilities, rounds and forms",
        "dead letters: " + (", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items())) or "none"),
    ]


def _events(local: Local, topic: Topic) -> Iterator[Any]:
    for partition in local.log.partitions(local.topic(topic)):
        for record in local.log.read(local.topic(topic), partition):
            yield decode(record.value)


def unit_table(database: Database, form: str, scale: str, kind: str) -> Table:
    """The units' figures, read back from ClickHouse with the dashboards' own query."""
    sql = (files("dashboards") / "queries" / "units.sql").read_text("utf-8")
    rows = database.query(sql, {"form": form, "scale": scale, "kind": kind})
    table = Table(title=f"{form}: rolling window of four rounds, as known at each facility's last close")
    for name in ("facility", "unit", "state"):
        table.add_column(name)
    for name in ("responses", "coverage", "mean", "at risk", "95 % interval", "change"):
        table.add_column(name, justify="right")
    for row in rows:
        table.add_row(*_cells(row))
    return table


def _cells(row: dict[str, Any]) -> Sequence[str]:
    interval = None if row["share_low"] is None else f"{row['share_low']:.0%} to {row['share_high']:.0%}"
    return (
        row["facility"],
        row["unit"],
        row["state"].replace("_", " "),
        _shown(row["responses"], str),
        _shown(row["coverage"], "{:.0%}".format),
        _shown(row["mean"], "{:.2f}".format),
        _shown(row["share"], "{:.0%}".format),
        interval or "-",
        _shown(row["change"], "{:+.2f}".format),
    )


def _shown(value: Any, show: Callable[[Any], str]) -> str:
    return "-" if value is None else show(value)
