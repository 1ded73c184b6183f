"""`wardpulse acls` on a real broker: the script says what `apply` does, and too much access is found."""

import json
import os
import secrets
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import join
from typing import Any, Final

import pytest
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from deploy.acls import Entry
from deploy.apache import Cluster, java_tool, prepare, running
from deploy.apache_trial import is_ready
from deploy.connection import Connection
from deploy.kafka_admin import KafkaAdmin
from deploy.roles import ROLES, grants
from deploy.settings import Settings
from schemas.topics import WORKER_GROUP, Topic
from tests.clusters import connection_of, new_prefix, require_apache, run, settings_of

NAMED: Final = {**{role: [f"{role}-1"] for role in ROLES}, "producer": ["st-anna", "o'brien"]}
USERS: Final = [word for role, names in NAMED.items() for name in names for word in (f"--{role}", name)]
LITERAL, PREFIXED = ResourcePatternType.LITERAL, ResourcePatternType.PREFIXED
ALLOW, DENY = AclPermissionType.ALLOW, AclPermissionType.DENY


def entries(cluster: Cluster, prefix: str) -> set[Entry]:
    """What the list says about topics and groups under a prefix."""
    return {entry for entry in KafkaAdmin(connection_of(cluster)).entries() if entry.name.startswith(prefix)}


def unprefixed(found: Iterable[Entry], prefix: str) -> set[Entry]:
    return {replace(entry, name=entry.name.removeprefix(prefix)) for entry in found}


@contextmanager
def added(cluster: Cluster, *bindings: AclBinding) -> Iterator[None]:
    """Entries that somebody else made, for as long as the context lasts."""
    client = AdminClient(connection_of(cluster).librdkafka())
    for made in client.create_acls(list(bindings)).values():
        made.result(10)
    try:
        yield
    finally:
        same = [
            AclBindingFilter(
                b.restype, b.name, b.resource_pattern_type, b.principal, "*", b.operation, b.permission_type
            )
            for b in bindings
        ]
        for gone in client.delete_acls(same).values():
            assert gone.result(10)


def _exactly(of: AclBinding) -> AclBindingFilter:
    pattern, permission = of.resource_pattern_type, of.permission_type
    return AclBindingFilter(of.restype, of.name, pattern, of.principal, of.host, of.operation, permission)


def topic(name: str, user: str, operation: AclOperation, pattern: Any = LITERAL, permission: Any = ALLOW) -> AclBinding:
    return AclBinding(ResourceType.TOPIC, name, pattern, f"User:{user}", "*", operation, permission)


def shim(folder: Path, cluster: Cluster) -> dict[str, str]:
    """An environment with Kafka's own tool in its path, and an administrator's settings for it."""
    tool = folder / "kafka-acls.sh"
    tool.write_text(f'#!/bin/sh\nexec {join(java_tool("org.apache.kafka.tools.AclCommand"))} "$@"\n')
    tool.chmod(0o755)
    connection = connection_of(cluster)
    login = f'ScramLoginModule required username="{connection.username}" password="{connection.password}";'
    config = folder / "admin.properties"
    config.write_text(
        "security.protocol=SASL_SSL\nsasl.mechanism=SCRAM-SHA-512\nssl.truststore.type=PEM\n"
        f"ssl.truststore.location={connection.authorities}\n"
        f"sasl.jaas.config=org.apache.kafka.common.security.scram.{login}\n"
    )
    path = f"{folder}{os.pathsep}{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "BOOTSTRAP": cluster.bootstrap, "COMMAND_CONFIG": str(config)}


def test_the_script_run_with_kafkas_own_tool_gives_what_apply_gives(
    apache: Cluster, prefix: str, tmp_path: Path
) -> None:
    # together they have every kind of access; each line takes the tool some seconds
    named = {"producer": ["o'brien"], "worker": ["w"], "auditor": ["a"]}
    users = [word for role, (name,) in named.items() for word in (f"--{role}", name)]
    applied, wanted = new_prefix(), grants(named, prefix)
    code, out, _ = run(settings_of(apache, prefix=applied), "acls", "apply", *users)
    assert (code, out.splitlines()[0]) == (0, f"added {len(wanted)} entries")

    _, script, _ = run(settings_of(apache, prefix=prefix), "acls", "script", *users)
    environment = shim(tmp_path, apache)
    done = subprocess.run(["sh"], input=script, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert entries(apache, prefix) == {Entry.of(grant) for grant in wanted}
    assert unprefixed(entries(apache, prefix), prefix) == unprefixed(entries(apache, applied), applied)
    assert run(settings_of(apache, prefix=prefix), "acls", "check", *users)[0] == 0


def test_the_script_stops_at_the_first_line_that_fails(tmp_path: Path) -> None:
    (tmp_path / "kafka-acls.sh").write_text("#!/bin/sh\necho called\nexit 3\n")
    (tmp_path / "kafka-acls.sh").chmod(0o755)
    _, script, _ = run(Settings(), "acls", "script", *USERS)
    given = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "BOOTSTRAP": "b:1", "COMMAND_CONFIG": "c"}
    done = subprocess.run(["sh"], input=script, env=given, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (3, "called\n")
    done = subprocess.run(
        ["sh"], input=script, env={"PATH": given["PATH"]}, capture_output=True, text=True, check=False
    )
    assert (done.returncode != 0, done.stdout, "BOOTSTRAP" in done.stderr) == (True, "", True)


def test_apply_adds_what_is_missing_and_takes_nothing_away(apache: Cluster, prefix: str) -> None:
    settings = settings_of(apache, prefix=prefix)
    assert run(settings, "acls", "apply", "--worker", "w")[0] == 0
    with added(apache, topic(prefix + Topic.SUBMISSIONS, "v", AclOperation.READ)):
        before = entries(apache, prefix)
        code, out, error = run(settings, "acls", "apply", "--worker", "w", "--viewer", "v")
        assert (code, out.splitlines()[0]) == (1, "added 2 entries")
        assert f"User:v may Read topic {prefix}{Topic.SUBMISSIONS}" in out
        assert error == "1 more than a role\n"
        assert entries(apache, prefix) == before | {Entry.of(grant) for grant in grants({"viewer": ["v"]}, prefix)}
    code, out, _ = run(settings, "acls", "apply", "--worker", "w", "--viewer", "v")
    assert (code, out.splitlines()[0].endswith("were there already")) == (0, True)
    assert "2 users may do what their roles say, and nobody may do more" in out


@pytest.fixture
def checked(apache: Cluster, prefix: str) -> Any:
    """`acls check` of a deployment with every role, as rows."""
    settings = settings_of(apache, prefix=prefix)
    assert run(settings, "acls", "apply", *USERS)[0] == 0

    def check(*more: str) -> tuple[int, list[tuple[str, str]]]:
        code, out, _ = run(settings, "acls", "check", *USERS, *more, "--json")
        return code, [(row["check"], row["found"]) for row in json.loads(out)]

    assert check() == (0, [])
    return check


@pytest.mark.parametrize(
    ("name", "user", "operation", "pattern"),
    [
        (Topic.SUBMISSIONS, "*", AclOperation.READ, LITERAL),
        (Topic.COHORTS, "*", AclOperation.READ, LITERAL),
        (Topic.SUBMISSIONS, "viewer-1", AclOperation.READ, LITERAL),
        (Topic.SUBMISSIONS, "exporter", AclOperation.DESCRIBE, LITERAL),
        (Topic.SUBMISSIONS, "st-anna", AclOperation.ALL, LITERAL),
        (Topic.ROUNDS, "worker-1", AclOperation.DELETE, LITERAL),
        ("wellbeing.", "viewer-1", AclOperation.READ, PREFIXED),
        ("", "backup", AclOperation.READ, PREFIXED),
    ],
)
def test_more_than_a_role_says_is_found(
    name: str, user: str, operation: AclOperation, pattern: Any, apache: Cluster, prefix: str, checked: Any
) -> None:
    with added(apache, topic(prefix + name, user, operation, pattern)):
        code, found = checked()
    words = "".join(word.capitalize() for word in operation.name.split("_"))
    star = "*" if pattern == PREFIXED else ""
    assert (code, found) == (1, [("more than a role", f"User:{user} may {words} topic {prefix}{name}{star}")])
    assert checked() == (0, [])


def test_access_to_every_topic_and_to_the_cluster_is_found(apache: Cluster, prefix: str, checked: Any) -> None:
    odd = [
        topic("*", "backup", AclOperation.READ),
        AclBinding(ResourceType.GROUP, prefix + WORKER_GROUP, LITERAL, "User:viewer-1", "*", AclOperation.READ, ALLOW),
        AclBinding(ResourceType.BROKER, "kafka-cluster", LITERAL, "User:ops", "*", AclOperation.ALTER, ALLOW),
    ]
    with added(apache, *odd):
        code, found = checked()
        assert checked("--administrator", "ops")[1] == [one for one in found if "cluster" not in one[1]]
    assert (code, sorted(said for _, said in found)) == (
        1,
        [
            "User:backup may Read topic *",
            "User:ops may Alter cluster kafka-cluster",
            f"User:viewer-1 may Read group {prefix}{WORKER_GROUP}",
        ],
    )


def test_what_is_forbidden_or_missing_is_found(apache: Cluster, prefix: str, checked: Any) -> None:
    with added(apache, topic(prefix + Topic.SUBMISSIONS, "worker-1", AclOperation.READ, permission=DENY)):
        assert checked() == (1, [("forbidden", f"User:worker-1 may not Read topic {prefix}{Topic.SUBMISSIONS}")])
    code, found = checked("--viewer", "another")
    assert (code, {check for check, _ in found}, len(found)) == (1, {"missing"}, 2)


def test_what_gives_no_more_is_no_fault(apache: Cluster, prefix: str, checked: Any) -> None:
    fine = [
        topic(prefix + "wellbeing.", "auditor-1", AclOperation.READ, PREFIXED),
        topic(prefix + Topic.SUBMISSIONS, "st-anna", AclOperation.DESCRIBE),
        topic(prefix + Topic.MANIFESTS, "somebody", AclOperation.READ, permission=DENY),
        topic(f"{prefix}another-topic", "*", AclOperation.ALL),
        AclBinding(ResourceType.BROKER, "kafka-cluster", LITERAL, "User:*", "*", AclOperation.IDEMPOTENT_WRITE, ALLOW),
    ]
    with added(apache, *fine):
        assert checked() == (0, [])


def test_entries_that_librdkafka_has_no_words_for_are_read(
    apache: Cluster, prefix: str, checked: Any, tmp_path: Path
) -> None:
    words = ["--allow-principal", "User:mallory", "--operation", "CreateTokens", "--user-principal", "User:worker-1"]
    command = ["kafka-acls.sh", "--bootstrap-server", apache.bootstrap, "--command-config"]
    environment = shim(tmp_path, apache)
    tool = [str(tmp_path / command[0]), *command[1:], environment["COMMAND_CONFIG"]]
    subprocess.run([*tool, "--add", *words], env=environment, capture_output=True, check=True)
    try:
        assert checked() == (1, [("more than a role", "User:mallory may Unknown other User:worker-1")])
    finally:
        subprocess.run([*tool, "--remove", "--force", *words], env=environment, capture_output=True, check=True)


def test_whoever_is_no_administrator_is_told_so(apache: Cluster, prefix: str) -> None:
    for command in ("check", "apply"):
        code, out, error = run(settings_of(apache, "auditor", prefix), "acls", command, *USERS)
        assert (code, out, "ask as an administrator" in error) == (77, "", True)


def test_brokers_without_an_authorizer_are_not_taken_for_an_empty_list(tmp_path: Path) -> None:
    require_apache()
    cluster = prepare(tmp_path / "cluster", 1, (), datetime.now(UTC), secrets.token_bytes)
    told = cluster.nodes[0].folder / "server.properties"
    kept = [line for line in told.read_text().splitlines() if not line.startswith(("authorizer.", "super.users"))]
    told.write_text("\n".join(kept))
    with running(cluster, is_ready):
        for command in ("check", "apply"):
            code, out, error = run(settings_of(cluster), "acls", command, *USERS)
            assert (code, out, "everybody may do everything" in error) == (69, "", True)


def test_a_user_is_made_as_the_documentation_says(apache: Cluster, tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "operations.md").read_text("utf-8")
    block = next(block for block in page.split("```sh\n") if block.startswith("umask")).partition("```")[0]
    tool = tmp_path / "kafka-configs.sh"
    tool.write_text(f'#!/bin/sh\nexec {join(java_tool("kafka.admin.ConfigCommand"))} "$@"\n')
    tool.chmod(0o755)
    done = subprocess.run(
        ["sh", "-e"], input=block, env=shim(tmp_path, apache), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    password = tmp_path / "st-anna.password"
    assert (password.stat().st_mode & 0o777, (tmp_path / "st-anna.scram").exists()) == (0o600, False)
    made = replace(settings_of(apache), sasl_username="st-anna", sasl_password_file=password)
    assert KafkaAdmin(Connection.of(made)).brokers() == 1
