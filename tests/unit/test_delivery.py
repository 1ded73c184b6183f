"""Handing a record over without tasks does what Faust's way does: finish, wait, break off, fail."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from mode import Service
from mode.utils.locks import Event

from stream_processors.delivery import Handover


class Ours(Handover):
    """A service with our way of waiting."""


class Theirs(Service):
    """A service as Faust has it; the same cases must hold."""


class Agent:
    """Takes records; waits for room while `room` is not set."""

    def __init__(self, has_room: bool) -> None:
        self.room, self.taken, self.broken_off = asyncio.Event(), list[int](), 0
        if has_room:
            self.room.set()

    async def take(self, record: int) -> int:
        try:
            # in steps, as a queue behind a lock is
            for _ in range(3):
                await self.room.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        self.taken.append(record)
        return record


Case = Callable[[Service], Awaitable[None]]


async def _room(service: Service) -> None:
    agent, suspended = Agent(has_room=True), asyncio.Event()
    for record in range(5):
        done = await service.wait_first(agent.take(record), suspended.wait())
        assert done.results == [record]
        assert not done.stopped
    assert agent.taken == [0, 1, 2, 3, 4]


async def _waits_for_room(service: Service) -> None:
    agent, suspended = Agent(has_room=False), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, agent.room.set)
    done = await service.wait_first(agent.take(7), suspended.wait())
    assert (done.results, agent.taken, agent.broken_off) == ([7], [7], 0)


async def _breaks_off(service: Service) -> None:
    agent, suspended = Agent(has_room=False), asyncio.Event()
    asyncio.get_running_loop().call_later(0.02, suspended.set)
    await service.wait_first(agent.take(7), suspended.wait())
    agent.room.set()
    await asyncio.sleep(0.01)
    assert (agent.taken, agent.broken_off) == ([], 1)


async def _fails(service: Service) -> None:
    async def fail(after: float) -> None:
        if after:
            await asyncio.sleep(after)
        raise ValueError("no")

    for after in (0.0, 0.01):
        with pytest.raises(ValueError, match="no"):
            await service.wait_first(fail(after), asyncio.Event().wait())


async def _others(service: Service) -> None:
    ready, never = Event(), Event()
    ready.set()
    assert (await service.wait_first(never, ready)).done == [ready]
    assert (await service.wait_first(asyncio.sleep(5), timeout=0.01)).done == []


@pytest.mark.parametrize("case", [_room, _waits_for_room, _breaks_off, _fails, _others])
@pytest.mark.parametrize("kind", [Ours, Theirs])
def test_records_are_handed_over_as_faust_does_it(kind: type[Service], case: Case) -> None:
    async def run() -> None:
        await case(kind())

    asyncio.run(run())


def test_a_record_that_is_taken_at_once_needs_no_task(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    async def run() -> None:
        with monkeypatch.context() as patched:
            patched.setattr(asyncio.get_running_loop(), "create_task", made.append)
            await _room(Ours())

    asyncio.run(run())
    assert made == []
