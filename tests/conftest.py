"""Unit and property tests cannot reach the network: what they test must not need it. Others share Kafka clusters."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from deploy.apache import Cluster
from deploy.embedded import embedded_kafka
from deploy.local import Kafka
from tests.clusters import cluster_of, new_prefix, on, require_apache

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


def pytest_itemcollected(item: pytest.Item) -> None:
    """Where tests run in several processes, those that share a cluster run in one."""
    names = {*getattr(item, "fixturenames", ()), *_parameters(item)}
    cluster = next((name for name in ("apache3", "apache") if name in names), None)
    if cluster is not None and item.get_closest_marker("xdist_group") is None:
        item.add_marker(pytest.mark.xdist_group(cluster))


def _parameters(item: pytest.Item) -> set[str]:
    call = getattr(item, "callspec", None)
    return {value for value in call.params.values() if isinstance(value, str)} if call is not None else set()


@pytest.fixture(scope="session")
def apache() -> Iterator[Cluster]:
    """Apache Kafka with one broker."""
    require_apache()
    with cluster_of(1) as cluster:
        yield cluster


@pytest.fixture(scope="session")
def _three() -> Iterator[list[tuple[Cluster, ExitStack]]]:
    """Three brokers while tests on end use them: idle, they would slow down all others."""
    running: list[tuple[Cluster, ExitStack]] = []
    yield running
    _stop(running)


@pytest.fixture
def apache3(_three: list[tuple[Cluster, ExitStack]], request: pytest.FixtureRequest) -> Cluster:
    """Apache Kafka with three brokers. Whoever stops one starts it again."""
    require_apache()
    if not _three:
        stack = ExitStack()
        _three.append((stack.enter_context(cluster_of(3)), stack))
    request.node.stash[_THREE] = _three
    return _three[0][0]


_THREE: Final = pytest.StashKey[list[tuple[Cluster, ExitStack]]]()


def _stop(running: list[tuple[Cluster, ExitStack]]) -> None:
    while running:
        running.pop()[1].close()


def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    """Stop the three brokers when the next test needs none of them."""
    if _THREE in item.stash and (nextitem is None or "apache3" not in getattr(nextitem, "fixturenames", ())):
        _stop(item.stash[_THREE])


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has."""
    return new_prefix()


@pytest.fixture(params=["embedded", "apache"])
def kafka(request: pytest.FixtureRequest) -> Kafka:
    """Each of the two brokers: the embedded one, started by each deployment, and Apache Kafka, shared by all."""
    return embedded_kafka if request.param == "embedded" else on(request.getfixturevalue("apache"))
