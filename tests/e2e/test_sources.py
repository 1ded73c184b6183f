"""A survey comes in from every kind of source at once: the figures are those of the answers, and nobody is named."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import yaml

from deploy.settings import Settings
from deploy.trial import trial_deployment
from producers.keystore import Keystore
from producers.simulate import trial_random
from schemas.topics import Topic
from tests.canaries import Canary, Scan
from tests.e2e.operated import PROCESSES, Operated, wait
from tests.e2e.pipeline import DRAIN_SECONDS, stored_tables
from tests.e2e.sinks import Sinks, files, printed, topic_content
from tests.exports import EXPORTS
from tests.limesurvey import LIMESURVEY_FILE
from tests.oracle import code
from tests.oracle_scores import scales_of, score
from tests.surveyed import FIRST_DAY, FORM, LAST_DAY, Export

ORGANISATION: Final = LIMESURVEY_FILE.with_name("organisation.yaml")
ROUND: Final = "2026-W43"
UNITS: Final = ("icu-1", "icu-2", "med-a", "med-b", "cardiology", "oncology", "trauma", "surg-a")
PEOPLE: Final = 20
COALITION: Final = 1


def exports() -> dict[str, Export]:
    """An export of each kind, each from a unit of its own. What does not know people is of another hospital."""
    found = {name: make(unit, PEOPLE) for (name, make), unit in zip(EXPORTS.items(), UNITS, strict=True)}
    google = found["google-forms"]
    return {**found, "google-forms": replace(google, mapping={**google.mapping, "facility": "st-beate"})}


def prepared(folder: Path, given: Path) -> dict[str, Keystore]:
    """Keystores, and the files that hospital IT has: exports, mappings, organisations."""
    keys = folder / "keys"
    keys.mkdir(parents=True)
    given.mkdir()
    for name, export in exports().items():
        (given / f"{name}.{export.suffix}").write_bytes(export.data)
        (given / f"{name}.yaml").write_text(yaml.safe_dump(export.mapping), "utf-8")
        for beside, data in export.beside.items():
            (given / f"{name}.{beside}").write_bytes(data)
    other = ORGANISATION.read_text("utf-8").replace("st-anna", "st-beate")
    (given / "st-beate.organisation").write_text(other, "utf-8")
    (given / "st-anna.organisation").write_bytes(ORGANISATION.read_bytes())
    names = ("st-anna", "st-beate")
    return {name: Keystore.create(keys / f"{name}.json", name, trial_random(1, name)) for name in names}


def submitted(settings: Settings, given: Path) -> Iterator[tuple[str, bytes]]:
    """What each command says that sends an export; one is sent again."""
    for name, export in exports().items():
        command: list[str | Path] = ["submit", "--source", export.source, given / f"{name}.{export.suffix}"]
        command += ["--mapping", given / f"{name}.yaml", "--round", ROUND]
        for option in export.beside:
            command += [f"--{option}", given / f"{name}.{option}"]
        yield f"submit {name}", printed(settings, *command, "--json")
        if name == "fhir":
            yield f"submit {name} again", printed(settings, *command)


def run(settings: Settings, operated: Operated, given: Path) -> Sinks:
    """A round from the announcement to its seal; what was said meanwhile."""
    said: Sinks = {}
    for facility, identity in (("st-anna", "person"), ("st-beate", "response")):
        printed(settings, "organisation", "announce", given / f"{facility}.organisation")
        opening = ["--form", FORM, "--first", FIRST_DAY, "--last", LAST_DAY, "--facility", facility]
        printed(settings, "rounds", "open", ROUND, *opening, "--identity", identity)
    said |= dict(submitted(settings, given))
    said |= {f"metrics of {process}, open": operated.page(process) for process in PROCESSES}
    for facility in ("st-anna", "st-beate"):
        said[f"close {facility}"] = printed(settings, "rounds", "close", ROUND, "--facility", facility, "--yes")
    wait(lambda: operated.said("worker", "round.sealed") == 2)
    operated.local.wait_until_drained(DRAIN_SECONDS)
    return said | {f"metrics of {process}, sealed": operated.page(process) for process in PROCESSES}


def expected(export: Export) -> dict[str, Any]:
    """The figures of an export's unit, by the second implementation."""
    (scale,) = scales_of(FORM)
    scores = [score(scale, person.answers) for person in export.standing]
    return code(scale, [one for one in scores if one is not None], COALITION + 1)


def test_every_source_at_once(tmp_path: Path) -> None:
    folder, given = tmp_path / "trial", tmp_path / "given"
    keystores = prepared(folder, given)
    with trial_deployment(folder, keystores, trial_random(1, "audit"), processes=False) as local:
        operated = Operated(local, "debug")
        operated.start()
        wait(lambda: operated.said("worker", "partitions.taken_over") == 1)
        sinks = run(replace(local.settings, keystores=folder / "keys"), operated, given)
        sinks |= {topic: topic_content(local, topic) for topic in Topic}
        local.stop()
        rows = stored_tables(local.settings.clickhouse)["cohorts"]
    assert {(row["facility"], row["node"]) for row in rows} == {
        (export.mapping["facility"], export.people[0].unit) for export in exports().values()
    }
    for export in exports().values():
        (row,) = [row for row in rows if row["node"] == export.people[0].unit]
        wanted = expected(export)
        assert {name: row[name] for name in wanted} == wanted
    sinks |= files(folder, "keys", "audit.key")
    named = [name for export in exports().values() for person in export.people for name in person.identifiers()]
    scan = Scan(Canary("identifier", name.encode()) for name in [*named, "203.0.113.", "48.137", "EMP-unfinished"])
    assert scan.found(b"\n".join(files(given).values())) != []
    assert {name: leaks for name, content in sinks.items() if (leaks := scan.found(content))} == {}
    for name, export in exports().items():
        text = sinks[f"submit {name}"]
        found = json.loads(text[text.index(b"{") : text.rindex(b"}") + 1])
        assert len(found["sheets"]) == len(export.people) + export.again
        assert len(found["refused"]) == export.refused.total()
