"""What ships with the code, read once: instruments, interventions, migrations, and the hash of the deciding code."""

import hashlib
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import yaml

from schemas.instruments.model import Instrument
from schemas.instruments.scoring import Catalogue
from schemas.interventions import Interventions


def definitions() -> tuple[dict[str, Any], ...]:
    """Every instrument definition as it is written, in id order."""
    folder = files("schemas") / "instruments"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".yaml"))
    return tuple(yaml.safe_load((folder / name).read_text("utf-8")) for name in names)


def instruments() -> tuple[Instrument, ...]:
    """Every instrument, in id order."""
    return tuple(Instrument.model_validate(definition) for definition in definitions())


@cache
def catalogue() -> Catalogue:
    """Every form by id."""
    return {form.id: form for instrument in instruments() for form in instrument.build_forms()}


@cache
def interventions() -> Interventions:
    """The catalogue of interventions."""
    return Interventions.model_validate(yaml.safe_load((files("schemas") / "interventions.yaml").read_text("utf-8")))


def migrations() -> tuple[tuple[str, str], ...]:
    """The numbered ClickHouse migrations as (name, SQL), in order."""
    folder = files("schemas") / "clickhouse" / "migrations"
    names = sorted(entry.name for entry in folder.iterdir() if entry.name.endswith(".sql"))
    return tuple((name, (folder / name).read_text("utf-8")) for name in names)


def code_hash() -> str:
    """SHA-256 over the sources that decide what is published: `schemas` and `stream_processors.steps`."""
    digest = hashlib.sha256()
    for root in (files("schemas"), files("stream_processors") / "steps"):
        for path, content in sorted(_sources(root, root.name)):
            digest.update(f"{path}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _sources(folder: Traversable, name: str) -> list[tuple[str, bytes]]:
    found = []
    for entry in folder.iterdir():
        if entry.is_dir() and entry.name != "__pycache__":
            found += _sources(entry, f"{name}/{entry.name}")
        elif entry.name.endswith((".py", ".yaml")):
            found.append((f"{name}/{entry.name}", entry.read_bytes()))
    return found
