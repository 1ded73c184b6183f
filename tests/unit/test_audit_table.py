"""Known cases of published tables: the auditor finds what can be worked out, exactly, and passes what is safe.

F1 and F2 are test cases of sdcTable (Meindl B, R package sdcTable: simple heuristic, linked tables).
"""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Final

import pytest

from schemas.errors import InputRefused
from stream_processors.audit.bounds import Bounds
from stream_processors.audit.table import TableReport, audit_table, read_tables, table_lines

EXAMPLES: Final = Path(__file__).parents[2] / "docs" / "examples" / "audit"
Texts = Mapping[str, str]


def example(*tables: str, hidden: str) -> TableReport:
    """The report on tables of the examples."""
    texts = [(name, (EXAMPLES / name).read_text("utf-8")) for name in tables]
    return audit_table(read_tables(texts, (hidden, (EXAMPLES / hidden).read_text("utf-8"))))


def report(table: str, hidden: str = "cell\na\nb\n") -> TableReport:
    """The report on a table written here."""
    return audit_table(read_tables([("t.csv", table)], ("h.csv", hidden)))


def test_f1_a_cell_that_a_heuristic_left_open_is_worked_out() -> None:
    found = example("f1-table.csv", hidden="f1-hidden.csv")
    assert (found.verdict, found.exit_code, found.known) == ("unsafe", 1, ("wb",))
    assert found.isolated is not None
    assert dict(found.isolated.cells) == {"wb": 1}
    assert found.isolated.value == 47
    assert found.isolated.is_shortest
    assert found.ranges["wb"] == Bounds(Fraction(47), Fraction(47))


def test_f1_one_more_hidden_cell_makes_it_safe() -> None:
    found = example("f1-safe-table.csv", hidden="f1-safe-hidden.csv")
    assert (found.verdict, found.exit_code, found.isolated, found.known) == ("safe", 0, None, ())
    assert found.ranges["wb"] == Bounds(Fraction(0), Fraction(78))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_f2_each_of_the_linked_tables_alone_is_safe(number: int) -> None:
    assert example(f"f2-table-{number}.csv", hidden="f2-hidden.csv").verdict == "safe"


def test_f2_together_they_tell_a_hidden_cell() -> None:
    tables = [f"f2-table-{number}.csv" for number in (1, 2, 3, 4)]
    found = example(*tables, hidden="f2-hidden.csv")
    assert found.verdict == "unsafe"
    assert found.known == ("K",)
    assert found.isolated is not None
    assert dict(found.isolated.cells) == {"K": 1}
    assert found.isolated.value == 3
    # total 2 less total 3 less N
    assert dict(found.isolated.terms) == {"total 2": 1, "total 3": -1, "N": -1}


def test_f2_hiding_n_as_well_makes_them_safe() -> None:
    texts = [
        (str(number), (EXAMPLES / f"f2-table-{number}.csv").read_text("utf-8").replace("N,7,N\n", ""))
        for number in (1, 2, 3, 4)
    ]
    found = audit_table(read_tables(texts, ("h", "cell\nA\nB\nK\nL\nM\nN\n")))
    assert found.verdict == "safe"
    assert found.ranges["K"] == Bounds(Fraction(0), Fraction(10))


def test_f3_one_more_person_gives_the_answer_away() -> None:
    found = example("f3-table.csv", hidden="f3-hidden.csv").isolated
    assert found is not None
    assert dict(found.cells) == {"p13": 1}
    assert found.people == 1
    assert found.value == 4
    assert dict(found.terms) == {"thirteen people": 1, "twelve people": -1}


def test_f4_a_parent_less_its_units_is_the_hidden_one() -> None:
    found = example("f4-table.csv", hidden="f4-hidden.csv").isolated
    assert found is not None
    assert dict(found.cells) == {"one": 1}
    assert found.value == 4
    assert len(found.terms) == 4


def test_f5_complete_cases_beside_item_totals_give_one_person_away() -> None:
    found = example("f5-table.csv", hidden="f5-hidden.csv").isolated
    assert found is not None
    assert (found.people, len(found.cells)) == (1, 8)
    assert found.value == 32
    assert {cell.partition(".")[0] for cell, _ in found.cells} == {"p12"}
    assert len(found.terms) == 10


def test_a_cell_that_only_its_least_value_gives_away_is_known() -> None:
    found = report("name,value,cells\nt,0,a b\n")
    assert (found.isolated, found.known, found.verdict) == (None, ("a", "b"), "unsafe")


def test_a_hidden_cell_with_a_row_of_its_own_is_no_secret() -> None:
    found = report("name,value,cells\nt,9,a b\na,4,a\n")
    assert found.verdict == "unsafe"
    assert found.known == ("a", "b")


def test_coefficients_decimals_and_fractions_are_read_exactly() -> None:
    found = report("name,value,cells\none,0.3,2*a b\nother,1/10,b\n")
    assert found.ranges["a"] == Bounds(Fraction(1, 10), Fraction(1, 10))


def test_what_a_cell_can_be_narrows_its_range() -> None:
    table = read_tables([("t.csv", "name,value,cells\nt,9,a b\n")], ("h.csv", "cell\na\nb\n"))
    assert audit_table(table, 2, Fraction(1), Fraction(5)).known == ()
    assert audit_table(table, 2, Fraction(1), Fraction(5)).ranges["a"] == Bounds(Fraction(4), Fraction(5))
    assert audit_table(table, 2, Fraction(1), Fraction(9, 2)).known == ("a", "b")
    with pytest.raises(InputRefused, match="does not add up"):
        audit_table(table, 2, Fraction(5))
    with pytest.raises(InputRefused, match="a cell cannot be at least 5 and at most 1"):
        audit_table(table, 2, Fraction(5), Fraction(1))


def test_the_report_in_words_ends_with_the_verdict() -> None:
    lines = list(table_lines(example("f3-table.csv", hidden="f3-hidden.csv")))
    assert lines[:4] == [
        "unsafe: these rows isolate one respondent or cell",
        "  - twelve people",
        "  + thirteen people",
        "  = p13 = 4",
    ]
    assert lines[-1] == "verdict: unsafe"
    assert "hidden p1 is from 0 to 35" in lines


@pytest.mark.parametrize(
    ("table", "refusal"),
    [
        ("", "t.csv line 1: column name is missing"),
        ("name,value\nt,3\n", "t.csv line 1: column cells is missing"),
        ("name,value,cells\nt,,a b\n", "t.csv line 2: column value is empty"),
        ("name,value,cells\nt,3\n", "t.csv line 2: column cells is empty"),
        ("name,value,cells\nt,three,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,nan,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,1e999999999,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,1/0,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,3,a a\n", "t.csv line 2: column cells names a cell twice"),
        ("name,value,cells\nt,3,2*\n", "t.csv line 2: column cells names a cell twice, or a coefficient without one"),
        ("name,value,cells\nt,3,0*a b\n", "t.csv line 2: column cells has a coefficient of zero"),
        ("name,value,cells\nt,3,a b\nt,4,a b\n", "t.csv line 3: a row of this name was given before"),
        ("name,value,cells\nt,3,a b c\n", "cell c is in a total, but neither has a row of its own nor is hidden"),
        ('name,value,cells\nt,3,"a b\n', "t.csv after line 1: this is not CSV"),
        ("name,value,cells\nt,3,a\0b\n", "t.csv holds zero bytes"),
        ("name,value,cells\n", "the table has no rows"),
        ("name,value,cells\nt,1,234,a b\n", "t.csv line 2 has more columns than line 1"),
        ("name,value,cells,value\nt,1,a b,5\n", "t.csv line 1: column value is there twice"),
        ("name,value,cells\nt,1_0,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,\u0663,a b\n", "t.csv line 2: column value must hold numbers"),
        ("name,value,cells\nt,=1+2,a b\n", "t.csv line 2: column value must hold numbers"),
    ],
)
def test_a_table_that_cannot_be_used_is_refused_with_its_place(table: str, refusal: str) -> None:
    with pytest.raises(InputRefused, match=refusal):
        report(table)


@pytest.mark.parametrize(
    ("hidden", "refusal"),
    [
        ("", "h.csv line 1: column cell is missing"),
        ("cell\n", "h.csv hides no cell"),
        ("cell,respondant\na,p\nb,p\n", "h.csv line 1: it may have the columns cell, respondent and no other"),
        ("cell,cell\na,b\n", "h.csv line 1: column cell is there twice"),
        ("cell\na b\n", r"h.csv line 2: column cell holds a space or \*"),
        ("cell\n2*a\nb\n", r"h.csv line 2: column cell holds a space or \*"),
        ("cell,respondent\na,\n,p\n", "h.csv line 3: column cell is empty"),
        ("cell\na,b\n", "h.csv line 2 has more columns than line 1"),
    ],
)
def test_a_list_of_hidden_cells_that_cannot_be_used_is_refused_with_its_place(hidden: str, refusal: str) -> None:
    with pytest.raises(InputRefused, match=refusal):
        report("name,value,cells\nt,3,a b\n", hidden)


def test_a_byte_order_mark_and_empty_columns_of_a_spreadsheet_are_passed_over() -> None:
    found = report("\ufeffname,value,cells,,\nt,3,a b,,\n", "\ufeffcell,,\na,,\nb,,\n")
    assert (found.verdict, found.ranges["a"]) == ("safe", Bounds(Fraction(0), Fraction(3)))


@pytest.mark.parametrize("name", ["q", "r", "x1"])
def test_a_respondent_may_be_named_like_a_cell(name: str) -> None:
    """What is published counts as enough people; a respondent of the same name is one all the same."""
    found = report("name,value,cells\nt,7,x1 x2\nrow r,5,r\n", f"cell,respondent\nx1,{name}\nx2,{name}\n")
    assert (found.verdict, found.known) == ("unsafe", ())
    assert found.isolated is not None
    assert found.isolated.people == 1
    assert found.isolated.value == 7


def test_a_cell_without_a_respondent_is_not_that_of_a_respondent_of_its_name() -> None:
    hidden = "cell,respondent\nx1,x2\nx2,\n"
    assert report("name,value,cells\nt,7,x1 x2\n", hidden).verdict == "safe"


@pytest.mark.parametrize(
    "table",
    [
        "name,value,cells\nt,9,a b\npart,4,a\nfine,5,c d\nrest,6,b\n",
        "name,value,cells\nt,3,a b\nfine,5,c d\npart,4,a\nrest,-1,b\n",
    ],
)
def test_a_table_that_does_not_add_up_is_refused_with_the_rows_that_contradict(table: str) -> None:
    with pytest.raises(InputRefused, match="does not add up; these rows contradict one another: ") as refused:
        report(table, "cell\na\nb\nc\nd\n")
    assert "fine" not in str(refused.value)


def test_hundreds_of_cells_are_decided() -> None:
    rows, columns = range(12), range(15)
    lines = ["name,value,cells"]
    lines += [f"row {r},{sum(r + c for c in columns)},{' '.join(f'{r}.{c}' for c in columns)}" for r in rows]
    lines += [f"column {c},{sum(r + c for r in rows)},{' '.join(f'{r}.{c}' for r in rows)}" for c in columns]
    hidden = "cell\n" + "\n".join(f"{r}.{c}" for r in rows for c in columns)
    found = report("\n".join(lines), hidden)
    assert found.verdict == "safe"
    assert found.ranges["3.4"] == Bounds(Fraction(0), Fraction(114))


def test_a_table_that_takes_too_long_is_undecided(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = [[f"c{row}_{column}" for column in range(6)] for row in range(6)]
    lines = [f"t{number},20,{' '.join(one)}" for number, one in enumerate([*cells, *zip(*cells, strict=True)])]
    text = "\n".join(["name,value,cells", *lines])
    given = read_tables([("t.csv", text)], ("h.csv", "\n".join(["cell", *(cell for row in cells for cell in row)])))
    assert audit_table(given).verdict == "safe"
    monkeypatch.setattr("stream_processors.audit.bounds.WORK", 100)
    report = audit_table(given)
    assert (report.verdict, report.ranges) == ("undecided", {})


def test_a_cell_of_two_respondents_is_refused_by_line() -> None:
    with pytest.raises(InputRefused, match=r"h.csv line 3: this cell was given to another respondent before"):
        read_tables([("t.csv", "name,value,cells\nt,3,a b")], ("h.csv", "cell,respondent\na,p\na,q\nb,p"))
