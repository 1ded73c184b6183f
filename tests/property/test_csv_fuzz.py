"""Whatever a file holds: each row is a draft or a refusal, and only the file as a whole is refused by an error."""

import csv
import io
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from producers.sources.drafts import Draft, Outcome, to_submission
from producers.sources.mapping import Mapping
from producers.sources.registry import read
from schemas.errors import InputRefused
from tests.unit.test_csv_source import CANARY, CATALOGUE, DAMAGED, HEADER, KEYS, LIMESURVEY, mapping_of

CELLS = st.one_of(
    st.just(CANARY),
    st.sampled_from(
        ["", "3", "3,0", "A3", "U17", "2026-10-06 10:00:00", "[not completed]", "99999999999", "\0", "x\ny", '"', ";"]
    ),
    st.text(st.characters(codec="utf-8"), max_size=8),
)


def accounted(export: bytes, mapping: Mapping) -> list[Outcome]:
    try:
        found = list(read(export, mapping, CATALOGUE))
    except InputRefused:
        return []
    for outcome in found:
        if isinstance(outcome, Draft):
            to_submission(outcome, mapping, KEYS)
        else:
            assert CANARY not in repr(outcome)
    return found


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_raise_anything_but_a_refusal_of_the_file(data: bytes) -> None:
    accounted(data, mapping_of())
    accounted(HEADER.encode() + data, mapping_of())
    accounted(HEADER.encode("utf-16") + data, mapping_of())
    accounted(b"sep=" + data, mapping_of())
    accounted(b"sep=;\r\n" + HEADER.encode().replace(b",", b";") + data, mapping_of())


@settings(max_examples=200, deadline=None)
@given(
    st.binary(max_size=200),
    st.sampled_from(["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "cp1252", "cp850", "mac-roman"]),
    st.sampled_from([",", ";", "\t", "|", "auto"]),
    st.integers(0, 3),
)
def test_no_bytes_raise_anything_else_whatever_the_mapping_says_of_the_file(
    data: bytes, encoding: str, delimiter: str, skip_after: int
) -> None:
    mapping = mapping_of(header={"encoding": encoding, "delimiter": delimiter, "skip_after": skip_after})
    accounted(data, mapping)
    accounted(HEADER.replace(",", delimiter[:1]).encode(encoding) + data, mapping)


@settings(max_examples=200, deadline=None)
@given(st.lists(CELLS, min_size=1, max_size=9), st.sampled_from(";,\t|"), st.integers(0, 9))
def test_a_row_cut_off_anywhere_is_whole_or_refused(extra: list[str], delimiter: str, kept: int) -> None:
    full = ["1", "a", "u", "2026-10-06", *extra, "3"]
    file = io.StringIO(newline="")
    names = ["id", "who", "unit", "when", *(f"text {place}" for place in range(len(extra))), "q"]
    csv.writer(file, delimiter=delimiter).writerows([names, full[:kept], full])
    *cut, whole = accounted(file.getvalue().encode(), mapping_of())
    assert isinstance(whole, Draft)
    for outcome in cut:
        assert isinstance(outcome, Draft) == (kept >= len(full))


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(CELLS, min_size=1, max_size=16), max_size=6), st.sampled_from(";,\t|"), st.booleans())
def test_every_written_row_comes_back_as_a_draft_or_a_refusal(
    rows: list[list[str]], delimiter: str, quoted: bool
) -> None:
    file = io.StringIO(newline="")
    writer = csv.writer(file, delimiter=delimiter, quoting=csv.QUOTE_ALL if quoted else csv.QUOTE_MINIMAL)
    writer.writerow(["id", "who", "unit", "when", "q"])
    starts = []
    for row in rows:
        starts.append(len(io.StringIO(file.getvalue(), newline="").readlines()) + 1)
        writer.writerow(row)
    lines = {start for start, row in zip(starts, rows, strict=True) if any(cell.strip() for cell in row)}
    assert {outcome.line for outcome in accounted(file.getvalue().encode(), mapping_of())} == lines


Mutation = Callable[[bytes, int, bytes], bytes]
MUTATIONS: list[Mutation] = [
    lambda data, at, piece: data[:at],
    lambda data, at, piece: data[:at] + piece + data[at:],
    lambda data, at, piece: data[:at] + piece + data[at + len(piece) :],
    lambda data, at, piece: data[:at] + data[at + 40 :],
]
PIECES = [
    b'"',
    b";",
    b"\n",
    b"\r",
    b"\0",
    b"\xff",
    b"\xe4",
    b'""',
    b"\r\n\r\n",
    CANARY.encode(),
    b'"' + CANARY.encode(),
]


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(MUTATIONS), st.integers(0, 11_000), st.sampled_from(PIECES))
def test_damage_to_an_export_loses_no_other_row_in_silence(mutate: Mutation, at: int, piece: bytes) -> None:
    at = max(at % len(DAMAGED), len(DAMAGED.splitlines()[0]) + 2)
    found = accounted(mutate(DAMAGED, at, piece), LIMESURVEY)
    before = DAMAGED[:at].count(b"\n")
    assert set(range(2, before + 1)) <= {outcome.line for outcome in found}
    assert sum(isinstance(outcome, Draft) for outcome in found if outcome.line <= before) > 0.7 * (before - 1) - 4
