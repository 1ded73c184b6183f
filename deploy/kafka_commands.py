"""`wardpulse kafka`: Apache Kafka on this machine, in the foreground."""

import json
import secrets
import signal
import time
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import typer

from deploy.apache import Cluster, prepare, running
from deploy.apache_trial import furnish, is_ready
from deploy.certificates import AUTHORITY
from deploy.files import replacing
from deploy.output import working
from deploy.roles import ROLES

_HELP = """Run Apache Kafka on this machine, in the foreground, until stopped with Ctrl-C.

One broker, or three that keep three copies of everything, with TLS, passwords and access control as in production:
topics are made, and there is a user for each role of docs/operations.md with settings to use it. Everything is in one
folder; started again with the same folder it goes on where it was. For trials and tests: all brokers share one disk.

Needs the jars that make kafka brings, and a Java runtime of version 17 or later.

Examples:

wardpulse kafka

wardpulse kafka --brokers 3 --data /srv/trial/kafka --port 19092

wardpulse --settings wardpulse-data/kafka/settings/worker.toml settings
"""
_TEXT = """Apache Kafka is running, brokers: {brokers}. Ctrl-C stops it; started again with --data {folder} it goes on
where it was.

  clients   {bootstrap} (SASL_SSL, SCRAM-SHA-512)
  settings  {folder}/settings/ROLE.toml for {roles} and admin
  logs      {folder}/broker-N/broker.log

In another terminal:

  wardpulse --settings {folder}/settings/admin.toml topics check
"""
SETTINGS: Final = "settings"
_LOOK_SECONDS: Final = 0.5


def register(app: typer.Typer) -> None:
    """Add the command to the front door."""
    app.command("kafka", help=_HELP)(_kafka)


def _kafka(
    data: Annotated[Path, typer.Option(help="Folder to keep everything in.")] = Path("wardpulse-data/kafka"),
    brokers: Annotated[int, typer.Option(help="One, or three.", min=1, max=3)] = 1,
    port: Annotated[int, typer.Option(help="The first of three ports a broker.", min=1024, max=65_000)] = 9092,
) -> None:
    if brokers == 2:
        raise typer.BadParameter("two brokers cannot outvote one another: use 1 or 3")
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        with working().status("Starting Apache Kafka"):
            cluster = prepare(data, brokers, tuple(ROLES), datetime.now(UTC), secrets.token_bytes, port)
            stack.enter_context(running(cluster, is_ready))
            furnish(cluster, "")
            write_settings(cluster)
        roles = ", ".join(ROLES)
        typer.echo(_TEXT.format(brokers=brokers, folder=data, bootstrap=cluster.bootstrap, roles=roles))
        while True:
            cluster.check()
            time.sleep(_LOOK_SECONDS)


def write_settings(cluster: Cluster) -> None:
    """Write each user's settings beside the cluster; paths in them are relative, so that the folder can be moved."""
    folder = cluster.folder / SETTINGS
    folder.mkdir(mode=0o700, exist_ok=True)
    for user in cluster.users:
        lines = {
            "bootstrap.servers": cluster.bootstrap,
            "security.protocol": "SASL_SSL",
            "sasl.username": user,
            "sasl.password.file": f"../passwords/{user}",
            "ssl.ca.location": f"../tls/{AUTHORITY}",
        }
        with replacing(folder / f"{user}.toml") as file:
            file.write("".join(f"{name} = {json.dumps(value)}\n" for name, value in lines.items()).encode())


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
