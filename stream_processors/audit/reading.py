"""Rows as they lie in files and tables, and events as they lie in topics, become evidence.

What has another type than the contract says is refused with its place; a number that should be whole may be a fraction,
and is judged later. Columns the contract does not have are kept as extras.
"""

from collections.abc import Iterable
from datetime import date
from fractions import Fraction
from typing import Final

from schemas.canonical import sha256_hex
from schemas.codec import as_dict, decode
from schemas.errors import DataError, InputRefused
from schemas.events import (
    CohortManifest,
    CohortRetired,
    CohortSealed,
    FormManifest,
    Indicator,
    RetirementManifest,
    RoundSealed,
)
from stream_processors.audit.evidence import (
    CohortRow,
    Evidence,
    Extra,
    FigureRow,
    Membership,
    NodeRow,
    Number,
    PolicyRow,
    RetiredRow,
    RoundRow,
    Sealed,
)
from stream_processors.audit.exact import Raw, exact_json

BELOW_K: Final = "<K"
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
INDICATOR: Final = (*_PLACE, "scale", "window", "state", *COUNTS, *FIGURES)
SEALED: Final = (
    "facility",
    "round",
    "forms",
    "first_answer_date",
    "last_answer_date",
    "policy",
    "policy_hash",
    "nodes",
)
POLICY: Final = ("k", "coalition", "outside", "identity", "k_sensitive", "headcount_slack")
ROUND: Final = ("facility", "round", "form", "first_answer_date", "last_answer_date", "policy_hash", *POLICY)
NODE: Final = (*_PLACE, "name", "kind", "state", "headcount")
NODE_STATE: Final = ("node", "path", "name", "kind", "headcount", "states")
ROW_HASH: Final = "row_hash"
_ADDED: Final = ("k_sensitive", "headcount_slack", "cohorts_retired")
"""Columns that tables of an earlier version did not have; their rows have zeros there, and a hash without them."""


class Reader:
    """Takes rows one by one into evidence."""

    def __init__(self) -> None:
        self.evidence = Evidence()

    def cohort(self, raw: Raw, at: str) -> None:
        """A row of a cohort."""
        row = _Row(raw, at, COHORT)
        place = (row.text("cohort_id"), row.text("facility"), row.text("node"), row.path(), row.text("round"))
        numbers = (row.number("n"), row.number("score_low"), row.number("score_high"))
        risks = (row.number_or_none("at_risk_low"), row.number_or_none("at_risk_high"))
        found = CohortRow(at, *place, row.text("form"), row.text("scale"), *numbers, *risks, row.text("policy_hash"))
        self.evidence.cohorts.setdefault(found)
        self._extras(row)

    def retired(self, raw: Raw, at: str) -> None:
        """A cohort that was retired; rows come in the order of retirement."""
        row = _Row(raw, at, RETIRED)
        place = (row.text("facility"), row.text("node"), row.path(), row.text("round"), row.text("form"))
        self.evidence.retired.setdefault(RetiredRow(at, row.text("cohort_id"), *place))
        self._extras(row)

    def figure(self, raw: Raw, at: str) -> None:
        """An indicator."""
        row = _Row(raw, at, INDICATOR)
        found = FigureRow(
            at=at,
            facility=row.text("facility"),
            node=row.text("node"),
            path=row.path(),
            round=row.text("round"),
            form=row.text("form"),
            scale=row.text("scale"),
            window=row.whole("window"),
            state=row.text("state"),
            counts=tuple((name, row.whole(name)) for name in COUNTS),
            figures=tuple((name, row.number_or_none(name)) for name in FIGURES),
        )
        self.evidence.figures.setdefault(found)
        self._extras(row)

    def sealed_round(self, raw: Raw, at: str) -> None:
        """A round as its last event tells it: its forms, and the nodes with a state in each."""
        row = _Row(raw, at, SEALED)
        policy = _Row(row.mapping("policy"), f"{at}, policy", POLICY)
        nodes = [_Row(node, f"{at}, nodes", NODE_STATE) for node in row.mappings("nodes")]
        for form in row.texts("forms"):
            self._round(row, form, policy)
            for node in nodes:
                state = node.mapping("states").get(form)
                name = (row.text("facility"), row.text("round"), form)
                self._node(node, *name, state if isinstance(state, str) else "")
        for part in (row, policy, *nodes):
            self._extras(part)
        for node in nodes:
            more = [item for item in node.mapping("states").items() if item[0] not in row.texts("forms")]
            self.evidence.extras += [Extra(f"{row.table}, states", form, state) for form, state in more]
        self.evidence.order.setdefault((row.text("facility"), row.text("round")), len(self.evidence.order))

    def round_row(self, raw: Raw, at: str) -> None:
        """A round and form as ClickHouse keeps it."""
        row = _Row(raw, at, ROUND)
        self._round(row, row.text("form"), row)
        self._extras(row)

    def node_row(self, raw: Raw, at: str) -> None:
        """A node in a round and form as ClickHouse keeps it."""
        row = _Row(raw, at, NODE)
        self._node(row, row.text("facility"), row.text("round"), row.text("form"), row.text("state"))
        self._extras(row)

    def event(self, value: bytes | None, at: str) -> None:
        """A record of the cohorts, indicators or manifests topic; InputRefused if it is none of their events."""
        try:
            event = decode(value)
        except DataError as error:
            raise InputRefused(f"{at}: this is no event of ours ({error})") from None
        if value and isinstance(event, CohortSealed | CohortRetired | Indicator | RoundSealed):
            exact_json(value, at)
        if isinstance(event, CohortSealed):
            self.cohort(_plain(event), at)
        elif isinstance(event, CohortRetired):
            self.retired(_plain(event), at)
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
        found = Sealed(at, *name, event.closed_offset, event.policy_hash, event.cohorts, outcomes)
        self.evidence.sealed.setdefault(found)

    def _round(self, row: "_Row", form: str, policy: "_Row") -> None:
        found = RoundRow(
            at=row.at,
            facility=row.text("facility"),
            round=row.text("round"),
            form=form,
            first=row.day("first_answer_date"),
            last=row.day("last_answer_date"),
            policy=_policy(policy),
            policy_hash=row.text("policy_hash"),
        )
        self.evidence.rounds.setdefault(found)

    def _node(self, row: "_Row", facility: str, round: str, form: str, state: str) -> None:
        shown = row.raw.get("headcount")
        headcount = None if shown in (None, BELOW_K) else row.number("headcount")
        place = (facility, round, form, row.text("node"), row.path(), row.text("kind"))
        self.evidence.nodes.setdefault(NodeRow(row.at, *place, state, headcount, row.text("name")))

    def _extras(self, row: "_Row") -> None:
        for column, value in row.extras():
            self.evidence.extras.append(Extra(row.table, column, value))


def _plain(event: CohortSealed | CohortRetired | Indicator | RoundSealed) -> Raw:
    return {name: value for name, value in as_dict(event).items() if name not in ("event_id", "type", "schema_version")}


def _policy(row: "_Row") -> PolicyRow:
    # rows of an earlier version have zeros where nothing was kept
    sensitive, slack = row.raw.get("k_sensitive") or None, row.raw.get("headcount_slack")
    return PolicyRow(
        k=row.whole("k"),
        coalition=row.whole("coalition"),
        outside=row.whole("outside"),
        identity=row.text("identity"),
        k_sensitive=row.whole("k_sensitive") if sensitive else None,
        headcount_slack=row.number("headcount_slack") if sensitive and slack is not None else None,
    )


class _Row:
    """One row, whose columns are asked for by name and type; InputRefused names the place and the column."""

    def __init__(self, raw: Raw, at: str, columns: tuple[str, ...]) -> None:
        self.raw, self.at, self._columns = raw, at, columns

    @property
    def table(self) -> str:
        """The place without the number of the line."""
        return self.at.partition(" line ")[0]

    def extras(self) -> list[tuple[str, object]]:
        """The columns that nobody asks for; a hash that is not the row's could be anything."""
        known = (*self._columns, ROW_HASH) if self._has_its_hash() else self._columns
        return [(name, value) for name, value in self.raw.items() if name not in known]

    def _has_its_hash(self) -> bool:
        if ROW_HASH not in self.raw:
            return False
        row = {
            name: value.isoformat() if isinstance(value, date) else value
            for name, value in self.raw.items()
            if name != ROW_HASH
        }
        earlier = {name: value for name, value in row.items() if value or name not in _ADDED}
        try:
            return self.raw[ROW_HASH] in (sha256_hex(row), sha256_hex(earlier))
        except (TypeError, ValueError, RecursionError):
            return False

    def text(self, column: str) -> str:
        """A text."""
        value = self.raw.get(column)
        if not _is_text(value):
            raise self._refused(column, "text")
        assert isinstance(value, str)
        return value

    def texts(self, column: str) -> tuple[str, ...]:
        """Several texts."""
        value = self.raw.get(column)
        if not isinstance(value, list | tuple) or not all(_is_text(one) for one in value):
            raise self._refused(column, "a list of texts")
        return tuple(value)

    def path(self) -> tuple[str, ...]:
        """The path of a node."""
        return self.texts("path")

    def mapping(self, column: str) -> Raw:
        """A JSON object."""
        value = self.raw.get(column)
        if not isinstance(value, dict):
            raise self._refused(column, "an object")
        return value

    def mappings(self, column: str) -> list[Raw]:
        """A list of JSON objects."""
        value = self.raw.get(column)
        if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
            raise self._refused(column, "a list of objects")
        return value

    def number(self, column: str) -> Number:
        """A number, exactly as it was written."""
        value = self.raw.get(column)
        if isinstance(value, float):
            value = _shortest(value)
        if isinstance(value, bool) or not isinstance(value, int | Fraction):
            raise self._refused(column, "a number")
        return int(value) if Fraction(value).denominator == 1 else value

    def number_or_none(self, column: str) -> Number | None:
        """A number, or nothing."""
        if column not in self.raw:
            raise self._refused(column, "a number or null")
        return None if self.raw[column] is None else self.number(column)

    def whole(self, column: str) -> int:
        """A whole number."""
        value = self.number(column)
        if not isinstance(value, int):
            raise self._refused(column, "a whole number")
        return value

    def day(self, column: str) -> date:
        """A date."""
        value = self.raw.get(column)
        if isinstance(value, date):
            return value
        try:
            return date.fromisoformat(self.text(column))
        except ValueError:
            raise self._refused(column, "a date, YYYY-MM-DD") from None

    def _refused(self, column: str, wanted: str) -> InputRefused:
        return InputRefused(f"{self.at}: column {column} must be {wanted}")


def _is_text(value: object) -> bool:
    """Whether a value is text that can be written: JSON can name halves of characters."""
    return isinstance(value, str) and (value.isascii() or not any("\ud800" <= one <= "\udfff" for one in value))


def _shortest(value: float) -> Fraction | None:
    """The decimal that a stored number was written as; nothing for what is no number."""
    try:
        return Fraction(repr(value))
    except ValueError:
        return None
