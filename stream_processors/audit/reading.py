"""Rows as they lie in files and tables, and events as they lie in topics, become evidence.

Columns the contract does not have are kept as extras.
"""

from collections.abc import Iterable
from typing import Final

from schemas.codec import as_dict, decode
from schemas.errors import DataError, InputRefused
from schemas.events import (
    CohortManifest,
    CohortRetired,
    CohortSealed,
    FormManifest,
    InterventionRecorded,
    RetirementManifest,
    RoundSealed,
)
from schemas.indicator import Indicator
from stream_processors.audit.evidence import (
    COURSE,
    SERIES,
    CohortRow,
    Evidence,
    Extra,
    FigureRow,
    InterventionRow,
    KeyRow,
    Membership,
    NodeRow,
    Number,
    PolicyRow,
    RetiredRow,
    RoundRow,
    Sealed,
    SeasonRow,
)
from stream_processors.audit.exact import Raw, exact_json
from stream_processors.audit.row import LATEST, Row

BELOW_K: Final = "<K"
Open = CohortSealed | CohortRetired | InterventionRecorded | Indicator | RoundSealed
_PLACE: Final = ("facility", "node", "path", "round", "form")
COHORT: Final = (
    "cohort_id",
    *_PLACE,
    "scale",
    "n",
    "score_low",
    "score_high",
    "at_risk_low",
    "at_risk_high",
    "policy_hash",
)
RETIRED: Final = ("cohort_id", *_PLACE)
INTERVENTION: Final = ("facility", "node", "path", "on", "kind", "label", "rebase", "taken_back", "version")
COUNTS: Final = ("rounds_published", "rounds_fielded", "cohorts_retired")
FIGURES: Final = (
    "responses",
    "mean",
    "mean_low",
    "mean_high",
    "at_risk_low",
    "at_risk_high",
    "at_risk_share",
    "at_risk_share_low",
    "at_risk_share_high",
    "coverage",
    "change",
    "change_low",
    "change_high",
)
LEAVES: Final = ("leaves_published", "leaves_fielded")
INDICATOR: Final = (
    *_PLACE,
    "scale",
    "calendar",
    "staff_group",
    *LEAVES,
    "window",
    "state",
    *COUNTS,
    *FIGURES,
    *SERIES,
    *COURSE,
)
SEALED: Final = (
    "facility",
    "round",
    "forms",
    "sensitive",
    "first_answer_date",
    "last_answer_date",
    "policy",
    "policy_hash",
    "season",
    "scoring_keys",
    "nodes",
)
SEASON: Final = ("id", "first", "last", "long_below", "calendar")
POLICY: Final = ("k", "coalition", "outside", "identity", "k_sensitive", "headcount_slack", "sensitive_forms")
ROUND: Final = (
    "facility",
    "round",
    "form",
    "first_answer_date",
    "last_answer_date",
    "policy_hash",
    *POLICY,
    "sensitive",
    "calendar",
    "season",
    "season_first",
    "season_last",
    "long_below",
)
_GROUPED: Final = ("headcount", "headcount_asked", "of_group", "staff_group")
NODE: Final = (*_PLACE, "name", "kind", "state", *_GROUPED)
NODE_STATE: Final = ("node", "path", "name", "kind", "states", *_GROUPED)


class Reader:
    """Takes rows one by one into evidence."""

    def __init__(self) -> None:
        self.evidence = Evidence()

    def cohort(self, raw: Raw, at: str) -> None:
        """A row of a cohort."""
        row = Row(raw, at, COHORT)
        place = (row.text("cohort_id"), row.text("facility"), row.text("node"), row.path(), row.text("round"))
        numbers = (row.number("n"), row.number("score_low"), row.number("score_high"))
        risks = (row.number_or_none("at_risk_low"), row.number_or_none("at_risk_high"))
        found = CohortRow(at, *place, row.text("form"), row.text("scale"), *numbers, *risks, row.text("policy_hash"))
        self.evidence.cohorts.setdefault(found)
        self._extras(row)

    def retired(self, raw: Raw, at: str) -> None:
        """A cohort that was retired; rows come in the order of retirement."""
        row = Row(raw, at, RETIRED)
        place = (row.text("facility"), row.text("node"), row.path(), row.text("round"), row.text("form"))
        self.evidence.retired.setdefault(RetiredRow(at, row.text("cohort_id"), *place))
        self._extras(row)

    def intervention(self, raw: Raw, at: str) -> None:
        """What was recorded of an intervention."""
        row = Row(raw, at, INTERVENTION)
        place = (row.text("facility"), row.text("node"), row.path(), row.day("on"))
        flags = (row.flag("rebase"), row.flag("taken_back"))
        found = InterventionRow(at, *place, row.text("kind"), row.text("label"), *flags, row.whole("version"))
        self.evidence.interventions.setdefault(found)
        self._extras(row)

    def figure(self, raw: Raw, at: str) -> None:
        """An indicator."""
        row = Row(raw, at, INDICATOR)
        found = FigureRow(
            at=at,
            facility=row.text("facility"),
            node=row.text("node"),
            path=row.path(),
            round=row.text("round"),
            form=row.text("form"),
            scale=row.text("scale"),
            calendar=row.text_or("calendar", "short"),
            staff_group=row.text_or("staff_group", ""),
            window=row.whole("window"),
            state=row.text("state"),
            counts=tuple((name, row.whole(name)) for name in COUNTS),
            figures=(
                *((name, row.number_or_none(name)) for name in FIGURES),
                *((name, row.number(name) if row.raw.get(name) is not None else None) for name in (*LEAVES, *SERIES)),
            ),
            rebased_on=None if row.raw.get("rebased_on") is None else row.day("rebased_on"),
            signal=row.text_or("signal", ""),
            signal_rules=row.texts("signal_rules") if "signal_rules" in row.raw else (),
        )
        self.evidence.figures.setdefault(found)
        self._extras(row)

    def sealed_round(self, raw: Raw, at: str) -> None:
        """A round as its last event tells it: its forms, and the nodes with a state in each."""
        row = Row(raw, at, SEALED)
        policy = Row(row.mapping("policy"), f"{at}, policy", POLICY)
        nodes = [Row(node, f"{at}, nodes", NODE_STATE) for node in row.mappings("nodes")]
        sensitive = row.texts("sensitive") if "sensitive" in row.raw else ()
        season = None if row.raw.get("season") is None else Row(row.mapping("season"), f"{at}, season", SEASON)
        for form in row.texts("forms"):
            self._round(row, form, policy, form in sensitive, _season(season) if season else ("short", None))
            for node in nodes:
                state = node.mapping("states").get(form)
                # a sensitive form has no state where it may not be sealed
                if form not in sensitive or state is not None:
                    # headcounts that stand there for another form of the round are beside that form alone
                    alone = form in sensitive and set(row.texts("forms")) - set(sensitive)
                    heads = (None, None) if alone else _heads(node)
                    name = (row.text("facility"), row.text("round"), form)
                    self._node(node, *name, state if isinstance(state, str) else "", heads)
        for form, key in (row.mapping("scoring_keys") if "scoring_keys" in row.raw else {}).items():
            self.evidence.keys.append(
                KeyRow(at, row.text("facility"), row.text("round"), form, key if isinstance(key, str) else "")
            )
        for part in (row, policy, *nodes, *([season] if season else [])):
            self._extras(part)
        for node in nodes:
            more = [item for item in node.mapping("states").items() if item[0] not in row.texts("forms")]
            self.evidence.extras += [Extra(f"{row.table}, states", form, state) for form, state in more]
        self.evidence.order.setdefault((row.text("facility"), row.text("round")), len(self.evidence.order))

    def round_row(self, raw: Raw, at: str) -> None:
        """A round and form as ClickHouse keeps it."""
        row = Row(raw, at, ROUND)
        season = _stored_season(row) if row.text_or("season", "") else (row.text_or("calendar", "short"), None)
        self._round(row, row.text("form"), row, row.flag("sensitive"), season)
        self._extras(row)

    def node_row(self, raw: Raw, at: str) -> None:
        """A node in a round and form as ClickHouse keeps it."""
        row = Row(raw, at, NODE)
        name = (row.text("facility"), row.text("round"), row.text("form"))
        self._node(row, *name, row.text("state"), _heads(row))
        self._extras(row)

    def event(self, value: bytes | None, at: str) -> None:
        """A record of the cohorts, indicators or manifests topic; InputRefused if it is none of their events."""
        try:
            event = decode(value)
        except DataError as error:
            raise InputRefused(f"{at}: this is no event of ours ({error})") from None
        if value and isinstance(event, Open):
            exact_json(value, at)
        if isinstance(event, CohortSealed):
            self.cohort(_plain(event), at)
        elif isinstance(event, CohortRetired):
            self.retired(_plain(event), at)
        elif isinstance(event, InterventionRecorded):
            self.intervention(_plain(event), at)
        elif isinstance(event, RetirementManifest):
            self.closed_evidence()
            self.evidence.retirements[event.cohort_id] = event.retired_offset
        elif isinstance(event, Indicator):
            self.figure(_plain(event), at)
        elif isinstance(event, RoundSealed):
            self.sealed_round(_plain(event), at)
        elif isinstance(event, CohortManifest):
            self._membership(event, at)
        elif isinstance(event, FormManifest):
            self._sealed(event, at)
        else:
            raise InputRefused(f"{at}: an event of type {event.type} does not belong here")

    def closed_evidence(self) -> None:
        """Say that manifests were given, be they none."""
        if self.evidence.memberships is None:
            self.evidence.memberships = {}

    def unknown_column(self, at: str, column: str, values: Iterable[object]) -> None:
        """A column of the open side that the contract does not have."""
        self.evidence.extras += [Extra(at, column, value) for value in values]

    def _membership(self, event: CohortManifest, at: str) -> None:
        self.closed_evidence()
        assert self.evidence.memberships is not None
        found = Membership(
            at,
            event.facility,
            event.round,
            event.form,
            event.cohort_id,
            event.node,
            event.part,
            event.parts,
            event.policy_hash,
            tuple(bytes.fromhex(tag) for tag in event.tags),
        )
        self.evidence.memberships.setdefault(found)

    def _sealed(self, event: FormManifest, at: str) -> None:
        self.closed_evidence()
        outcomes = event.outcomes.model_dump(mode="json")
        name = (event.facility, event.round, event.form)
        found = Sealed(at, *name, event.opened_offset, event.closed_offset, event.policy_hash, event.cohorts, outcomes)
        self.evidence.sealed.setdefault(found)

    def _round(self, row: Row, form: str, policy: Row, sensitive: bool, season: tuple[str, SeasonRow | None]) -> None:
        found = RoundRow(
            at=row.at,
            facility=row.text("facility"),
            round=row.text("round"),
            form=form,
            first=row.day("first_answer_date"),
            last=row.day("last_answer_date"),
            policy=_policy(policy),
            policy_hash=row.text("policy_hash"),
            sensitive=sensitive,
            calendar=season[0],
            season=season[1],
        )
        self.evidence.rounds.setdefault(found)

    def _node(
        self, row: Row, facility: str, round: str, form: str, state: str, heads: tuple[Number | None, Number | None]
    ) -> None:
        place = (facility, round, form, row.text("node"), row.path(), row.text("kind"))
        groups = row.text_or("of_group", ""), row.text_or("staff_group", "")
        told = _tells_asked(row)
        self.evidence.nodes.setdefault(NodeRow(row.at, *place, state, *heads, row.text("name"), *groups, told))

    def _extras(self, row: Row) -> None:
        for column, value in row.extras():
            self.evidence.extras.append(Extra(row.table, column, value))


def _plain(event: Open) -> Raw:
    return {name: value for name, value in as_dict(event).items() if name not in ("event_id", "type", "schema_version")}


def _heads(row: Row) -> tuple[Number | None, Number | None]:
    """The headcount, and how many were asked: where earlier versions did not tell that, all of them."""

    def shown(column: str) -> Number | None:
        return None if row.raw.get(column) in (None, BELOW_K) else row.number(column)

    return shown("headcount"), shown("headcount_asked" if _tells_asked(row) else "headcount")


def _tells_asked(row: Row) -> bool:
    return "headcount_asked" in row.raw and row.version in (None, LATEST)


def _season(row: Row) -> tuple[str, SeasonRow]:
    season = SeasonRow(row.text("id"), row.day("first"), row.day("last"), row.whole("long_below"))
    return row.text("calendar"), season


def _stored_season(row: Row) -> tuple[str, SeasonRow]:
    season = SeasonRow(row.text("season"), row.day("season_first"), row.day("season_last"), row.whole("long_below"))
    return row.text("calendar"), season


def _policy(row: Row) -> PolicyRow:
    # rows of an earlier version have zeros where nothing was kept
    sensitive, slack = row.raw.get("k_sensitive") or None, row.raw.get("headcount_slack")
    return PolicyRow(
        k=row.whole("k"),
        coalition=row.whole("coalition"),
        outside=row.whole("outside"),
        identity=row.text("identity"),
        k_sensitive=row.whole("k_sensitive") if sensitive else None,
        headcount_slack=row.number("headcount_slack") if sensitive and slack is not None else None,
        sensitive_forms=row.texts("sensitive_forms") if "sensitive_forms" in row.raw else (),
    )
