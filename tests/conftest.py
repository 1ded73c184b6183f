"""Unit and property tests cannot reach the network: what they test must not need it."""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

_HERE: Final = Path(__file__).parent
_OFFLINE: Final = (_HERE / "unit", _HERE / "property")


@pytest.fixture(autouse=True)
def _no_network(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail whatever connects. `socket.socketpair` stays, since every asyncio event loop needs it."""
    if not any(request.path.is_relative_to(folder) for folder in _OFFLINE):
        yield
        return
    # not the monkeypatch fixture: hypothesis refuses tests that share a function-scoped one between examples
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", _refuse)
        patch.setattr(socket.socket, "connect_ex", _refuse)
        patch.setattr(socket, "create_connection", _refuse)
        yield


def _refuse(*_: Any, **__: Any) -> None:
    # not an Exception, so no handler in the code under test can take it for an unreachable server
    pytest.fail("a unit or property test opened a network connection")
