"""A worker or writer that kills itself with SIGKILL at a given point; everything else is the product's own code.

`python -m tests.e2e.killed worker cohort.sealed 1` dies when Kafka has acknowledged its first cohort row.
`python -m tests.e2e.killed writer inserted 2` dies between its second insert and the commit of it.
`python -m tests.e2e.killed worker form.manifest 1 --broker PID` kills that process instead, and goes on.
"""

import os
import signal
import sys
from collections.abc import Callable

from deploy.resources import migrations
from deploy.settings import Settings
from deploy.wiring import live_rules


def main() -> None:
    """Run what the arguments say."""
    what, kind, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
    victim = int(sys.argv[5]) if len(sys.argv) > 5 else os.getpid()
    settings = Settings.read(os.environ)
    (_worker if what == "worker" else _writer)(settings, kind, _countdown(count, victim))


def _countdown(count: int, victim: int) -> Callable[[], None]:
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.kill(victim, signal.SIGKILL)

    return tick


def _worker(settings: Settings, kind: str, tick: Callable[[], None]) -> None:
    from stream_processors import topology

    topology.ACK_SECONDS = 6.0
    app = topology.build(settings, live_rules(settings), lambda output: tick() if output.event.type == kind else None)
    topology.run(settings, app)


def _writer(settings: Settings, _: str, tick: Callable[[], None]) -> None:
    from stream_processors import writer
    from stream_processors.database import Database

    writer.POLL_RECORDS = 50  # so that there is more than one insert to die after, however much a broker sends
    with Database.connect(settings.clickhouse) as database:
        database.migrate(migrations())
        writer.Writer(settings, database, tick).run(lambda: False)


if __name__ == "__main__":
    main()
