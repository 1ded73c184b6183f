"""How long a worker is away when it is killed and started again: seconds from its end to its first record.

    python -m benchmarks.restart [--kafka embedded] [--repetitions 3]

A worker has the rounds of several hospitals open when it is killed with SIGKILL, and another is started at once, as a
supervisor would. It has to be given the partitions, read what is past, and reads the open rounds from their beginning.
Kafka gives a killed worker's partitions to others when its session is over; a worker with a `group.instance.id` that
comes back before that has them at once; the embedded broker knows no such names. The median of the repetitions counts.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from statistics import median
from typing import Final

from benchmarks.live import sent, wait_for
from benchmarks.load import Line, Load
from deploy.apache_trial import KAFKAS
from deploy.local import Local
from schemas.events import RoundClosed

EVENTS: Final = 4_000


@dataclass(frozen=True)
class Session:
    """Settings to compare."""

    timeout_ms: int
    instance: str = ""

    def __str__(self) -> str:
        return f"session {self.timeout_ms / 1000:.0f} s, {'known by name' if self.instance else 'nameless'}"


DEFAULT: Final = Session(6_000)
NAMED: Final = Session(30_000, "worker-1")
SESSIONS: Final = (DEFAULT, Session(10_000), Session(30_000), Session(6_000, "worker-1"), NAMED)


def main() -> None:
    """Measure every session, and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kafka", choices=sorted(KAFKAS), default="apache")
    parser.add_argument("--repetitions", type=int, default=3)
    given = parser.parse_args()
    load = Load(EVENTS, units=80, rounds=2)
    found: dict[Session, list[float]] = {session: [] for session in SESSIONS}
    first: list[float] = []
    with sent(load, _open_rounds(load), KAFKAS[given.kafka]) as local:
        for _ in range(given.repetitions):
            for session in SESSIONS:
                local.settings = replace(
                    local.settings, session_timeout_ms=session.timeout_ms, group_instance_id=session.instance
                )
                first.append(_first_record(local, time.monotonic()))
                local.children["worker"].process.kill()
                found[session].append(_first_record(local, time.monotonic()))
                local.stop()
                time.sleep(session.timeout_ms / 1000 if session.instance else 0)  # one with a name does not leave
    print(f"started with nobody before: {median(first):.1f} s to the first record")
    for session, seconds in found.items():
        shown = ", ".join(f"{one:.1f}" for one in seconds)
        print(f"killed and started again, {session}: {median(seconds):.1f} s, the median of {shown}")
    ratio = median(found[DEFAULT]) / median(found[NAMED])
    print(f"RESULT name=restart_nameless_beside_named ratio={ratio:.2f} target=1.3")


def _open_rounds(load: Load) -> Sequence[Line]:
    return list(takewhile(lambda line: not isinstance(line.event, RoundClosed), load.lines()))


def _first_record(local: Local, since: float) -> float:
    local.children.pop("worker", None)
    (local.folder / "worker.log").unlink(missing_ok=True)
    worker = local.start("worker", "-m", "benchmarks.workers", "ours", str(EVENTS))
    return float(wait_for(worker, "first")["first"]) - since


if __name__ == "__main__":
    main()
