"""Run a command for as long as standard input is open: whatever happens to its parent, it is not left behind.

`python -m deploy.supervised COMMAND...` says the command's process id on standard output, hands a SIGTERM on to it,
kills it when standard input closes, and ends with its exit code.
"""

import signal
import subprocess
import sys
import threading
from typing import IO


def main() -> None:
    """Start the command and wait for its end."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    with subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=sys.stderr) as child:
        signal.signal(signal.SIGTERM, lambda *_: child.terminate())
        sys.stdout.write(f"{child.pid}\n")
        sys.stdout.flush()
        threading.Thread(target=_kill_at_end, args=(sys.stdin, child), daemon=True).start()
        code = child.wait()
    sys.exit(code if code >= 0 else 128 - code)


def _kill_at_end(parent: IO[str], child: subprocess.Popen[bytes]) -> None:
    parent.read()
    child.kill()


if __name__ == "__main__":
    main()
