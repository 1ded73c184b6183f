"""Commands for the topics: make those that are missing, and check those that are there."""

import os
from typing import Annotated, Any, Final

import typer

from deploy.connection import Connection
from deploy.kafka_admin import KafkaAdmin
from deploy.output import AsJson, print_rows, working
from deploy.settings import Settings
from deploy.topic_plan import KafkaTopic, Kept, copies_for, differing, missing_topics, topic_rows
from schemas.errors import SettingsError
from schemas.topics import Topic
from stream_processors.kafka_log import KafkaLog

_HELP = """Make and check Kafka's topics.

Their names, partitions and how long each is kept are fixed; the setting topic_prefix stands before the names.
"""
_CREATE_HELP = """Make the topics that are missing.

What is there is never altered. If it differs from what is needed, in its partitions or in how long and how it is kept,
nothing is made at all: topics with different partition counts would split a facility's story. It is said in what they
differ, with exit code 78. Run again, it says that all are there. The user must be allowed to create topics.

Example: wardpulse topics create --dry-run
"""
_CHECK_HELP = """Check every topic: partitions, copies, and how long and how it is kept.

Exit code 0 if all is right; 1 if a topic is missing or not as it should be, be it for a warning only. The user must be
allowed to see topics and their settings, as auditors are.

Example: wardpulse topics check --json
"""
_EMBEDDED: Final = "the embedded broker makes its topics by itself"
_MADE: Final = ("topic", "partitions", "copies", "state")
_CHECKED: Final = (*_MADE, "found", "do")


def register(app: typer.Typer) -> None:
    """Add the commands for topics to the front door."""
    topics = typer.Typer(name="topics", help=_HELP, no_args_is_help=True)
    topics.command("create", help=_CREATE_HELP)(_create)
    topics.command("check", help=_CHECK_HELP)(_check)
    app.add_typer(topics)


def _create(
    replication: Annotated[
        int | None, typer.Option(min=1, help="Copies of each topic; 3 if left out, or as many as there are brokers.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be made.")] = False,
) -> None:
    settings = Settings.read(os.environ)
    if settings.embedded:
        typer.echo(_EMBEDDED)
        return
    admin = KafkaAdmin(Connection.of(settings))
    there = admin.topics()
    _refuse_differing(there, _kept(settings, there), settings.topic_prefix)
    new = missing_topics(there, settings.topic_prefix, copies_for(replication, admin.brokers()))
    if new and not dry_run:
        with working().status("Making topics"):
            admin.create_topics(new)
    _print_made(there, new, settings.topic_prefix, dry_run)


def _check(as_json: AsJson = False) -> None:
    settings = Settings.read(os.environ)
    there = KafkaAdmin(Connection.of(settings)).topics()
    kept = None if settings.embedded else _kept(settings, there)
    rows = topic_rows(there, kept, settings.topic_prefix)
    print_rows(rows, as_json, _CHECKED, "")
    if any(row["state"] != "ok" for row in rows):
        raise typer.Exit(1)


def _kept(settings: Settings, there: dict[str, KafkaTopic]) -> Kept:
    ours = [name for topic in Topic if (name := settings.topic_prefix + topic) in there]
    return KafkaLog(Connection.of(settings)).topic_settings(ours) if ours else {}


def _refuse_differing(there: dict[str, KafkaTopic], kept: Kept, prefix: str) -> None:
    found = differing(there, kept, prefix)
    if found:
        rows = topic_rows(there, kept, prefix)
        print_rows(rows, False, _CHECKED, "")
        said = "; ".join(f"{finding.check}: {finding.found}" for finding in found)
        raise SettingsError(f"topics that are there are not as they should be; nothing was made or altered: {said}")


def _print_made(there: dict[str, KafkaTopic], new: list[KafkaTopic], prefix: str, dry_run: bool) -> None:
    made = {topic.name: topic for topic in new}
    rows: list[dict[str, Any]] = [
        {
            "topic": name,
            "partitions": topic.partitions,
            "copies": topic.copies,
            "state": "there" if name in there else "to be made" if dry_run else "made",
        }
        for name, topic in ((prefix + topic, {**there, **made}[prefix + topic]) for topic in Topic)
    ]
    print_rows(rows, False, _MADE, "")
    if not new:
        typer.echo("all topics are there")
