"""The demo: a simulated health system, or an export of your own, through the whole pipeline on this machine."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from shlex import quote
from typing import Any, Final

from rich.console import Console

from deploy.apache_trial import KAFKAS
from deploy.cadence import brought
from deploy.connection import Connection
from deploy.embedded import EVENTS_PER_PARTITION
from deploy.export import Export, read_export
from deploy.figures import figures_table
from deploy.files import replacing
from deploy.library import in_use
from deploy.local import Local
from deploy.output import progress, working
from deploy.resources import code_hash
from deploy.settings import Settings
from deploy.trial import claim_folder, trial_deployment
from producers.client import WellbeingProducer, partition_of
from producers.keystore import Keystore
from producers.simulate import LogLine, Simulated, Simulation, simulate, trial_keystores, trial_random
from producers.sources.refusals import reasons, write_refused
from producers.sources.registry import NOTHING, Extra, SourceName
from schemas.canonical import sha256_hex
from schemas.closed import ClosedCounts
from schemas.codec import decode
from schemas.errors import DataError, InputRefused
from schemas.events import DeadLetter, FormManifest
from schemas.topics import PARTITIONS, Topic
from stream_processors.database import Database
from stream_processors.steps.conservation import FATES, OUTCOMES, tally, violations

DRAIN_SECONDS: Final = 600.0


def demo_simulation(simulation: Simulation, data: Path | None, console: Console, kafka: str = "embedded") -> None:
    """Send a simulated health system's rounds through the pipeline and show what came out.

    With two calendars also what they brought.
    """
    folder = _claimed(data, asdict(simulation))
    simulated = simulate(simulation)
    if kafka == "embedded":
        _check_capacity(simulated)
    keystores = trial_keystores(simulation, folder / "keys")
    with _deployment(folder, keystores, trial_random(simulation.seed, "audit"), kafka) as local:
        with producer_for(local, keystores) as producer, progress() as bar:
            for current in bar.track(simulated.rounds(), simulation.rounds, description="Sending rounds"):
                for line in current.lines:
                    send_line(producer, line, keystores)
        _show(local, console, ["sib5", "cbi.work"], folder, simulation)


def demo_export(
    csv: Path,
    mapping: Path,
    data: Path | None,
    console: Console,
    random: Callable[[int], bytes],
    kafka: str = "embedded",
    source: SourceName = "csv",
    extra: Extra = NOTHING,
) -> None:
    """Send one round read from an export through the pipeline, and show what came out and what was refused."""
    export = read_export(csv, mapping, in_use(), source, extra)
    export.check_usable()
    folder = _claimed(data, {"export": _digest(csv), "mapping": _digest(mapping)})
    keystore = export.keystore(folder / "keys", random)
    with _deployment(folder, {keystore.facility: keystore}, random, kafka) as local:
        with producer_for(local, {keystore.facility: keystore}) as producer, working().status("Sending the export"):
            for event in export.events(keystore):
                producer.send(event)
        _show_refused(export, folder, console)
        _show(local, console, export.forms, folder)


@contextmanager
def _deployment(
    folder: Path, keystores: Mapping[str, Keystore], random: Callable[[int], bytes], kafka: str
) -> Iterator[Local]:
    with ExitStack() as running:
        with working().status(f"Starting Kafka ({kafka})"):
            local = running.enter_context(
                trial_deployment(folder, keystores, random, kafka=KAFKAS[kafka], given=Settings.read(os.environ))
            )
        yield local


def _claimed(data: Path | None, parameters: Mapping[str, Any]) -> Path:
    # results of other code must not mix with these: cohorts are sealed once
    trial = {**parameters, "code": code_hash()}
    folder = data or Path("wardpulse-data") / f"demo-{sha256_hex(trial)[:8]}"
    claim_folder(folder, trial)
    return folder


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def producer_for(local: Local, keystores: Mapping[str, Keystore]) -> WellbeingProducer:
    """A producer that signs with the trial's keys."""
    return WellbeingProducer(
        Connection.of(local.settings_of("producer")),
        topic_prefix=local.settings.topic_prefix,
        sign=lambda facility, value: keystores[facility].sign(value),
    )


def send_line(producer: WellbeingProducer, line: LogLine, keystores: Mapping[str, Keystore]) -> None:
    """Send a line of a simulated log; one that is no event goes as it is, keyed and signed as if it were."""
    try:
        event: Any = decode(line.value)
    except DataError:
        signer = keystores.get(line.facility or "") if line.control else None
        producer.send_raw(line.facility, line.value, signer.sign(line.value) if signer else None)
    else:
        producer.send(event)


def _check_capacity(simulated: Simulated) -> None:
    events: Counter[int] = Counter()
    with progress() as bar:
        total = simulated.simulation.rounds
        for current in bar.track(simulated.rounds(), total, description="Simulating"):
            events.update(partition_of(line.facility, PARTITIONS) for line in current.lines if line.facility)
    most = max(events.values(), default=0)
    if most > EVENTS_PER_PARTITION:
        raise InputRefused(
            f"{most} events would go to one partition, and the embedded broker keeps about {EVENTS_PER_PARTITION}: "
            "use fewer rounds or staff, or --kafka apache"
        )


def _show(
    local: Local, console: Console, forms: Sequence[str], folder: Path, simulation: Simulation | None = None
) -> None:
    with working().status("Anonymising, rolling up, writing to ClickHouse"):
        local.wait_until_drained(DRAIN_SECONDS)
    counts = closed_side(local)
    _keep_manifests(local, folder)
    local.stop()
    with Database.connect(local.settings.clickhouse) as database:
        for form in forms:
            for scale in in_use()[form].scales:
                console.print(figures_table(database, in_use()[form], scale))
        if simulation and simulation.long_below:
            for line in brought(simulation, database):
                console.print(line, soft_wrap=True)
        facility = next((row["facility"] for row in database.query("SELECT facility FROM rounds LIMIT 1")), None)
    console.print(f"The tables above were read from {local.settings.clickhouse}", soft_wrap=True)
    for line in look_closer(local.settings.clickhouse, facility, forms):
        console.print(line, soft_wrap=True)
    console.rule("closed side: for operators and auditors only")
    for line in counts:
        console.print(line, soft_wrap=True)
    console.print(f"Audit what was published: wardpulse audit disclosure {folder}", soft_wrap=True)


def look_closer(clickhouse: str, facility: str | None, forms: Sequence[str]) -> list[str]:
    """Commands to go on with, of a facility and form that has figures."""
    if facility is None:
        return []
    rest = f"--facility {facility} --form {forms[0]}"
    return [
        "Look closer at units beside each other, and at rounds one by one:",
        f"  export WARDPULSE_CLICKHOUSE={quote(clickhouse)}",
        f"  wardpulse compare {rest}",
        f"  wardpulse chart {rest} --node {facility}",
    ]


def _keep_manifests(local: Local, folder: Path) -> None:
    """The evidence outlives the broker, so that the tables can be audited."""
    closed = folder / "closed"
    closed.mkdir(mode=0o700, exist_ok=True)
    name = local.topic(Topic.MANIFESTS)
    with replacing(closed / "manifests.jsonl") as file:
        for partition in local.log.partitions(name):
            file.writelines((record.value or b"") + b"\n" for record in local.log.read(name, partition))


def _show_refused(export: Export, folder: Path, console: Console) -> None:
    console.print(f"{export.accepted} answer sheets read, {len(export.refused)} refused")
    if export.refused:
        path = write_refused(export.refused, folder / "refused.csv")
        console.print(f"refused: {reasons(export.refused)}; see {path}", soft_wrap=True)


def closed_side(local: Local) -> list[str]:
    """The conservation counts of the whole run, from the worker's own evidence; for operators and auditors."""
    letters = [event for event in _events(local, Topic.DEADLETTERS) if isinstance(event, DeadLetter)]
    manifests = [event for event in _events(local, Topic.MANIFESTS) if isinstance(event, FormManifest)]
    buckets = tally(manifests, letters)
    counts = ClosedCounts()
    for bucket in buckets.values():
        counts.add(bucket)
    # printed under a rule that says for whom
    total = Counter(counts.for_the_closed_side())
    broken = violations(buckets)
    refused = Counter(letter.reason for letter in letters)
    return [
        f"received {total['received']} = " + " + ".join(f"{total[name]} {name}" for name in OUTCOMES if total[name]),
        f"admitted {total['admitted']} = " + " + ".join(f"{total[name]} {name}" for name in FATES if total[name]),
        f"the rule holds in {len(buckets) - len(broken)} of {len(buckets)} facilities, rounds and forms",
        "dead letters: " + (", ".join(f"{count} {reason}" for reason, count in sorted(refused.items())) or "none"),
    ]


def _events(local: Local, topic: Topic) -> Iterator[Any]:
    for partition in local.log.partitions(local.topic(topic)):
        for record in local.log.read(local.topic(topic), partition):
            yield decode(record.value)
