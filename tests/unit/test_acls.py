"""What the roles ask of Kafka's access control list, and what of it is too much."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from deploy.acls import (
    Entry,
    access_rows,
    check_access,
    checked_users,
    denials,
    missing,
    role_rows,
    script,
    surplus,
)
from deploy.roles import ROLES, Grant, grants
from schemas.errors import InputRefused, SettingsError
from schemas.topics import TOPICS, WORKER_GROUP, Topic
from wardpulse import application

ROOT: Final = Path(__file__).parents[2]
EACH: Final = {role: [role] for role in ROLES}
WANTED: Final = grants(EACH, "p-")
THERE: Final = [Entry.of(grant) for grant in WANTED]
SUBMISSIONS: Final = "p-" + Topic.SUBMISSIONS


def entry(user: str, operation: str, name: str = SUBMISSIONS) -> Entry:
    return Entry(f"User:{user}", "topic", name, operation)


def words(of: dict[str, list[str]]) -> list[str]:
    return [word for role, names in of.items() for name in names for word in (f"--{role}", name)]


def test_microdata_is_read_by_worker_auditor_and_coordinator_alone() -> None:
    assert {role.name for role in ROLES.values() if Topic.SUBMISSIONS in role.reads} == {
        "worker",
        "auditor",
        "coordinator",
    }


def test_viewers_and_writers_read_open_topics_alone() -> None:
    is_open = {spec.topic for spec in TOPICS if not spec.closed}
    assert {*ROLES["viewer"].reads} == {*ROLES["writer"].reads} == is_open


def test_nothing_is_missing_forbidden_or_too_much_where_the_list_says_what_the_roles_say() -> None:
    assert check_access(THERE, WANTED, "p-") == []


def test_what_is_not_said_is_missing() -> None:
    assert missing(THERE[1:], WANTED) == WANTED[:1]
    assert missing([], WANTED) == WANTED
    narrower = [replace(THERE[0], host="10.0.0.1"), *THERE[1:]]
    assert missing(narrower, WANTED) == WANTED[:1]
    (found,) = check_access(THERE[1:], WANTED, "p-")
    assert (found.state, found.check, "acls apply" in found.do) == ("problem", "missing", True)


@pytest.mark.parametrize(
    "extra",
    [
        entry("*", "Read"),
        entry("viewer", "Read"),
        entry("stranger", "Describe"),
        entry("worker", "Write"),
        entry("worker", "All"),
        entry("auditor", "Delete"),
        entry("auditor", "Unknown"),
        entry("stranger", "Read", "*"),
        Entry("User:stranger", "topic", "p-well", "Read", prefixed=True),
        Entry("User:viewer", "topic", "p", "Read", prefixed=True),
        Entry("User:stranger", "topic", SUBMISSIONS, "Read", host="10.0.0.1"),
        Entry("Group:staff", "topic", SUBMISSIONS, "Read"),
        Entry("User:writer", "group", "p-" + WORKER_GROUP, "Read"),
        Entry("User:stranger", "group", "*", "Describe"),
        Entry("User:stranger", "cluster", "kafka-cluster", "Alter"),
        Entry("User:stranger", "cluster", "kafka-cluster", "ClusterAction"),
        Entry("User:stranger", "other", "User:worker", "Unknown"),
    ],
    ids=str,
)
def test_more_than_a_role_says_is_too_much(extra: Entry) -> None:
    assert surplus([*THERE, extra], WANTED, "p-") == [extra]
    (found,) = check_access([*THERE, extra], WANTED, "p-")
    assert (found.state, found.check, found.found) == ("warning", "more than a role", str(extra))


@pytest.mark.parametrize(
    "fine",
    [
        entry("producer", "Describe"),
        entry("stranger", "Read", "another"),
        entry("stranger", "Read", Topic.SUBMISSIONS),
        Entry("User:auditor", "topic", "p-well", "Read", prefixed=True),
        Entry("User:stranger", "topic", "q", "All", prefixed=True),
        Entry("User:stranger", "topic", SUBMISSIONS + ".old", "Read", prefixed=True),
        replace(entry("viewer", "Read"), is_allowed=False),
        Entry("User:stranger", "cluster", "kafka-cluster", "IdempotentWrite"),
        Entry("User:stranger", "transactional id", "*", "All"),
        Entry("User:stranger", "other", "User:somebody", "Unknown"),
    ],
    ids=str,
)
def test_what_gives_nobody_more_is_not(fine: Entry) -> None:
    assert check_access([*THERE, fine], WANTED, "p-") == []


def test_the_entries_of_administrators_are_not_looked_at() -> None:
    extra = [entry("ops", "All"), entry("viewer", "All")]
    assert surplus([*THERE, *extra], WANTED, "p-", ["ops"]) == extra[1:]


@pytest.mark.parametrize(
    ("denied", "matters"),
    [
        (entry("worker", "Read"), True),
        (entry("worker", "Describe"), True),
        (entry("worker", "All", "*"), True),
        (entry("*", "Read"), True),
        (Entry("User:worker", "topic", "p-", "Read", prefixed=True), True),
        (entry("viewer", "Read"), False),
        (entry("worker", "Delete"), False),
        (entry("worker", "Read", "another"), False),
    ],
)
def test_an_entry_that_forbids_what_a_role_needs_is_found(denied: Entry, matters: bool) -> None:
    denied = replace(denied, is_allowed=False)
    assert denials([*THERE, denied], WANTED) == ([denied] if matters else [])


@pytest.mark.parametrize("name", ["", "*", "a*", "a b", "a\n", "a\tb", "a\x00", "User:a", "ANONYMOUS", "x" * 256])
def test_a_name_that_is_not_one_user_is_refused(name: str) -> None:
    with pytest.raises(InputRefused):
        checked_users({"worker": ["fine"], "viewer": [name]})


def test_names_that_kafka_knows_users_by_are_taken() -> None:
    users = {"worker": ["w", "CN=worker,O=hospital", "o'brien", "é", "-x", "a:b", "$(id)"]}
    assert checked_users(users) == users
    with pytest.raises(InputRefused, match="no user is named"):
        checked_users({"worker": []})


def test_the_script_has_a_line_for_each_user_and_kind_of_access() -> None:
    text = script({"viewer": ["grafana", "$(id)"], "worker": ["o'brien"]}, "p-")
    assert [line for line in text.splitlines() if line.startswith("allow -")] == [
        f"allow --allow-principal 'User:$(id)' --operation Read --topic p-{Topic.COHORTS} --topic p-{Topic.INDICATORS}",
        f"allow --allow-principal User:grafana --operation Read --topic p-{Topic.COHORTS} --topic p-{Topic.INDICATORS}",
        f"allow --allow-principal 'User:o'\"'\"'brien' --operation Read --group p-{WORKER_GROUP}",
        "allow --allow-principal 'User:o'\"'\"'brien' --operation Read"
        f" --topic p-{Topic.COHORTS} --topic p-{Topic.DEADLETTERS}"
        f" --topic p-{Topic.ROUNDS} --topic p-{Topic.SUBMISSIONS}",
        "allow --allow-principal 'User:o'\"'\"'brien' --operation Write"
        f" --topic p-{Topic.COHORTS} --topic p-{Topic.DEADLETTERS} --topic p-{Topic.INDICATORS}"
        f" --topic p-{Topic.MANIFESTS} --topic p-{Topic.ROUNDS}",
    ]


def test_the_example_is_what_the_command_prints() -> None:
    done = CliRunner().invoke(application(), ["acls", "script", *words(EACH)])
    example = ROOT / "deploy" / "kafka" / "acls.sh"
    assert (done.exit_code, done.stdout) == (0, example.read_text("utf-8"))
    assert os.access(example, os.X_OK)


def test_commands_refuse_bad_names_and_the_embedded_broker(monkeypatch: pytest.MonkeyPatch) -> None:
    done = CliRunner().invoke(application(), ["acls", "script", "--viewer", "*"])
    assert isinstance(done.exception, InputRefused)
    monkeypatch.setenv("WARDPULSE_EMBEDDED", "true")
    for command in ("apply", "check"):
        done = CliRunner().invoke(application(), ["acls", command, "--viewer", "v"])
        assert isinstance(done.exception, SettingsError)


def test_the_roles_are_shown_as_a_table_and_as_json() -> None:
    done = CliRunner().invoke(application(), ["acls", "show"], env={"COLUMNS": "200"})
    assert all(role.meaning in done.stdout for role in ROLES.values())
    assert all(topic in done.stdout for topic in Topic)
    assert [row["name"] for row in role_rows()] == list(ROLES)
    done = CliRunner().invoke(application(), ["acls", "show", "--json"])
    assert '"seen_groups"' in done.stdout


def test_the_table_of_access_says_what_is_granted() -> None:
    long: dict[str, Any] = {
        "read": "Read",
        "write": "Write",
        "settings": "DescribeConfigs",
        "use": "Read",
        "see": "Describe",
    }
    said = {
        Grant(role, "group" if row["topic or group"] == name else "topic", row["topic or group"], long[word])
        for row in access_rows()
        for role in ROLES
        for word in filter(None, row[role].split(", "))
        for name in [row["topic or group"] if row["topic or group"].startswith("wardpulse-") else ""]
    }
    assert said == {*grants(EACH, "")}


def rows(heading: str) -> list[list[str]]:
    """The cells of the first table under a heading of the documentation."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    lines = page.partition(f"\n{heading}\n")[2].splitlines()
    table = [line for line in lines if line.startswith("|")]
    first = lines.index(table[0])
    size = next(at for at, line in enumerate(lines[first:]) if not line.startswith("|"))
    return [[cell.strip(" `") for cell in line.strip("|").split(" | ")] for line in lines[first + 2 : first + size]]


def test_the_documentation_has_the_roles_as_they_are() -> None:
    assert rows("### Who may do what") == [
        [row["topic or group"], *(row[role] or "-" for role in ROLES)] for row in access_rows()
    ]
    assert rows("### Roles") == [[role.name, role.meaning] for role in ROLES.values()]
