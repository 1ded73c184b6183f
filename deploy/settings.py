"""Settings: one frozen object read from a mapping such as the environment, and from a file that it may name.

What the environment says goes before what the file says. Unknown names are refused in both.
"""

import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final, Self
from urllib.parse import urlsplit

from deploy import setting_values as kinds
from schemas.errors import SettingsError

PREFIX: Final = "WARDPULSE_"
FILE: Final = PREFIX + "SETTINGS"
"""Names the settings file, TOML; paths in it are relative to its folder."""
_HIDDEN: Final = "***"
_EMBEDDED: Final = "chdb:"
_LONGEST_NAME: Final = 100
_LONGEST_NUMBER: Final = 64


def _clickhouse(text: str) -> str:
    folder = kinds.text_line(text).removeprefix(_EMBEDDED)
    # people's home folders may hold an @: a whole path without a colon has no place for a password
    is_path = folder.startswith("/") and "//" not in folder and ":" not in folder
    if _may_hold_login(text) and not is_path:
        raise ValueError("must be chdb:FOLDER or https://user:password@host:port/database, not one within the other")
    return text


def _may_hold_login(address: str) -> bool:
    """Whether an address of a folder looks like a slip, such as chdb: before an https address."""
    return address.startswith(_EMBEDDED) and ("@" in address or "//" in address)


def _setting(
    default: Any, read: Callable[[str], Any], meaning: str, needed_by: str, *, secret: bool = False, path: bool = False
) -> Any:
    told = {"meaning": meaning, "needed_by": needed_by}
    return field(default=default, metadata={"read": read, "path": path, "secret": secret, **told}, repr=not secret)


@dataclass(frozen=True)
class Settings:
    """What the processes need to know. Each field is read from WARDPULSE_ and its name in capitals.

    In a file the names are written small, and a dot may stand for an underscore: `bootstrap.servers` and the like are
    Kafka's own names.
    """

    bootstrap_servers: str = _setting(
        "localhost:9092", kinds.servers, "Kafka's addresses, HOST:PORT, with commas between them.", "all"
    )
    client_id: str = _setting(
        "wardpulse", kinds.text_line, "What our clients call themselves to Kafka, for its logs and quotas.", "all"
    )
    security_protocol: str = _setting(
        "PLAINTEXT",
        kinds.security_protocol,
        "How Kafka is spoken to: `PLAINTEXT`; `SSL`, encrypted; `SASL_SSL`, encrypted and with a password.",
        "all",
    )
    sasl_mechanism: str = _setting(
        "SCRAM-SHA-512",
        kinds.one_of("SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"),
        "How the password is shown: `SCRAM-SHA-512` or `SCRAM-SHA-256`, without giving it away, or `PLAIN`.",
        "all",
    )
    sasl_username: str = _setting("", kinds.optional_line, "The name of this user in Kafka.", "all")
    sasl_password_file: Path | None = _setting(
        None,
        kinds.path,
        "File with this user's password on one line; no setting holds the password itself.",
        "all",
        path=True,
    )
    ssl_ca_location: Path | None = _setting(
        None,
        kinds.path,
        "PEM file of the authorities that may vouch for Kafka; without it, those that this machine trusts.",
        "all",
        path=True,
    )
    ssl_certificate_location: Path | None = _setting(
        None, kinds.path, "PEM file of this client's certificate, where Kafka asks for one.", "all", path=True
    )
    ssl_key_location: Path | None = _setting(
        None, kinds.path, "PEM file of the key of that certificate, unencrypted.", "all", path=True
    )
    session_timeout_ms: int = _setting(
        6_000,
        kinds.session_timeout,
        "After so long without a sign of life Kafka gives a worker's partitions to another.",
        "worker",
    )
    group_instance_id: str = _setting(
        "",
        kinds.optional_line,
        "A name for this worker alone: started again under it in time, it has its partitions back at once.",
        "worker",
    )
    schema_ids: Path | None = _setting(
        None,
        kinds.path,
        "File of ids that `wardpulse schemas register` wrote: then every record is framed for a schema registry.",
        "all",
        path=True,
    )
    topic_prefix: str = _setting("", kinds.topic_prefix, "Put before the name of every topic and group.", "all")
    embedded: bool = _setting(
        False,
        kinds.boolean,
        "Whether the broker is the embedded one, which knows neither idempotent producers nor newer protocols.",
        "all",
    )
    clickhouse: str = _setting(
        "chdb:wardpulse-data/clickhouse",
        _clickhouse,
        "`chdb:FOLDER`, or `https://user:password@host:port/database`.",
        "writer, figures",
        secret=True,
        path=True,
    )
    keystores: Path | None = _setting(
        None, kinds.path, "Folder of the facilities' keystores, FACILITY.json each.", "edge", path=True
    )
    verify_keys: Path | None = _setting(
        None,
        kinds.path,
        "JSON file of facility to hex Ed25519 public keys; control events of others are refused.",
        "worker",
        path=True,
    )
    audit_key_file: Path | None = _setting(
        None, kinds.path, "File of at least 32 random bytes that key the manifests' tags.", "worker", path=True
    )
    minimum_k: int = _setting(5, kinds.minimum_k, "Rounds with a smaller k are refused.", "worker, edge")
    instruments_folder: Path | None = _setting(
        None, kinds.path, "Folder of instruments of your own, YAML; docs/instruments.md.", "worker, edge", path=True
    )
    licensed_instruments: str = _setting(
        "",
        kinds.ids,
        "Instruments you have a licence for, with commas between them: without it they are not in use.",
        "worker, edge",
    )
    timezone: str = _setting("UTC", kinds.time_zone, "The calendar by which a round is past its dates.", "worker, edge")
    journal: Path | None = _setting(
        None,
        kinds.path,
        "File that says how far the log of `wardpulse up` is kept; what is sent or stored waits for it.",
        "writer, edge",
        path=True,
    )
    redcap_url: str = _setting(
        "", kinds.redcap_address, "Address of REDCap's API, such as `https://redcap.example.org/api/`.", "edge"
    )
    redcap_token_file: Path | None = _setting(
        None, kinds.path, "File with the REDCap project's API token on one line.", "edge", path=True
    )
    redcap_ca_location: Path | None = _setting(
        None,
        kinds.path,
        "PEM file of the authorities that may vouch for REDCap; without it, those that browsers trust.",
        "edge",
        path=True,
    )
    metrics: str = _setting(
        "",
        kinds.listen_address,
        "HOST:PORT at which worker and writer serve Prometheus metrics; empty for none.",
        "worker, writer",
    )
    log_format: str = _setting(
        "text",
        kinds.one_of("text", "json"),
        "One line of text or one JSON object for each log record.",
        "worker, writer",
    )
    log_level: str = _setting(
        "info",
        kinds.one_of("debug", "info", "warning", "error"),
        "The least severe records of our own that are logged; libraries log from `warning` on.",
        "worker, writer",
    )

    @classmethod
    def read(cls, mapping: Mapping[str, str]) -> Self:
        """Read settings from a mapping and the file it names; SettingsError for an unknown name or a bad value."""
        given = {name: value for name, value in mapping.items() if name.startswith(PREFIX) and name != FILE}
        unknown = next((name for name in given if name not in _NAMES), None)
        if unknown is not None:
            raise SettingsError(f"{_named(unknown)} is not a setting; known are {', '.join(sorted((*_NAMES, FILE)))}")
        values = _from_named_file(mapping)
        for name, text in given.items():
            values[_NAMES[name]] = _read(name, _NAMES[name], text)
        settings = cls(**values)
        if (slip := settings.slip()) is not None:
            raise SettingsError(slip)
        return settings

    def slip(self) -> str | None:
        """A sentence on settings that do not go together; None if they do."""
        has_password, has_tls = self.security_protocol == "SASL_SSL", self.security_protocol != "PLAINTEXT"
        login = {"sasl_username": self.sasl_username, "sasl_password_file": self.sasl_password_file}
        pair = {"ssl_certificate_location": self.ssl_certificate_location, "ssl_key_location": self.ssl_key_location}
        tls = {"ssl_ca_location": self.ssl_ca_location, **pair}
        if self.embedded and has_tls:
            return "embedded needs security_protocol PLAINTEXT: the embedded broker knows neither TLS nor passwords"
        if has_password and not all(login.values()):
            return f"security_protocol SASL_SSL needs {_listed(login, given=False)}"
        if not has_password and any(login.values()):
            return (
                f"{_listed(login)} would not be used: security_protocol must be SASL_SSL, not {self.security_protocol}"
            )
        if not has_tls and any(tls.values()):
            return f"{_listed(tls)} would not be used: security_protocol must be SSL or SASL_SSL, not PLAINTEXT"
        if any(pair.values()) and not all(pair.values()):
            return f"{_listed(pair)} needs {_listed(pair, given=False)}: a certificate and its key go together"
        return None

    def environment(self) -> dict[str, str]:
        """The mapping these settings are read from, for a child process."""
        values = {name: getattr(self, own) for name, own in _NAMES.items()}
        return {name: str(value) for name, value in values.items() if value is not None}

    def shown(self) -> dict[str, str]:
        """Every setting as text that may be shown: of a secret only what is not secret in it."""
        values = {own: "" if (value := getattr(self, own)) is None else str(value) for own in _NAMES.values()}
        return values | {"clickhouse": without_password(self.clickhouse)}


_FIELDS: Final = {item.name: item for item in fields(Settings)}
_NAMES: Final = {PREFIX + name.upper(): name for name in _FIELDS}


def origins(mapping: Mapping[str, str]) -> dict[str, str]:
    """Where each setting comes from: default, file or environment. The mapping is one that `Settings.read` takes."""
    found = dict.fromkeys(_FIELDS, "default") | dict.fromkeys(_from_named_file(mapping), "file")
    return found | {own: "environment" for name, own in _NAMES.items() if name in mapping}


def without_password(address: str) -> str:
    """An address with `***` for its user's password, and for all of it if it cannot be taken apart."""
    if address.startswith(_EMBEDDED):
        return _HIDDEN if _may_hold_login(address) else address
    try:
        parts = urlsplit(address)
        host, password = parts.hostname, parts.password
        at = f"{host}:{parts.port}" if parts.port else host
    except ValueError:
        return _HIDDEN
    if not parts.scheme or not host or parts.query or parts.fragment:
        return _HIDDEN
    user = f"{parts.username}:{_HIDDEN}@" if password else f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{at}{parts.path}"


def _listed(values: Mapping[str, object], *, given: bool = True) -> str:
    """The names of those that are given, or of those that are not."""
    return " and ".join(name for name, value in values.items() if bool(value) is given)


def _read(shown: str, own: str, text: str) -> Any:
    return _checked(shown, _FIELDS[own].metadata["read"], text)


def _checked(shown: str, read: Callable[[str], Any], text: str) -> Any:
    try:
        return read(text)
    except ValueError as error:
        raise SettingsError(f"{shown} {error}") from None


def _named(name: str) -> str:
    """A name that somebody wrote, if it can stand in a message of one line."""
    usual = name.isascii() and len(name) <= _LONGEST_NAME and name.replace(".", "_").replace("-", "_").isidentifier()
    return name if usual else "one of the names"


def _from_named_file(mapping: Mapping[str, str]) -> dict[str, Any]:
    return _from_file(_checked(FILE, kinds.path, mapping[FILE])) if mapping.get(FILE) else {}


def _from_file(path: Path) -> dict[str, Any]:
    try:
        content = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingsError(f"cannot read the settings {path}: {error.strerror}") from None
    except (ValueError, RecursionError):
        # the message of the parser may quote a password
        raise SettingsError(f"{path} is not TOML: write name = value, text in quotes, in UTF-8") from None
    values: dict[str, Any] = {}
    for name, value in _flat(content):
        own = name.replace(".", "_")
        if own not in _FIELDS:
            raise SettingsError(f"{path}: {_named(name)} is not a setting; known are {', '.join(sorted(_FIELDS))}")
        if own in values:
            raise SettingsError(f"{path}: {name} is given twice")
        values[own] = _beside(path, own, _read(f"{path}: {name}", own, _written(path, name, value)))
    return values


def _flat(content: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """TOML reads a.b = 1 as a table within a table. Nothing is looked for deeper than a name can be."""
    for name, value in content.items():
        if isinstance(value, dict) and len(above) < _LONGEST_NAME:
            yield from _flat(value, f"{above}{name}.")
        else:
            yield f"{above}{name}", value


def _written(path: Path, name: str, value: object) -> str:
    # a hexadecimal number may have more digits than Python writes out
    if isinstance(value, str) or (isinstance(value, bool | int) and value.bit_length() <= _LONGEST_NUMBER):
        return str(value)
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return ",".join(value)
    raise SettingsError(f"{path}: {name} must be text, a whole number, true or false, or a list of text")


def _beside(file: Path, own: str, value: Any) -> Any:
    """A path in a file is relative to the file's folder, so that the folder can be moved."""
    if not _FIELDS[own].metadata["path"]:
        return value
    if isinstance(value, Path):
        return file.parent / value
    is_folder = value.startswith(_EMBEDDED)
    return f"{_EMBEDDED}{file.parent / value.removeprefix(_EMBEDDED)}" if is_folder else value
