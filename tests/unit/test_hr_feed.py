"""The organisation from the CSV of a personnel system: what is read, every refusal, and the command."""

import json
import re
import shlex
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from deploy.control import Control
from producers.keystore import Keystore
from producers.sources.hr_csv import read_units, with_headcounts
from producers.sources.hr_mapping import HrMapping, load_hr_mapping, parse_as_of
from producers.sources.hr_units import Built, build
from producers.sources.organisation_file import load_organisation
from schemas.errors import InputRefused, WardpulseError
from schemas.events import OrganisationUpdated
from tests.unit.test_announcing import Controls
from wardpulse import application

ROOT = Path(__file__).parents[2]
DAY = date(2026, 10, 1)
HEADER = "code,name,parent,kind,heads,from,to"
PLAIN = ["h,Hospital,,hospital,,,", "m,Medicine,h,clinic,,,", "a,Ward A,m,ward,40,,", "b,Ward B,m,ward,0,,"]
SETTINGS: dict[str, Any] = {
    "facility": "general",
    "levels": ["facility", "department", "unit"],
    "columns": {
        "code": "code",
        "name": "name",
        "parent": "parent",
        "level": "kind",
        "headcount": "heads",
        "valid_from": "from",
        "valid_to": "to",
    },
    "kinds": {"Clinic": "department", "Ward": "unit", "Team": None},
}


def mapped(**changes: Any) -> HrMapping:
    return HrMapping.model_validate({**SETTINGS, **changes})


def read(rows: list[str], header: str = HEADER, **changes: Any) -> Built:
    mapping, data = mapped(**changes), "\n".join([header, *rows]).encode()
    return build("the export", read_units(data, mapping, DAY), mapping, DAY)


def nodes(built: Built) -> dict[str, tuple[str | None, str, int | None]]:
    return {node.id: (node.parent, node.kind, node.headcount) for node in built.record.nodes}


def test_units_become_nodes_with_the_facility_at_the_top() -> None:
    assert nodes(read(PLAIN)) == {
        "general": (None, "facility", None),
        "m": ("general", "department", None),
        "a": ("m", "unit", 40),
        "b": ("m", "unit", 0),
    }


def test_the_rows_in_force_are_those_of_the_day() -> None:
    dated = [
        *PLAIN[:2],
        "a,Old,m,ward,10,,2026-09-30",
        "a,New,m,ward,20,2026-10-01,9999-12-31",
        "b,Gone,m,ward,5,2026-01-01,2026-09-30",
        "c,Coming,m,ward,5,2026-10-02,",
    ]
    assert nodes(read(dated))["a"] == ("m", "unit", 20)
    assert set(nodes(read(dated))) == {"general", "m", "a"}
    # where the end is the day after, a row that ends on the first of October is over
    after = [*PLAIN[:2], "a,Old,m,ward,10,,2026-10-01", "a,New,m,ward,20,2026-10-01,"]
    assert nodes(read(after, valid_to="day_after"))["a"][2] == 20
    with pytest.raises(InputRefused, match="unit a is there twice at a time, in lines 4 and 5"):
        read(after)


def test_without_kinds_the_place_in_the_tree_is_the_level() -> None:
    columns = {name: column for name, column in SETTINGS["columns"].items() if name != "level"}
    assert nodes(read(PLAIN, columns=columns, kinds={})) == nodes(read(PLAIN))
    with pytest.raises(InputRefused, match="unit d lies deeper than there are levels"):
        read([*PLAIN, "d,Bed,a,,1,,"], columns=columns, kinds={})


def test_kinds_left_out_hand_what_is_below_them_on_and_may_have_no_people() -> None:
    lifted = read([*PLAIN, "t,Team,h,team,,,", "c,Ward C,t,ward,7,,"])
    assert (nodes(lifted)["c"], lifted.left_out) == (("general", "unit", 7), 1)
    with pytest.raises(InputRefused, match="unit t is left out by kinds and has people of its own"):
        read([*PLAIN, "t,Team,a,team,7,,"])


def test_a_root_that_is_named_leaves_other_facilities_out() -> None:
    group = [
        "g,Group,,holding,,,",
        "x,Other,g,hospital,,,",
        "y,Ward,x,ward,9,,",
        "h,Hospital,g,hospital,,,",
        *PLAIN[1:],
    ]
    built = read(group, root="h")
    assert (nodes(built), built.elsewhere) == (nodes(read(PLAIN)), 3)
    with pytest.raises(InputRefused, match="has no unit z in force: correct root"):
        read(group, root="z")


def test_ids_codes_and_staff_groups() -> None:
    columns = {**SETTINGS["columns"], "staff_group": "group"}
    rows = [f"{row}," for row in PLAIN[:2]] + ["A.1,Nurses,m,ward,40,,,Pflege", "B_2,Doctors,m,ward,9,,,Physician"]
    built = read(rows, f"{HEADER},group", columns=columns, ids={"B_2": "docs"}, staff_groups={"Pflege": "nurse"})
    assert {node.id: node.staff_group for node in built.record.nodes if node.staff_group} == {
        "a.1": "nurse",
        "docs": "physician",
    }


REFUSED: list[tuple[list[str], str]] = [
    (["a,Ward A,m,ward,40,,"], "unit a is there twice at a time, in lines 4 and 6"),
    (
        ["a,Ward A,m,ward,1,,"] * 4,
        "unit a has 3 rows or more at a time, .*: give counts, not rosters",
    ),
    (["c,Ward C,zz,ward,1,,"], "unit c is under unit zz that is not in the file"),
    (["z,Z,m,ward,1,,2026-09-30", "c,C,z,ward,1,,"], "unit c is under unit z that is not in force on that day"),
    (["c,C,d,ward,1,,", "d,D,c,ward,1,,"], "unit [cd] is under itself"),
    (["c,C,c,ward,1,,"], "unit c is under itself"),
    (["c,C,,ward,1,,"], "has 2 units without one above, such as unit h and unit c"),
    (["c,C,m,ward,-1,,"], "unit c has a headcount that is no whole number from 0"),
    (["c,C,m,ward,1.5,,"], "unit c has a headcount that is no whole number"),
    (["c,C,m,ward,1.000,,"], "unit c has a headcount that is no whole number"),
    (["c,C,m,ward,1e3,,"], "unit c has a headcount that is no whole number"),
    (["c,C,m,ward,1000001,,"], "unit c has a headcount that is no whole number"),
    ([f"c,C,m,ward,{'9' * 5000},,"], "unit c has a headcount that is no whole number"),
    (["c,C,m,ward,,,"], "unit c has no headcount: give how many"),
    (["c,C,a,clinic,,,"], "unit c is a department under unit a, a unit: levels go facility, department, unit"),
    (["c,C,m,clinic,,,"], "unit c is a department under unit m, a department"),
    (["c,C,m,floor,1,,"], "unit c is of no kind that the mapping knows"),
    (["c,C,m,,1,,"], "unit c is of no kind that the mapping knows"),
    (["A,C,m,ward,1,,"], "unit A and unit a would both have the id a"),
    (["general,C,m,ward,1,,"], "unit general and unit h would both have the id general"),
    (["Ward C,C,m,ward,1,,"], "the code of the unit in line 6 is no id"),
    (["c,,m,ward,1,,"], "unit c needs a name of 1 to 120 letters"),
    ([f"c,{'C' * 121},m,ward,1,,"], "unit c needs a name"),
    (["c,C\x1b[31m,m,ward,1,,"], "unit c has a damaged name"),
    ([",C,m,ward,1,,"], "line 6 has no code"),
    (["c,C,m"], "line 6 has too few cells, as if cut off"),
    (["c,C,m,ward,1,,,x"], "line 6 has more cells than there are columns"),
    (['c,"C"x,m,ward,1,,'], "line 6 has quotes that do not pair up"),
    (["c,C,m,ward,1,1.10.2026,"], "line 6 has a date that is none"),
    (["c,C,m,ward,1,2026-10-02,2026-10-01"], "line 6 ends before it begins"),
    (["n,N,h,clinic,3,,", "c,C,n,ward,4,,"], "unit n has fewer people than the units under it have together"),
    (["\n".join(f"c{n},C,zz,ward,1,," for n in range(9))], "; and 4 more"),
]


@pytest.mark.parametrize(("more", "said"), REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_used_refuses_the_file_with_a_sentence(more: list[str], said: str) -> None:
    with pytest.raises(InputRefused, match=said):
        read([*PLAIN, *more])


def test_a_file_without_a_top_a_unit_or_a_last_level_is_refused() -> None:
    with pytest.raises(InputRefused, match="every unit is under another one, unit h too"):
        read(["h,Hospital,m,hospital,,,", *PLAIN[1:]])
    with pytest.raises(InputRefused, match="has no unit in force on 2026-10-01"):
        read([])
    with pytest.raises(InputRefused, match="has no unit, which is where people answer"):
        read(PLAIN[:2])


def test_a_chain_without_end_is_refused_and_does_not_crash() -> None:
    chain = [f"c{n},C,c{n - 1},team,,," for n in range(1, 20_000)]
    with pytest.raises(InputRefused, match="lies more than 100 units deep"):
        read([*PLAIN, "c0,C,h,team,,,", *reversed(chain)])


def test_a_file_of_people_is_refused_without_a_word_of_them() -> None:
    people = [
        "Eva Muster,E. Muster,h,ward,1,,",
        "Eva Muster,E. Muster,eva@x.example,ward,x,,",
        "q,Q,Eva Muster,ward,1,,",
    ]
    for rows in ([*PLAIN, people[0]], [*PLAIN, people[1]], [*PLAIN, people[2]], [*PLAIN, *people[:2]]):
        with pytest.raises(InputRefused) as refused:
            read(rows)
        assert not re.search("Muster|eva|Eva", str(refused.value))


def test_headcounts_beside_the_units_need_no_dates_and_no_other_units() -> None:
    mapping = mapped()
    listed = read_units("\n".join([HEADER, *PLAIN]).encode(), mapping, DAY)
    counted = with_headcounts(listed, b"heads;code\n7;a\n", mapping, DAY)
    assert nodes(build("x", counted, mapping, DAY))["a"] == ("m", "unit", 7)
    with pytest.raises(InputRefused, match="unit q is not in the list of units: its people would be lost"):
        with_headcounts(listed, b"heads;code\n7;q\n", mapping, DAY)
    with pytest.raises(InputRefused, match="unit a is there twice at a time"):
        with_headcounts(listed, b"heads;code\n7;a\n8;a\n", mapping, DAY)
    with pytest.raises(InputRefused, match=r"no columns\.headcount"):
        with_headcounts(listed, b"code\na\n", mapped(columns={"code": "code"}), DAY)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kinds": {"Ward": "wing"}}, "has wing in kinds, which is not one of the levels"),
        ({"levels": ["facility", "facility"], "kinds": {}}, "has the level facility twice"),
        ({"ids": {"1": "a", "2": "a"}}, "gives the id a to two units"),
        ({"columns": {"code": "x", "name": "x"}}, "uses the column x for two things"),
        ({"date_format": "%d"}, "is not a date format"),
        ({"colour": "red"}, "has no setting colour"),
        ({"facility": "St Anna"}, "facility is not an id"),
    ],
)
def test_a_wrong_mapping_is_refused(tmp_path: Path, changes: dict[str, Any], said: str) -> None:
    file = tmp_path / "map.yaml"
    file.write_text(json.dumps({**SETTINGS, **changes}))
    with pytest.raises(InputRefused, match=said):
        load_hr_mapping(file)


@pytest.mark.parametrize("text", ["1.10.2026", "2026-13-01", "20261001", "1999-12-31", "2100-01-02", ""])
def test_what_is_no_day_is_refused(text: str) -> None:
    with pytest.raises(InputRefused, match="write it as 2026-10-01"):
        parse_as_of(text)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, list[Any]]]:
    """Runs `organisation` over an empty log, in a folder of its own; what it says, and what it sent."""
    Keystore.create(tmp_path / "st-anna.json", "st-anna", lambda size: bytes(range(size)))
    monkeypatch.setenv("WARDPULSE_KEYSTORES", str(tmp_path))
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[str, list[Any]]:
        controls = Controls()
        monkeypatch.setattr(Control, "connect", lambda _: controls)
        done = CliRunner().invoke(application(["organisation"]), ["organisation", "announce", *words])
        if isinstance(done.exception, WardpulseError):
            raise done.exception
        assert done.exit_code == 0, done.output
        return done.output, controls.sent

    return run


def test_the_page_works_as_it_is_written(command: Callable[..., tuple[str, list[Any]]]) -> None:
    page = (ROOT / "docs" / "hr-feed.md").read_text("utf-8")
    shown = re.search(r"^\$ wardpulse organisation announce (.*)\n((?:.+\n)*?)```", page, re.MULTILINE)
    assert shown is not None
    said, sent = command(*shlex.split(shown[1]))
    assert (said.replace("  nothing that matters to a series changes\n", ""), sent) == (shown[2], [])
    # and what it wrote is the very record, by whichever way it is announced
    said, sent = command("organisation.yaml")
    assert "in force for rounds opened from now on" in said
    words = [word for word in shlex.split(shown[1]) if word != "--dry-run"]
    again = command(*words)[1]
    assert isinstance(sent[0], OrganisationUpdated)
    assert again == sent == [load_organisation(Path("organisation.yaml"))]


def test_the_command_says_what_it_needs(command: Callable[..., Any], tmp_path: Path) -> None:
    feed = ["docs/examples/hr-feed.csv", "--source", "csv"]
    with pytest.raises(InputRefused, match="--source csv needs --mapping"):
        command(*feed)
    mapping = ["--mapping", "docs/examples/hr-feed.yaml"]
    with pytest.raises(InputRefused, match="does not say of which day it is: say it with --as-of"):
        command(*feed, *mapping)
    with pytest.raises(InputRefused, match="cannot be written"):
        command(*feed, *mapping, "--as-of", "2026-10-01", "--out", str(tmp_path / "none" / "x.yaml"))
    with pytest.raises(InputRefused, match="cannot be read"):
        command(*feed, *mapping, "--as-of", "2026-10-01", "--headcounts", "none.csv")
