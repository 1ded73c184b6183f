"""Making schemas known to a Confluent Schema Registry, over its REST API; and the file of ids that frames refer to.

https://docs.confluent.io/platform/current/schema-registry/develop/api.html: POST /subjects/SUBJECT/versions.
"""

import base64
import json
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, HTTPSHandler, Request, build_opener

from deploy.secret_files import read_password
from schemas.errors import RetryableError, SettingsError, SourceRefused
from schemas.topics import TOPICS

_SECONDS: Final = 20
_LONGEST: Final = 100_000
_MOST: Final = 2**31 - 1
_CONTENT: Final = "application/vnd.schemaregistry.v1+json"


@dataclass(frozen=True)
class Login:
    """How to log in to a registry, if it asks; and who vouches for it."""

    user: str = ""
    password_file: Path | None = None
    authorities: Path | None = None


class _NoRedirect(HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow nothing: the password would go along."""


def register_schemas(
    address: str, schemas: Mapping[str, Mapping[str, Any]], topic_prefix: str, login: Login
) -> dict[str, int]:
    """Event type to the id that the registry gave. What is known there already keeps its id.

    SettingsError for an address or file that cannot serve, SourceRefused if the registry refuses, RetryableError if it
    does not answer.
    """
    root = _checked(address)
    topics = {event: topic_prefix + spec.topic for spec in TOPICS for event in spec.events}
    return {name: _register(root, f"{topics[name]}-{name}", schema, login) for name, schema in schemas.items()}


def read_ids(path: Path) -> dict[str, int]:
    """The ids of a file that `register` wrote; SettingsError if it cannot serve."""
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise SettingsError(f"cannot read schema_ids {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        raise SettingsError(f"{path} must be JSON as wardpulse schemas register writes it") from None
    known = {event for spec in TOPICS for event in spec.events}
    if not isinstance(found, dict) or set(found) != known or not all(map(_is_id, found.values())):
        raise SettingsError(f"{path} must have an id for each event type: make it anew with wardpulse schemas register")
    return found


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value <= _MOST


def _checked(address: str) -> str:
    parts = urlsplit(address)
    if parts.scheme not in ("http", "https") or not parts.hostname or "@" in parts.netloc or parts.query:
        raise SettingsError("the registry's address must be such as https://registry.example:8081, without a password")
    return address.rstrip("/")


def _register(root: str, subject: str, schema: Mapping[str, Any], login: Login) -> int:
    body = json.dumps({"schemaType": "JSON", "schema": json.dumps(schema, sort_keys=True)}).encode()
    headers = {"Content-Type": _CONTENT, "Accept": _CONTENT}
    if login.password_file is not None:
        secret = f"{login.user}:{read_password(login.password_file, 'the password file')}"
        headers["Authorization"] = "Basic " + base64.b64encode(secret.encode()).decode()
    request = Request(f"{root}/subjects/{quote(subject, safe='')}/versions", body, headers, method="POST")  # noqa: S310
    context = ssl.create_default_context(cafile=None if login.authorities is None else str(login.authorities))
    try:
        with build_opener(_NoRedirect, HTTPSHandler(context=context)).open(request, timeout=_SECONDS) as answer:
            return _id(root, answer.read(_LONGEST))
    except HTTPError as error:
        # it holds the connection open
        error.close()
        raise SourceRefused(f"the registry at {root} refuses {subject} ({_why(error)})") from None
    except (URLError, OSError, ValueError) as error:
        raise RetryableError(
            f"the registry at {root} did not answer ({type(error).__name__}): check address and certificate; try again"
        ) from None


def _why(error: HTTPError) -> str:
    meanings = {401: "log in with --user and --password-file", 403: "this user may not", 409: "it is not compatible"}
    meaning = meanings.get(error.code, "is it a schema registry, and does it take JSON Schema?")
    return f"HTTP {error.code}: {meaning}"


def _id(root: str, answer: bytes) -> int:
    found = json.loads(answer)
    if not isinstance(found, dict) or not _is_id(found.get("id")):
        raise SourceRefused(f"what answers at {root} is no schema registry: it gave no id")
    return int(found["id"])
