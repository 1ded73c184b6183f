"""A disk of a few megabytes over a folder, which only processes that enter its namespace see. It needs no root rights.

`python -m tests.small_disk FOLDER MEGABYTES` runs in a mount namespace of its own, moves what the folder holds to the
small disk, says so, and keeps the disk until its standard input ends.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

_OWN_NAMESPACE = ("unshare", "--map-root-user", "--mount")
_BALLAST = "ballast"
_BLOCK = 64 * 1024


@dataclass(frozen=True)
class SmallDisk:
    """A disk that is there while its holder runs."""

    holder: int
    folder: Path

    @property
    def prefix(self) -> tuple[str, ...]:
        """What to put before a command that is to see the disk."""
        return ("nsenter", "-t", str(self.holder), "-U", "-m", "--preserve-credentials")

    @property
    def free(self) -> int:
        """Bytes that are left."""
        found = os.statvfs(self._root)
        return found.f_bavail * found.f_frsize

    @property
    def _root(self) -> Path:
        return Path(f"/proc/{self.holder}/root{self.folder.resolve()}")

    def fill(self) -> None:
        """Write until nothing more can be written."""
        with (self._root / _BALLAST).open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(bytes(_BLOCK))
            except OSError:
                assert self.free == 0

    def clear(self) -> None:
        """Give back what `fill` took."""
        (self._root / _BALLAST).unlink()


def require_namespaces() -> None:
    """Skip the test where a user may make no namespace; where everything must be tested, fail it."""
    try:
        why = subprocess.run([*_OWN_NAMESPACE, "true"], capture_output=True, text=True).stderr.strip()
    except FileNotFoundError:
        why = "there is no unshare"
    if why and os.environ.get("CI") == "true":
        pytest.fail(f"a disk that is full cannot be tried: {why}")
    if why:
        pytest.skip(f"a disk that is full cannot be tried: {why}")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[SmallDisk]:
    """Put a small disk over a folder; what the folder holds is on it."""
    command = [*_OWN_NAMESPACE, sys.executable, "-m", "tests.small_disk", str(folder), str(megabytes)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "mounted\n"
        yield SmallDisk(holder.pid, folder)
        assert holder.stdin is not None
        holder.stdin.close()


def main() -> None:
    """Mount the disk, move the folder's content to it, and wait."""
    folder, megabytes = Path(sys.argv[1]), int(sys.argv[2])
    with tempfile.TemporaryDirectory() as kept:
        shutil.copytree(folder, kept, dirs_exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)], check=True)
        shutil.copytree(kept, folder, dirs_exist_ok=True)
    sys.stdout.write("mounted\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
