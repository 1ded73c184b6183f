"""The getting-started guide, command by command as written, in an empty folder; `...` stands for anything."""

import doctest
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
CHECK = doctest.OutputChecker()
LENIENT = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def transcript(page: str) -> list[tuple[str, str]]:
    """The commands of a page's console blocks, each with the output shown for it."""
    found: list[tuple[str, str]] = []
    for block in re.findall(r"^```(?:console)?\n(\$ .*?)^```", (DOCS / page).read_text("utf-8"), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, _, shown = part.partition("\n")
            found.append((command, shown))
    return found


@contextmanager
def background(command: str, shown: str, folder: Path, environment: dict[str, str]) -> Iterator[None]:
    """A command that runs until it is stopped; it must say what is shown and end in peace."""
    log = folder / "background.log"
    with log.open("wb") as file:
        process = subprocess.Popen(
            shlex.split(command), cwd=folder, env=environment, stdout=file, stderr=subprocess.STDOUT
        )
    try:
        until = time.monotonic() + 60
        while not CHECK.check_output(shown, log.read_text(), LENIENT) and time.monotonic() < until:
            time.sleep(0.2)
        assert CHECK.check_output(shown, log.read_text(), LENIENT), log.read_text()
        yield
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0, log.read_text()


def run(command: str, shown: str, folder: Path, environment: dict[str, str]) -> None:
    """A command must do and say what the page says; it may fail only where the page shows that."""
    done = subprocess.run(
        command,
        shell=True,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        input="y\n",
        timeout=200,
        check=False,
    )
    fails = shown.startswith("wardpulse: ")
    assert (done.returncode != 0) == fails, done.stdout + done.stderr
    said = done.stderr if fails else done.stdout
    expected = re.sub(r"\[y/N\]: y\n", "[y/N]: ", shown)
    assert CHECK.check_output(expected or "...", said or "\n", LENIENT), f"{command}\n{said}"


def environment_of(folder: Path) -> dict[str, str]:
    """That of a terminal of some width with our commands in its path."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WARDPULSE_")}
    (folder / "docs").symlink_to(DOCS)
    return kept | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{kept['PATH']}", "COLUMNS": "110"}


def test_getting_started_goes_as_written(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    (up, shown), *rest = transcript("getting-started.md")
    with background(up, shown, tmp_path, environment):
        for command, expected in rest:
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                environment[name] = value
            else:
                run(command, expected, tmp_path, environment)


def test_what_data_engineers_are_told_goes_as_written(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    for command, expected in transcript("data-engineers.md"):
        if command.split()[1] in ("simulate", "dry-run", "-r", "audit"):
            run(command, expected, tmp_path, environment)


def test_every_source_is_integrated_as_written(tmp_path: Path) -> None:
    environment = environment_of(tmp_path)
    for command, expected in transcript("integrating.md"):
        run(command, expected, tmp_path, environment)


@pytest.mark.parametrize("page", ["getting-started.md", "data-engineers.md", "integrating.md"])
def test_a_page_has_a_transcript(page: str) -> None:
    assert len(transcript(page)) > 5
