"""Submissions a second from each source's file to the event, beside the format's bare parser on the same bytes.

    python -m benchmarks.sources [--people 2000]

`ratio` is bare parser time over our time: 1 would be as fast as parsing alone. Reading, mapping, checks, the keyed
hashes and the event are all in our time. One sheet is one submission.
"""

import argparse
import csv
import io
import json
import time
from collections.abc import Callable

from deploy.resources import catalogue
from producers.keystore import RoundKeys
from producers.sources.drafts import to_event
from producers.sources.mapping import Mapping
from producers.sources.registry import SOURCES, Extra, SourceName, read
from producers.sources.sheet import Refused
from tests.exports import EXPORTS
from tests.surveyed import Export

CATALOGUE = catalogue()
KEYS = RoundKeys.derive(b"t" * 32, b"c" * 32)
REPEATS = 5
TARGET = 0.02


def main() -> None:
    """Read each source and print the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=2000)
    given = parser.parse_args()
    results = [(name, *measured(EXPORTS[name]("icu-1", given.people))) for name in EXPORTS]
    for name, sheets, ours, bare in results:
        rates = f"{sheets / ours:,.0f} submissions/s; bare parser {sheets / bare:,.0f}/s"
        print(f"{name}: {rates}")
    for name, _, ours, bare in results:
        print(f"RESULT name=source_{name.replace('-', '_')} ratio={bare / ours:.3f} target={TARGET}")


def measured(export: Export) -> tuple[int, float, float]:
    """How many sheets an export has, seconds to their events, and seconds of the bare parser."""
    source: SourceName = next(name for name in SOURCES if name == export.source)
    mapping = Mapping.model_validate({**SOURCES[source].completed(export.mapping), "round": "r1"})
    extra = Extra(
        tuple(data for name, data in export.beside.items() if name == "questionnaire"), export.beside.get("dictionary")
    )

    def ours() -> int:
        found = read(export.data, mapping, CATALOGUE, source, extra)
        return sum(to_event(one, mapping, KEYS) is not None for one in found if not isinstance(one, Refused))

    bare = bare_parser(export)
    # taken in turn, so that both see the same machine; the best of each is the least disturbed
    pairs = [(timed(ours), timed(bare)) for _ in range(REPEATS)]
    return ours(), min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def bare_parser(export: Export) -> Callable[[], object]:
    """Python's own parser of the format, over the whole file."""
    text = export.data.decode("cp1252" if export.source == "ms-forms" else "utf-8-sig")
    if export.suffix == "csv":
        delimiter = ";" if export.source == "limesurvey" else ","
        return lambda: sum(1 for _ in csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    if export.suffix == "json":
        return lambda: json.loads(text)
    return lambda: sum(_is_json(line) for line in text.splitlines())


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


def timed(work: Callable[[], object]) -> float:
    """Seconds it takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
