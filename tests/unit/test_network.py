"""The guard of tests/conftest.py: no unit test connects to anything, and event loops still run."""

import asyncio
import socket
from collections.abc import Callable, Iterator

import pytest

Address = tuple[str, int]
Connect = Callable[[Address], None]


@pytest.fixture
def listening() -> Iterator[Address]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()


def _connect(address: Address) -> None:
    with socket.socket() as client:
        client.connect(address)


def _connect_ex(address: Address) -> None:
    with socket.socket() as client:
        client.connect_ex(address)


def _create_connection(address: Address) -> None:
    socket.create_connection(address)


def _through_asyncio(address: Address) -> None:
    asyncio.run(asyncio.open_connection(*address))


@pytest.mark.parametrize("connect", [_connect, _connect_ex, _create_connection, _through_asyncio])
def test_a_unit_test_cannot_connect_even_to_this_machine(connect: Connect, listening: Address) -> None:
    with pytest.raises(pytest.fail.Exception, match="opened a network connection"):
        connect(listening)


def test_an_event_loop_still_runs() -> None:
    async def double(number: int) -> int:
        return await asyncio.to_thread(lambda: 2 * number)

    assert asyncio.run(double(21)) == 42


def test_a_pair_of_sockets_still_talks() -> None:
    left, right = socket.socketpair()
    with left, right:
        left.sendall(b"ping")
        assert right.recv(4) == b"ping"
