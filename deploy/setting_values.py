"""The values that settings may have: each is read from text, and ValueError says what it must be."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from schemas.policy import FLOORS

_ID: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def text_line(text: str) -> str:
    """Text in one line, and not empty."""
    if not text or any(not letter.isprintable() for letter in text):
        raise ValueError("must be text in one line, and not empty")
    return text


def servers(text: str) -> str:
    """Kafka's addresses. A name or password among them would be shown with them."""
    if any(mark in text_line(text) for mark in "@/"):
        raise ValueError("must be HOST:PORT, with commas between them; sasl_username and sasl_password_file are others")
    return text


def optional_line(text: str) -> str:
    """Text in one line, or nothing."""
    return text_line(text) if text else text


def security_protocol(text: str) -> str:
    """One of Kafka's protocols, but for the one that sends a password and everything else unencrypted."""
    if text == "SASL_PLAINTEXT":
        raise ValueError("may not be SASL_PLAINTEXT: password and answers would go unencrypted; use SASL_SSL")
    return one_of("PLAINTEXT", "SSL", "SASL_SSL")(text)


def topic_prefix(text: str) -> str:
    """What may stand before a topic's name."""
    if not all(letter.isascii() and (letter.isalnum() or letter in "._-") for letter in text) or len(text) > 100:
        raise ValueError("may hold letters, digits, dot, dash and underscore, as Kafka's topic names do")
    return text


def ids(text: str) -> str:
    """Ids with commas between them, each once, or nothing."""
    found = [name.strip(" ") for name in text.split(",")] if text.strip(" ") else []
    if not all(_ID.fullmatch(name) for name in found):
        raise ValueError("must be ids such as mbi_hss, with commas between them")
    return ",".join(dict.fromkeys(found))


def boolean(text: str) -> bool:
    """True or false, as people write it."""
    try:
        return {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}[text.lower()]
    except KeyError:
        raise ValueError("must be true or false") from None


def path(text: str) -> Path:
    """A path of a file or folder."""
    return Path(text_line(text))


def whole(text: str) -> int:
    """A whole number."""
    # as written by people: no signs, underscores or digits of other scripts
    if not (text.isascii() and text.removeprefix("-").isdigit() and len(text) < 10):
        raise ValueError("must be a whole number")
    return int(text)


def minimum_k(text: str) -> int:
    """A k that is not under the floor."""
    floor, why = FLOORS["k"]
    number = whole(text)
    if number < floor:
        raise ValueError(f"may not be under {floor:.0f}: {why}")
    return number


def session_timeout(text: str) -> int:
    """A group's session timeout that Kafka accepts."""
    number = whole(text)
    if not 6_000 <= number <= 300_000:
        raise ValueError("must lie between 6000 and 300000 milliseconds")
    return number


def time_zone(text: str) -> str:
    """The name of a time zone."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError):
        raise ValueError("must be a time zone such as Europe/Berlin") from None
    return text


def listen_address(text: str) -> str:
    """HOST:PORT to listen at, or nothing."""
    host, colon, port = text.rpartition(":")
    if text and not (host and colon and port.isascii() and port.isdigit() and int(port[:6]) < 65_536):
        raise ValueError("must be HOST:PORT, such as 127.0.0.1:9464, or empty for none")
    return text


def redcap_address(text: str) -> str:
    """The address of REDCap's API, or nothing; unencrypted only to this machine, since each request has the token."""
    if not text:
        return text
    try:
        parts = urlsplit(text_line(text))
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError("must be an address such as https://redcap.example.org/api/") from None
    path = parts.path.removesuffix("/")
    if not host or parts.scheme not in ("http", "https") or not path.endswith("/api"):
        raise ValueError("must be an address such as https://redcap.example.org/api/")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("may hold neither user, password, ? nor #: the token has a file of its own")
    if parts.scheme == "http" and host not in _THIS_MACHINE:
        raise ValueError("must begin with https: token and answers would go unencrypted")
    return f"{parts.scheme}://{parts.netloc}{path}/"


def one_of(*known: str) -> Callable[[str], str]:
    """One of a few words."""

    def read(text: str) -> str:
        if text not in known:
            raise ValueError(f"must be one of {', '.join(known)}")
        return text

    return read
