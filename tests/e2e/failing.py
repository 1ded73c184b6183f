"""Our command line with a fault in it: the first answer to be admitted raises an error that quotes all of it.

`python -m tests.e2e.failing worker`, and so on.
"""

from typing import NoReturn

import wardpulse
from schemas.events import Submission
from stream_processors.steps import story
from stream_processors.steps.admit import OpenRound


def _fail(_: OpenRound, submission: Submission) -> NoReturn:
    raise RuntimeError(f"cannot take {submission!r}: {submission.model_dump_json()}") from ValueError(submission)


def main() -> None:
    """Run what the arguments say."""
    vars(story)["admit"] = _fail
    wardpulse.main()


if __name__ == "__main__":
    main()
