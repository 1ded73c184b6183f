"""A broker that refuses: it speaks as much of Kafka's protocol as clients need to be told so."""

import socketserver
import ssl
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Final

METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
SUPPORTED: Final[Mapping[int, tuple[int, int]]] = {
    METADATA: (0, 1),
    HANDSHAKE: (0, 1),
    VERSIONS: (0, 0),
    AUTHENTICATE: (0, 0),
}
UNSUPPORTED_VERSION, TOPIC_AUTHORIZATION_FAILED, SASL_AUTHENTICATION_FAILED = 35, 29, 58
LARGEST: Final = 100_000
"""What is longer is no request: a client that speaks TLS to a broker that does not."""
MECHANISMS: Final = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


@dataclass
class Refusing:
    """Where it listens, and how often it has refused a login."""

    address: str
    logins: int = field(default=0)


@contextmanager
def refusing_broker(context: ssl.SSLContext | None = None) -> Iterator[Refusing]:
    """Run it on a port of this machine: it refuses every login, and whoever needs none may use no topic."""
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Talk) as server:
        server.daemon_threads = True
        server.socket.settimeout(1.0)  # a client may be gone before it is let in, and shutdown waits for that
        port = server.server_address[1]
        broker = Refusing(f"localhost:{port}")
        shared: Any = server
        shared.broker, shared.context, shared.port = broker, context, port
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        try:
            yield broker
        finally:
            server.shutdown()


class _Talk(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        server: Any = self.server
        with suppress(OSError):
            connection = self.connection
            if server.context is not None:
                connection = server.context.wrap_socket(connection, server_side=True)
            with connection:
                _answer_all(connection.makefile("rwb"), server.broker, server.port)


def _answer_all(stream: Any, broker: Refusing, port: int) -> None:
    answers: dict[int, Callable[[int, bytes], bytes]] = {
        METADATA: lambda version, asked: _metadata(version, asked, port),
        HANDSHAKE: lambda *_: struct.pack(">hi", 0, len(MECHANISMS)) + b"".join(_text(name) for name in MECHANISMS),
        VERSIONS: lambda version, _: _versions(version),
        AUTHENTICATE: lambda *_: _refuse(broker),
    }
    while len(size := stream.read(4)) == 4 and 0 < struct.unpack(">i", size)[0] < LARGEST:
        request = stream.read(struct.unpack(">i", size)[0])
        api, version, number, name = struct.unpack(">hhih", request[:10])
        if api not in answers:
            return
        answer = struct.pack(">i", number) + answers[api](version, request[10 + max(0, name) :])
        stream.write(struct.pack(">i", len(answer)) + answer)
        stream.flush()


def _versions(version: int) -> bytes:
    error = UNSUPPORTED_VERSION if version else 0
    supported = (struct.pack(">hhh", api, *versions) for api, versions in SUPPORTED.items())
    return struct.pack(">hi", error, len(SUPPORTED)) + b"".join(supported)


def _refuse(broker: Refusing) -> bytes:
    broker.logins += 1
    return struct.pack(">h", SASL_AUTHENTICATION_FAILED) + _text("Authentication failed") + struct.pack(">i", 0)


def _metadata(version: int, asked: bytes, port: int) -> bytes:
    broker = struct.pack(">ii", 1, 1) + _text("localhost") + struct.pack(">i", port)
    rack_and_controller = struct.pack(">hi", -1, 1) if version else b""
    names = list(_names(asked))
    internal = b"\0" if version else b""
    topics = (
        struct.pack(">h", TOPIC_AUTHORIZATION_FAILED) + _text(name) + internal + struct.pack(">i", 0) for name in names
    )
    return broker + rack_and_controller + struct.pack(">i", len(names)) + b"".join(topics)


def _names(asked: bytes) -> Iterator[str]:
    count, rest = struct.unpack(">i", asked[:4])[0], asked[4:]
    for _ in range(max(0, count)):
        size = struct.unpack(">h", rest[:2])[0]
        yield rest[2 : 2 + size].decode()
        rest = rest[2 + size :]


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()
