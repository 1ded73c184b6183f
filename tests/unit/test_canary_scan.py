"""The scan for canaries finds one in each spelling, and nothing where there is none."""

import base64
import hashlib
import json
import uuid
from collections.abc import Callable

import pytest

from tests.canaries import Canary, Scan

TOKEN = hashlib.sha256(b"a token").digest()
EVENT_ID = uuid.UUID(bytes=hashlib.sha256(b"an event").digest()[:16], version=4)
VALUES = [TOKEN.hex(), str(EVENT_ID), "quackenbush-cannot-sleep"]
SPELL: dict[str, Callable[[bytes], bytes]] = {
    "as it is": bytes,
    "in capitals": bytes.upper,
    "without dashes": lambda value: value.replace(b"-", b""),
    "in JSON": lambda value: json.dumps({"reason": f"{value.decode()}: try again"}).encode(),
    "as Python shows bytes": lambda value: repr(b"\xff" + value).encode(),
    "in hex": lambda value: value.hex().encode(),
    "in hex in capitals": lambda value: value.hex().upper().encode(),
    "in base64": base64.b64encode,
    "in base64, second": lambda value: base64.b64encode(b"." + value + b"."),
    "in base64, third": lambda value: base64.b64encode(b".." + value + b".."),
    "in base64 for addresses": lambda value: base64.urlsafe_b64encode(value + b"\xff\xff\xfe\xfb"),
    "its hash": lambda value: hashlib.sha256(value).digest(),
    "its hash in hex": lambda value: hashlib.sha256(value).hexdigest().encode(),
}


@pytest.mark.parametrize("value", VALUES)
@pytest.mark.parametrize("spelling", SPELL)
def test_a_canary_is_found_in_every_spelling(value: str, spelling: str) -> None:
    planted, other = Canary("planted", value.encode()), Canary("other", b"nobody-says-this")
    scan = Scan([planted, other])
    text = b"before\x00" + SPELL[spelling](planted.value) + b"\nafter"
    assert scan.found(text) == [planted]
    assert scan.missing(text) == [other]


@pytest.mark.parametrize("raw", [TOKEN, EVENT_ID.bytes])
@pytest.mark.parametrize("before", [b"", b".", b".."])
def test_the_bytes_behind_a_token_or_an_id_are_found_alone_and_in_base64(raw: bytes, before: bytes) -> None:
    scan = Scan([Canary("token", TOKEN.hex().encode()), Canary("event id", str(EVENT_ID).encode())])
    for text in (before + raw, base64.b64encode(before + raw + b"\x01"), base64.urlsafe_b64encode(before + raw)):
        assert len(scan.found(text)) == 1


@pytest.mark.parametrize("text", [b"918273", b'{"1":918273}', b"-918273", b"918273.0", b"of 918273, and"])
def test_a_number_is_found_where_it_stands_alone(text: bytes) -> None:
    assert Scan([Canary("answer", b"918273")]).found(text) == [Canary("answer", b"918273")]


@pytest.mark.parametrize("text", [b"0.918273", b"1918273", b"9182730", b"ab918273cd", b"91827", b""])
def test_a_number_is_not_found_within_another_or_an_id(text: bytes) -> None:
    assert Scan([Canary("answer", b"918273")]).found(text) == []


@pytest.mark.parametrize("value", VALUES)
def test_a_canary_cut_short_is_not_found(value: str) -> None:
    assert Scan([Canary("planted", value.encode())]).found(value.encode()[1:] + b" " + value.encode()[:-1]) == []
