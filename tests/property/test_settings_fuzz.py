"""Whatever a mapping or a settings file holds: settings, or one error of ours that gives nothing away."""

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deploy.check_commands import settings_rows
from deploy.settings import FILE, PREFIX, Settings
from schemas.errors import SettingsError, WardpulseError
from schemas.policy import FLOORS

CANARY = "canary7Pass"
NAMES = [item.name for item in fields(Settings)]
KAFKAS = ["bootstrap.servers", "client.id", "session.timeout.ms", "minimum.k", "topic.prefix", "audit.key_file"]
KAFKAS += ["security.protocol", "sasl.mechanism", "sasl.username", "sasl.password.file", "ssl.ca.location"]

any_text = st.text(st.characters(codec=None), max_size=40)
secret_text = st.builds("{}{}{}".format, any_text, st.just(CANARY), any_text)
addresses = st.sampled_from(
    [
        f"https://writer:{CANARY}@db:8443/wellbeing",
        f"https://writer:{CANARY}@db:port/wellbeing",
        f"https://writer:{CANARY}@[db/wellbeing",
        f"http://{CANARY}@db?password={CANARY}",
        f"writer:{CANARY}@db",
        f"chdb:https://writer:{CANARY}@db",
        f"chdb:writer:{CANARY}@db",
        f"chdb:/var/lib/{CANARY[:0]}tables",
    ]
)
values = st.one_of(
    any_text,
    secret_text,
    addresses,
    st.integers().map(str),
    st.sampled_from(["4", "5", "11", "-5", "SSL", "SASL_SSL", "SASL_PLAINTEXT"]),
)
names = st.one_of(st.sampled_from([PREFIX + name.upper() for name in NAMES]), any_text.map(lambda text: PREFIX + text))
numbers = st.one_of(st.integers(), st.just(0xF**40000), st.sampled_from([4, 1, 0, -1, 5]))
lines = st.one_of(
    st.builds("{} = {}".format, st.sampled_from(NAMES + KAFKAS), numbers.map(hex)),
    st.builds("{} = '{}'".format, st.sampled_from(NAMES + KAFKAS), values),
    st.builds("{} = {}".format, st.sampled_from(NAMES + KAFKAS), st.sampled_from(["true", "1e400", "nan", "07:32:00"])),
    st.builds('"{}" = {}'.format, any_text, st.sampled_from([f"'{CANARY}'", "[]", "{}", "[1, 'a']", "1979-05-27"])),
    st.builds("[{}]".format, st.sampled_from([*NAMES, "bootstrap", "a.b.c.d.e"])),
    st.builds("{} = '{}".format, st.sampled_from(NAMES), addresses),
)
contents = st.one_of(st.binary(max_size=200), st.lists(lines, max_size=4).map(lambda many: _utf8("\n".join(many))))


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


@pytest.fixture(scope="module")
def file() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder) / "wardpulse.toml"


def read(mapping: Mapping[str, str]) -> Settings | None:
    """The settings, checked for what must hold of any; None where they were refused as they should be."""
    try:
        settings = Settings.read(mapping)
        shown = str(settings_rows(mapping))
    except WardpulseError as error:
        _check_refusal(error)
        return None
    assert settings.minimum_k >= FLOORS["k"][0]
    assert settings.slip() is None
    assert not settings.clickhouse.startswith("chdb:") or f":{CANARY}@" not in settings.clickhouse
    if "://" in settings.clickhouse:
        assert settings.clickhouse not in str(settings)
        assert f":{CANARY}@" not in shown
    return settings


def _check_refusal(error: WardpulseError) -> None:
    message = str(error)
    assert error.__cause__ is None
    assert CANARY not in message
    assert message.isprintable()
    assert len(message) < 2000


@given(st.dictionaries(names, values, max_size=5))
def test_any_mapping_is_read_or_refused(mapping: dict[str, str]) -> None:
    # names that hold the canary are not values: nobody names a variable after a password
    settings = read({name: value for name, value in mapping.items() if CANARY not in name})
    if settings is not None:
        assert Settings.read(settings.environment()) == settings


@given(contents)
def test_any_file_is_read_or_refused(file: Path, content: bytes) -> None:
    file.write_bytes(content)
    read({FILE: str(file)})


@pytest.mark.parametrize(
    "content",
    [
        "a" + ".a" * 1500 + " = 1",
        "[a" + ".a" * 1500 + "]",
        "client" + ".id" * 1500 + " = 1",
        f"minimum_k = {'[' * 3000}",
        f"minimum_k = {'{a = ' * 3000}",
        f"minimum_k = {'[' * 500}{']' * 500}",
        f"minimum_k = 0x{'f' * 9000}",
        f"minimum_k = {'9' * 9000}",
        f"metrics = 0o{'7' * 90_000}",
        f'"{"a" * 9000}" = 1',
        '"\\u0000\\n" = 1',
        'keystores = "a\\u0000b"',
        'timezone = "../../etc/passwd"',
        f'timezone = "{"a/" * 3000}"',
        f"{CANARY} broken",
        f'clickhouse = "https://writer:{CANARY}@db',
        f'clickhouse = ["https://writer:{CANARY}@db", 1]',
        f'clickhouse = {{ url = "https://writer:{CANARY}@db" }}',
    ],
)
def test_files_made_to_break_it_are_refused(file: Path, content: str) -> None:
    file.write_text(content, "utf-8")
    assert read({FILE: str(file)}) is None


@given(any_text)
def test_any_file_name_is_read_or_refused(name: str) -> None:
    read({FILE: name})


@given(st.sampled_from(NAMES), st.one_of(values, any_text))
def test_a_file_and_the_environment_agree(file: Path, name: str, value: str) -> None:
    text = "".join(f"\\U{ord(letter):08X}" for letter in value)
    file.write_bytes(_utf8(f'{name} = "{text}"\n'))
    by_file, by_environment = read({FILE: str(file)}), read({PREFIX + name.upper(): value})
    if any(0xD800 <= ord(letter) < 0xE000 for letter in value):
        assert by_file is None  # no file can hold half a character
        return
    assert (by_file is None) == (by_environment is None)
    if by_file is not None and by_environment is not None:
        assert _beside(file, getattr(by_file, name), name) == _beside(file, getattr(by_environment, name), name)


def _beside(file: Path, value: Any, name: str) -> Any:
    if isinstance(value, Path):
        return file.parent / value
    if name == "clickhouse" and value.startswith("chdb:"):
        return file.parent / value.removeprefix("chdb:")
    return value


@given(st.integers(max_value=4), st.sampled_from(["{}", "'{}'", "{:+d}", "'{:+d}'", "'{:05d}'", "['{}']"]))
def test_no_way_of_writing_it_lowers_the_smallest_k(file: Path, number: int, written: str) -> None:
    for name in ("minimum_k", "minimum.k"):
        file.write_text(f"{name} = {written.format(number)}\n", "utf-8")
        with pytest.raises(SettingsError):
            Settings.read({FILE: str(file)})
    with pytest.raises(SettingsError):
        Settings.read({"WARDPULSE_MINIMUM_K": written.strip("'[]").format(number)})


def test_a_file_does_not_lower_it_under_the_environment_or_the_other_way_round(file: Path) -> None:
    file.write_text("minimum_k = 4\n", "utf-8")
    with pytest.raises(SettingsError):
        Settings.read({FILE: str(file), "WARDPULSE_MINIMUM_K": "11"})
    file.write_text("minimum_k = 11\n", "utf-8")
    with pytest.raises(SettingsError):
        Settings.read({FILE: str(file), "WARDPULSE_MINIMUM_K": "4"})
