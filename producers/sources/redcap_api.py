"""REDCap's API: the rows that changed since a time, of the fields that a mapping names and no others.

PyCap speaks it. Where it would keep silent (a status that is no success, an address that leads elsewhere) or would
quote the token or an answer in an error, we look ourselves.
"""

import re
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from redcap.project import Project

from deploy.setting_values import redcap_address
from producers.sources.redcap import GROUP, OWN, PERSON, columns_of, status_of
from producers.sources.redcap_dictionary import Dictionary, check_items, read_dictionary
from schemas.errors import FatalError, InputRefused, RetryableError, SettingsError, SourceRefused

_TOKEN: Final = re.compile("[0-9A-Za-z]{32}")
_CONNECT_SECONDS, _ANSWER_SECONDS = 10.0, 300.0
_STAMP: Final = "_timestamp"
_AGAIN: Final = "nothing was sent; run it again, which is harmless"
_RIGHTS: Final = (
    "the token's user needs the rights API Export and Full Data Set in this project, and Data Access Groups "
    "if the mapping names the group"
)


class _Project(Project):
    """A project whose record field is known, so that PyCap need not ask for it."""

    record: str

    @property
    def def_field(self) -> str:
        """The field that names the record."""
        return self.record


class RedcapApi:
    """One project of a REDCap, which its token names. The address is one that `redcap_url` takes.

    Errors name the host and what to do. They quote neither the token nor anything that REDCap said.
    """

    def __init__(self, address: str, token: str, authorities: Path | None = None) -> None:
        try:
            address = redcap_address(address)
        except ValueError as error:
            raise SettingsError(f"redcap_url {error}") from None
        if not address:
            raise SettingsError("redcap_url is not set: it is the address of REDCap's API")
        self.host: Final = urlsplit(address).netloc
        if not _TOKEN.fullmatch(token):
            raise SettingsError("redcap_token_file holds no token of a project: it has 32 letters and digits")
        if authorities is not None and not authorities.is_file():
            raise SettingsError(f"redcap_ca_location {authorities} is no file: correct the path")
        # what is sent again at another address would be the token
        self._project = _Project(
            address,
            token,
            verify_ssl=True if authorities is None else str(authorities),
            timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
            allow_redirects=False,
            hooks={"response": self._check},
        )

    def dictionary(self) -> bytes:
        """The project's data dictionary, CSV."""
        with self._explained():
            return str(self._project.export_metadata(format_type="csv")).encode()

    def records(
        self, dictionary: bytes, wanted: Collection[str], items: Collection[str], since: datetime | None = None
    ) -> bytes:
        """A flat export, CSV, of the rows that changed since a time by REDCap's clock.

        InputRefused, before any is asked for, if an item may not be one by the dictionary.
        """
        known = read_dictionary(dictionary)
        check_items(known, items)
        columns = _columns(known, wanted, items)
        self._project.record = known.record
        with self._explained():
            found = self._project.export_records(
                format_type="csv",
                fields=_fields(known, columns),
                raw_or_label="raw",
                event_name="unique",
                export_survey_fields=any(name == PERSON or name.endswith(_STAMP) for name in columns),
                export_data_access_groups=GROUP in columns,
                date_begin=since,
            )
        # without a row REDCap leaves out the header too
        return str(found).encode() if str(found).strip() else (",".join(columns) + "\n").encode()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """What went wrong, in our words: those of the libraries may hold what they sent or got."""
        try:
            yield
        except requests.exceptions.SSLError:
            sentence = f"the certificate of REDCap at {self.host} is not trusted or not for that name"
            raise SettingsError(f"{sentence}: check redcap_url and redcap_ca_location") from None
        except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.Timeout):
            raise RetryableError(f"REDCap at {self.host} does not answer, or not to the end: {_AGAIN}") from None
        except (requests.exceptions.JSONDecodeError, UnicodeError):
            raise self._stranger() from None
        except requests.RequestException as error:
            raise self._refusal(str(error)) from None

    def _check(self, response: requests.Response, **_: Any) -> None:
        """Raise for every answer that is none of REDCap's. It is read to its end first, so that nothing stays open."""
        response.encoding = "utf-8"
        text, status = response.text, response.status_code
        if status >= 500 or status in (408, 429):
            raise RetryableError(f"REDCap at {self.host} cannot answer now (status {status}): {_AGAIN}")
        if status in (401, 403):
            raise self._unknown_token()
        if status == 400:
            raise SourceRefused(f"REDCap at {self.host} refuses what is asked of it: {_RIGHTS}")
        if 300 <= status < 400:
            raise SettingsError(f"REDCap at {self.host} is elsewhere: set redcap_url to the address it leads to")
        if status != 200 or text.lstrip()[:1] == "<":
            raise self._stranger()

    def _refusal(self, said: str) -> FatalError:
        """The error of an answer that says ERROR with the status of a success, as older versions do."""
        if "permissions to use the api" in said.lower():
            return self._unknown_token()
        return SourceRefused(f"REDCap at {self.host} refuses what is asked of it: {_RIGHTS}")

    def _unknown_token(self) -> SourceRefused:
        return SourceRefused(
            f"REDCap at {self.host} refuses the token: check redcap_token_file, and that the token's user still has "
            "the right API Export in the project"
        )

    def _stranger(self) -> SettingsError:
        return SettingsError(
            f"what answers at {self.host} is not REDCap's API: check redcap_url, which ends with /api/"
        )


def _columns(known: Dictionary, wanted: Collection[str], items: Collection[str]) -> tuple[str, ...]:
    """The columns that an export must have to be read."""
    statuses = (status_of(known.columns[item].field.form) for item in items)
    return tuple(dict.fromkeys((known.record, *columns_of(wanted), *statuses)))


def _fields(known: Dictionary, columns: Collection[str]) -> list[str]:
    """What to ask for to get these columns, and no other field."""
    fields = {known.record: None}
    for name in columns:
        form = name.removesuffix("_complete").removesuffix(_STAMP)
        if name in known.columns:
            fields[known.columns[name].field.name] = None
        elif form != name and form in known.forms:
            # a survey's stamp comes with any field of it; this one says nothing of its own
            fields[status_of(form)] = None
        elif name not in (PERSON, *OWN.values()):
            raise InputRefused(f"the project has no field {name}: correct the mapping")
    return list(fields)
