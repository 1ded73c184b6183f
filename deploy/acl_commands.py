"""Commands for who may do what in Kafka: the roles, and what they need as entries of its access control list."""

import os
from collections import Counter
from dataclasses import asdict
from typing import Annotated, Final

import typer

from deploy.acls import Users, access_rows, check_access, checked_users, missing, role_rows, script
from deploy.connection import Connection
from deploy.doctor import Finding
from deploy.kafka_admin import KafkaAdmin
from deploy.output import AsJson, print_rows
from deploy.roles import ROLES, Grant, grants
from deploy.settings import Settings
from schemas.errors import SettingsError

_HELP = """Show and set who may do what in Kafka.

Each user has a role, and may do what the role needs and nothing else. Users are made on the brokers: docs/operations.md
says how, and what else must be true of them.
"""
_SHOW_HELP = """Show the roles, and what each may do.

Example: wardpulse acls show
"""
_SCRIPT_HELP = """Print a shell script that gives each user what its role needs, for brokers that others run.

It needs kafka-acls.sh in the path, and BOOTSTRAP and COMMAND_CONFIG in the environment. It takes nothing away.

Example: wardpulse acls script --producer st-anna --producer st-mary --worker worker --writer writer > acls.sh
"""
_APPLY_HELP = """Give each user what its role needs, as an administrator of Kafka.

Entries that are there stay, whatever they say: what is more than the roles ask for is told afterwards, with exit code
1. Name every user of the deployment, since what belongs to others counts as too much.

Example: wardpulse acls apply --producer st-anna --worker worker --writer writer --auditor audit
"""
_CHECK_HELP = """Check that each user may do what its role says, and that nobody may do more. Nothing is changed.

Looked at are the entries about our topics and groups, those that let somebody rule the cluster or act as one of our
users, and refusals. Who is a super user, and whether all is allowed where there is no entry, stands in the brokers'
own settings and cannot be seen from here (docs/operations.md). Exit code 0 if all is right, 1 otherwise.

Example: wardpulse acls check --producer st-anna --worker worker --writer writer --auditor audit
"""

Named = list[str] | None
Producers = Annotated[Named, typer.Option("--producer", help="A user that sends answers.")]
Coordinators = Annotated[Named, typer.Option("--coordinator", help="A user that opens and closes rounds.")]
Workers = Annotated[Named, typer.Option("--worker", help="A user that workers run as.")]
Writers = Annotated[Named, typer.Option("--writer", help="A user that writers run as.")]
Auditors = Annotated[Named, typer.Option("--auditor", help="A user that may read everything.")]
Viewers = Annotated[Named, typer.Option("--viewer", help="A user that reads what is published.")]
Administrators = Annotated[
    Named, typer.Option("--administrator", help="A user that rules the cluster: its entries are not looked at.")
]
_FOUND: Final = ("state", "check", "found", "do")


def register(app: typer.Typer) -> None:
    """Add the commands for access to the front door."""
    acls = typer.Typer(name="acls", help=_HELP, no_args_is_help=True)
    acls.command("show", help=_SHOW_HELP)(_show)
    acls.command("script", help=_SCRIPT_HELP)(_script)
    acls.command("apply", help=_APPLY_HELP)(_apply)
    acls.command("check", help=_CHECK_HELP)(_check)
    app.add_typer(acls)


def _show(as_json: AsJson = False) -> None:
    rows = role_rows()
    print_rows(rows, as_json, ("name", "meaning"), "")
    if not as_json:
        typer.echo()
        access = access_rows()
        print_rows(access, as_json, tuple(access[0]), "")


def _script(
    producer: Producers = None,
    coordinator: Coordinators = None,
    worker: Workers = None,
    writer: Writers = None,
    auditor: Auditors = None,
    viewer: Viewers = None,
) -> None:
    users = _users(producer, coordinator, worker, writer, auditor, viewer)
    typer.echo(script(users, Settings.read(os.environ).topic_prefix), nl=False)


def _apply(
    producer: Producers = None,
    coordinator: Coordinators = None,
    worker: Workers = None,
    writer: Writers = None,
    auditor: Auditors = None,
    viewer: Viewers = None,
    administrator: Administrators = None,
) -> None:
    settings, admin = _administration()
    wanted = grants(_users(producer, coordinator, worker, writer, auditor, viewer), settings.topic_prefix)
    new = missing(admin.entries(), wanted)
    admin.allow(new)
    typer.echo(f"added {len(new)} entries" if new else f"all {len(wanted)} entries were there already")
    _report(check_access(admin.entries(), wanted, settings.topic_prefix, administrator or ()), wanted, as_json=False)


def _check(
    producer: Producers = None,
    coordinator: Coordinators = None,
    worker: Workers = None,
    writer: Writers = None,
    auditor: Auditors = None,
    viewer: Viewers = None,
    administrator: Administrators = None,
    as_json: AsJson = False,
) -> None:
    settings, admin = _administration()
    wanted = grants(_users(producer, coordinator, worker, writer, auditor, viewer), settings.topic_prefix)
    _report(check_access(admin.entries(), wanted, settings.topic_prefix, administrator or ()), wanted, as_json)


def _administration() -> tuple[Settings, KafkaAdmin]:
    settings = Settings.read(os.environ)
    if settings.embedded:
        raise SettingsError("the embedded broker knows no users: everybody may do everything")
    return settings, KafkaAdmin(Connection.of(settings))


def _users(*by_role: Named) -> Users:
    return checked_users({role: names or [] for role, names in zip(ROLES, by_role, strict=True)})


def _report(found: list[Finding], wanted: list[Grant], as_json: bool) -> None:
    users = len({grant.user for grant in wanted})
    right = f"{users} users may do what their roles say, and nobody may do more"
    print_rows([asdict(finding) for finding in found], as_json, _FOUND, right)
    if found:
        counts = Counter(finding.check for finding in found)
        typer.echo(", ".join(f"{count} {check}" for check, count in counts.items()), err=True)
        raise typer.Exit(1)
