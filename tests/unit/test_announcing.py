"""`wardpulse organisation announce`: what it shows, asks and refuses while rounds are open."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from deploy.control import Control
from producers.client import ControlEvent
from producers.keystore import Keystore
from producers.sources.organisation_file import load_organisation
from schemas.canonical import canonical_json
from schemas.errors import InputRefused, WardpulseError
from schemas.organisation import organisation
from stream_processors.steps.ledger import Ledger, ledger
from tests.hospital import Event, answers, closing, opening, record, season
from tests.limesurvey import LIMESURVEY_FILE
from tests.records import replayed
from wardpulse import application

STAFF_GROUPS = LIMESURVEY_FILE.with_name("organisation-staff-groups.yaml")
HEADS = {"surgery/ward-1": 40, "surgery/ward-2": 12, "imaging/ct": 20, "imaging/mri": 19}
TURNED = ("facility", "unit", "department")
LONG = opening(["mri", "ward-2"], "long", season("long"))
WITHOUT_MRI = {place: count for place, count in HEADS.items() if place != "imaging/mri"}


class Controls(Control):
    """Controls over a log in memory: what is sent is kept."""

    def __init__(self, *events: Event) -> None:
        self.known, self.sent = ledger(replayed(events).echoes), list[ControlEvent]()

    def ledger(self) -> Ledger:
        return self.known

    def announce(self, event: ControlEvent, keystore: Keystore, wait: float = 0) -> None:
        self.sent.append(event)


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, int]]:
    """Announces a record over a log with these events; what it says, and how many records it sent."""
    Keystore.create(tmp_path / "general.json", "general", lambda size: bytes(range(size)))
    monkeypatch.setenv("WARDPULSE_KEYSTORES", str(tmp_path))

    def run(new: Event, *options: str, log: tuple[Event, ...], answer: str = "", code: int = 0) -> tuple[str, int]:
        controls, file = Controls(record(HEADS), *log), tmp_path / "organisation.yaml"
        fields = {name: new[name] for name in ("facility", "levels", "nodes", "effective_from")}
        file.write_bytes(canonical_json(fields))  # JSON is YAML too
        monkeypatch.setattr(Control, "connect", lambda _: controls)
        words = ["organisation", "announce", str(file), *options]
        done = CliRunner().invoke(application(["organisation"]), words, input=answer)
        if isinstance(done.exception, WardpulseError):
            raise done.exception
        assert done.exit_code == code, done.output
        return done.output, len(controls.sent)

    return run


@pytest.mark.parametrize("options", [(), ("--dry-run",), ("--yes",)])
def test_another_order_of_levels_is_refused_with_the_open_rounds_named(command: Any, options: tuple[str, ...]) -> None:
    log = (opening(["ct"], "r1"), opening(["ct"], "r2", forms=["cbi.work"]), opening(["mri"], "r3"), closing("r3"))
    with pytest.raises(InputRefused, match=r"levels_reordered\): open are r1, r2; its levels are in another order"):
        command(record(HEADS, TURNED), *options, log=log)


def test_without_an_open_round_another_order_is_warned_of_and_asked(command: Any) -> None:
    new, ended = record({"ward-1/surgery": 40}, TURNED), (opening(["ct"], "r1"), closing("r1"))
    # one unit of four is left
    with pytest.raises(InputRefused, match="general goes from 91 to 40 people"):
        command(new, "--yes", log=ended)
    said, sent = command(new, "--force", log=ended, answer="y\ny\n")
    assert "every figure above the units compares unlike groups" in said
    assert "Change it at most once a year" in said
    assert "new order of levels? Announce it" in said
    assert sent == 1
    assert command(new, "--force", log=ended, answer="y\nn\n", code=1)[1] == 0
    said, sent = command(new, "--force", "--yes", log=ended)
    assert ("Announce it" in said, sent) == (False, 1)


def test_a_leaf_of_an_open_long_round_that_goes_is_warned_of_and_asked(command: Any) -> None:
    said, sent = command(record(WITHOUT_MRI), "--force", log=(LONG,), answer="y\nn\n", code=1)
    assert "warning: mri: asked in long until 2026-03-29" in said
    assert "short rounds of sib5 are refused until the season is over" in said
    assert "Do without those short rounds?" in said
    assert sent == 0
    # and so they are
    short = opening(["ct", "ward-1"], "short", season("short"))
    refused = replayed([record(HEADS), LONG, record(WITHOUT_MRI), short]).dead_letters
    assert [letter.reason for letter in refused] == ["round_overlaps"]


@pytest.mark.parametrize(
    "log",
    [
        (),
        (LONG, closing("long", "round.cancelled")),
        (LONG, *answers("long", {"mri": 12}), closing("long")),
        (opening(["mri"], "alone"),),
        (opening(["ct", "ward-1"], "short", season("short")),),
    ],
)
def test_a_leaf_that_no_open_long_round_asks_goes_without_a_warning(command: Any, log: tuple[Event, ...]) -> None:
    # half of imaging goes with it, and that is asked
    said, sent = command(record(WITHOUT_MRI), "--force", log=log, answer="y\n")
    assert ("warning" in said, sent) == (False, 1)


def test_staff_groups_as_a_new_last_level_are_told(command: Any) -> None:
    groups = record({"surgery/ward-1/nurse": 40}, ("facility", "department", "unit", "staff_group"))
    said, sent = command(groups, "--dry-run", "--force", log=())
    assert "answers are now given by staff_group, no longer by unit" in said
    assert "cover only the units whose nurses are enough by themselves" in said
    assert sent == 0


def test_the_example_with_staff_groups_loads_and_has_them_at_its_leaves(tmp_path: Path) -> None:
    event = load_organisation(STAFF_GROUPS)
    found = organisation(event)
    assert (len(found.leaves()), found.headcounts["st-anna"]) == (14, 400)
    groups = {leaf: found.nodes[leaf].staff_group for leaf in found.leaves()}
    assert all(leaf.endswith(f"-{group}") for leaf, group in groups.items())
    assert set(groups.values()) == {"nurse", "physician", "other"}
    assert {node.kind for node in found.nodes.values() if node.staff_group is None} == {
        "facility",
        "department",
        "unit",
    }
    # the place of a staff group is the leaf alone
    wrong = shutil.copy(STAFF_GROUPS, tmp_path / "wrong.yaml")
    content = yaml.safe_load(Path(wrong).read_text("utf-8"))
    next(line for line in content["nodes"] if line["id"] == "med-a")["staff_group"] = "nurse"
    Path(wrong).write_bytes(canonical_json({**content, "effective_from": "2027-01-04"}))
    with pytest.raises(InputRefused, match="node med-a has a staff group and is no leaf"):
        load_organisation(Path(wrong))


def test_a_record_that_looks_cut_short_is_refused_however_it_is_answered(command: Any) -> None:
    with pytest.raises(InputRefused, match="imaging goes from 39 to 20 people; 1 of 4 units are gone, mri among") as no:
        command(record(WITHOUT_MRI), "--yes", log=())
    assert "see whether the file is whole; if it is meant, announce it with --force" in str(no.value)
    with pytest.raises(InputRefused, match=r"more than a share of 0\.45: see"):
        command(record(WITHOUT_MRI), "--largest-drop", "0.45", "--dry-run", log=())
    said, sent = command(record(WITHOUT_MRI), "--largest-drop", "0.5", "--yes", log=())
    assert ("mri is removed" in said, "forced" in said, sent) == (True, False, 1)
    said, sent = command(record(WITHOUT_MRI), "--force", "--yes", log=())
    assert ("forced: imaging goes from 39 to 20 people" in said, sent) == (True, 1)


@pytest.mark.parametrize("share", ["nan", "-0.1", "1.1", "x"])
def test_what_is_no_share_is_refused(command: Any, share: str) -> None:
    assert command(record(HEADS), "--largest-drop", share, log=(), code=2)[1] == 0


def test_options_of_other_sources_are_not_passed_over(command: Any) -> None:
    with pytest.raises(InputRefused, match="--as-of is for --source csv and --source fhir"):
        command(record(HEADS), "--as-of", "2026-10-01", log=())
