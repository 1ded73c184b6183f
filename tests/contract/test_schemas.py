"""The exported contract: public validators take it, and the golden messages are valid under it."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
from jsonschema import Draft202012Validator
from typer.testing import CliRunner

from deploy.asyncapi import document
from schemas.json_schema import event_schemas
from schemas.topics import TOPICS
from tests.contract.test_examples import examples, message, name
from wardpulse import application

SCHEMAS: Final = event_schemas()
NODE: Final = Path(__file__).parent / "asyncapi"
BEYOND: Final = {
    "bad_date__thirtieth_of_february",
    "bad_schema__sensitive_form_that_is_not_fielded",
    "bad_schema__why_a_sensitive_form_is_not_published",
    "policy_under_floor__coalition_close_to_k",
}
"""What the code refuses beyond what a schema can say: schemas/json_schema.py lists it."""


@pytest.mark.parametrize("kind", sorted(SCHEMAS))
def test_a_schema_is_one_of_its_draft(kind: str) -> None:
    Draft202012Validator.check_schema(SCHEMAS[kind])
    assert SCHEMAS[kind]["$id"] == f"urn:wardpulse:schema:{kind}:1"


@pytest.mark.parametrize(("spec", "path"), examples("valid"), ids=name)
def test_a_valid_example_is_valid_under_its_schema(spec: Any, path: Path) -> None:
    event = json.loads(message(path))
    Draft202012Validator(SCHEMAS[event["type"]]).validate(event)


def refused_by_schema(path: Path) -> bool:
    """Whether the schema of its type refuses an example, or there is none, or it is no JSON."""
    try:
        event = json.loads(message(path))
    except ValueError:
        return True
    kind = event.get("type") if isinstance(event, dict) else None
    return kind not in SCHEMAS or not Draft202012Validator(SCHEMAS[kind]).is_valid(event)


def test_an_invalid_example_is_refused_by_its_schema_but_for_what_only_the_code_knows() -> None:
    passed = {path.stem for _, path in examples("invalid") if not refused_by_schema(path)}
    assert passed == BEYOND


def run(*words: str | Path, code: int = 0) -> str:
    """A command; what it says."""
    done = CliRunner().invoke(application(), ["schemas", *map(str, words)], env={"COLUMNS": "200"})
    found = getattr(done.exception, "exit_code", done.exit_code)
    assert found == code, done.output
    return done.output


@pytest.fixture
def exported(tmp_path: Path) -> Path:
    """The contract, written out."""
    run("export", "--out", tmp_path / "contracts")
    return tmp_path / "contracts"


def test_what_is_written_is_always_the_same(exported: Path, tmp_path: Path) -> None:
    run("export", "--out", tmp_path / "again")
    folders = (exported, tmp_path / "again")
    found, again = ({path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders)
    assert found == again
    assert set(found) == {f"{kind}.schema.json" for kind in SCHEMAS} | {"asyncapi.json"}


def test_a_check_reports_every_mode_and_ends_by_what_is_asked(exported: Path, tmp_path: Path) -> None:
    assert "FULL: compatible" in run("check", exported, exported)
    changed = tmp_path / "changed"
    shutil.copytree(exported, changed)
    path = changed / "submission.schema.json"
    wider = json.loads(path.read_text("utf-8"))
    wider["properties"]["note"] = {"type": "string"}
    path.write_text(json.dumps(wider), "utf-8")
    said = run("check", exported, changed, code=65)
    assert "BACKWARD: compatible\nFORWARD: NOT compatible\nFULL: NOT compatible" in said
    assert "/properties/note" in said
    run("check", exported, changed, "--require", "backward")
    found = json.loads(run("check", exported / path.name, path, "--require", "backward", "--json"))
    assert found["backward"] == {"compatible": True, "problems": []}
    assert found["full"]["problems"][0]["schema"] == "submission"
    (changed / "echo.schema.json").unlink()
    assert "the type is gone" in run("check", exported, changed, "--require", "backward", code=65)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"3", b"[" * 10_000])
def test_what_is_no_schema_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.schema.json"
    path.write_bytes(content)
    run("check", path, path, code=65)
    run("check", tmp_path / "nowhere", path, code=65)
    (tmp_path / "empty").mkdir()
    run("check", tmp_path / "empty", path, code=65)


def asyncapi(path: Path) -> list[Any]:
    """What AsyncAPI's own parser has against a document, its references followed."""
    if not (NODE / "node_modules" / "complete").exists():
        reason = "AsyncAPI's parser is not here: make contracts brings it, with Node.js and npm"
        pytest.fail(reason) if os.environ.get("CI") == "true" else pytest.skip(reason)
    done = subprocess.run(
        ["node", NODE / "validate.mjs", path], capture_output=True, text=True, timeout=120, check=True
    )
    found: list[Any] = json.loads(done.stdout)
    return found


def test_asyncapis_own_parser_takes_the_document(exported: Path) -> None:
    assert asyncapi(exported / "asyncapi.json") == []


def test_asyncapis_own_parser_finds_what_is_wrong(exported: Path) -> None:
    path = exported / "asyncapi.json"
    whole = json.loads(path.read_text("utf-8"))
    whole["operations"]["producer.send.submissions"]["messages"][0]["$ref"] = "#/components/messages/submission"
    path.write_text(json.dumps(whole), "utf-8")
    assert [one["code"] for one in asyncapi(path)] == ["asyncapi3-operation-messages-from-referred-channel"]
    (exported / "submission.schema.json").unlink()
    assert "invalid-ref" in [one["code"] for one in asyncapi(path)]


def test_every_topic_and_event_is_in_the_document() -> None:
    whole = document(SCHEMAS)
    assert {channel["address"] for channel in whole["channels"].values()} == {spec.topic for spec in TOPICS}
    assert set(whole["components"]["messages"]) == set(SCHEMAS)
    assert whole["operations"]["viewer.receive.cohorts"]["action"] == "receive"
    assert "viewer.receive.submissions" not in whole["operations"]
    assert whole["channels"]["cohorts"]["bindings"]["kafka"]["topicConfiguration"]["retention.ms"] == -1
