"""Records with canaries in every place that a record has, to be sent in the course of a round."""

import hashlib
import json
import uuid
from collections.abc import Callable
from typing import Any, Final, NamedTuple

from schemas.canonical import canonical_json
from schemas.codec import MAX_BYTES
from tests.canaries import Canary

Event = dict[str, Any]
Sign = Callable[[bytes], bytes]

UNSIGNED_LIMIT: Final = 20_000
"""Longer than what is read unsigned."""
DEEP: Final = 5_000


class Sent(NamedTuple):
    """A record as a producer of any kind may send it."""

    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


class Plants:
    """Makes records of an open round. `canaries` are what they hold; `forged` the values that would be acted on if the
    record around them did not show that they must not be.

    Kind `source` is that of a refused submission of a known round, which dead letters hold; `request` the event id of
    a retirement, which its manifest holds. The others may be nowhere.
    """

    def __init__(self, valid: Event, opened: Event, organisation: Event, sign: Sign) -> None:
        self.canaries: list[Canary] = []
        self.forged: set[bytes] = set()
        self._valid, self._opened, self._organisation, self._sign = valid, opened, organisation, sign
        self._facility = valid["facility"].encode()

    def before_close(self) -> list[Sent]:
        """Answers of every kind, and other records, while the round is open."""
        return [*self._refused(), *self._kept(), *self._unreadable(), *self._markers(), *self._around()]

    def first(self) -> Sent:
        """An answer that is admitted."""
        return self._record(self._admitted())

    def after_close(self, form: str, node: str, bare: str) -> list[Sent]:
        """What comes too late, and the retirement of the form's cohort at a node; another node is bare of any."""
        late = self._submission()
        request = {"form": form, "node": node, "reason": "feed_error"}
        return [
            self._record(late),
            self._record(late),
            self._record(self._submission(answers={"918": self._number("answer", 471_193)})),
            self._signed(self._withdrawal(self._text("token"))),
            self._signed(self._marker("cohort.retirement", **request, event_id=self._id("request"))),
            self._signed(self._marker("cohort.retirement", **request)),
            self._signed(self._marker("cohort.retirement", **{**request, "node": bare})),
            self._signed(self._marker("cohort.retirement", **{**request, "form": self._name("form")})),
            self._signed(self._marker("cohort.retirement", **{**request, "node": self._name("unit")})),
            self._signed(self._marker("round.closed")),
        ]

    def _refused(self) -> list[Sent]:
        answers = self._valid["answers"]
        item = min(answers)
        submissions: list[Event] = [
            {"key_id": self._name("key id")},
            {"node": self._name("unit")},
            {"form": self._name("form")},
            {"form_version": self._number("version", 918_274)},
            {"submitted_on": self._day("2087-06-05")},
            {"answers": {**answers, item: self._number("answer", 918_273)}},
            {"answers": {**answers, item: -self._number("answer", 837_291)}},
            {"answers": {**answers, str(self._number("item", 7919)): 1}},
            {"answers": {}, "revision": self._number("revision", 726_451)},
        ]
        strangers: list[Event] = [
            {"round": self._name("round")},
            {"facility": self._name("facility")},
            {"answers": {**answers, item: self._number("answer", 918_273_645_546)}},
            {"answers": {**answers, self._name("item"): 1}},
            {"answers": {**answers, item: self._name("answer")}},
            {"respondent": self._name("token")},
            {"event_id": self._name("event id")},
            {"submitted_on": self._name("day")},
            {"type": self._name("type")},
            {"source": "Mrs " + self._name("source of nothing")},
            {"note": self._name("free text")},
            {self._name("field"): 1},
            {"content": self._name("free text")},
        ]
        known = [self._record(self._submission(**changes)) for changes in submissions]
        return known + [self._record(self._submission("source of nothing", **changes)) for changes in strangers]

    def _kept(self) -> list[Sent]:
        """Admitted, sent again, revised, withdrawn: with a source that no dead letter has a reason to hold."""
        admitted, revised, withdrawn = self._admitted(), self._admitted(), self._admitted()
        number = self._number("revision", 615_243)
        return [
            self._record(admitted),
            self._record(admitted),
            self._record(revised),
            self._record({**revised, "revision": number, "event_id": self._id("event id")}),
            self._record({**revised, "answers": dict.fromkeys(revised["answers"], 1)}),
            self._record(withdrawn),
            self._signed(self._withdrawal(withdrawn["respondent"])),
            self._signed(self._withdrawal(self._text("token"))),
            self._forged(self._withdrawal(self._text("token"))),
        ]

    def _unreadable(self) -> list[Sent]:
        """Not JSON, cut short, nested too deep, too large to be read unsigned, too large for anything."""
        whole = canonical_json(self._submission("source of nothing"))
        text = self._name("free text").encode()
        long = self._submission("source of nothing", note=self._name("free text") + "x" * UNSIGNED_LIMIT)
        values = [
            text + b";ward;3;4",
            b'{"note": "' + text,
            whole[:-20],
            b'{"a":' * DEEP + b'"' + self._name("free text").encode() + b'"' + b"}" * DEEP,
            b"[" * DEEP + self._name("free text").encode(),
            self._name("free text").encode() + b"\xff\xfe\x00",
            json.dumps(self._name("free text")).encode(),
            json.dumps({self._name("field"): None, "type": "submission"}).encode(),
            canonical_json(long),
            self._name("free text").encode().ljust(MAX_BYTES + 1, b"x"),
        ]
        return [Sent(self._facility, value) for value in values]

    def _markers(self) -> list[Sent]:
        """Markers that are refused: for want of a signature, and for what they say."""
        policy = {**self._opened["policy"], "k": 3, "headcount_slack": 0.5}
        return [
            self._forged(self._opening()),
            *(
                self._signed(self._opening(**changes))
                for changes in (
                    {},
                    {"round": self._valid["round"]},
                    {"forms": [self._name("form")]},
                    {"forms": ["phq_2"], "season": self._season()},
                    {"season": self._season(), "first_answer_date": "2025-01-06", "last_answer_date": "2025-01-07"},
                    {"forms": ["cbi.work", "cbi.personal"]},
                    {"leaves": [self._name("unit")]},
                    {"policy": policy},
                    {"scoring_keys": {self._name("form"): self._text("scoring key")}},
                )
            ),
            self._signed(self._marker("round.closed", round=self._name("round"))),
            self._signed(self._marker("round.cancelled", round=self._name("round"))),
            self._signed(self._retirement(reason="other")),
            self._signed(self._retirement(reason=self._name("free text"))),
            *self._interventions(),
            *self._organisations(),
        ]

    def _interventions(self) -> list[Sent]:
        """One that is recorded, sent again as it was and once more anew; and those that must not be."""
        fields = {"node": self._valid["facility"], "on": self._opened["first_answer_date"], "kind": "staffing"}
        known = {**fields, "label": "added-night-shift"}
        recorded = self._event("intervention", **known)
        refused: list[Event] = [
            known,
            {**fields, "label": self._name("free text")},
            {**fields, "kind": self._name("free text"), "label": "x"},
            {**known, "node": self._name("unit")},
            {**known, "on": self._day("2091-07-08")},
            {**known, "on": self._day("2026-13-45")},
            {**fields, "label": self._name("free text"), "withdrawn": True},
            {**known, "note": self._name("free text")},
        ]
        forged = self._event("intervention", **{**fields, "label": "float-pool"})
        return [
            self._signed(recorded),
            self._signed(recorded),
            *(self._signed(self._event("intervention", **given)) for given in refused),
            self._forged(forged),
        ]

    def _organisations(self) -> list[Sent]:
        """Not signed; not a tree; an earlier one again, with another name in it; another order of levels in a round."""
        unit = {"id": self._name("unit"), "parent": self._name("unit"), "kind": "unit", "name": self._name("name")}
        broken = {**self._organisation, "levels": ["facility", self._name("level")], "nodes": [unit, unit]}
        first, *others = self._organisation["nodes"]
        again = {**self._organisation, "nodes": [{**first, "name": self._name("name")}, *others]}
        turned = {"department": "unit", "unit": "department"}
        reordered = {
            **self._organisation,
            "levels": [turned.get(level, level) for level in self._organisation["levels"]],
            "nodes": [{**node, "kind": turned.get(node["kind"], node["kind"])} for node in again["nodes"]],
        }
        return [
            self._forged({**broken, "facility": self._name("facility"), "event_id": self._id("event id")}),
            self._signed({**broken, "event_id": self._id("event id")}),
            self._signed(again),
            self._signed({**reordered, "event_id": self._id("event id")}),
        ]

    def _season(self, **terms: Any) -> Event:
        """A season around the round that is open, in which every unit is asked in short rounds."""
        days = {"first": self._opened["first_answer_date"], "last": self._opened["last_answer_date"]}
        return {"id": self._name("season"), **days, "long_below": 1, "calendar": "short", **terms}

    def _opening(self, **changes: Any) -> Event:
        own = {"event_id": self._id("event id"), "key_id": self._name("key id")}
        return {**self._opened, **own, **(changes if "round" in changes else {"round": self._name("round"), **changes})}

    def _retirement(self, reason: str) -> Event:
        return self._marker("cohort.retirement", form="sib5", node=self._valid["facility"], reason=reason)

    def _around(self) -> list[Sent]:
        """Canaries in what is around a value: the record's key, the names and values of headers, a signature."""
        header = (self._name("header"), self._name("header").encode())
        given = canonical_json(self._submission("source of nothing"))
        return [
            Sent(self._name("record key").encode(), given),
            Sent(b"\xff\x00" + self._name("record key").encode(), given),
            Sent(None, canonical_json(self._submission("source of nothing"))),
            Sent(self._facility, canonical_json(self._admitted()), (header, ("ce_id", self._id("event id").encode()))),
            self._forged(self._marker("round.closed"), self._name("signature").encode()),
            Sent(self._facility, b"", (("signature", self._name("signature").encode()),)),
        ]

    def _submission(self, kind: str = "source", /, **changes: Any) -> Event:
        own: dict[str, Callable[[], str]] = {
            "respondent": lambda: self._text("token"),
            "event_id": lambda: self._id("event id"),
            "source": lambda: self._name(kind),
        }
        return {**self._valid, **{name: make() for name, make in own.items() if name not in changes}, **changes}

    def _admitted(self) -> Event:
        return self._submission("source of an admitted answer")

    def _event(self, kind: str, /, **fields: Any) -> Event:
        event_id = fields.get("event_id") or self._id("event id")
        event = {"type": kind, "facility": self._valid["facility"], "event_id": event_id, "schema_version": 1}
        return {**event, **fields}

    def _marker(self, kind: str, /, **fields: Any) -> Event:
        return self._event(kind, **{"round": self._valid["round"], **fields})

    def _withdrawal(self, token: str) -> Event:
        return self._marker("submission.withdrawn", form=self._valid["form"], respondent=token)

    def _record(self, event: Event) -> Sent:
        return Sent(event["facility"].encode(), canonical_json(event))

    def _signed(self, event: Event) -> Sent:
        value = canonical_json(event)
        return Sent(event["facility"].encode(), value, (("signature", self._sign(value)),))

    def _forged(self, event: Event, signature: bytes = b"signed by nobody") -> Sent:
        value = canonical_json(event)
        self.forged.add(value)
        return Sent(event["facility"].encode(), value, (("signature", signature),))

    def _plant(self, kind: str, value: str) -> str:
        self.canaries.append(Canary(kind, value.encode()))
        return value

    def _digest(self, kind: str) -> bytes:
        return hashlib.sha256(f"{kind} {len(self.canaries)}".encode()).digest()

    def _text(self, kind: str) -> str:
        return self._plant(kind, self._digest(kind).hex())

    def _id(self, kind: str) -> str:
        return self._plant(kind, str(uuid.UUID(bytes=self._digest(kind)[:16], version=4)))

    def _name(self, kind: str) -> str:
        return self._plant(kind, f"canary-{kind.replace(' ', '-')}-{self._digest(kind).hex()[:12]}")

    def _number(self, kind: str, number: int) -> int:
        self._plant(kind, str(number))
        return number

    def _day(self, day: str) -> str:
        return self._plant("day", day)
