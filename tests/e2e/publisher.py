"""A process that sends a log piece by piece, and again after an error, and says how far it has come.

It reads what to send, pickled, from standard input, and begins when a line follows. Behind the first close it dawdles
until another line follows, so that whatever happens meanwhile happens while it sends. A process of its own, because
kafka-python leaves the sockets of a producer that lost its broker to the garbage collector.
"""

import json
import pickle
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.connection import Connection
from deploy.demo import send_line
from producers.client import WellbeingProducer
from producers.keystore import Keystore
from producers.simulate import LogLine
from schemas.errors import BrokerUnavailable, RetryableError

SEND_SECONDS = 6.0
CHUNK, PAUSE_SECONDS = 10, 2.0


@dataclass(frozen=True)
class Task:
    """What to send, as whom, and where to begin anew: at the start of the log, or at the last control event before
    what was not confirmed. It is brisk up to a line, and beyond it once it is told to hurry."""

    connection: Connection
    prefix: str
    keystores: Mapping[str, Keystore]
    log: Sequence[LogLine]
    from_marker: bool
    brisk: int
    hurry: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        """Send until everything is confirmed."""
        confirmed = 0
        while confirmed < len(self.log):
            start = self._last_marker(confirmed) if self.from_marker else 0
            try:
                confirmed = self._send(start, confirmed)
            except _Stuck as stuck:
                confirmed = stuck.confirmed
            except BrokerUnavailable as error:
                _say(error=str(error))

    def _send(self, start: int, confirmed: int) -> int:
        with WellbeingProducer(
            self.connection,
            topic_prefix=self.prefix,
            sign=lambda facility, value: self.keystores[facility].sign(value),
            timeout=SEND_SECONDS,
        ) as producer:
            for at in range(start, len(self.log), CHUNK):
                try:
                    for line in self.log[at : at + CHUNK]:
                        send_line(producer, line, self.keystores)
                    producer.flush()
                except RetryableError as error:
                    _say(error=str(error))
                    raise _Stuck(confirmed) from error
                if at + CHUNK > confirmed:
                    confirmed = min(at + CHUNK, len(self.log))
                    _say(confirmed=confirmed)
                    self.hurry.wait(PAUSE_SECONDS if confirmed > self.brisk else 0)
        return confirmed

    def _last_marker(self, confirmed: int) -> int:
        return max(at for at, line in enumerate(self.log[: confirmed + 1]) if line.control)


class _Stuck(Exception):
    def __init__(self, confirmed: int) -> None:
        super().__init__()
        self.confirmed = confirmed


def _say(**what: object) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Read the task, wait, run it."""
    task = Task(*pickle.load(sys.stdin.buffer))
    if sys.stdin.buffer.readline():
        threading.Thread(target=_wait_for_line, args=(task.hurry,), daemon=True).start()
        task.run()


def _wait_for_line(then: threading.Event) -> None:
    sys.stdin.buffer.readline()
    then.set()


if __name__ == "__main__":
    main()
