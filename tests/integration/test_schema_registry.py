"""Schemas made known to a registry over real HTTP, the ids it gives, and the frames made of them."""

import base64
import gc
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from deploy.schema_registry import Login, read_ids, register_schemas
from schemas.errors import RetryableError, SettingsError, SourceRefused, WardpulseError
from schemas.framing import framed, unframed
from schemas.json_schema import event_schemas
from schemas.topics import TOPICS
from wardpulse import application

SCHEMAS = event_schemas()
PASSWORD = "a secret, 3%"


class Registry(ThreadingHTTPServer):
    """What Confluent documents of POST /subjects/SUBJECT/versions: one id for each schema, whatever the subject."""

    def __init__(self, answer: tuple[int, bytes] | None) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer, self.ids, self.asked = answer, dict[str, int](), list[tuple[str, str | None]]()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Registry

    def do_POST(self) -> None:
        """Register a version."""
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        json.loads(body["schema"])
        self.server.asked.append((unquote(self.path), self.headers.get("Authorization")))
        number = self.server.ids.setdefault(body["schema"], len(self.server.ids) + 1)
        given = self.server.answer or (200, json.dumps({"id": number}).encode())
        self.send_response(given[0])
        if given[0] == 302:
            self.send_header("Location", "http://127.0.0.1:1/")
        self.end_headers()
        self.wfile.write(given[1])

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def registry(answer: tuple[int, bytes] | None = None) -> Iterator[tuple[str, Registry]]:
    """A registry for as long as the context lasts, and its address."""
    with Registry(answer) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", server
        server.shutdown()
        thread.join()
    # a connection left open is told here, and not in another test
    gc.collect()


def test_every_type_has_a_subject_by_topic_and_type_and_keeps_its_id(tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD + "\n", "utf-8")
    with registry() as (address, server):
        login = Login("edge", secret)
        first, second = (register_schemas(address + "/", SCHEMAS, "test.", login) for _ in range(2))
    assert first == second
    assert set(first) == {event for spec in TOPICS for event in spec.events}
    paths = {path for path, _ in server.asked}
    assert "/subjects/test.wellbeing.submissions.v1-submission/versions" in paths
    assert {header for _, header in server.asked} == {"Basic " + base64.b64encode(f"edge:{PASSWORD}".encode()).decode()}


def test_the_command_writes_a_file_that_settings_take(tmp_path: Path) -> None:
    path = tmp_path / "ids.json"
    with registry() as (address, _):
        done = CliRunner().invoke(application(), ["schemas", "register", address, "--out", str(path)])
    assert done.exit_code == 0, done.output
    assert set(read_ids(path)) == set(SCHEMAS)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ((401, b"who?"), SourceRefused),
        ((409, b'{"error_code": 409}'), SourceRefused),
        ((422, b""), SourceRefused),
        ((302, b""), SourceRefused),
        ((200, b'{"name": "something else"}'), SourceRefused),
        ((200, b'{"id": true}'), SourceRefused),
        ((200, b"<html>"), RetryableError),
    ],
)
def test_a_registry_that_refuses_or_is_none_is_told(
    tmp_path: Path, answer: tuple[int, bytes], error: type[WardpulseError]
) -> None:
    secret = tmp_path / "password"
    secret.write_text(PASSWORD, "utf-8")
    with registry(answer) as (address, _), pytest.raises(error) as raised:
        register_schemas(address, SCHEMAS, "", Login("edge", secret))
    assert PASSWORD not in str(raised.value)


def test_nobody_at_the_address_is_told() -> None:
    with pytest.raises(RetryableError, match="did not answer"):
        register_schemas("http://127.0.0.1:1", SCHEMAS, "", Login())
    for address in ("registry:8081", "ftp://x", "https://user:word@x", "https://x?y=1"):
        with pytest.raises(SettingsError, match="address must be"):
            register_schemas(address, SCHEMAS, "", Login())


@pytest.mark.parametrize("content", ["{", "[]", '{"submission": 1}', json.dumps(dict.fromkeys(SCHEMAS, 0)), "[" * 9999])
def test_a_file_of_ids_that_cannot_serve_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "ids.json"
    path.write_text(content, "utf-8")
    with pytest.raises(SettingsError):
        read_ids(path)
    with pytest.raises(SettingsError, match="cannot read"):
        read_ids(tmp_path / "nowhere")


@pytest.mark.parametrize("value", [b"", b"{}", b"\0", b"\0\0\0\0\1", b"\0\0\0\0\1x", b"not json"])
def test_what_has_no_frame_stays_as_it_is(value: bytes) -> None:
    assert unframed(value) == value
    assert unframed(None) is None


def test_a_frame_is_a_zero_byte_and_the_id_and_comes_off_again() -> None:
    assert framed(b'{"a":1}', 70_001) == b"\x00\x00\x01\x11\x71" + b'{"a":1}'
    assert unframed(framed(b'{"a":1}', 70_001)) == b'{"a":1}'
    with pytest.raises(OverflowError):
        framed(b"{}", 2**32)
