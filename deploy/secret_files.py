"""Passwords and tokens from files: on one line, and in no error."""

from pathlib import Path
from typing import Final

from schemas.errors import SettingsError

_LONGEST_PASSWORD: Final = 1024


def read_password(path: Path, setting: str = "sasl_password_file", what: str = "password") -> str:
    """The password that a file holds on its only line; SettingsError, which does not quote it, if it cannot serve."""
    try:
        text = path.read_bytes().decode().removesuffix("\n").removesuffix("\r")
    except OSError as error:
        raise SettingsError(f"cannot read {setting} {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SettingsError(f"{path} must hold the {what} in UTF-8") from None
    if not text or len(text) > _LONGEST_PASSWORD or not text.isprintable():
        raise SettingsError(f"{path} must hold the {what} on one line, and nothing else")
    return text


def read_token(path: Path) -> str:
    """The API token of a REDCap project, from its file; SettingsError, which does not quote it, if it cannot serve."""
    return read_password(path, "redcap_token_file", "token")
