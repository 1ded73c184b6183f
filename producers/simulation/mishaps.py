"""What goes wrong in real life: answers sent twice, changed, taken back, too late, not enough, or not answers at all.

A feed that cannot be read keeps the token of somebody who did answer, so that it would be noticed if a refused
record ever changed an admitted one.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from random import Random
from typing import Any, Final

from producers.pseudonym import event_id
from producers.simulation.answers import answer_all, leave_out
from producers.simulation.control import closing, round_opened, withdrawal
from producers.simulation.log import LogLine
from producers.simulation.settings import ROUND_DAYS
from producers.simulation.survey import SOURCE, Fielding, Sent, dated
from schemas.canonical import canonical_json, derived_id
from schemas.codec import as_dict

Entry = tuple[float, LogLine]
_Mishap = Callable[[Random, Fielding, Sent], list[Entry]]

UNREGISTERED: Final = "new-annex"
CLOSED: Final = ROUND_DAYS + 0.5
_STRAYS_PER_ROUND: Final = 3


def entry(sent: Sent) -> Entry:
    """A submission as a line of the log."""
    return sent.time, LogLine(sent.fields["facility"], canonical_json(sent.fields), control=False)


def with_mishaps(random: Random, fielding: Fielding, submissions: Iterable[Sent]) -> Iterator[Entry]:
    """The submissions with what goes wrong with some of them."""
    mishaps, weights = zip(*_RATES, strict=True)
    for sent in submissions:
        yield from random.choices(mishaps, weights)[0](random, fielding, sent)


def strays(random: Random, fielding: Fielding, submissions: list[Sent]) -> Iterator[Entry]:
    """Records that must be refused. The kinds take turns, so that four rounds show every one."""
    turn = fielding.wave.index
    for position in range(_STRAYS_PER_ROUND):
        kind = _STRAYS[(turn * _STRAYS_PER_ROUND + position) % len(_STRAYS)]
        sent = random.choice(submissions)
        yield sent.time, LogLine(fielding.facility.id, kind(fielding, _renamed(fielding, sent, position)), False)
    yield _STRAY_MARKERS[turn % len(_STRAY_MARKERS)](fielding)


def _later(random: Random, fielding: Fielding, sent: Sent, changes: dict[str, Any]) -> Sent:
    time = min(sent.time + random.uniform(0.01, 3), ROUND_DAYS - 0.001)
    return dated(fielding, time, sent.fields | changes)


def _intact(_random: Random, _fielding: Fielding, sent: Sent) -> list[Entry]:
    return [entry(sent)]


def _repeated(random: Random, _fielding: Fielding, sent: Sent) -> list[Entry]:
    time, line = entry(sent)
    return [(time, line), (min(time + random.uniform(0.01, 3), ROUND_DAYS - 0.001), line)]


def _revised(random: Random, fielding: Fielding, sent: Sent) -> list[Entry]:
    form = next(form for form in fielding.forms if form.id == sent.fields["form"])
    response = f"{fielding.wave.id}/{sent.fields['respondent']}"
    revision = sent.fields["revision"] + 1
    changes = {
        "revision": revision,
        "event_id": event_id(fielding.keys, SOURCE, fielding.wave.id, response, form.id, revision),
        "answers": answer_all(random, form, random.gauss(0, 1)),
    }
    return [entry(sent), entry(_later(random, fielding, sent, changes))]


def _withdrawn(random: Random, fielding: Fielding, sent: Sent) -> list[Entry]:
    later = _later(random, fielding, sent, {})
    return [entry(sent), (later.time, withdrawal(fielding, sent.fields["form"], sent.fields["respondent"]))]


def _late(random: Random, _fielding: Fielding, sent: Sent) -> list[Entry]:
    return [entry(Sent(CLOSED + random.uniform(0.1, 1), sent.fields))]


def _incomplete(random: Random, fielding: Fielding, sent: Sent) -> list[Entry]:
    form = next(form for form in fielding.forms if form.id == sent.fields["form"])
    given = sent.fields["answers"]
    # a sheet that the question before the others has ended is whole with one answer
    kept = min(random.randint(0, form.scales[0].min_answered - 1), len(given) - 1)
    return [entry(Sent(sent.time, sent.fields | {"answers": leave_out(random, given, len(given) - kept)}))]


_RATES: Final[tuple[tuple[_Mishap, float], ...]] = (
    (_intact, 0.944),
    (_repeated, 0.015),
    (_revised, 0.015),
    (_withdrawn, 0.004),
    (_late, 0.010),
    (_incomplete, 0.012),
)


def _renamed(fielding: Fielding, sent: Sent, position: int) -> dict[str, Any]:
    fields = sent.fields
    name = event_id(fielding.keys, "stray", fielding.wave.id, str(position), fields["form"], 0)
    return fields | {"event_id": name}


def _with(**changes: Any) -> Callable[[Fielding, dict[str, Any]], bytes]:
    return lambda _fielding, fields: canonical_json(fields | changes)


def _truncated(_fielding: Fielding, fields: dict[str, Any]) -> bytes:
    value = canonical_json(fields)
    return value[: len(value) // 2]


def _outside_dates(fielding: Fielding, fields: dict[str, Any]) -> bytes:
    return canonical_json(fields | {"submitted_on": (fielding.wave.first - timedelta(days=3)).isoformat()})


def _with_time_of_day(_fielding: Fielding, fields: dict[str, Any]) -> bytes:
    return canonical_json(fields | {"submitted_on": f"{fields['submitted_on']}T07:41:09Z"})


def _out_of_range(_fielding: Fielding, fields: dict[str, Any]) -> bytes:
    return canonical_json(fields | {"answers": dict.fromkeys(fields["answers"], 9)})


_STRAYS: Final[tuple[Callable[[Fielding, dict[str, Any]], bytes], ...]] = (
    lambda _fielding, _fields: b"record_id;unit;q1;q2",
    _truncated,
    _with(type="mood.note"),
    _with(round="2031-W01"),
    _with(form="mystery.form"),
    _with(node="no-such-unit"),
    _with(answers={"99": 1}),
    _out_of_range,
    _with(respondent="not-a-token"),
    _with(key_id="0" * 16),
    _outside_dates,
    _with_time_of_day,
)


def _closed_twice(fielding: Fielding) -> Entry:
    return CLOSED + 0.5, closing(fielding, attempt="again")


def _opened_wrongly(fielding: Fielding, time: float, facility: str, changes: dict[str, Any]) -> Entry:
    fields = as_dict(round_opened(fielding)) | {"facility": facility} | changes
    fields["event_id"] = derived_id("round.opened", facility, fields["round"])
    return time, LogLine(facility, canonical_json(fields), control=True)


def _under_floor(fielding: Fielding) -> Entry:
    policy = as_dict(round_opened(fielding))["policy"] | {"k": 3}
    changes = {"round": f"{fielding.wave.id}-small", "policy": policy}
    return _opened_wrongly(fielding, 2.0, fielding.facility.id, changes)


def _overlapping(fielding: Fielding) -> Entry:
    return _opened_wrongly(fielding, 5.0, fielding.facility.id, {"round": f"{fielding.wave.id}-extra"})


def _without_organisation(fielding: Fielding) -> Entry:
    return _opened_wrongly(fielding, 3.0, UNREGISTERED, {"leaves": ["new-ward-1"]})


_STRAY_MARKERS: Final[tuple[Callable[[Fielding], Entry], ...]] = (
    _closed_twice,
    _under_floor,
    _overlapping,
    _without_organisation,
)
