"""A cluster on this machine keeps its secrets to itself, and nothing of it is left behind, whatever happens."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from deploy.apache import Cluster
from deploy.roles import ROLES
from producers.client import WellbeingProducer
from schemas.topics import Topic
from stream_processors.kafka_log import KafkaLog
from tests.clusters import USERS, connection_of, granted, require_apache, run, settings_of

KEEPERS: Final = ("passwords", "broker.pem", "ca-key.pem")
"""Files and folders whose business secrets are."""
HOLD: Final = """
import json, os, sys
from tests.clusters import cluster_of
with cluster_of(1) as cluster:
    print(json.dumps([str(cluster.folder.parent), cluster.nodes[0].pid]), flush=True)
    sys.stdin.read()
"""


def secrets_of(cluster: Cluster) -> set[bytes]:
    """Every password, and every line of every private key."""
    passwords = {(cluster.folder / "passwords" / name).read_bytes().strip() for name in cluster.users}
    files = [cluster.folder / "tls" / "ca-key.pem", *(node.folder / "broker.pem" for node in cluster.nodes)]
    keys = {line for file in files for line in _private(file.read_bytes())}
    assert len(passwords) == len(USERS) + 1
    assert len(keys) == 2 * len(files)
    return passwords | keys


def _private(pem: bytes) -> list[bytes]:
    # the third line is of the public key, as in the certificate
    return pem.partition(b"PRIVATE KEY-----")[2].partition(b"-----END")[0].split()[:2]


def children_of(pid: int) -> Iterator[int]:
    """A process and all it has started."""
    yield pid
    for task in Path(f"/proc/{pid}/task").glob("*"):
        for child in content(task / "children").split():
            yield from children_of(int(child))


def told(pid: int) -> bytes:
    """What everybody on the machine can read of a process, and its environment."""
    process = Path(f"/proc/{pid}")
    return content(process / "cmdline") + content(process / "environ")


def files_of(cluster: Cluster) -> list[Path]:
    """Every file of a cluster. Unlike a glob it goes on when a folder is gone: the broker deletes those of topics."""
    return [Path(folder, name) for folder, _, names in os.walk(cluster.folder) for name in names]


def content(path: Path) -> bytes:
    """What a file holds; nothing if it is gone, as those of topics that other tests delete."""
    try:
        return path.read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def test_no_secret_is_in_a_command_line_an_environment_a_log_or_the_storage(apache: Cluster, prefix: str) -> None:
    granted(apache, prefix)
    with WellbeingProducer(connection_of(apache, "producer"), topic_prefix=prefix) as producer:
        producer.send_raw("north", b"{}")
    assert KafkaLog(connection_of(apache, "auditor")).bounds(prefix + Topic.SUBMISSIONS, 0).start == 0
    code, out, _ = run(settings_of(apache, "worker", prefix), "settings")
    assert code == 0
    secrets = secrets_of(apache)
    processes = list(children_of(os.getpid()))
    assert apache.nodes[0].pid in processes
    for secret in secrets:
        assert secret.decode() not in out
        assert not [pid for pid in processes if secret in told(pid)]
    files = [path for path in files_of(apache) if not {*path.parts} & {*KEEPERS}]
    assert {"broker.log", "server.properties", "meta.properties"} <= {path.name for path in files}
    assert not [path for path in files if any(secret in held for held in [content(path)] for secret in secrets)]


def test_files_with_secrets_are_for_their_owner_alone(apache: Cluster) -> None:
    kept = [path for path in files_of(apache) if {*path.parts} & {*KEEPERS}]
    assert len(kept) == len(USERS) + 1 + 1 + len(apache.nodes)
    assert {path.stat().st_mode & 0o777 for path in kept} == {0o600}
    assert apache.folder.stat().st_mode & 0o777 == 0o700


def test_there_is_a_user_for_each_role(apache: Cluster) -> None:
    for name in ROLES:
        assert connection_of(apache, name).username == name
    assert str(connection_of(apache).password) not in repr(connection_of(apache))


def test_killed_with_its_parent_a_cluster_leaves_no_process_and_no_folder() -> None:
    require_apache()
    with subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        folder, pid = json.loads(holder.stdout.readline())
        assert Path(folder).is_dir()
        holder.send_signal(signal.SIGKILL)
    until = time.monotonic() + 30
    while (Path(folder).exists() or Path(f"/proc/{pid}").exists()) and time.monotonic() < until:
        time.sleep(0.2)
    assert not Path(folder).exists()
    assert not Path(f"/proc/{pid}").exists()
