"""Access control lists: what Kafka has been told, compared with what the roles ask for. Pure.

Kafka has more words for access than our roles use; whatever of it reaches our topics and groups is understood here.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from shlex import quote
from typing import Any, Final, Literal

from deploy.doctor import Finding
from deploy.roles import ROLES, Grant, grants
from schemas.errors import InputRefused
from schemas.topics import WORKER_GROUP, WRITER_GROUP, Topic

Resource = Literal["topic", "group", "cluster", "transactional id", "other"]
Users = Mapping[str, Sequence[str]]
"""Role to the names of its users."""
USER: Final = "User:"
_ANY: Final = "*"
EVERYBODY: Final = USER + _ANY
_NOBODY_IN_PARTICULAR: Final = frozenset({"ANONYMOUS"})
_LONGEST_NAME: Final = 255
# whoever may do these can change the list itself, or read every record as brokers do among themselves
_RULING: Final = frozenset({"All", "Alter", "AlterConfigs", "ClusterAction", "Unknown"})
_READING_OR_WRITING: Final = ("Read", "Write")
_GROUPS: Final = (WORKER_GROUP, WRITER_GROUP)
_WORDS: Final = {
    ("topic", "Read"): "read",
    ("topic", "Write"): "write",
    ("topic", "DescribeConfigs"): "settings",
    ("group", "Read"): "use",
    ("group", "Describe"): "see",
}
_SCRIPT_HEAD: Final = """#!/bin/sh
# Lets each user do what its role needs, and nothing is taken away: wardpulse acls check says what is too much.
# BOOTSTRAP: addresses of the brokers, HOST:PORT. COMMAND_CONFIG: file of settings of an administrator's client.
# kafka-acls.sh, which comes with Kafka, must be in the path.
set -eu
: "${BOOTSTRAP:?}" "${COMMAND_CONFIG:?}"

allow() {
    kafka-acls.sh --bootstrap-server "$BOOTSTRAP" --command-config "$COMMAND_CONFIG" --add "$@"
}
"""


@dataclass(frozen=True, slots=True, order=True)
class Entry:
    """One entry of Kafka's list. `prefixed`: it is about every name that begins with this one."""

    principal: str
    resource: Resource
    name: str
    operation: str
    prefixed: bool = False
    host: str = _ANY
    is_allowed: bool = True

    @classmethod
    def of(cls, grant: Grant) -> "Entry":
        """The entry that a grant asks for."""
        return cls(USER + grant.user, grant.resource, grant.name, grant.operation)

    def __str__(self) -> str:
        verb = "may" if self.is_allowed else "may not"
        name = f"{self.name}*" if self.prefixed else self.name
        where = "" if self.host == _ANY else f" from {self.host}"
        return f"{self.principal} {verb} {self.operation} {self.resource} {name}{where}"


def checked_users(users: Users) -> Users:
    """The users as they were given; InputRefused for a name that means more than one user, or none at all."""
    for name in (name for names in users.values() for name in names):
        if not name or len(name) > _LONGEST_NAME or not name.isprintable() or any(map(str.isspace, name)):
            raise InputRefused("a user's name has 1 to 255 letters and no spaces")
        if _ANY in name or name in _NOBODY_IN_PARTICULAR:
            raise InputRefused(f"{name} is everybody: name the users one by one")
        if name.startswith(USER):
            raise InputRefused(f"{name}: give the name without {USER}")
    if not any(users.values()):
        raise InputRefused(f"no user is named: use --{' or --'.join(ROLES)}")
    return users


def missing(entries: Iterable[Entry], wanted: Iterable[Grant]) -> list[Grant]:
    """What the roles ask for and the list does not say."""
    there = frozenset(entries)
    return [grant for grant in wanted if Entry.of(grant) not in there]


def surplus(
    entries: Iterable[Entry], wanted: Sequence[Grant], prefix: str, administrators: Iterable[str] = ()
) -> list[Entry]:
    """The entries that let somebody do more with our topics, groups or users than a role asks for."""
    implied, ruling = _implied(wanted), {USER + name for name in administrators}
    ours = _ours(prefix, wanted)
    return sorted(
        entry
        for entry in entries
        if entry.is_allowed and entry.principal not in ruling and _gives_more(entry, implied, ours)
    )


def denials(entries: Iterable[Entry], wanted: Sequence[Grant]) -> list[Entry]:
    """The entries that forbid what a role asks for: they go before those that allow it."""
    implied = _implied(wanted)
    return sorted(entry for entry in entries if not entry.is_allowed and any(_is_about(entry, one) for one in implied))


def check_access(
    entries: Sequence[Entry], wanted: Sequence[Grant], prefix: str, administrators: Iterable[str] = ()
) -> list[Finding]:
    """Whether each user may do what its role says, and nobody more. No finding: all is right."""
    told = "Remove it: kafka-acls.sh --remove with the same words."
    lacking = [
        Finding("missing", "problem", str(Entry.of(grant)), "Run wardpulse acls apply.")
        for grant in missing(entries, wanted)
    ]
    forbidden = [Finding("forbidden", "problem", str(entry), told) for entry in denials(entries, wanted)]
    extra = surplus(entries, wanted, prefix, administrators)
    return [*lacking, *forbidden, *(Finding("more than a role", "warning", str(entry), told) for entry in extra)]


def script(users: Users, prefix: str) -> str:
    """A POSIX shell script that tells brokers of others the same, one line for each user and kind of access."""
    lines = [_line(user, operation, resource, names) for user, operation, resource, names in _lines(users, prefix)]
    return "\n".join((_SCRIPT_HEAD, *lines, ""))


def role_rows() -> list[dict[str, Any]]:
    """Every role with what it is for and what it may do."""
    return [asdict(role) for role in ROLES.values()]


def access_rows() -> list[dict[str, str]]:
    """What each role may do with every topic and group."""
    named: list[tuple[Resource, str]] = [("topic", topic) for topic in Topic] + [("group", group) for group in _GROUPS]
    by_role = {name: grants({name: [name]}, "") for name in ROLES}
    return [
        {"topic or group": name, **{role: _words(given, resource, name) for role, given in by_role.items()}}
        for resource, name in named
    ]


def _words(given: Iterable[Grant], resource: Resource, name: str) -> str:
    found = {grant.operation for grant in given if (grant.resource, grant.name) == (resource, name)}
    return ", ".join(word for (kind, operation), word in _WORDS.items() if kind == resource and operation in found)


def _lines(users: Users, prefix: str) -> Iterator[tuple[str, str, str, list[str]]]:
    def kind(grant: Grant) -> tuple[str, str, str]:
        return grant.user, grant.operation, grant.resource

    for (user, operation, resource), found in groupby(sorted(grants(users, prefix), key=kind), kind):
        yield user, operation, resource, [grant.name for grant in found]


def _line(user: str, operation: str, resource: str, names: Iterable[str]) -> str:
    on = " ".join(f"--{resource} {quote(name)}" for name in names)
    return f"allow --allow-principal {quote(USER + user)} --operation {operation} {on}"


_Access = tuple[str, str, str, str]
"""Principal, resource, name and operation."""


def _implied(wanted: Iterable[Grant]) -> frozenset[_Access]:
    """What Kafka understands these grants to allow."""
    found = {(USER + grant.user, grant.resource, grant.name, grant.operation) for grant in wanted}
    return frozenset(found) | {
        (principal, resource, name, "Describe")
        for principal, resource, name, operation in found
        if operation in _READING_OR_WRITING
    }


def _ours(prefix: str, wanted: Iterable[Grant]) -> dict[Resource, list[str]]:
    return {
        "topic": [prefix + topic for topic in Topic],
        "group": [prefix + group for group in _GROUPS],
        # such an entry lets its user act as one of ours
        "other": sorted({USER + grant.user for grant in wanted}),
    }


def _covers(entry: Entry, name: str) -> bool:
    return name.startswith(entry.name) if entry.prefixed else entry.name in (name, _ANY)


def _gives_more(entry: Entry, implied: frozenset[_Access], ours: Mapping[Resource, Sequence[str]]) -> bool:
    if entry.resource == "cluster":
        return entry.operation in _RULING
    touched = [name for name in ours.get(entry.resource, ()) if _covers(entry, name)]
    return any((entry.principal, entry.resource, name, entry.operation) not in implied for name in touched)


def _is_about(entry: Entry, access: _Access) -> bool:
    principal, resource, name, operation = access
    return (
        entry.principal in (principal, EVERYBODY)
        and entry.resource == resource
        and entry.operation in (operation, "All")
        and _covers(entry, name)
    )
