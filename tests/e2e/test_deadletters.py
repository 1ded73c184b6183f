"""Answers that came before their round was opened: refused, sent again, and counted as if they had come in time."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from deploy.connection import Connection
from deploy.settings import Settings
from deploy.trial import trial_deployment
from producers.client import WellbeingProducer
from producers.keystore import Keystore
from producers.simulate import trial_random
from producers.sources.drafts import Draft, to_submission
from schemas.framing import framed
from schemas.topics import TOPICS, Topic
from tests.e2e.operated import Operated, wait
from tests.e2e.pipeline import DRAIN_SECONDS, stored_tables
from tests.e2e.sinks import printed, topic_content
from tests.e2e.test_sources import ORGANISATION
from tests.exports import json_lines
from tests.surveyed import FIRST_DAY, FORM, LAST_DAY
from tests.unit.test_sources import mapping_of, outcomes

ROUND = "r1"
PEOPLE = 20


def sent(settings: Settings, keystore: Keystore) -> None:
    """Answers of a round that nobody has opened yet, and one of a round that nobody ever opens."""
    export = json_lines("icu-1", PEOPLE)
    keys, mapping = keystore.new_round(ROUND, trial_random(2, ROUND)), mapping_of(export)
    drafts = [one for one in outcomes(export) if isinstance(one, Draft)]
    with WellbeingProducer(Connection.of(settings), topic_prefix=settings.topic_prefix) as producer:
        for draft in drafts:
            producer.send(to_submission(draft, mapping, keys))
        producer.send(to_submission(drafts[0], mapping.model_copy(update={"round": "never"}), keys))


def asked(settings: Settings, *words: str) -> Any:
    """What a command of dead letters says, as JSON."""
    text = printed(settings, "deadletters", *words, "--json")
    # what goes on is said first, on another stream
    return json.loads(text[min(text.index(mark) for mark in (b"[\n", b"{\n") if mark in text) :])


def redriven(settings: Settings, *words: str) -> tuple[int, dict[str, int]]:
    """How many records a redrive sent, and what it left."""
    found = asked(settings, "redrive", "--reason", "unknown_round", "--yes", *words)
    return sum(row["count"] for row in found.get("sent", found.get("would_be_sent"))), found["left"]


def test_a_redrive_makes_good_what_came_too_early_and_nothing_else(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.mkdir()
    keystore = Keystore.create(keys / "st-anna.json", "st-anna", trial_random(1, "st-anna"))
    trial = tmp_path / "trial"
    trial.mkdir()
    with trial_deployment(trial, {"st-anna": keystore}, trial_random(1, "audit"), processes=False) as local:
        # with frames of a schema registry around every record, which changes nothing else
        local.settings = replace(local.settings, schema_ids=_ids(tmp_path / "ids.json"))
        operated = Operated(local)
        operated.start()
        settings = replace(local.settings, keystores=keys)
        printed(settings, "organisation", "announce", ORGANISATION)
        sent(settings, keystore)
        _wait_for_letters(settings, PEOPLE + 2)
        unopened, left = redriven(settings)
        assert (unopened, left) == (0, {"the same record came again later": 1, _not_opened(): PEOPLE + 1})
        opening = ["--form", FORM, "--first", FIRST_DAY, "--last", LAST_DAY]
        printed(settings, "rounds", "open", ROUND, *opening)
        assert redriven(settings, "--dry-run")[0] == PEOPLE
        assert redriven(settings, "--round", "never")[0] == 0
        assert redriven(settings) == (PEOPLE, {"the same record came again later": 1, _not_opened(): 1})
        # whatever is sent again is sent once
        assert redriven(settings) == (0, {"the same record came again later": PEOPLE + 1, _not_opened(): 1})
        printed(settings, "rounds", "close", ROUND, "--yes")
        wait(lambda: operated.said("worker", "round.sealed") == 1)
        late = asked(settings, "redrive", "--reason", "after_close", "--yes")
        assert late["sent"] == []
        local.wait_until_drained(DRAIN_SECONDS)
        raw, refused = (topic_content(local, topic) for topic in (Topic.SUBMISSIONS, Topic.DEADLETTERS))
        shown = printed(settings, "deadletters", "list", "--each")
        shown += printed(settings, "deadletters", "show", _place(settings))
        local.stop()
        rows = stored_tables(local.settings.clickhouse)["cohorts"]
        assert [(row["node"], row["n"]) for row in rows] == [("icu-1", PEOPLE)]
        assert b"verdict: safe" in printed(settings, "audit", "disclosure", "--clickhouse")
    assert b'"answers"' in raw
    assert raw.count(framed(b"{", _IDS["submission"])) == 2 * PEOPLE + 2
    assert framed(b"{", _IDS["deadletter"]) in refused
    assert b"answers" not in shown.replace(b"answers came", b"")


_IDS = {event: number for number, event in enumerate(sorted(e for spec in TOPICS for e in spec.events), 70_001)}


def _ids(path: Path) -> Path:
    """A file of ids, as a registry would give them."""
    path.write_text(json.dumps(_IDS), "utf-8")
    return path


def _not_opened() -> str:
    return "unknown_round: it names a round that had not been opened"


def _place(settings: Settings) -> str:
    return str(asked(settings, "list", "--each")[0]["place"])


def _wait_for_letters(settings: Settings, count: int) -> None:
    wait(lambda: bool(sum(row["count"] for row in asked(settings, "list")) == count))
