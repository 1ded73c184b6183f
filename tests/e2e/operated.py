"""Worker and writer as they are operated: with logs in JSON and metrics at an address."""

import json
import socket
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from deploy.local import Local
from tests.e2e.pipeline import DRAIN_SECONDS

PROCESSES = ("worker", "writer")
Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]


class Operated:
    """A deployment with the addresses of its metrics."""

    def __init__(self, local: Local, log_level: str = "info") -> None:
        self.local, self.log_level = local, log_level
        self.addresses = {name: f"127.0.0.1:{free_port()}" for name in PROCESSES}

    def start(self) -> None:
        """Start worker and writer."""
        for name, address in self.addresses.items():
            self.local.settings = replace(
                self.local.settings, metrics=address, log_format="json", log_level=self.log_level
            )
            self.local.start(name, "-m", "wardpulse", name)

    def page(self, name: str) -> bytes:
        """The metrics of a process as they are served."""
        with urlopen(f"http://{self.addresses[name]}/metrics", timeout=10) as answer:
            return bytes(answer.read())

    def served(self, name: str) -> Series:
        """What a process serves, but for its heartbeat."""
        text = self.page(name).decode()
        samples = (sample for family in text_string_to_metric_families(text) for sample in family.samples)
        found = {(sample.name, tuple(sorted(sample.labels.items()))): sample.value for sample in samples}
        assert found.pop(("wardpulse_heartbeat_timestamp_seconds", ()), 0.0) % 15 == 0
        return found

    def logged(self, name: str) -> list[dict[str, Any]]:
        """The log of a process. Every line must be a JSON object."""
        return [json.loads(line) for line in self.local.children[name].log.read_text("utf-8").splitlines()]

    def everything(self) -> dict[str, tuple[Series, list[dict[str, Any]]]]:
        """What both processes serve and have logged."""
        return {name: (self.served(name), self.logged(name)) for name in PROCESSES}

    def said(self, name: str, event: str) -> int:
        """How often an event was logged."""
        return sum(line.get("event") == event for line in self.logged(name))


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait(condition: Callable[[], bool]) -> None:
    """Return when it holds."""
    until = time.monotonic() + DRAIN_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.2)
