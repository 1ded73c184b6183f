"""The disclosure audit of one year of weekly rounds in a health system of 2,000 units.

    python -m benchmarks.audit [--staff 62000] [--rounds 52]

`ratio` is how many times faster than the requirement of ten minutes for 2,048 units and 52 rounds, read from files and
decided; a smaller run is allowed its share of them. Making the year takes longer than auditing it.
"""

import argparse
import tempfile
import time
from pathlib import Path

from rich.progress import track

from deploy.resources import definitions, interventions
from deploy.wiring import file_rules
from producers.simulate import Simulation, simulate
from stream_processors.audit.disclosure import audit
from stream_processors.audit_sources import from_folder
from stream_processors.dry_run import file_records, write_results
from stream_processors.steps.replay import Replay

ALLOWED_SECONDS = 600.0
STAFF, ROUNDS = 62_000, 52


def main() -> None:
    """Make the year, audit it, print the result."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--staff", type=int, default=STAFF)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        units = make(Simulation(facilities=12, staff=given.staff, rounds=given.rounds, clean=True), Path(folder))
        began = time.perf_counter()
        evidence = from_folder(Path(folder))
        read = time.perf_counter() - began
        tags = sum(len(one.tags) for one in evidence.memberships or ())

        def said(check: str) -> None:
            print(f"{time.perf_counter() - began:6.1f} s: {check}")

        report = audit(evidence, definitions(), said, interventions().acts())
    seconds = time.perf_counter() - began
    print(
        f"{units:,} units, {given.rounds} rounds: {len(evidence.cohorts):,} cohort rows, {len(evidence.figures):,} "
        f"figures, {tags:,} members, read in {read:.0f} s and audited in {seconds - read:.0f} s: {report.verdict}"
    )
    if report.verdict != "safe":
        raise SystemExit(f"a clean year must be safe: {report.findings[:3]}")
    share = given.staff * given.rounds / (STAFF * ROUNDS)
    print(f"RESULT name=audit_year ratio={ALLOWED_SECONDS * share / seconds:.2f} target=1.0")


def make(simulation: Simulation, folder: Path) -> int:
    """Write what a simulated health system publishes, and the evidence; returns the number of units."""
    simulated, result, rules = simulate(simulation), Replay(), file_rules()
    offset = 0
    for current in track(simulated.rounds(), "Making the year", total=simulation.rounds):
        for record in file_records(line.value for line in current.lines):
            result.take(record._replace(offset=offset), rules)
            offset += 1
    write_results(result, folder)
    return sum(len(facility.units) for facility in simulated.facilities)


if __name__ == "__main__":
    main()
