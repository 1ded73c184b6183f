"""What `wardpulse doctor` checks: pure functions from what was seen to findings that say what to do."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final, Literal

from schemas.events import Echo, RoundOpened
from schemas.topics import PARTITIONS, TOPICS, WORKER_GROUP, WRITER_GROUP, Topic, TopicSpec
from stream_processors.steps.ledger import KnownRound, Ledger

State = Literal["ok", "warning", "problem", "skipped"]
PYTHONS: Final = ((3, 11), (3, 13))
CLOCK_SECONDS: Final = 60
FLOWS: Final = {
    "worker": (WORKER_GROUP, (Topic.SUBMISSIONS, Topic.COHORTS)),
    "writer": (WRITER_GROUP, (Topic.COHORTS, Topic.INDICATORS)),
}
"""Who reads what, and as which group."""
_DAY_MILLISECONDS: Final = 86_400_000
_MARGIN_DAYS: Final = 30
_LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of one check. `do` is empty where there is nothing to do."""

    check: str
    state: State
    found: str
    do: str = ""


@dataclass(frozen=True, slots=True)
class Unseen:
    """What could not be looked at, and why."""

    why: str
    do: str
    state: State = "problem"


@dataclass(frozen=True, slots=True)
class Topics:
    """Partition counts by topic, and how the broker is told to keep each."""

    partitions: Mapping[str, int]
    kept: Mapping[str, Mapping[str, str]] | Unseen


@dataclass(frozen=True, slots=True)
class Echoes:
    """What the worker has acted on, by partition; where the submissions of each begin; whether others wrote there."""

    by_partition: Mapping[int, Sequence[Echo]]
    starts: Mapping[int, int]
    foreign: bool


@dataclass(frozen=True, slots=True)
class Tables:
    """The published tables: version of the engine, state of each migration, seconds its clock is ahead of ours."""

    version: str
    migrations: Mapping[str, str]
    clock: float | None


Places = frozenset[tuple[str, int]]
"""Topics and partitions."""


def skipped(checks: Sequence[str], why: str, do: str) -> list[Finding]:
    """Findings for what could not be checked."""
    return [Finding(check, "skipped", why, do) for check in checks]


def check_keystores(rows: Sequence[Mapping[str, Any]]) -> list[Finding]:
    """Whether each keystore can be used. Rows as in `wardpulse keystore list`."""
    if not rows:
        return [Finding("keystores", "warning", "none", "Run wardpulse keystore init FACILITY, or restore a backup.")]
    return [
        Finding(f"keystore {row['facility']}", "problem", row["problem"], "Do as the message says, then check again.")
        if row["problem"]
        else Finding(f"keystore {row['facility']}", "ok", f"rounds with keys: {len(row['rounds'])}")
        for row in rows
    ]


def check_round_keys(rows: Sequence[Mapping[str, Any]], known: Ledger) -> Finding:
    """Whether the keystores here have the keys their facilities' open rounds were opened with."""
    check = "keys of open rounds"
    usable = {row["facility"]: row["key_ids"] for row in rows if not row["problem"]}
    here = [one.terms for one in _open(known) if one.terms.facility in usable]
    missing = [terms for terms in here if terms.round not in usable[terms.facility]]
    if missing:
        do = (
            "Restore the keystore with the backup made after the round was opened (wardpulse keystore restore --merge)."
        )
        return Finding(check, "problem", f"no keys of {_names(missing)}: its answers cannot be sent from here", do)
    differing = [terms for terms in here if usable[terms.facility][terms.round] != terms.key_id]
    if differing:
        do = "Use the keystore that the round was opened with on every machine of the facility."
        return Finding(check, "problem", f"other keys than {_names(differing)} was opened with", do)
    away = [one.terms for one in _open(known)]
    if away and not usable:
        do = "If answers are sent from here, restore the backup (wardpulse keystore restore): a new one cannot serve."
        return Finding(check, "warning", f"there is no usable keystore here, and {_names(away)} is open", do)
    return Finding(check, "ok", f"there for {_names(here)}" if here else "no round is open for a keystore here")


def check_trusted(trusted: Mapping[str, Sequence[str]], rows: Sequence[Mapping[str, Any]]) -> Finding:
    """Whether the worker knows the public key of each keystore here."""
    local = [row for row in rows if not row["problem"]]
    unknown = [row["facility"] for row in local if row["public_key"] not in trusted.get(row["facility"], ())]
    if unknown:
        do = f"Run wardpulse keystore trust {unknown[0]} where the worker runs; a running worker reads it by itself."
        return Finding("verify keys", "problem", f"not the public key of {_listed(unknown)}", do)
    return Finding("verify keys", "ok", f"facilities: {len(trusted)}")


def check_topics(partitions: Mapping[str, int], prefix: str) -> list[Finding]:
    """Whether every topic is there, with as many partitions as all others."""
    names = [prefix + spec.topic for spec in TOPICS]
    missing = [name for name in names if name not in partitions]
    counts = {name: partitions[name] for name in names if name in partitions}
    if missing:
        found = [Finding("topics", "problem", f"missing: {_listed(missing)}", "Run wardpulse topics create.")]
    else:
        found = [Finding("topics", "ok", "all there")]
    if not counts:
        return [*found, *skipped(("partitions",), "there is no topic", "Run wardpulse topics create.")]
    odd = [f"{name} {count}" for name, count in counts.items() if count != PARTITIONS]
    if len(set(counts.values())) > 1:
        do = (
            f"Create the topics anew with {PARTITIONS} partitions each, under another topic_prefix "
            "(wardpulse topics create), since records do not move when a partition is added."
        )
        return [*found, Finding("partitions", "problem", f"they differ: {_listed(odd)}", do)]
    if odd:
        text = f"{next(iter(counts.values()))} each, not {PARTITIONS}"
        return [
            *found,
            Finding("partitions", "warning", text, "Keep the count as it is while the topics hold records."),
        ]
    return [*found, Finding("partitions", "ok", f"{PARTITIONS} each")]


def check_kept(kept: Mapping[str, Mapping[str, str]], prefix: str) -> list[Finding]:
    """Whether the broker keeps each topic as long as it must, and no longer than it may."""
    return [_kept(spec, kept[prefix + spec.topic]) for spec in TOPICS if prefix + spec.topic in kept]


def _kept(spec: TopicSpec, settings: Mapping[str, str]) -> Finding:
    check, wanted = f"retention of {spec.topic}", wanted_settings(spec)
    told = {name: settings.get(name, "not told") for name in wanted}
    # an unlimited time is the greatest
    lasting, due = (_milliseconds(given["retention.ms"]) for given in (told, wanted))
    do = f"Set {', '.join(f'{name}={value}' for name, value in wanted.items())} on the topic."
    fixed = [name for name in wanted if name != "retention.ms" or told[name] == "not told"]
    other = [f"{name} is {told[name]}" for name in fixed if told[name] != wanted[name]]
    if other:
        return Finding(check, "problem", "; ".join(other), do)
    if lasting < due:
        return Finding(check, "problem", f"records go after {_days(lasting)}, needed are {_days(due)}", do)
    if lasting > due:
        return Finding(check, "warning", f"records stay {_days(lasting)}, promised are {_days(due)}", do)
    return Finding(check, "ok", _days(due))


def check_copies(copies: Mapping[str, int], kept: Mapping[str, Mapping[str, str]], prefix: str) -> list[Finding]:
    """Whether records outlive the end of a broker, and can still be written then."""
    names = {spec.topic: prefix + spec.topic for spec in TOPICS}
    return [
        _copies(topic, copies[name], kept[name]) for topic, name in names.items() if name in copies and name in kept
    ]


def _copies(topic: Topic, copies: int, settings: Mapping[str, str]) -> Finding:
    check, needed = f"copies of {topic}", int(settings.get("min.insync.replicas", "1"))
    do = f"Set min.insync.replicas={max(1, copies - 1)} on the topic."
    if settings.get("unclean.leader.election.enable") == "true":
        found = "a broker that lacks records may take over, and they are lost"
        return Finding(check, "problem", found, "Set unclean.leader.election.enable=false on the topic.")
    if needed > copies:
        return Finding(check, "problem", f"writing needs {needed} copies, and there are {copies}", do)
    if copies < 2:
        do = "Have three brokers, and give it three copies (kafka-reassign-partitions.sh)."
        return Finding(check, "warning", "one copy, which is lost with its broker", do)
    if needed == copies:
        return Finding(check, "warning", f"writing needs all {copies} copies, and stops with one broker", do)
    if copies > 2 and needed < 2:
        return Finding(check, "warning", f"writing needs one of {copies} copies, which may be lost with its broker", do)
    return Finding(check, "ok", f"{copies}, of which writing needs {needed}")


def wanted_settings(spec: TopicSpec) -> dict[str, str]:
    """Kafka's settings of a topic that the rules ask for."""
    days = spec.retention_days
    wanted = {
        "cleanup.policy": spec.cleanup,
        "retention.ms": "-1" if days is None else str(days * _DAY_MILLISECONDS),
        "retention.bytes": "-1",
    }
    # stamped by the broker, an answer would have the instant it was given
    return wanted | ({"message.timestamp.type": "CreateTime"} if spec.topic == Topic.SUBMISSIONS else {})


def _milliseconds(text: str) -> float:
    return int(text) if text.isdigit() else float("inf")


def _days(milliseconds: float) -> str:
    return "for ever" if milliseconds == float("inf") else f"{milliseconds / _DAY_MILLISECONDS:g} days"


def check_rounds(known: Ledger, seen: Echoes, today: date) -> list[Finding]:
    """Open rounds: which, whether any is past its dates, and whether the log still holds their beginnings."""
    terms = [one.terms for one in _open(known)]
    shown = "; ".join(f"{one.facility} {one.round} until {one.last_answer_date}" for one in terms[:_LISTED])
    more = f" and {len(terms) - _LISTED} more" if len(terms) > _LISTED else ""
    found = [Finding("open rounds", "ok", f"{shown}{more}" if terms else "none")]
    if seen.foreign:
        do = "Let nobody but the worker write this topic: it stops when it reads what it did not write."
        found = [Finding("open rounds", "problem", "the rounds topic holds records of others", do)]
    late = [one for one in terms if today > one.last_answer_date]
    if late:
        do = f"Close it: wardpulse rounds close {late[0].round} --facility {late[0].facility}."
        found.append(Finding("rounds past their dates", "warning", f"{_names(late)} is still open", do))
    else:
        found.append(Finding("rounds past their dates", "ok", "none is open"))
    return [*found, _pins(terms, seen, today)]


def _pins(terms: Sequence[RoundOpened], seen: Echoes, today: date) -> Finding:
    """An open round is read again from its beginning when a worker starts."""
    check = "log of open rounds"
    begun = {
        (echo.facility, echo.event.round): echo.offset >= seen.starts.get(partition, 0)
        for partition, echoes in seen.by_partition.items()
        for echo in echoes
        if isinstance(echo.event, RoundOpened)
    }
    gone = [one for one in terms if not begun.get((one.facility, one.round), True)]
    if gone:
        do = "Keep the worker running, close the round, and give the topic its retention back."
        return Finding(check, "problem", f"the beginning of {_names(gone)} is gone: a worker cannot start again", do)
    days = next(spec.retention_days for spec in TOPICS if spec.topic == Topic.SUBMISSIONS) or 0
    old = [one for one in terms if (today - one.first_answer_date).days > days - _MARGIN_DAYS]
    if old:
        do = f"Close or cancel it now: the log is kept {days} days, and a worker cannot start without its beginning."
        return Finding(check, "warning", f"{_names(old)} began long ago", do)
    return Finding(check, "ok", "complete" if terms else "no round is open")


def check_flow(who: str, behind: Places, prefix: str, pinned: frozenset[int] | None) -> Finding:
    """Whether a process has handled all that lay in its topics. How much it has not is nobody's business.

    `pinned` are the partitions where a round is open: there the worker's place stays at the round's beginning. None
    if they are not known.
    """
    check = f"{who} has caught up"
    if not behind:
        return Finding(check, "ok", "yes")
    held = {
        (topic, number)
        for topic, number in behind
        if topic == prefix + Topic.SUBMISSIONS and (pinned is None or number in pinned)
    }
    if behind - held:
        return Finding(check, "warning", "no", f"See that wardpulse {who} runs; if it does, check again later.")
    why = "a round is open, and the worker's place in the log stays at its beginning"
    return Finding(check, "skipped", why, "Look at the worker's metrics or log instead.")


def check_tables(seen: Tables) -> list[Finding]:
    """The published tables: reachable, up to date, and with the same time of day."""
    found = [Finding("clickhouse", "ok", f"version {seen.version}")]
    states = set(seen.migrations.values())
    if "edited" in states:
        edited = _listed([name for name, state in seen.migrations.items() if state == "edited"])
        do = "Install the version of wardpulse that these tables were made with."
        found.append(Finding("migrations", "problem", f"edited after they were applied: {edited}", do))
    elif "pending" in states:
        found.append(Finding("migrations", "problem", "some are not applied", "Run wardpulse db migrate."))
    else:
        found.append(Finding("migrations", "ok", "all applied"))
    return [*found, _clock(seen.clock)]


def _clock(ahead: float | None) -> Finding:
    if ahead is None:
        return Finding("clock", "skipped", "the embedded engine has this machine's clock", "Nothing to compare.")
    if abs(ahead) > CLOCK_SECONDS:
        how = f"{abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} the ClickHouse server's"
        return Finding("clock", "warning", f"this machine's clock is {how}", "Synchronise both machines with NTP.")
    return Finding("clock", "ok", f"within {CLOCK_SECONDS} s of the ClickHouse server's")


def check_versions(
    python: tuple[int, int], requirements: Sequence[str], installed: Callable[[str], str | None]
) -> list[Finding]:
    """Python, wardpulse, and the packages that are pinned because their insides are relied on."""
    low, high = PYTHONS
    shown = ".".join(map(str, python))
    found = [Finding("python", "ok", shown)]
    if not low <= python <= high:
        found = [Finding("python", "problem", shown, "Install Python 3.11, 3.12 or 3.13.")]
    own = installed("wardpulse")
    if own is None:
        do = "Install it: pip install . in its folder."
        return [*found, Finding("packages", "problem", "wardpulse is not installed as a package", do)]
    matches = [match for text in requirements if (match := re.match(r"([\w.-]+)==([^;\s,]+)", text))]
    pins = {match[1]: match[2] for match in matches}
    wrong = [f"{name} is {installed(name)}, not {pin}" for name, pin in pins.items() if installed(name) != pin]
    if wrong:
        return [
            *found,
            Finding("packages", "problem", "; ".join(wrong), "Install wardpulse again, with its lock file."),
        ]
    listed = ", ".join(f"{name} {pin}" for name, pin in pins.items())
    return [*found, Finding("packages", "ok", f"wardpulse {own}, {listed}")]


def pinned_partitions(known: Ledger, seen: Echoes) -> frozenset[int]:
    """The partitions where a round is open."""
    names = {(one.terms.facility, one.terms.round) for one in _open(known)}
    return frozenset(
        partition
        for partition, echoes in seen.by_partition.items()
        for echo in echoes
        if isinstance(echo.event, RoundOpened) and (echo.facility, echo.event.round) in names
    )


def _open(known: Ledger) -> list[KnownRound]:
    return [one for one in known.rounds if one.state == "open"]


def _names(terms: Sequence[RoundOpened]) -> str:
    return _listed([f"{one.facility} {one.round}" for one in terms])


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
