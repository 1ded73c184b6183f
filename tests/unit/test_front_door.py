"""The command line loads what is asked for, and has all of it when nothing is."""

import itertools
import subprocess
import sys
from importlib import import_module

import pytest
import typer
from typer.main import get_group
from typer.testing import CliRunner

from wardpulse import COMMANDS, application


@pytest.mark.parametrize("module", COMMANDS)
def test_each_module_has_the_commands_it_is_listed_with(module: str) -> None:
    app = typer.Typer()
    import_module(module).register(app)
    assert set(get_group(app).commands) == set(COMMANDS[module])


@pytest.mark.parametrize("words", [[], ["--help"], ["unheard-of"], ["--settings", "worker", "--help"]])
def test_without_a_command_all_are_there(words: list[str]) -> None:
    listed = CliRunner().invoke(application(words), ["--help"], env={"COLUMNS": "200"}).output
    assert all(f" {name} " in listed for names in COMMANDS.values() for name in names)


@pytest.mark.parametrize(
    "words", [["settings"], ["--settings", "x.toml", "settings"], ["--settings=x.toml", "settings"]]
)
def test_a_command_is_found_behind_the_settings(words: list[str]) -> None:
    assert [group.name for group in application(words).registered_groups] == ["db"]


def test_a_command_does_not_wait_for_what_others_need() -> None:
    script = (
        "import sys, wardpulse; wardpulse.application(['keystore', 'list'])\n"
        "print(sorted({'kafka', 'confluent_kafka', 'clickhouse_connect', 'faust'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_help_text_is_broken_where_the_terminal_ends_and_nowhere_else() -> None:
    for words in (["interventions", "add"], ["chart"], ["rounds", "close"]):
        shown = CliRunner().invoke(application(words), [*words, "--help"], env={"COLUMNS": "80"}).output
        said = shown.split("─ Options")[0].splitlines()
        lines = [line.strip() for line in said]
        # a line that is followed by text of its paragraph has no room for that text's first word
        for line, after in itertools.pairwise(lines):
            if line and after and not after.startswith("╭"):
                assert len(line) + 1 + len(after.split()[0]) > 78, (line, after)
