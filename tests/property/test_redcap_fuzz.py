"""Whatever an export or a dictionary of REDCap holds: each row is a sheet or a refusal that quotes nothing."""

from contextlib import suppress

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.sources.mapping import Header
from producers.sources.redcap import read_redcap
from producers.sources.redcap_dictionary import read_dictionary
from producers.sources.sheet import Refused, Sheet
from schemas.errors import InputRefused
from tests.redcap_project import FIELDS, HEADINGS, dictionary, written

CANARY = "canary-7f3a"
DICTIONARY = dictionary()
NAMES = (
    *("record_id", "redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance"),
    *("mail", "q1", "box___2", "hours", "wellbeing_complete"),
)
ITEMS = ("q1", "box___2", "hours")
WANTED = ("$response", "$event", "$instrument", "$instance", "mail", *ITEMS)
CELLS = st.one_of(
    st.just(CANARY),
    st.sampled_from(
        ["", "0", "1", "2", "Complete", "Incomplete", "Seldom", "Checked", "7,5", "wellbeing", "followup", "\0", "x\ny"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


def accounted(export: bytes, known: bytes | None) -> list[Sheet | Refused]:
    found, said = [], ""
    try:
        found = list(read_redcap(export, WANTED, Header(), known, ITEMS))
    except InputRefused as refused:
        said = str(refused)
    assert CANARY not in repr(found) + said
    for one in found:
        assert isinstance(one, Refused) or set(one.cells) == set(WANTED)
    return found


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_raise_anything_but_a_refusal_of_the_file(data: bytes, is_known: bool) -> None:
    known = DICTIONARY if is_known else None
    accounted(data, known)
    accounted(written([NAMES]) + data, known)
    accounted(written([NAMES]).decode().encode("utf-16") + data, known)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=10), max_size=6), st.booleans())
def test_every_row_is_a_sheet_or_a_refusal(rows: list[list[str]], is_known: bool) -> None:
    found = accounted(written([NAMES, *rows]), DICTIONARY if is_known else None)
    assert len(found) == sum(any(cell.strip() for cell in row) for row in rows)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300), st.lists(st.lists(CELLS, min_size=6, max_size=6), max_size=4))
def test_no_dictionary_raises_anything_but_a_refusal_of_it(data: bytes, fields: list[list[str]]) -> None:
    row = written([NAMES, ["1", "", "", "", "m", "1", "1", "7,5", "2"]])
    for known in (data, written([HEADINGS]) + data, dictionary([*FIELDS, *fields]), dictionary() + data):
        with suppress(InputRefused):
            read_dictionary(known)
        accounted(row, known)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=2, max_size=5, unique=True))
def test_no_two_rows_of_a_file_have_one_response(named: list[tuple[str, str, str, str]]) -> None:
    rows = [[*name, "m", "1", "1", "7,5", "2"] for name in named]
    found = accounted(written([NAMES, *rows]), None)
    responses = [one.cells["$response"] for one in found if isinstance(one, Sheet) and one.cells["$response"]]
    parts = {tuple(" ".join(part.split()) for part in name) for name in named if name[0].strip()}
    assert len(set(responses)) >= len({part for part in parts if "\0" not in "".join(part)})
