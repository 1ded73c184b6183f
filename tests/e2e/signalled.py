"""A worker that sends a signal, to itself or to another process, at a given point, and goes on if it can.

`python -m tests.e2e.signalled cohort.sealed 1 SIGTERM 4711` signals that process when Kafka has acknowledged the first
cohort row; without a process, it signals itself. It says the group's generation whenever it has joined. For what it
writes it waits a few seconds or, with `--patient` at the end, as long as the product does.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from deploy.settings import Settings
from deploy.wiring import live_rules
from stream_processors.exits import end_with_parent

ACK_SECONDS = 6.0


def main() -> None:
    """Run what the arguments say."""
    kind, count, number, *rest = sys.argv[1:]
    is_patient = "--patient" in rest
    target = int(rest[0]) if rest and rest[0].isdigit() else os.getpid()
    settings = Settings.read(os.environ)
    end_with_parent()

    from stream_processors import topology

    if not is_patient:
        topology.ACK_SECONDS = ACK_SECONDS
    tick = _countdown(int(count), lambda: os.kill(target, signal.Signals[number]))
    app = topology.build(settings, live_rules(settings), lambda output: tick() if output.event.type == kind else None)

    async def tell(*_: Any, **__: Any) -> None:
        sys.stderr.write(f"generation {app.consumer_generation_id}\n")

    app.on_rebalance_complete.connect(tell)
    topology.run(settings, app)


def _countdown(count: int, then: Callable[[], None]) -> Callable[[], None]:
    seen = 0

    def tick() -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            then()

    return tick


if __name__ == "__main__":
    main()
