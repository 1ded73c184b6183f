"""Staff groups as the auditor sees them: sums of cohorts sealed at their leaves, and nothing that was pooled."""

from collections.abc import Callable

import pytest

from stream_processors.audit import figures, places
from tests.hospital import Event, closing, opening, record
from tests.published import Published, Raw, answers, published
from tests.records import replayed
from tests.unit.test_audit_disclosure import only

LEVELS = ("facility", "department", "unit", "staff_group")
HEADS = {
    "surgery/ward-1/nurse": 30,
    "surgery/ward-1/physician": 9,
    "surgery/ward-2/nurse": 14,
    "surgery/ward-2/physician": 8,
    "imaging/ct/nurse": 12,
}
LEAVES = sorted(f"{place.split('/')[1]}-{place.split('/')[2]}" for place in HEADS)
COUNTS = {"ward-1-nurse": 15, "ward-1-physician": 5, "ward-2-nurse": 6, "ward-2-physician": 5, "ct-nurse": 12}


def one_round(round: str, day: str, counts: dict[str, int], leaves: list[str]) -> list[Event]:
    """A round of these leaves."""
    marker = opening(leaves, round, first_answer_date=day, last_answer_date=day)
    return [marker, *answers(round, counts, day=day), closing(round)]


@pytest.fixture
def rows() -> Published:
    """Two rounds, of which the second does not ask in imaging, to be changed."""
    fewer = {leaf: count for leaf, count in COUNTS.items() if leaf != "ct-nurse"}
    first = one_round("r1", "2026-01-06", COUNTS, LEAVES)
    second = one_round("r2", "2026-01-20", fewer | {"ward-2-nurse": 12}, sorted(fewer))
    return published(replayed([record(HEADS, LEVELS), *first, *second]))


def figure(rows: Published, node: str, group: str | None = "nurse", round: str = "r1") -> Raw:
    """The figures of a staff group, or of the node itself."""
    found: Raw
    (found,) = [
        one for one in rows.indicators if (one["node"], one["staff_group"], one["round"]) == (node, group, round)
    ]
    return found


def place(rows: Published, node: str, group: str | None = None) -> Raw:
    """A place of the first round."""
    found: Raw
    (found,) = [one for one in rows.rounds[0]["nodes"] if (one["node"], one.get("staff_group")) == (node, group)]
    return found


def test_what_is_published_of_staff_groups_is_safe(rows: Published) -> None:
    report = rows.audited()
    assert (report.verdict, report.findings) == ("safe", [])
    assert figure(rows, "surgery", round="r2")["leaves_published"] == 2
    assert {one["staff_group"] for one in rows.indicators} == {None, "nurse", "physician"}


def test_after_a_retirement_too(rows: Published) -> None:
    retiring = {
        "type": "cohort.retirement",
        "facility": "general",
        "event_id": "00000000-0000-8000-8000-000000000001",
        "round": "r1",
        "form": "sib5",
        "node": "ward-1-nurse",
        "reason": "consent",
    }
    first = one_round("r1", "2026-01-06", COUNTS, LEAVES)
    rows = published(replayed([record(HEADS, LEVELS), *first, retiring]))
    report = rows.audited()
    assert (report.verdict, report.findings) == ("safe", [])
    again = next(one for one in rows.indicators if one["staff_group"] == "nurse" and one["cohorts_retired"])
    again["leaves_published"] += 1
    assert "leaves_published" in only(rows.audited(), figures.CHECK).what


def _with_the_pooled(rows: Published) -> None:
    """All nurses of surgery, and with them the cohort of those pooled at ward-2."""
    own, whole = figure(rows, "surgery"), figure(rows, "surgery", None)
    own.update({name: whole[name] for name in whole if name.startswith(("mean", "at_risk", "responses", "coverage"))})


def _pooled_as_nurses(rows: Published) -> None:
    """The same, with a unit that is said to be of nurses, so that its pooled cohort counts for them."""
    place(rows, "ward-2")["of_group"] = "nurse"
    _with_the_pooled(rows)


def _physicians_as_nurses(rows: Published) -> None:
    figure(rows, "surgery").update(figure(rows, "surgery", "physician") | {"staff_group": "nurse"})


def _of_one_leaf(rows: Published) -> None:
    """A staff group under imaging, where there is one leaf of it."""
    alone = place(rows, "imaging") | {"staff_group": "nurse", "name": "nurse", "kind": "staff_group"}
    rows.rounds[0]["nodes"].append(alone)


WRONG: list[tuple[str, str, Callable[[Published], object]]] = [
    ("a pooled cohort among the nurses", figures.CHECK, _with_the_pooled),
    ("a unit that is said to be of nurses", places.CHECK, _pooled_as_nurses),
    ("figures of another group", figures.CHECK, _physicians_as_nurses),
    ("more leaves published", figures.CHECK, lambda rows: figure(rows, "surgery").update(leaves_published=2)),
    ("fewer leaves fielded", figures.CHECK, lambda rows: figure(rows, "surgery").update(leaves_fielded=1)),
    ("leaves that are not told", figures.CHECK, lambda rows: figure(rows, "surgery").update(leaves_fielded=None)),
    ("leaves of a node", figures.CHECK, lambda rows: figure(rows, "surgery", None).update(leaves_fielded=4)),
    ("coverage of all in the place", figures.CHECK, lambda rows: _coverage(rows, 61)),
    ("coverage of those with figures", figures.CHECK, lambda rows: _coverage(rows, 30)),
    ("a group that the round does not have", places.CHECK, lambda rows: _of(rows, "surgery", "cleaners")),
    ("a group of one leaf", places.CHECK, _of_one_leaf),
    ("a name that is not the group's", places.CHECK, lambda rows: place(rows, "surgery", "nurse").update(name="Eve")),
    ("published, of nobody", "nothing closed", lambda rows: _state(rows, "physician", "published")),
    ("not fielded, and asked", "nothing closed", lambda rows: _state(rows, "physician", "not_fielded")),
    ("more working there", "people asked", lambda rows: place(rows, "surgery", "nurse").update(headcount=45)),
    ("more asked", "people asked", lambda rows: place(rows, "surgery", "nurse").update(headcount_asked=61)),
    ("more asked than hidden numbers allow", "people asked", lambda rows: _physicians(rows, 21)),
    ("a headcount below K", "nothing closed", lambda rows: _physicians(rows, 9)),
]


def _coverage(rows: Published, of: int) -> None:
    row = figure(rows, "surgery")
    row["coverage"] = round(row["responses"] / of, 4)


def _of(rows: Published, node: str, group: str) -> None:
    rows.indicators.append(figure(rows, node) | {"staff_group": group})


def _state(rows: Published, group: str, state: str) -> None:
    place(rows, "surgery", group)["states"]["sib5"] = state


def _physicians(rows: Published, heads: int) -> None:
    # two leaves of 9 and 8, both hidden as K is 11
    place(rows, "surgery", "physician")["headcount_asked"] = heads


@pytest.mark.parametrize(("what", "check", "tamper"), WRONG, ids=[what for what, _, _ in WRONG])
def test_what_is_no_sum_of_a_groups_own_cohorts_is_found(
    rows: Published, what: str, check: str, tamper: Callable[[Published], object]
) -> None:
    tamper(rows)
    assert only(rows.audited(), check), what


def test_hidden_numbers_are_a_range(rows: Published) -> None:
    # 2 to 20 people may have been asked at the two leaves: 17 were, and 20 cannot be told from it
    _physicians(rows, 20)
    assert rows.audited().verdict == "safe"


def test_rows_of_an_earlier_version_tell_neither_groups_nor_who_was_asked(rows: Published) -> None:
    rows.rounds[0]["nodes"] = [
        {name: value for name, value in one.items() if name not in ("headcount_asked", "of_group")}
        for one in rows.rounds[0]["nodes"]
        if not one.get("staff_group")
    ]
    rows.indicators = [
        {name: value for name, value in one.items() if not name.startswith(("leaves_", "staff_group", "calendar"))}
        for one in rows.indicators
        if one["round"] == "r1" and not one["staff_group"]
    ]
    report = rows.audited()
    assert (report.verdict, report.findings) == ("safe", [])
