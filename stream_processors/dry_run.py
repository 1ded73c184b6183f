"""The pure steps over a file of events: no broker, no database, the same rows."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress

from deploy.files import replacing
from schemas.canonical import canonical_json
from schemas.clickhouse.rows import plain
from schemas.codec import as_dict
from schemas.errors import InputRefused
from stream_processors.steps.conservation import FATES, OUTCOMES, violations
from stream_processors.steps.replay import Replay
from stream_processors.steps.rounds import Rules
from stream_processors.steps.story import Record


def dry_run(events: Path, out: Path, rules: Rules) -> Iterator[str]:
    """Run a file and write the results; yields lines of a summary. InputRefused if a file cannot be used."""
    try:
        result = _replayed(events, rules)
        write_results(result, out)
    except OSError as error:
        raise InputRefused(f"{error.filename}: {error.strerror}") from None
    yield f"{len(result.rounds)} rounds sealed, {len(result.cohorts)} cohort rows, {len(result.indicators)} indicators"
    reasons = Counter(letter.reason for letter in result.dead_letters)
    yield f"refused: {', '.join(f'{count} {reason}' for reason, count in sorted(reasons.items())) or 'nothing'}"
    if not result.rounds and not result.echoes:
        yield f"nothing in {events} was taken: it should hold one JSON event per line, as simulate writes it"
    yield f"results in {out}; what is under {out / 'closed'} is for operators and auditors only"


def file_records(lines: Iterable[bytes]) -> Iterator[Record]:
    """Lines of a file as records of one partition, keyed as a producer would key them."""
    for offset, line in enumerate(lines):
        value = line.rstrip(b"\r\n")
        yield Record(0, offset, _key(value), value, None)


def outcome_rows(result: Replay) -> list[dict[str, Any]]:
    """The conservation counts as rows for the closed side, null where a delivery cannot be attributed."""
    buckets = result.outcomes()
    broken = violations(buckets)
    if broken:
        raise AssertionError(f"the conservation rule does not hold in {len(broken)} buckets")
    names = ("received", *OUTCOMES, *FATES)
    return [
        {
            "facility": facility,
            "round": round_,
            "form": form,
            **{name: counts[name].for_the_closed_side() for name in names},
        }
        for (facility, round_, form), counts in sorted(
            buckets.items(), key=lambda item: [part or "" for part in item[0]]
        )
    ]


def _key(value: bytes) -> bytes | None:
    try:
        return str(json.loads(value)["facility"]).encode()
    except (ValueError, TypeError, KeyError, RecursionError):
        return None


def _replayed(events: Path, rules: Rules) -> Replay:
    result = Replay()
    console = Console(stderr=True)
    with Progress(console=console) as progress, progress.open(events, "rb", description="Reading") as file:
        for record in file_records(file):
            result.take(record, rules)
    return result


def write_results(result: Replay, out: Path) -> None:
    """The files of a dry run, open ones and those under closed/."""
    closed = out / "closed"
    closed.mkdir(mode=0o700, parents=True, exist_ok=True)
    _write_lines(out / "cohorts.jsonl", map(plain, result.cohorts))
    _write_lines(out / "retired_cohorts.jsonl", map(plain, result.retired))
    _write_lines(out / "interventions.jsonl", map(plain, result.interventions))
    _write_lines(out / "indicators.jsonl", map(plain, result.indicators))
    _write_lines(out / "rounds.jsonl", map(plain, result.rounds))
    _write_lines(closed / "manifests.jsonl", map(as_dict, result.manifests))
    _write_lines(closed / "deadletters.jsonl", map(as_dict, result.dead_letters))
    with replacing(closed / "outcomes.json") as file:
        file.write(json.dumps(outcome_rows(result), indent=1).encode() + b"\n")


def _write_lines(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with replacing(path) as file:
        file.writelines(canonical_json(row) + b"\n" for row in rows)
