"""Everyday files: encodings, delimiters, Excel's separator line, line ends, trailing cells; and hostile ones."""

import codecs
import time
import tracemalloc

import pytest

from producers.sources.drafts import Draft
from producers.sources.mapping import Mapping
from producers.sources.sheet import Refused
from schemas.errors import InputRefused
from tests.unit.test_csv_source import CANARY, HEADER, drafts, mapping_of, outcomes, refused

ROW = "1,Zoë,Chirurgie für Männer,2026-10-06,3\n"
WARDS = mapping_of(units={"Chirurgie für Männer": "surgery"})
MARKED = {
    "utf-8": codecs.BOM_UTF8,
    "utf-16-le": codecs.BOM_UTF16_LE,
    "utf-16-be": codecs.BOM_UTF16_BE,
}


def declared(encoding: str) -> Mapping:
    return mapping_of(units={"Chirurgie für Männer": "surgery"}, header={"encoding": encoding})


def read_one(export: bytes, mapping: Mapping = WARDS) -> Draft:
    (draft,) = drafts(export, mapping)
    assert (draft.person, draft.node, draft.answers) == ("Zoë", "surgery", {"1": 3})
    return draft


# encodings


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252"])
def test_text_without_a_mark_is_read(encoding: str) -> None:
    read_one((HEADER + ROW).encode(encoding))


@pytest.mark.parametrize("encoding", MARKED)
def test_text_with_a_mark_is_read_whether_or_not_the_encoding_is_declared(encoding: str) -> None:
    export = MARKED[encoding] + (HEADER + ROW).encode(encoding)
    read_one(export)
    read_one(export, declared(encoding))


@pytest.mark.parametrize(
    "encoding",
    ["utf-8", "utf-16", "utf-16-le", "utf-16-be", "cp1250", "cp1252", "cp850", "iso-8859-15", "mac-roman"],
)
def test_every_encoding_that_a_mapping_may_name_is_read_without_a_mark(encoding: str) -> None:
    read_one((HEADER + ROW).encode(encoding), declared(encoding))


# delimiters


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp1252", "utf-16"])
def test_delimiters_are_found_or_told(delimiter: str, encoding: str) -> None:
    export = (HEADER + ROW).replace(",", delimiter).encode(encoding)
    read_one(export)
    told = mapping_of(units={"Chirurgie für Männer": "surgery"}, header={"delimiter": delimiter})
    read_one(export, told)


@pytest.mark.parametrize("first", ["sep={}\r\n", "SEP={}\n", '"sep={}"\r', "sep={};;;;\r\n", '"sep={}",,,\n'])
@pytest.mark.parametrize("delimiter", [";", ",", "|", "\t", "^", "~"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_the_separator_line_of_excel_is_followed_and_counted(first: str, delimiter: str, encoding: str) -> None:
    text = first.format(delimiter) + (HEADER + ROW).replace(",", delimiter)
    assert read_one(text.encode(encoding)).line == 3


def test_what_the_mapping_says_goes_before_the_separator_line() -> None:
    told = mapping_of(units={"Chirurgie für Männer": "surgery"}, header={"delimiter": ","})
    assert read_one(("sep=;\r\n" + HEADER + ROW).encode(), told).line == 3


def test_a_column_that_begins_like_a_separator_line_is_a_column() -> None:
    assert len(drafts("sep=,id,who,unit,when,q\n,1,a,u,2026-10-06,3\n")) == 1
    assert len(drafts("sep=x,id,who,unit,when,q\n,1,a,u,2026-10-06,3\n")) == 1


# cells


def test_decimal_commas_are_whole_numbers_where_only_noughts_follow() -> None:
    rows = '1,a,u,2026-10-06,"3,0"\n2,b,u,2026-10-06,"4,"\n3,c,u,2026-10-06,"2,5"\n4,d,u,2026-10-06,2.00\n'
    assert refused(HEADER + rows) == [(4, "bad_answer", "q")]
    assert [outcome.answers["1"] for outcome in outcomes(HEADER + rows) if isinstance(outcome, Draft)] == [3, 4, 2]
    assert drafts((HEADER + "1,a,u,2026-10-06,3|0\n").replace(",", ";").replace("|", ","))[0].answers == {"1": 3}


def test_a_decimal_comma_without_quotes_does_not_shift_the_row() -> None:
    (only,) = outcomes("id,who,unit,q,when\n1,a,u,3,0,2026-10-06\n")
    assert isinstance(only, Refused)
    assert (only.reason, "needs quotes" in only.hint) == ("too_many_cells", True)


def test_cells_are_recoded_in_any_spelling_of_blanks_and_accents() -> None:
    forms = {"sib5": {"version": 1, "items": {"1": "q"}, "values": {"sehr müde": 5, "3,0": 3, "k. A.": None}}}
    rows = '1,a,u,2026-10-06," sehr\nmu\u0308de"\n2,b,u,2026-10-06,"3,0"\n3,c,u,2026-10-06,k.\u00a0A.\n'
    found = outcomes(HEADER + rows, mapping_of(forms=forms))
    assert [outcome.answers["1"] for outcome in found if isinstance(outcome, Draft)] == [5, 3]
    assert refused(HEADER + rows, mapping_of(forms=forms)) == [(5, "no_answers", None)]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("inner", ["\n", "\r\n", "\r"])
def test_line_ends_in_quotes_are_counted_and_are_no_rows(end: str, inner: str) -> None:
    rows = ('id,who,"u@@nit",when,q,text', '1,a,u,2026-10-06,3,"x@@1,b,u,2026-10-06,5"', "2,b,u,2026-10-06,x,", "")
    export = end.join(rows).replace("@", inner)
    columns = {"response": "id", "person": "who", "unit": "u nit", "submitted": "when"}
    first, second = outcomes(export, mapping_of(columns=columns))
    assert isinstance(first, Draft)
    assert (first.line, first.answers) == (4, {"1": 3})
    assert (second.line, isinstance(second, Refused)) == (7, True)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\r\r\n"])
def test_blank_lines_are_counted_and_are_no_rows(end: str) -> None:
    lines = ["", "", HEADER.strip(), "", "1,a,u,2026-10-06,3", ",,,,", '"",""', "2,b,u,2026-10-06,4", "", ""]
    factor = 2 if end == "\r\r\n" else 1
    assert [draft.line for draft in drafts(end.join(lines))] == [1 + 4 * factor, 1 + 7 * factor]


def test_an_empty_line_is_not_one_of_the_rows_to_skip_but_a_row_of_blanks_is() -> None:
    skipping = mapping_of(header={"skip_after": 2})
    assert len(drafts(HEADER + "\na,b,c,d,e\n\n,,,,\n1,a,u,2026-10-06,3\n", skipping)) == 1


# trailing cells


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("id,who,unit,when,q", "1,a,u,2026-10-06,3,,, ,"),
        ("id,who,unit,when,q,,,", "1,a,u,2026-10-06,3"),
        ("id,who,unit,when,q,,,", "1,a,u,2026-10-06,3,,,"),
        ("id,who,unit,when,q,, ,", "1,a,u,2026-10-06,3,,,,,,"),
        ("id,who,unit,when,q,text,more", "1,a,u,2026-10-06,3"),
        ("id,who,unit,when,q,text,more", "1,a,u,2026-10-06,3,"),
        ("id,who,unit,when,,q,text", "1,a,u,2026-10-06,,3"),
    ],
)
def test_empty_cells_at_the_end_may_be_there_or_not(header: str, row: str) -> None:
    (draft,) = drafts(f"{header}\n{row}\n")
    assert draft.answers == {"1": 3}


def test_a_row_that_ends_before_a_column_of_the_mapping_is_not_a_partial_answer() -> None:
    forms = {"phq_2": {"version": 1, "items": {"1": "p1", "2": "p2"}}}
    export = "id,who,unit,when,p1,text,p2,more\n1,a,u,2026-10-06,3,x\n2,b,u,2026\n3,c,u,2026-10-06,1,,\n"
    short, shorter, whole = outcomes(export, mapping_of(forms=forms))
    assert isinstance(short, Refused)
    assert (short.line, short.reason, short.column) == (2, "too_few_cells", "p2")
    assert "6 cells of 8" in short.hint
    assert "cut off" in short.hint
    assert isinstance(shorter, Refused)
    assert (shorter.reason, shorter.column) == ("too_few_cells", "p1")
    assert isinstance(whole, Draft)
    assert whole.answers == {"1": 1}


def test_too_many_cells_are_refused_however_they_begin() -> None:
    assert refused(HEADER + "1,a,u,2026-10-06,3,,x\n") == [(2, "too_many_cells", None)]


# hostile files


def test_a_row_written_into_a_cell_that_is_too_long_is_not_read_as_a_row() -> None:
    forged = f"9,{CANARY},u,2026-10-06,5,"
    text = "x" * 140_000 + f"\n{forged}\n" + f'""\n{forged}\n""'
    export = f'id,who,unit,when,q,text\n1,a,u,2026-10-06,3,"{text}"\n2,b,u,2026-10-06,4,\n'
    long, good = outcomes(export)
    assert isinstance(long, Refused)
    assert (long.line, long.reason) == (2, "unreadable_row")
    assert "lines 2 to 6" in long.hint
    assert isinstance(good, Draft)
    assert (good.line, good.person) == (7, "b")


HOSTILE = {
    "quotes": b'"' * 20_000_000,
    "quotes after the header": HEADER.encode() + b'"' * 20_000_000,
    "quotes and blanks": HEADER.encode() + b'" ' * 5_000_000,
    "empty lines": b"\n" * 5_000_000,
    "empty lines first": b"\r\n" * 1_000_000 + HEADER.encode() + b"1,a,u,2026-10-06,3\n",
    "empty lines after": HEADER.encode() + b"\n" * 1_000_000,
    "columns": (HEADER.strip() + "," + ",".join(f"c{place}" for place in range(100_000)) + "\n").encode(),
    "columns alike": (",".join(f"whoo{place}" for place in range(100_000)) + "\n").encode(),
    "columns of one name": (HEADER.strip() + ",x" * 100_000 + "\n").encode(),
    "one long name": b"id,who" + b"o" * 131_000 + b"\n",
    "delimiters": b",;|\t" * 1_000_000,
    "bytes that are no text": b"\xff\xfe\xfd" * 2_000_000,
    "a cell never closed": HEADER.encode() + b'1,a,u,2026-10-06,"3\n' + b"2,b,u,2026-10-06,3\n" * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_takes_seconds_and_not_minutes(name: str) -> None:
    start = time.perf_counter()
    try:
        found = sum(1 for _ in outcomes(HOSTILE[name]))
    except InputRefused as error:
        found = len(str(error)) // 1000
    assert found <= 1
    assert time.perf_counter() - start < 15


@pytest.mark.parametrize("name", ["quotes", "quotes after the header", "empty lines", "bytes that are no text"])
def test_a_hostile_file_takes_a_few_times_its_size(name: str) -> None:
    export = HOSTILE[name]
    tracemalloc.start()
    try:
        outcomes(export)
    except InputRefused:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert peak < 12 * len(export)
