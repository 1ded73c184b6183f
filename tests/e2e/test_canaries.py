"""Values planted in all that a hospital may send are in the raw topic, and nowhere else that a run leaves behind."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

import pytest
from kafka import KafkaProducer

from deploy.local import Child, Local
from deploy.settings import Settings
from producers.keystore import Keystore
from producers.simulate import LogLine, Simulation, lines
from schemas.codec import MAX_BYTES, decode
from schemas.errors import DataError, FatalError, InputRefused, Reason
from schemas.events import DeadLetter, OrganisationUpdated, RoundClosed, RoundOpened, Submission, SubmissionWithdrawn
from schemas.topics import Topic
from tests.canaries import Canary, Scan
from tests.e2e.canaries import Plants, Sent
from tests.e2e.operated import PROCESSES, Operated, wait
from tests.e2e.pipeline import DRAIN_SECONDS, deployed, publish, replayed
from tests.e2e.sinks import Sinks, Stored, every_table, files, printed, stored, topic_content
from tests.limesurvey import FIRST_ITEM, HEADER, LIMESURVEY_FILE, SUBMITDATE, TOKEN, UNIT, limesurvey_export

SIMULATION: Final = Simulation(facilities=1, staff=200, rounds=2, seed=2)
FACILITY: Final = "north-general"
EXIT_SECONDS: Final = 60.0
SECRET: Final = ("keys", "audit.key")

SOURCE: Final = (
    "a dead letter names the source of a refused answer to a round that is known, so that its feed can be mended"
)
ALLOWED: Final[Mapping[str, Mapping[str, str]]] = {
    Topic.DEADLETTERS: {"source": SOURCE},
    Topic.ROUNDS: {"marker": "an echo repeats the organisation record or marker that the worker has acted on"},
    "result/closed/deadletters.jsonl": {"source": SOURCE},
    Topic.MANIFESTS: {"request": "the evidence of a retirement names the request for it"},
    "result/closed/manifests.jsonl": {"request": "the evidence of a retirement names the request for it"},
}
"""Sink to the kinds it may hold by design, and why. All are on the closed side."""

NAMING_THE_FACILITY: Final = (
    *(topic for topic in Topic if topic != Topic.SUBMISSIONS),
    "tables",
    "logs/worker.log",
    "metrics of worker, sealed",
    "result/cohorts.jsonl",
    "result/indicators.jsonl",
    "result/rounds.jsonl",
    "result/closed/manifests.jsonl",
    "result/closed/deadletters.jsonl",
    "result/closed/outcomes.json",
    "figures as JSON",
    "rounds",
)
"""Sinks that are read in vain if they do not hold the facility's id."""

NOT_REACHED: Final = {Reason.POLICY_UNDER_MINIMUM, Reason.ROUND_CANCELLED}
"""The reasons that no planted record is refused for."""

Log = list[LogLine]


def _log() -> tuple[Log, Log, Log, Log]:
    """The facility's log: up to its first round's opening, half of the answers, the other half, the close and after."""
    log = [line for line in lines(SIMULATION) if line.facility == FACILITY]
    opened = next(index for index, line in enumerate(log) if b'"round.opened"' in line.value) + 1
    closed = next(index for index, line in enumerate(log) if b'"round.closed"' in line.value)
    half = (opened + closed) // 2
    return log[:opened], log[opened:half], log[half:closed], log[closed:]


def _plants(log: tuple[Log, Log, Log, Log], keystores: Mapping[str, Keystore]) -> Plants:
    organisation, opened = (json.loads(log[0][index].value) for index in (0, -1))
    answers = [json.loads(line.value) for line in log[1] if b'"submission"' in line.value and b"sib5" in line.value]
    valid = next(answer for answer in answers if answer["form"] == "sib5")
    return Plants(valid, opened, organisation, keystores[FACILITY].sign)


def _send(local: Local, records: Iterable[Sent]) -> None:
    with KafkaProducer(**local.connection.kafka_python_producer(), max_request_size=2 * MAX_BYTES) as producer:
        for record in records:
            producer.send(local.topic(Topic.SUBMISSIONS), record.value, record.key, list(record.headers))
        producer.flush(timeout=30)


def _simulated(values: Iterable[bytes]) -> list[Canary]:
    """Token and event id of every simulated answer and withdrawal, event and key id of every marker."""
    found = []
    for value in values:
        try:
            event = decode(value)
        except DataError:
            continue
        if isinstance(event, Submission | SubmissionWithdrawn):
            found += [Canary("token", event.respondent.encode()), Canary("event id", event.event_id.encode())]
        elif isinstance(event, RoundOpened | RoundClosed | OrganisationUpdated):
            found.append(Canary("marker", event.event_id.encode()))
        if isinstance(event, RoundOpened):
            found.append(Canary("marker", event.key_id.encode()))
    return found


def _fail_once(local: Local) -> None:
    """A worker that is about to admit an answer, and fails in a way that quotes it."""
    child = Child.start("failing", ("-m", "tests.e2e.failing", "worker"), local.settings, local.folder)
    try:
        assert child.process.wait(EXIT_SECONDS) == FatalError.exit_code
    finally:
        child.stop()


def _refused(local: Local) -> set[str]:
    """The reasons that records were refused for so far; what is planted ends with one that is empty."""
    letters = [decode(record.value) for record in stored(local, Topic.DEADLETTERS)]
    return {letter.reason for letter in letters if isinstance(letter, DeadLetter)}


def _cohort(log: Log) -> tuple[str, str, str]:
    """Form and node of the largest cohort of a closed round, and a node that has none of that form."""
    result = replayed(log)
    largest = max(result.cohorts, key=lambda row: row.n)
    taken = {row.node for row in result.cohorts if row.form == largest.form}
    return largest.form, largest.node, max({node.node for node in result.rounds[0].nodes} - taken)


def _run(local: Local, keystores: Mapping[str, Keystore], plants: Plants, log: tuple[Log, Log, Log, Log]) -> Sinks:
    """Two rounds with everything planted; the pages of metrics while answers arrive, and after the seal."""
    beginning, one_half, other_half, rest = log
    operated, pages = Operated(local, "debug"), Sinks()
    publish(local, keystores, beginning)
    _send(local, [plants.first()])
    _fail_once(local)
    operated.start()
    wait(lambda: operated.said("worker", "partitions.taken_over") == 1)
    publish(local, keystores, one_half)
    pages |= {f"metrics of {process}, open": operated.page(process) for process in PROCESSES}
    _send(local, plants.before_close())
    wait(lambda: Reason.EMPTY in _refused(local))
    pages |= {f"metrics of {process}, planted": operated.page(process) for process in PROCESSES}
    publish(local, keystores, other_half)
    publish(local, keystores, rest[:1])
    _send(local, plants.after_close(*_cohort([line for part in (*log[:3], rest[:1]) for line in part])))
    publish(local, keystores, rest[1:])
    local.wait_until_drained(DRAIN_SECONDS)
    wait(lambda: operated.said("worker", "round.sealed") == SIMULATION.rounds)
    return pages | {f"metrics of {process}, sealed": operated.page(process) for process in PROCESSES}


def _commands(local: Local, folder: Path, given: Path) -> Sinks:
    """What commands say about the same data, and about files that are not what they were asked for."""
    result, wrong = folder / "result", given / "wrong"
    log = given / "log.jsonl"
    wrong.mkdir()
    for name in ("cohorts", "retired_cohorts", "interventions", "indicators", "rounds"):
        (wrong / f"{name}.jsonl").write_bytes(log.read_bytes())
    refused, failed = (InputRefused.exit_code,), (FatalError.exit_code,)
    settings = local.settings
    ran = {
        "dry-run": printed(settings, "dry-run", log, "--out", result),
        "dry-run, failing": printed(
            settings, "dry-run", log, "--out", folder, codes=failed, module="tests.e2e.failing"
        ),
    }
    return ran | {
        "figures": printed(settings, "figures"),
        "figures as JSON": printed(settings, "figures", "--json"),
        "rounds": printed(settings, "rounds", "list", "--json"),
        "audit of the dry run": printed(settings, "audit", "disclosure", result),
        "audit of the dry run as JSON": printed(settings, "audit", "disclosure", result, "--json"),
        "audit of the deployment": printed(settings, "audit", "disclosure", "--clickhouse", "--json"),
        "audit of other files": printed(settings, "audit", "disclosure", wrong, codes=refused),
        "audit of another table": printed(
            settings, "audit", "disclosure", "--table", log, "--hidden", log, "--json", codes=refused
        ),
        "doctor": printed(settings, "doctor", codes=(0, 1)),
    }


def _given(raw: Iterable[Stored], plants: Plants) -> bytes:
    """The log as a file, but for what nobody would vouch for: a file carries no signatures."""
    return b"".join((record.value or b"") + b"\n" for record in raw if record.value not in plants.forged)


def _leaks(scan: Scan, sinks: Sinks) -> list[tuple[str, str, bytes]]:
    """Sink, kind and value of every canary that is where it may not be."""
    return [
        (name, canary.kind, canary.value)
        for name, content in sinks.items()
        for canary in scan.found(content)
        if canary.kind not in ALLOWED.get(name, {})
    ]


def _check_that_sinks_were_read(scan: Scan, sinks: Sinks) -> None:
    """Each holds what it is for, and those that may hold a canary do."""
    assert [name for name, content in sinks.items() if not content] == []
    assert [name for name in NAMING_THE_FACILITY if FACILITY.encode() not in sinks[name]] == []
    assert {name: {canary.kind for canary in scan.found(sinks[name])} for name in ALLOWED} == {
        name: set(kinds) for name, kinds in ALLOWED.items()
    }
    assert all(b"unexpected RuntimeError" in sinks[name] for name in ("logs/failing.log", "dry-run, failing"))


def test_what_is_planted_in_a_log_is_in_the_raw_topic_and_nowhere_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, given = tmp_path / "deployment", tmp_path / "given"
    (folder / "temporary").mkdir(parents=True)
    given.mkdir()
    # what a process of ours leaves where temporary files go is scanned as well
    monkeypatch.setenv("TMPDIR", str(folder / "temporary"))
    with deployed(SIMULATION, folder, processes=False) as (local, keystores):
        log = _log()
        plants = _plants(log, keystores)
        sinks = _run(local, keystores, plants, log)
        raw = list(stored(local, Topic.SUBMISSIONS))
        sinks |= {topic: topic_content(local, topic) for topic in Topic if topic != Topic.SUBMISSIONS}
        reasons = _refused(local)
        local.stop()
        sinks["tables"] = every_table(local.settings.clickhouse)
        (given / "log.jsonl").write_bytes(_given(raw, plants))
        sinks |= _commands(local, folder, given)
    sinks |= files(folder, *SECRET)
    scan = Scan([*plants.canaries, *_simulated(line.value for part in log for line in part)])
    assert scan.missing(b"\n".join(record.content() for record in raw)) == []
    assert set(Reason) - reasons == NOT_REACHED
    assert _leaks(scan, sinks) == []
    _check_that_sinks_were_read(scan, sinks)


CELLS: Final = {
    HEADER.index("id"): "canary-response-5b1f",
    SUBMITDATE: "canary-day-5b1f",
    HEADER.index("startlanguage"): "canary-language-5b1f",
    HEADER.index("seed"): "canary-seed-5b1f",
    TOKEN: "canary-person-5b1f",
    UNIT: "canary-unit-5b1f",
    FIRST_ITEM: "canary-answer-5b1f",
    len(HEADER): "canary-beyond-5b1f",
}
"""Column to what is planted there."""


def _export() -> tuple[bytes, bytes, list[Canary]]:
    """An export with rows that hold canaries, one that cannot be read to its end, and what is planted in both."""
    header, *rows = csv.reader(io.StringIO(limesurvey_export(200).decode("utf-8-sig")), delimiter=";")
    whole = next(row for row in rows if row[SUBMITDATE] and row[UNIT].startswith("U"))
    canaries, planted = [Canary("cell", cell.encode()) for cell in CELLS.values()], []
    for column, cell in CELLS.items():
        planted.append([*whole[:column], cell, *whole[column + 1 :]])
        # whoever is named must not be repeated with what is wrong elsewhere
        person = f"canary-person-{column}-5b1f"
        canaries.append(Canary("person", person.encode()))
        planted.append([*planted[-1][:TOKEN], person, *planted[-1][TOKEN + 1 :]] if column != TOKEN else [person])
    text = io.StringIO()
    csv.writer(text, delimiter=";", quoting=csv.QUOTE_ALL).writerows([header, *rows, *planted])
    content = text.getvalue().encode()
    return content, content + b'"1";"canary-unclosed-5b1f;' + b"x" * 200_000, canaries


def test_what_is_planted_in_an_export_is_in_its_file_and_in_nothing_that_a_dry_run_of_it_says(tmp_path: Path) -> None:
    given, folder = tmp_path / "given", tmp_path / "said"
    given.mkdir()
    folder.mkdir()
    content, torn, canaries = _export()
    (given / "export.csv").write_bytes(content)
    (given / "torn.csv").write_bytes(torn)
    scan = Scan([*canaries, Canary("cell", b"canary-unclosed-5b1f")])
    assert scan.missing(torn) == []
    settings, either = Settings(), (0, InputRefused.exit_code)
    sinks = {
        f"{name}, {option}": printed(
            settings, "submit", given / name, "--mapping", LIMESURVEY_FILE, "--dry-run", *words, codes=codes
        )
        for name, codes in (("export.csv", (0,)), ("torn.csv", either))
        for option, words in (
            ("rows", ("--refused", str(folder / f"{name}.refused"))),
            ("JSON", ("--json",)),
        )
    }
    sinks |= files(folder)
    assert b"bad_answer" in sinks["export.csv, rows"]
    assert b"bad_answer" in sinks["export.csv.refused"]
    assert _leaks(scan, sinks) == []
