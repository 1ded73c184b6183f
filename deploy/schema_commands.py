"""The commands for the contract: written out, compared, and made known to a schema registry."""

import json
from pathlib import Path
from typing import Annotated, Any, Final, get_args

import typer

from deploy.asyncapi import document
from deploy.files import replacing
from deploy.output import AsJson, print_json, print_rows
from deploy.schema_registry import Login, register_schemas
from schemas.compatibility import Mode, Problem, problems
from schemas.errors import InputRefused
from schemas.json_schema import event_schemas

SUFFIX: Final = ".schema.json"
_MODES: Final = get_args(Mode)
_HELP = """The contract of the topics: JSON Schema and AsyncAPI, and what may change in them.

docs/contracts.md says what the schemas hold and what only the code checks.
"""
_EXPORT_HELP = """Write the contract: a JSON Schema for each event type, and one AsyncAPI document of all topics.

The same version always writes the same bytes.

Example: wardpulse schemas export --out contracts
"""
_CHECK_HELP = """Say whether a contract may replace another: BACKWARD, FORWARD, FULL, as schema registries define them.

OLD and NEW are folders that `export` wrote, or two JSON Schemas. BACKWARD: readers with the new one read what was
written under the old; FORWARD: readers with the old read what is written under the new. Exit code 65 if what
--require asks does not hold. What cannot be decided counts as incompatible.

Examples:

wardpulse schemas check contracts-1.0 contracts

wardpulse schemas check old.schema.json new.schema.json --require backward --json
"""
_REGISTER_HELP = """Make the schemas known to a Confluent Schema Registry, and write the ids it gives them.

With the file named as `schema_ids` in the settings, every record is framed with its schema's id. Subjects are named by
topic and type (TopicRecordNameStrategy). The password, if any, is read from a file.

Example: wardpulse schemas register https://registry.example:8081 --out schema-ids.json
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the front door."""
    group = typer.Typer(name="schemas", help=_HELP, no_args_is_help=True)
    group.command("export", help=_EXPORT_HELP)(_export)
    group.command("check", help=_CHECK_HELP)(_check)
    group.command("register", help=_REGISTER_HELP)(_register)
    app.add_typer(group)


def _export(out: Annotated[Path, typer.Option(help="Folder for the files; made if it is not there.")]) -> None:
    schemas = event_schemas()
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputRefused(f"{out} cannot be used as a folder ({error.strerror}): choose another") from None
    contents = {f"{name}{SUFFIX}": schema for name, schema in schemas.items()} | {"asyncapi.json": document(schemas)}
    for name, content in contents.items():
        with replacing(out / name) as file:
            file.write(json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False).encode() + b"\n")
    typer.echo(f"{len(schemas)} schemas and asyncapi.json are in {out}")


def _check(
    old: Annotated[Path, typer.Argument(help="The contract so far: a folder, or one schema.")],
    new: Annotated[Path, typer.Argument(help="The contract to come.")],
    require: Annotated[Mode, typer.Option(help="What must hold.")] = "full",
    as_json: AsJson = False,
) -> None:
    before, after = _read(old), _read(new)
    if len(before) == len(after) == 1:
        after = dict(zip(before, after.values(), strict=True))
    verdicts = {mode: _problems(before, after, mode) for mode in _MODES}
    if as_json:
        print_json({mode: {"compatible": not rows, "problems": rows} for mode, rows in verdicts.items()})
    else:
        for mode, rows in verdicts.items():
            typer.echo(f"{mode.upper()}: {'compatible' if not rows else 'NOT compatible'}")
        print_rows(verdicts["full"], False, ("schema", "path", "why"), f"{len(before)} schemas compared")
    if verdicts[require]:
        raise InputRefused(f"{new} is not {require} compatible with {old}: {len(verdicts[require])} places")


def _problems(before: dict[str, Any], after: dict[str, Any], mode: Mode) -> list[dict[str, str]]:
    # a type that comes is no change for anybody who does not use it; one that goes is
    found = [(name, Problem("", "the type is gone")) for name in sorted(before.keys() - after.keys())]
    for name in sorted(before.keys() & after.keys()):
        found += [(name, one) for one in problems(before[name], after[name], mode)]
    return [{"schema": name, "path": one.path or "/", "why": one.why} for name, one in found]


def _read(path: Path) -> dict[str, Any]:
    if path.is_dir():
        files = sorted(path.glob(f"*{SUFFIX}"))
        if not files:
            raise InputRefused(f"{path} holds no *{SUFFIX}: wardpulse schemas export writes them")
        return {file.name.removesuffix(SUFFIX): _schema(file) for file in files}
    return {path.name.removesuffix(SUFFIX): _schema(path)}


def _schema(path: Path) -> Any:
    try:
        found = json.loads(path.read_bytes())
    except OSError as error:
        raise InputRefused(f"{path}: cannot be read ({error.strerror}): correct the path") from None
    except (ValueError, RecursionError):
        raise InputRefused(f"{path}: is not JSON: give a JSON Schema, or a folder of them") from None
    if not isinstance(found, dict | bool):
        raise InputRefused(f"{path}: is no JSON Schema: it must be an object")
    return found


def _register(
    registry: Annotated[str, typer.Argument(help="The registry's address.")],
    out: Annotated[Path, typer.Option(help="File for the ids, JSON.")],
    topic_prefix: Annotated[str, typer.Option(help="The deployment's prefix of topics.")] = "",
    user: Annotated[str, typer.Option(help="Name to log in with.")] = "",
    password_file: Annotated[Path | None, typer.Option(help="File with the password on one line.")] = None,
    ca_location: Annotated[Path | None, typer.Option(help="PEM file of the authorities to trust.")] = None,
) -> None:
    ids = register_schemas(registry, event_schemas(), topic_prefix, Login(user, password_file, ca_location))
    with replacing(out) as file:
        file.write(json.dumps(ids, indent=2, sort_keys=True).encode() + b"\n")
    typer.echo(f"{len(ids)} schemas are known to the registry; their ids are in {out}")
    typer.echo(f"name the file in the settings of every process, to frame what it sends: schema_ids = {out}")
