"""Whatever a mapping or a header holds, the answer is a mapping or an error of ours."""

import csv
import io
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from deploy.resources import catalogue
from producers.sources.csv_text import read_heading
from producers.sources.drafts import Draft, to_submission
from producers.sources.first_mapping import first_mapping
from producers.sources.mapping import examine_mapping, for_round, load_mapping, tidy
from producers.sources.placeholders import CHANGE_ME, unfinished
from producers.sources.registry import read
from producers.sources.systems import KNOWN
from producers.sources.yaml_text import parse_yaml
from schemas.errors import WardpulseError
from tests.limesurvey import LIMESURVEY_MAPPING
from tests.unit.test_csv_source import CANARY, KEYS

CATALOGUE = catalogue()
SPECIAL = [
    "",
    '"',
    '""',
    "a\nb",
    "a\r\n- b",
    "x: y",
    "# x",
    " #",
    "{",
    "*a",
    "&a",
    "!!x",
    "%",
    "@",
    "'",
    "\\",
    "\t",
    "|",
]
LETTERS = ["\0", "\x1b[31m", "\x85", "\u2028", "\ufeff", "\ufffe", "😀", "é", "e\u0301", "NO", "~", "null", "012", "1"]
NUMBERED = [f"{stem}{number}" for stem in ("Q1[SQ00", "q", "a b ") for number in range(1, 8)]
NAMES = st.one_of(
    st.sampled_from(SPECIAL),
    st.sampled_from(LETTERS),
    st.sampled_from(sorted(KNOWN)),
    st.sampled_from(["a_timestamp", "b_timestamp", "a_complete", "tick___1", CHANGE_ME, f" {CHANGE_ME}"]),
    st.sampled_from(NUMBERED),
    st.text(st.characters(codec="utf-8"), max_size=12),
    st.text(max_size=6).map(lambda text: text + ": #\n" + text),
)
SYSTEMS = st.sampled_from(
    [
        [],
        ["id", "submitdate", "token", "startlanguage"],
        ["RecordedDate", "Status", "Finished", "ResponseId"],
        ["ID", "Start time", "Completion time", "Email"],
        ["record_id", "redcap_survey_identifier", "a_timestamp", "a_complete"],
    ]
)
RUNS = st.sampled_from([[], NUMBERED[:7], NUMBERED[:2], NUMBERED[7:14]])
FORMS = st.lists(st.sampled_from(sorted(CATALOGUE)), max_size=3, unique=True)
ENCODINGS = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"])
FILLED: dict[str, Any] = {
    "facility": "st-anna",
    "source": "csv",
    "survey": "1",
    "timezone": "Europe/Berlin",
    "submitted_on": "2026-10-06",
}


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("mappings") / "mapping.yaml"


def written(rows: list[list[str]], delimiter: str = ",") -> str:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=delimiter).writerows(rows)
    return file.getvalue()


def filled_in(content: dict[str, Any], spare: list[str]) -> dict[str, Any]:
    """The mapping with a value for every placeholder: columns that nothing uses yet."""
    free = iter(spare)
    for place in sorted(unfinished(content), key=len, reverse=True):
        block: Any = content
        for part in place[:-1]:
            block = block[part if part in block else int(part)]
        last = place[-1] if place[-1] in block else int(place[-1])
        if place == ("forms",):
            block["forms"] = {"sib5": block["forms"][CHANGE_ME]}
        else:
            block[last] = FILLED[place[0]] if place[0] in FILLED else next(free, "x")
    return content


def refusal_or_nothing(act: Callable[[], None]) -> str:
    try:
        act()
    except WardpulseError as error:
        return str(error)
    return ""


@settings(max_examples=300, deadline=None)
@given(
    system=SYSTEMS,
    names=st.lists(NAMES, max_size=12),
    run=RUNS,
    forms=FORMS,
    delimiter=st.sampled_from(",;\t|"),
    encoding=ENCODINGS,
    repeated=st.booleans(),
)
def test_a_first_mapping_parses_and_once_filled_in_loads_or_is_refused(
    path: Path,
    system: list[str],
    names: list[str],
    run: list[str],
    forms: list[str],
    delimiter: str,
    encoding: str,
    repeated: bool,
) -> None:
    header = [*system, *names, *run]
    header = header if repeated else list({tidy(name): name for name in header}.values())
    # a row of blanks is no header: the next would be taken for one
    assume(any(name.strip("\ufeff").strip() for name in header))
    rows = [header, [CANARY] * len(header), ["1", *["2026-10-06"] * (len(header) - 1)]]
    export = written(rows, delimiter).encode(encoding, "replace")

    def act() -> None:
        spare = check_first(path, export, forms)
        path.write_text(yaml.safe_dump(filled_in(parse_yaml(path), spare), allow_unicode=True), "utf-8")
        read_all(export, path)

    assert CANARY not in refusal_or_nothing(act)


def check_first(path: Path, export: bytes, forms: list[str]) -> list[str]:
    """Write the first mapping to the path; gives the columns it leaves free."""
    text = first_mapping(export, [CATALOGUE[form] for form in forms])
    assert CANARY not in text
    path.write_text(text, "utf-8")
    content = parse_yaml(path)
    # what a name holds cannot add a setting, or take one away
    assert set(content) <= {*FILLED, "identity", "columns", "date_format", "accept", "header", "forms"}
    assert {"facility", "source", "survey", "identity", "columns", "header", "forms"} <= set(content)
    assert content["facility"] == CHANGE_ME
    assert all(line.isprintable() for line in text.split("\n"))
    taken = set(content["columns"].values()) | {name for form in content["forms"].values() for name in form["items"]}
    return [name for name in read_heading(export, KNOWN).names if name and name not in taken]


def read_all(export: bytes, path: Path) -> None:
    mapping = for_round(load_mapping(path), "r1")
    for outcome in read(export, mapping, CATALOGUE):
        if isinstance(outcome, Draft):
            to_submission(outcome, mapping, KEYS)
        else:
            assert CANARY not in repr(outcome)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.from_regex(r"[A-Za-z]{2,8}", fullmatch=True).filter(lambda name: name not in KNOWN),
        min_size=4,
        max_size=8,
        unique=True,
    )
)
def test_a_first_mapping_of_ordinary_names_loads_once_it_is_filled_in(path: Path, names: list[str]) -> None:
    header = [*names, "submitdate", "id", "token", "lastpage", *(f"q[{item}]" for item in range(1, 8))]
    path.write_text(first_mapping(written([header]).encode(), [CATALOGUE["cbi.work"]]), "utf-8")
    path.write_text(yaml.safe_dump(filled_in(parse_yaml(path), names)), "utf-8")
    mapping = load_mapping(path)
    assert mapping.item_columns() == tuple(f"q[{item}]" for item in range(1, 8))
    assert list(read(written([header]).encode(), mapping, CATALOGUE)) == []


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_give_a_first_mapping_or_a_mapping_any_other_error(path: Path, data: bytes) -> None:
    with suppress(WardpulseError):
        yaml.safe_load(first_mapping(data, [CATALOGUE["cbi.work"]]))
    path.write_bytes(data)
    with suppress(WardpulseError):
        load_mapping(path)


PIECES = [
    *(
        b"\0",
        b"\xff",
        b"\t",
        b'"',
        b"'",
        b"{",
        b"[",
        b"&a",
        b"*a",
        b"<<: *a",
        b"!!merge <<: *a",
        b"!!binary x",
        b"? [a]",
        b"---\n",
        b"\n- ",
    ),
    *(b'"\\ud800"', b'"\\U0010ffff"', b"CHANGE-ME", b"!!set {a}", b"!!float x", b"!!timestamp 2026-99-99", b": ", b"#"),
    *(b"9" * 5000, b"[" * 2000, b"{a: " * 500, b"null", b"-1", b"&a [*a, *a]"),
]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 6000), st.sampled_from(PIECES), st.integers(0, 60)), min_size=1, max_size=4))
def test_no_damage_to_a_complete_mapping_gives_any_other_error(
    path: Path, damages: list[tuple[int, bytes, int]]
) -> None:
    data = LIMESURVEY_MAPPING.encode()
    for at, piece, lost in damages:
        place = at % len(data)
        data = data[:place] + piece + data[place + lost :]
    path.write_bytes(data)
    with suppress(WardpulseError):
        found = examine_mapping(path)
        if isinstance(found, list):
            "\n".join(found).encode()
