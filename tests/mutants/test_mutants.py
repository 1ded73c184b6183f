"""Every known way to break the promise is noticed, by the auditor from rows and evidence alone wherever it can be."""

import re
import sys
from collections import Counter

import pytest

from schemas.clickhouse.tables import TABLES
from stream_processors.steps.seal import partition
from tests.changed_modules import replaced, second_copy, source_of
from tests.mutants.checks import CHECKS, EVERY_VERSION
from tests.mutants.harness import caught, sources
from tests.mutants.logs import interrupted, logs
from tests.mutants.sealing import SEAL
from tests.mutants.table import MUTANTS, PAGE, caught_by, in_page, table, with_table
from tests.mutants.world import PACKAGES, Run, world

# what one mutant is caught by is worked out once in a process
pytestmark = pytest.mark.xdist_group("mutants")


def test_no_check_objects_to_the_original() -> None:
    assert caught(()) == {}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_mutant_is_noticed(name: str) -> None:
    said = caught_by(name).get(MUTANTS[name].caught_by)
    assert said is not None
    # the auditor must have found it unsafe: evidence it cannot use, or cannot decide from, tells nothing of the mutant
    assert not said.startswith(("refused: ", "undecided: ")), said


def test_every_check_is_the_one_that_must_notice_some_mutant() -> None:
    assert {mutant.caught_by for mutant in MUTANTS.values()} == {name for name, _ in CHECKS}


def test_the_table_in_the_page_is_up_to_date() -> None:
    assert in_page(PAGE.read_text("utf-8")) == table(), "make mutants writes it"


def test_the_table_goes_between_its_marks_and_nowhere_else() -> None:
    page = PAGE.read_text("utf-8")
    assert with_table(page, in_page(page)) == page
    assert in_page(with_table(page, "| a |\n")) == "| a |\n"
    with pytest.raises(ValueError, match="no place"):
        with_table("a page", "| a |\n")


@pytest.mark.parametrize("old", ["def seal_everybody(", "def "])
def test_an_edit_must_fit_the_code_exactly_once(old: str) -> None:
    with pytest.raises(ValueError, match=r"is there \d+ times"):
        replaced(source_of(SEAL), old, "")


def test_every_edit_fits_and_changes_something() -> None:
    for mutant in MUTANTS.values():
        assert all(source_of(module) != source for module, source in sources(mutant.edits).items()), mutant.name


def test_a_second_copy_leaves_the_first_as_it_was() -> None:
    before = {name: module for name, module in sys.modules.items() if name.startswith(PACKAGES)}
    with second_copy(PACKAGES, {}):
        from stream_processors.steps.seal import partition as copied
    from stream_processors.steps.seal import partition as again

    assert copied is not partition
    assert again is partition
    assert {name: module for name, module in sys.modules.items() if name.startswith(PACKAGES)} == before


def _kinds(run: Run) -> Counter[str]:
    return Counter(event.kind for event in run.events)


def test_the_logs_are_rich_enough_for_the_checks_to_have_something_to_object_to() -> None:
    made = world(logs(), interrupted())
    emitted = sum(map(_kinds, made.runs), Counter[str]())
    assert emitted["cohort.sealed"] > 30
    assert emitted["indicator"] > 100
    assert emitted["deadletter"] > 50
    stored = {name for run in made.runs for event in run.events for name, _ in event.stored}
    assert stored == {one.name for one in TABLES}


def test_the_restarted_worker_reads_a_sealed_round_again_from_which_a_record_is_gone() -> None:
    made = interrupted()
    erased, kinds = made.log[made.erased], _kinds(world({}, made).restarted)
    assert made.erased < made.records
    assert {"type": "round.closed", "round": erased["round"]}.items() <= made.log[made.records - 1].items()
    assert kinds["round.sealed"] == 2


def test_what_a_check_says_names_no_token_and_no_event_id() -> None:
    said = [words for name in MUTANTS for words in caught_by(name).values()]
    assert said
    assert not any(re.search(r"[0-9a-f]{32}|[0-9a-f]{8}-[0-9a-f]{4}-", words) for words in said)


def test_only_a_restart_shows_that_a_replay_seals_again() -> None:
    assert list(caught_by("seal twice after a replay")) == [EVERY_VERSION]
