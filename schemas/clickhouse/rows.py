"""The rows an open event becomes: the same for ClickHouse, for files and for comparisons."""

from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from schemas.canonical import sha256_hex
from schemas.clickhouse.tables import COHORTS, INDICATORS, INTERVENTIONS, NODES, RETIRED_COHORTS, ROUNDS, Table
from schemas.codec import as_dict
from schemas.errors import DataError, Reason
from schemas.events import (
    BELOW_K,
    CohortRetired,
    CohortSealed,
    Heads,
    InterventionRecorded,
    NodeState,
    RoundSealed,
)
from schemas.indicator import Indicator
from schemas.season import calendar_of

Row = dict[str, Any]
Published = CohortSealed | CohortRetired | InterventionRecorded | Indicator | RoundSealed
"""What a row may be made of. The JSON of any other event would hold closed counts as plain numbers."""
_NOT_STORED: Final = frozenset({"event_id", "type", "schema_version"})


def rows(event: BaseModel) -> list[tuple[Table, Row]]:
    """The event's rows with their hash; DataError if it is of a kind that no table may hold."""
    return [(table, {**row, "row_hash": sha256_hex(row)}) for table, row in _rows(event)]


def plain(event: Published) -> Row:
    """A published event as one row: its fields but for the envelope."""
    return {name: value for name, value in as_dict(event).items() if name not in _NOT_STORED}


def _rows(event: BaseModel) -> Iterator[tuple[Table, Row]]:
    if isinstance(event, CohortSealed):
        yield COHORTS, plain(event)
    elif isinstance(event, CohortRetired):
        yield RETIRED_COHORTS, plain(event)
    elif isinstance(event, InterventionRecorded):
        yield INTERVENTIONS, plain(event)
    elif isinstance(event, Indicator):
        yield INDICATORS, {**plain(event), "staff_group": event.staff_group or "", "signal": event.signal or ""}
    elif isinstance(event, RoundSealed):
        for form in event.forms:
            yield ROUNDS, _round(event, form)
            for node in event.nodes:
                if form in node.states:
                    yield NODES, _node(event, form, node)
    else:
        raise DataError(Reason.UNSUPPORTED)


def _round(event: RoundSealed, form: str) -> Row:
    return {
        "facility": event.facility,
        "round": event.round,
        "form": form,
        "first_answer_date": event.first_answer_date.isoformat(),
        "last_answer_date": event.last_answer_date.isoformat(),
        "policy_hash": event.policy_hash,
        "k": event.policy.k,
        "coalition": event.policy.coalition,
        "outside": event.policy.outside,
        "k_sensitive": event.policy.k_sensitive,
        "headcount_slack": event.policy.headcount_slack,
        "identity": event.policy.identity,
        "sensitive_forms": list(event.policy.sensitive_forms),
        "sensitive": form in event.sensitive,
        "calendar": calendar_of(event.season),
        **_season(event),
    }


def _season(event: RoundSealed) -> Row:
    season = event.season
    if season is None:
        return {"season": "", "season_first": None, "season_last": None, "long_below": None}
    return {
        "season": season.id,
        "season_first": season.first.isoformat(),
        "season_last": season.last.isoformat(),
        "long_below": season.long_below,
    }


def _node(event: RoundSealed, form: str, node: NodeState) -> Row:
    return {
        "facility": event.facility,
        "node": node.node,
        "path": list(node.path),
        "round": event.round,
        "form": form,
        "name": node.name,
        "kind": node.kind,
        "state": node.states[form],
        # a round may ask ordinary forms too, whose headcounts are no matter of a sensitive one
        "headcount": None if form in event.sensitive else _shown(node.headcount),
        "headcount_asked": None if form in event.sensitive else _shown(node.headcount_asked),
        "of_group": node.of_group or "",
        "staff_group": node.staff_group or "",
    }


def _shown(heads: Heads | None) -> int | None:
    return None if heads == BELOW_K else heads
