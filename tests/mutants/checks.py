"""The checks, in the order they are asked. Each looks at what a copy of the code did and says what it objects to."""

import json
import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, Final, NamedTuple

from deploy.resources import definitions, interventions
from producers.keystore import RoundKeys
from schemas.clickhouse.tables import TABLES
from schemas.errors import InputRefused
from schemas.topics import TOPICS
from stream_processors.audit.disclosure import audit
from stream_processors.audit.reading import Reader
from stream_processors.audit.report import Finding, Report
from stream_processors.audit_sources import EMITTED
from tests.mutants.logs import Log
from tests.mutants.world import Emitted, Run, World
from tests.oracle import expected_outcomes, expected_retired, expected_rows

Check = Callable[[World], str | None]
Rows = list[dict[str, Any]]
Asked = tuple[str, str, str]

AUDITOR: Final = "auditor"
EVERY_VERSION: Final = "auditor across a restart"
ORACLE: Final = "second implementation"
CONSERVATION: Final = "conservation"
LINKING: Final = "linking tokens"
ENUMERATION: Final = "enumerating without the key"
CONTRACT: Final = "contract"

AUDITED: Final = frozenset(kind for spec in TOPICS if spec.topic in EMITTED for kind in spec.events)


def auditor(world: World) -> str | None:
    """The auditor on each log's dry run; and on what ClickHouse would hold of it, with what lies in the topics."""
    said = (_audited(run, collect) for run in world.runs for collect in (_dry_run, _deployment))
    return next(filter(None, said), None)


def auditor_of_every_version(world: World) -> str | None:
    """The auditor on all that was emitted before and after the worker was started again."""
    return _audited(world.restarted, _dry_run) or _audited(world.restarted, _deployment)


def _audited(run: Run, collect: Callable[[Run, Reader], None]) -> str | None:
    reader = Reader()
    reader.closed_evidence()
    try:
        collect(run, reader)
        report = audit(reader.evidence, definitions(), acts=interventions().acts())
    except InputRefused as refused:
        return f"refused: {refused}"
    return None if report.verdict == "safe" else _gravest(report)


def _dry_run(run: Run, reader: Reader) -> None:
    takers = {
        "cohort.sealed": reader.cohort,
        "cohort.retired": reader.retired,
        "intervention.recorded": reader.intervention,
        "indicator": reader.figure,
        "round.sealed": reader.sealed_round,
    }
    for event in run.events:
        if event.kind in takers:
            takers[event.kind](event.row, f"{event.kind}, {run.name}")
        elif event.kind.endswith(".manifest"):
            reader.event(event.value, f"{event.kind}, {run.name}")


def _deployment(run: Run, reader: Reader) -> None:
    takers = {
        "cohorts": reader.cohort,
        "retired_cohorts": reader.retired,
        "interventions": reader.intervention,
        "indicators": reader.figure,
        "rounds": reader.round_row,
        "nodes": reader.node_row,
    }
    for table, row in (stored for event in run.events for stored in event.stored):
        if table in takers:
            takers[table](row, f"table {table}, {run.name}")
        else:
            for column, value in row.items():
                reader.unknown_column(f"table {table}", column, [value])
    for event in run.events:
        if event.kind in AUDITED:
            reader.event(event.value, f"{event.kind}, {run.name}")


def _gravest(report: Report) -> str:
    """The finding that isolates the fewest people; of equals the first."""

    def order(finding: Finding) -> tuple[bool, bool, int]:
        return finding.verdict != "unsafe", not finding.people, finding.people or 0

    worst = min(report.findings, key=order)
    people = {0: "", 1: " (one person)"}.get(worst.people or 0, f" ({worst.people} people)")
    doubt = "" if worst.verdict == "unsafe" else "undecided: "
    return f"{doubt}{worst.check}: {worst.what}{people}"


def second_implementation(world: World) -> str | None:
    """The implementation written from the rules alone: every row, every retired cohort, and every form's counts."""
    for run in world.runs:
        expected = _expected(json.dumps(run.log))
        found = sorted((event.row for event in run.events if event.kind == "cohort.sealed"), key=_place)
        if found != expected.rows:
            return f"{run.name}: {_difference(found, expected.rows)}"
        if {event.row["cohort_id"] for event in run.events if event.kind == "cohort.retired"} != expected.retired:
            return f"{run.name}: other cohorts are retired"
        for asked, counts in _counted(run).items():
            of_form = expected.outcomes.get(asked, {})
            if wrong := [name for name, count in of_form.items() if counts[name] != count]:
                return f"{run.name}: counts that differ in {asked[1]} of {asked[2]}: {', '.join(wrong)}"
    return None


class _Expected(NamedTuple):
    rows: Rows
    retired: set[str]
    outcomes: dict[Asked, dict[str, int]]


@cache
def _expected(log: str) -> _Expected:
    events = json.loads(log)
    retired = {str(row["cohort_id"]) for row in expected_retired(events)}
    return _Expected(expected_rows(events), retired, expected_outcomes(events))


def _counted(run: Run) -> dict[Asked, dict[str, int]]:
    """Each form's counts by its manifest, less what was retired since."""
    found = {_asked(one): dict(one["outcomes"]) for one in _of_kind(run, "form.manifest")}
    for one in _of_kind(run, "retirement.manifest"):
        found[_asked(one)]["published"] -= one["n"]
        found[_asked(one)]["retired"] += one["n"]
    return found


def _asked(event: dict[str, Any]) -> Asked:
    return event["facility"], event["round"], event["form"]


def _place(row: dict[str, Any]) -> tuple[Any, ...]:
    return row["facility"], row["round"], row["form"], row["path"], row["scale"]


def _difference(found: Rows, expected: Rows) -> str:
    extra = [row for row in found if row not in expected]
    missing = [row for row in expected if row not in found]
    row = (extra or missing)[0] if extra or missing else found[0]
    where = f"{row['node']} in {row['round']}, {row['form']}, n={row['n']}"
    return f"rows that should not be: {len(extra)}, rows that are missing: {len(missing)}, such as {where}"


def conservation(world: World) -> str | None:
    """Every delivery has one outcome, and everybody admitted one fate, by the evidence of the closed side."""
    for run in world.runs:
        received = 0
        for manifest in _of_kind(run, "form.manifest"):
            counts = manifest["outcomes"]
            received += counts["received"]
            if not _holds(counts):
                return f"{run.name}: the counts of {manifest['form']} in {manifest['round']} do not add up"
        letters = [letter for letter in _of_kind(run, "deadletter") if not _is_in_a_form(letter)]
        control = sum(run.log[letter["offset"]]["type"] != "submission" for letter in letters)
        sent = sum(event["type"] == "submission" for event in run.log)
        if _all_ended(run.log) and received + len(letters) - control != sent:
            return f"{run.name}: {sent} deliveries, of which {received + len(letters) - control} are accounted for"
    return None


def _holds(counts: dict[str, int]) -> bool:
    outcomes = ("admitted", "duplicate", "superseded", "withdrawn", "incomplete", "late", "invalid")
    fates = ("published", "retired", "withheld")
    is_received = counts["received"] == sum(counts[name] for name in outcomes)
    return is_received and counts["admitted"] == sum(counts[name] for name in fates)


def _is_in_a_form(letter: dict[str, Any]) -> bool:
    """Whether a refused delivery is among the counts of a form's manifest."""
    return letter["outcome"] == "incomplete" or (letter["outcome"] == "invalid" and letter["form"] is not None)


def _all_ended(log: Log) -> bool:
    rounds = {
        kind: {(event["facility"], event["round"]) for event in log if event["type"] == kind} for kind in _MARKERS
    }
    return rounds["round.opened"] <= rounds["round.closed"] | rounds["round.cancelled"]


_MARKERS: Final = ("round.opened", "round.closed", "round.cancelled")
PEOPLE: Final = tuple(f"nurse-{number:02}@st-anna.example" for number in range(40))


def _keys(number: int) -> RoundKeys:
    """Round keys whose bytes are known to this test alone."""
    return RoundKeys.generate(lambda size: bytes([number]) * size)


def linking(world: World) -> str | None:
    """Whoever holds the submissions compares tokens across forms and rounds; one person must still be one token."""
    work = {world.token(_keys(1), "cbi.work", person) for person in PEOPLE}
    others = {
        "another form": {world.token(_keys(1), "sib5", person) for person in PEOPLE},
        "another round": {world.token(_keys(2), "cbi.work", person) for person in PEOPLE},
    }
    for where, tokens in others.items():
        if linked := len(work & tokens):
            return f"{linked} of {len(PEOPLE)} people are found again by their token in {where}"
    twice = sum(world.token(_keys(1), "cbi.work", f" {person.upper()}") not in work for person in PEOPLE)
    return f"{twice} of {len(PEOPLE)} people count twice if they spell their name otherwise" if twice else None


def enumeration(world: World) -> str | None:
    """Whoever knows the code, the staff list and the numbers of responses, but not the key, tries them all."""
    responses = [str(number) for number in range(200)]
    ids = {world.event_id(_keys(1), response) for response in responses}
    if found := sum(world.event_id(_keys(3), response) in ids for response in responses):
        return f"{found} of {len(responses)} event ids are found without the key"
    tokens = {world.token(_keys(1), "sib5", person) for person in PEOPLE}
    if found := sum(world.token(_keys(3), "sib5", person) in tokens for person in PEOPLE):
        return f"{found} of {len(PEOPLE)} people are found from the staff list without the key"
    tags = _tags(world.restarted)
    found = len(tags & _tags(world.other_audit_key))
    return f"{found} of {len(tags)} tags are found without the audit key" if found else None


def _tags(run: Run) -> set[str]:
    return {tag for manifest in _of_kind(run, "cohort.manifest") for tag in manifest["tags"]}


def contract(world: World) -> str | None:
    """Rows have a table and its columns, and nothing that is emitted repeats a token or an event id of the log."""
    columns = {table.name: set(table.columns) for table in TABLES}
    for run in (*world.runs, world.restarted):
        secrets = {event[name] for event in run.log for name in ("event_id", "respondent") if name in event}
        secrets -= {event["event_id"] for event in run.log if event["type"] not in _ABOUT_PEOPLE}
        for event in run.events:
            for table, row in event.stored:
                if set(row) != columns.get(table):
                    return f"a row that no table of the contract has, in {table}"
            if secrets & _looks_secret(event):
                return f"a token or an event id of the log stands in a {event.kind}"
    return None


_ABOUT_PEOPLE: Final = ("submission", "submission.withdrawn")
_SECRET: Final = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{64}")


def _looks_secret(event: Emitted) -> set[str]:
    return {found.decode() for found in _SECRET.findall(event.value)}


def _of_kind(run: Run, kind: str) -> list[dict[str, Any]]:
    return [json.loads(event.value) for event in run.events if event.kind == kind]


CHECKS: Final[tuple[tuple[str, Check], ...]] = (
    (AUDITOR, auditor),
    (EVERY_VERSION, auditor_of_every_version),
    (ORACLE, second_implementation),
    (CONSERVATION, conservation),
    (LINKING, linking),
    (ENUMERATION, enumeration),
    (CONTRACT, contract),
)


def objections(world: World) -> dict[str, str]:
    """What each check that objects says, in order."""
    said: Iterable[tuple[str, str | None]] = ((name, check(world)) for name, check in CHECKS)
    return {name: words for name, words in said if words is not None}
