"""A REDCap in this process: real HTTP, and of its API what exporting needs.

It follows the API documentation that every REDCap serves under `api/help`, methods Export Records and Export Metadata:
a POST of form fields with `token`, `content` and `format`; lists as `fields[0]`; `rawOrLabel`, `exportSurveyFields`,
`exportDataAccessGroups`, `dateRangeBegin` in the server's own time, exclusive; errors with status 400 or 403 in the
format that was asked for (CSV: `ERROR: ...`; JSON: `{"error": ...}`). The columns of survey and group come only if
asked for, those of event and instance with the record's own field, a checkbox as one column for each choice.
"""

import csv
import io
import json
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl

from tests.redcap_project import API_HEADINGS, FIELDS, dictionary

TOKEN: Final = "0123456789ABCDEF0123456789ABCDEF"
_DENIED: Final = "You do not have permissions to use the API"


@dataclass
class Answer:
    """An HTTP answer, as the server gives it. `cut`: how many bytes of it never arrive."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int = 0


@dataclass
class RedcapServer:
    """One project. `records`: when each row was changed, and its cells. `instead`: what to answer to everything."""

    records: Sequence[tuple[str, Mapping[str, str]]] = ()
    fields: Sequence[Sequence[str]] = FIELDS
    surveys: frozenset[str] = frozenset({"wellbeing"})
    is_longitudinal: bool = False
    instead: Answer | None = None
    requests: list[dict[str, str]] = field(default_factory=list)
    url: str = ""

    def answer(self, asked: dict[str, str]) -> Answer:
        """The answer to the fields of a request."""
        self.requests.append(asked)
        if self.instead is not None:
            return self.instead
        if asked.get("token") != TOKEN:
            return _error(403, _DENIED, asked)
        if asked.get("content") == "metadata":
            return self._metadata(asked)
        if asked.get("content") == "record" and asked.get("type") == "flat":
            return self._records(asked)
        return _error(400, "The value of the parameter content is not valid", asked)

    def _metadata(self, asked: Mapping[str, str]) -> Answer:
        data = dictionary(self.fields, API_HEADINGS)
        if asked["format"] == "json":
            data = json.dumps(list(csv.DictReader(io.StringIO(data.decode())))).encode()
        return Answer(200, data, {"Content-Type": "text/html; charset=utf-8"})

    def _records(self, asked: Mapping[str, str]) -> Answer:
        wanted = [value for name, value in asked.items() if name.startswith("fields[")]
        known = {name: form for name, form, *_ in self.fields}
        statuses = {f"{form}_complete": form for form in dict.fromkeys(known.values())}
        strange = [name for name in wanted if name not in known | statuses]
        if strange:
            return _error(400, f"The following values in the parameter fields are not valid: {strange}", asked)
        columns = list(self._columns(wanted, known | statuses, asked))
        rows = [row for changed, row in self.records if changed > asked.get("dateRangeBegin", "")]
        file = io.StringIO(newline="")
        if rows:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerows([columns, *([row.get(name, "") for name in columns] for row in rows)])
        return Answer(200, file.getvalue().encode(), {"Content-Type": "text/csv; charset=utf-8"})

    def _columns(self, wanted: Sequence[str], known: Mapping[str, str], asked: Mapping[str, str]) -> Iterator[str]:
        record = self.fields[0][0]
        boxes = {name: choices for name, _, kind, choices, *_ in self.fields if kind == "checkbox"}
        if record in wanted:
            yield record
            if self.is_longitudinal:
                yield from ("redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance")
        if _says_yes(asked.get("exportSurveyFields")):
            yield "redcap_survey_identifier"
        if _says_yes(asked.get("exportDataAccessGroups")):
            yield "redcap_data_access_group"
        stamped = set[str]()
        for name, form in known.items():
            if name not in wanted or name == record:
                continue
            if _says_yes(asked.get("exportSurveyFields")) and form in self.surveys - stamped:
                stamped.add(form)
                yield f"{form}_timestamp"
            for choice in boxes.get(name, "").split("|"):
                code = choice.partition(",")[0].strip().lower().replace("-", "_").replace(".", "_")
                yield f"{name}___{code}" if code else name


def _says_yes(text: str | None) -> bool:
    return (text or "").lower() in {"true", "1"}


def _error(status: int, sentence: str, asked: Mapping[str, str]) -> Answer:
    if asked.get("returnFormat", asked.get("format")) == "json":
        return Answer(status, json.dumps({"error": sentence}).encode(), {"Content-Type": "application/json"})
    return Answer(status, f"ERROR: {sentence}".encode(), {"Content-Type": "text/csv; charset=utf-8"})


@contextmanager
def served(project: RedcapServer, certificate: Path | None = None) -> Iterator[RedcapServer]:
    """The project, served on a port of this machine; over TLS if there is a certificate with its key."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(project))
    scheme = "http"
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        scheme = "https"
    project.url = f"{scheme}://127.0.0.1:{server.server_port}/redcap/api/"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield project
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(project: RedcapServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            found = project.answer(dict(parse_qsl(body.decode(), keep_blank_values=True)))
            self.send_response(found.status)
            for name, value in found.headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(found.body)))
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(found.body[: len(found.body) - found.cut])
            self.close_connection = True

        def log_message(self, *_: Any) -> None:
            """Nothing: the requests are kept for the tests to look at."""

    return Handler
