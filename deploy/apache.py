"""Apache Kafka on this machine: one or three brokers over a folder, with certificates, passwords and a role each.

For tests, trials and benchmarks, with the security of a production cluster. The jars come with `make kafka`.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final

from deploy.certificates import AUTHORITY, make_authority, make_broker_certificate
from deploy.files import replacing
from deploy.settings import Settings
from schemas.errors import BrokerUnavailable, SettingsError

JARS: Final = Path(__file__).parent / "kafka" / "jars"
_CONFIGURATION: Final = Path(__file__).parent / "kafka"
_COMPLETE: Final = JARS / "complete"
HOST: Final = "localhost"
ADMIN: Final = "admin"
_DAYS: Final = 3650
_STOP_SECONDS: Final = 30.0
_FORMAT_SECONDS: Final = 60.0
_POLL_SECONDS: Final = 0.1
_PASSWORD_BYTES: Final = 24
_CLUSTER: Final = "cluster.json"
_WORDS: Final = "format.words"
_LISTENERS: Final = ("CLIENTS", "BROKERS", "CONTROLLERS")
# compiling less is faster for a broker that lives for minutes
_JAVA: Final = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true")


def missing() -> str | None:
    """Why no broker can be started here; None if one can."""
    if not _COMPLETE.exists():
        return "the jars of Apache Kafka are not here: make kafka"
    if shutil.which("java") is None:
        return "there is no java on the path: Apache Kafka needs a Java runtime of version 17 or later"
    return None


@dataclass
class Node:
    """One broker and controller of a cluster. Its folder and ports stay; the process comes and goes."""

    number: int
    folder: Path
    ports: Mapping[str, int]
    prefix: Sequence[str] = ()
    process: subprocess.Popen[str] | None = None
    pid: int = 0

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"{HOST}:{self.ports['CLIENTS']}"

    @property
    def log(self) -> Path:
        """What the broker says."""
        return self.folder / "broker.log"

    def start(self) -> None:
        """Start the process; it is not ready yet."""
        command = [
            sys.executable,
            "-m",
            "deploy.supervised",
            *self.prefix,
            *_java("-Xmx512m", f"-Dlog4j2.configurationFile={_CONFIGURATION / 'log4j2.yaml'}"),
            "kafka.Kafka",
            str(self.folder / "server.properties"),
        ]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True
            )
        assert self.process.stdout is not None
        self.pid = int(self.process.stdout.readline() or 0)

    def check(self) -> None:
        """BrokerUnavailable if the process has ended."""
        if self.process is None or self.process.poll() is not None:
            raise BrokerUnavailable(f"broker {self.number} ended; see {self.log}")

    def stop(self) -> None:
        """Let the broker hand over what it leads and end; kill it if that takes too long."""
        if self.process is None:
            return
        self.process.terminate()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(_STOP_SECONDS)
        self.kill()

    def kill(self) -> None:
        """End the process at once, as a power cut would."""
        if self.process is None:
            return
        if self.process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
        if self.process.stdin is not None:
            self.process.stdin.close()  # whatever is left goes with this
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self.process = None


@dataclass(frozen=True)
class Cluster:
    """A cluster over a folder, prepared to be started."""

    folder: Path
    nodes: tuple[Node, ...]
    users: tuple[str, ...] = ()

    @property
    def bootstrap(self) -> str:
        """The addresses for clients."""
        return ",".join(node.address for node in self.nodes)

    def settings(self, settings: Settings, user: str = ADMIN) -> Settings:
        """These settings with this cluster, as one of its users."""
        return replace(
            settings,
            bootstrap_servers=self.bootstrap,
            embedded=False,
            security_protocol="SASL_SSL",
            sasl_username=user,
            sasl_password_file=_password_file(self.folder, user),
            ssl_ca_location=self.folder / "tls" / AUTHORITY,
        )

    def start(self) -> None:
        """Start every broker."""
        for node in self.nodes:
            node.start()

    def check(self) -> None:
        """BrokerUnavailable if one of the brokers has ended."""
        for node in self.nodes:
            node.check()

    def stop(self) -> None:
        """Stop every broker; the folder can be used again."""
        for node in self.nodes:
            if node.process is not None:
                node.process.terminate()
        for node in self.nodes:
            node.stop()

    def kill(self) -> None:
        """End every broker at once."""
        for node in self.nodes:
            node.kill()


def prepare(
    folder: Path,
    brokers: int,
    users: Sequence[str],
    now: datetime,
    random: Callable[[int], bytes],
    first_port: int | None = None,
) -> Cluster:
    """Make a cluster's folder: certificates, passwords, configuration, storage. One that is there is used again.

    SettingsError if the folder holds something else, or Kafka is not here. Ports are free ones, or count from
    `first_port`.
    """
    if (why := missing()) is not None:
        raise SettingsError(why)
    folder = folder.resolve()
    there = _there(folder, brokers, users)
    ports = _ports(brokers * len(_LISTENERS), first_port) if first_port or there is None else there
    nodes = tuple(
        Node(number, folder / f"broker-{number}", dict(zip(_LISTENERS, ports[number - 1 :: brokers], strict=True)))
        for number in range(1, brokers + 1)
    )
    cluster = Cluster(folder, nodes, (ADMIN, *users))
    if there is None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_secrets(cluster, now, random)
    for node in nodes:
        # written again each time: the folder may have been moved
        _write_properties(cluster, node)
    if there is None:
        _format(cluster, random)
    with replacing(folder / _CLUSTER) as file:
        file.write(json.dumps(ports).encode())
    return cluster


@contextmanager
def running(cluster: Cluster, until_ready: Callable[[Cluster], bool], timeout: float = 60.0) -> Iterator[Cluster]:
    """Run a cluster for as long as the context lasts; it is ready when this yields."""
    try:
        cluster.start()
        wait_until_ready(cluster, until_ready, timeout)
        yield cluster
    finally:
        cluster.stop()


def wait_until_ready(cluster: Cluster, is_ready: Callable[[Cluster], bool], timeout: float = 60.0) -> None:
    """Return when the cluster answers; BrokerUnavailable if a broker ends or it takes too long."""
    until = time.monotonic() + timeout
    while not is_ready(cluster):
        cluster.check()
        if time.monotonic() > until:
            raise BrokerUnavailable(f"Kafka did not answer within {timeout:.0f} s; see {cluster.nodes[0].log}")
        time.sleep(_POLL_SECONDS)


def java_tool(name: str, *arguments: str) -> list[str]:
    """The command of one of Kafka's own tools, by its class."""
    return [*_java("-Xmx256m"), name, *arguments]


def _java(*options: str) -> list[str]:
    return ["java", *_JAVA, *options, "-cp", f"{JARS}/*"]


def _there(folder: Path, brokers: int, users: Sequence[str]) -> list[int] | None:
    """The ports of the cluster that a folder holds; None if it is to be made."""
    if not (folder / _CLUSTER).exists():
        if folder.exists() and any(folder.iterdir()):
            raise SettingsError(f"{folder} is not empty and holds no cluster: name another folder")
        return None
    try:
        ports = [int(port) for port in json.loads((folder / _CLUSTER).read_bytes())]
    except (OSError, ValueError, TypeError):
        raise SettingsError(f"{folder} holds a cluster that cannot be read: name another folder") from None
    if len(ports) != brokers * len(_LISTENERS):
        raise SettingsError(f"{folder} holds a cluster of {len(ports) // len(_LISTENERS)}: name another folder")
    if unknown := [user for user in users if not _password_file(folder, user).exists()]:
        raise SettingsError(f"{folder} holds a cluster without {', '.join(unknown)}: name another folder")
    return ports


def _ports(count: int, first: int | None) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    try:
        for number, one in enumerate(held):
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind(("127.0.0.1", first + number if first else 0))
        return [one.getsockname()[1] for one in held]
    except OSError:
        raise SettingsError(f"one of the {count} ports from {first} on is in use: choose others") from None
    finally:
        for one in held:
            one.close()


def _password_file(folder: Path, user: str) -> Path:
    return folder / "passwords" / user


def _make_secrets(cluster: Cluster, now: datetime, random: Callable[[int], bytes]) -> None:
    tls = cluster.folder / "tls"
    make_authority(tls, now, _DAYS)
    for node in cluster.nodes:
        node.folder.mkdir(mode=0o700)
        make_broker_certificate(tls, node.folder / "broker.pem", [HOST, "127.0.0.1"], now, _DAYS)
    (cluster.folder / "passwords").mkdir(mode=0o700)
    for user in cluster.users:
        with replacing(_password_file(cluster.folder, user)) as file:
            file.write(random(_PASSWORD_BYTES).hex().encode() + b"\n")


def _write_properties(cluster: Cluster, node: Node) -> None:
    copies = min(3, len(cluster.nodes))
    own = {
        "process.roles": "broker,controller",
        "node.id": str(node.number),
        "controller.quorum.voters": ",".join(f"{n.number}@{HOST}:{n.ports['CONTROLLERS']}" for n in cluster.nodes),
        "listeners": ",".join(f"{name}://127.0.0.1:{node.ports[name]}" for name in _LISTENERS),
        "advertised.listeners": ",".join(f"{name}://{HOST}:{node.ports[name]}" for name in _LISTENERS),
        "log.dirs": str(node.folder / "data"),
        "ssl.keystore.location": str(node.folder / "broker.pem"),
        "ssl.truststore.location": str(cluster.folder / "tls" / AUTHORITY),
        "default.replication.factor": str(copies),
        "offsets.topic.replication.factor": str(copies),
        "transaction.state.log.replication.factor": str(copies),
        "transaction.state.log.min.isr": str(max(1, copies - 1)),
        "min.insync.replicas": str(max(1, copies - 1)),
    }
    common = (_CONFIGURATION / "server.properties").read_text("utf-8")
    text = common + "\n# this broker\n" + "".join(f"{name}={value}\n" for name, value in own.items())
    (node.folder / "server.properties").write_text(text, "utf-8")


def _format(cluster: Cluster, random: Callable[[int], bytes]) -> None:
    """Make the storage, with the users in it. Passwords go through a file: a command line is for all to see."""
    cluster_id = urlsafe_b64encode(random(16)).decode().rstrip("=")
    started = [(node, _start_formatting(cluster, node, cluster_id)) for node in cluster.nodes]
    said = {node.number: _end_of_formatting(node, process) for node, process in started}
    for number, error in said.items():
        if error is not None:
            raise BrokerUnavailable(
                f"the storage of broker {number} could not be made: {without_passwords(error)[-500:]}"
            )


def without_passwords(said: str) -> str:
    """What kafka-storage says of an error: it may quote the words it was given, in lines of its own breaking."""
    return re.sub(r"password=[^\]]*", "password=***", said)


def _end_of_formatting(node: Node, process: subprocess.Popen[str]) -> str | None:
    """What it says of an error; None if there was none."""
    try:
        _, said = process.communicate(timeout=_FORMAT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        _, said = process.communicate()
    (node.folder / _WORDS).unlink()
    return said if process.returncode else None


def _start_formatting(cluster: Cluster, node: Node, cluster_id: str) -> subprocess.Popen[str]:
    # an id may begin with a dash, which would look like an option
    words = ["format", f"--cluster-id={cluster_id}", "--config", str(node.folder / "server.properties")]
    for user in cluster.users:
        password = _password_file(cluster.folder, user).read_text("utf-8").strip()
        words += ["--add-scram", f"SCRAM-SHA-512=[name={user},password={password}]"]
    with replacing(node.folder / _WORDS) as file:
        file.write("\n".join(words).encode())
    command = [*node.prefix, *java_tool("kafka.tools.StorageTool", f"@{node.folder / _WORDS}")]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
