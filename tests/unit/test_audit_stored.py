"""What ClickHouse keeps of seasons, sensitive forms and staff groups is to the auditor the same as the events."""

import json
from collections.abc import Callable
from typing import Any, Final

import pytest

from deploy.resources import definitions, interventions
from schemas.canonical import sha256_hex
from schemas.clickhouse import rows as stored
from stream_processors.audit.disclosure import audit
from stream_processors.audit.evidence import COURSE, SERIES, Evidence
from stream_processors.audit.reading import Reader
from stream_processors.steps.replay import Replay
from tests.hospital import Event, closing, opening, record, season
from tests.published import Raw, answers, published
from tests.records import replayed

LEVELS = ("facility", "department", "unit", "staff_group")
GROUPS = {"surgery/ward-1/nurse": 30, "surgery/ward-2/nurse": 24, "imaging/ct/nurse": 12, "imaging/ct/physician": 8}
LEAVES = ["ct-nurse", "ct-physician", "ward-1-nurse", "ward-2-nurse"]
_NEW = {"sensitive_forms", "sensitive", "calendar", "season", "season_first", "season_last", "long_below"}
ADDED = _NEW | {"headcount_asked", "of_group", "staff_group", "leaves_published", "leaves_fielded"}
OF_A_COURSE: Final = {*SERIES, *COURSE}


def in_season() -> list[Event]:
    """A short and a long round of staff groups."""
    short, long = LEAVES[2:], LEAVES[:2]
    counts = {"ward-1-nurse": 15, "ward-2-nurse": 12}
    events = [record(GROUPS, LEVELS), opening(long, "long", season("long")), opening(short, "short", season("short"))]
    return [*events, *answers("short", counts), closing("short"), *answers("long", {"ct-nurse": 11}), closing("long")]


def beside_a_sensitive_form() -> list[Event]:
    """A round that asks an ordinary and a sensitive form of everybody."""
    counts = {"ward-1-nurse": 20, "ward-2-nurse": 16, "ct-nurse": 11}
    body = [event for form in ("sib5", "phq_2") for event in answers("r1", counts, form)]
    return [record(GROUPS, LEVELS), opening(LEAVES, forms=["sib5", "phq_2"]), *body, closing()]


def of_fewer_leaves() -> list[Event]:
    """A round of a season's length ago, that tells neither a season nor a staff group."""
    heads = {"surgery/ward-1": 40, "surgery/ward-2": 20, "imaging/ct": 30}
    return [record(heads), opening(["ward-1", "ct"]), *answers("r1", {"ward-1": 15, "ct": 12}), closing()]


def _taken(result: Replay, evidence: Evidence, changed: Callable[[Raw], Raw] = lambda row: row) -> Evidence:
    """Evidence with the rows of the tables, as a query answers them."""
    reader = Reader()
    reader.evidence = evidence
    takers: dict[str, Callable[[Raw, str], None]] = {
        "cohorts": reader.cohort,
        "indicators": reader.figure,
        "rounds": reader.round_row,
        "nodes": reader.node_row,
    }
    events: list[Any] = [*result.cohorts, *result.rounds, *result.indicators]
    for event in events:
        for table, row in stored.rows(event):
            takers[table.name](changed(json.loads(json.dumps(row))), f"ClickHouse table {table.name}")
    return reader.evidence


@pytest.mark.parametrize("events", [in_season, beside_a_sensitive_form, of_fewer_leaves])
def test_stored_rows_and_events_are_the_same_and_safe(events: Callable[[], list[Event]]) -> None:
    result = replayed(events())
    assert not result.dead_letters
    own = published(result).evidence()
    evidence = _taken(result, published(result).evidence())
    assert (evidence.rounds, evidence.nodes, evidence.figures) == (own.rounds, own.nodes, own.figures)
    report = audit(evidence, definitions(), acts=interventions().acts())
    assert (report.verdict, report.findings) == ("safe", [])


def _earlier(row: Raw) -> Raw:
    """A row that was written before the columns were added: its hash is without them, and they hold nothing."""
    added = ADDED | OF_A_COURSE
    kept = {name: value for name, value in row.items() if name not in added and name != "row_hash"}
    nothing = {name: None if name in OF_A_COURSE else value for name, value in row.items() if name in added}
    nothing |= {name: empty for name, empty in (("signal", ""), ("signal_rules", [])) if name in nothing}
    nothing |= {name: None for name in ("headcount_asked",) if name in nothing}
    return kept | nothing | {"row_hash": sha256_hex(kept)}


def test_rows_of_tables_that_had_fewer_columns_are_read_with_what_they_tell() -> None:
    # all of them were asked, as in earlier versions coverage was of the headcount
    result = replayed([record({"surgery/ward-1": 40, "imaging/ct": 30}), opening(["ct", "ward-1"]), closing()])
    evidence = Evidence()
    evidence.memberships = published(result).evidence().memberships
    report = audit(_taken(result, evidence, _earlier), definitions(), acts=interventions().acts())
    assert (report.verdict, report.findings) == ("safe", [])
    assert {node.asked_heads for node in evidence.nodes} == {70, 40, 30}
    assert not any(node.tells_asked for node in evidence.nodes)


@pytest.mark.parametrize(
    ("column", "value"), [("sensitive", True), ("calendar", "long"), ("long_below", 40), ("season_last", "2026-04-05")]
)
def test_a_stored_round_that_is_not_as_it_was_emitted_is_a_second_version(column: str, value: object) -> None:
    result = replayed(in_season())

    def changed(row: Raw) -> Raw:
        return row | ({column: value} if column in row and row.get("round") == "short" and "k" in row else {})

    report = audit(_taken(result, published(result).evidence(), changed), definitions(), acts=interventions().acts())
    assert any("sealed twice, with other terms" in one.what for one in report.findings if one.check == "one version")
