"""What commands print: listings as a table or as JSON, findings, and progress beside them."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Row = Mapping[str, Any]
_NONE: Final = "-"
_UNPRINTABLE: Final = "\N{REPLACEMENT CHARACTER}"


def printable(text: str, *, keep_newlines: bool = False) -> str:
    """Text from elsewhere, made harmless to a terminal: it can neither steer it nor turn the direction of writing."""
    kept = "\n" if keep_newlines else ""
    return "".join(letter if letter.isprintable() or letter in kept else _UNPRINTABLE for letter in text)


def print_rows(rows: Sequence[Row], as_json: bool, columns: Sequence[str], empty: str) -> None:
    """Print a listing: JSON with every field, or a table of some. `empty` is what the table says without rows."""
    if as_json:
        print_json(rows)
    elif not rows:
        typer.echo(empty)
    else:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for column in columns:
            # where the terminal is narrow a date stays whole
            table.add_column(column.replace("_", " "), overflow="fold", min_width=10 if "date" in column else None)
        for row in rows:
            table.add_row(*(_cell(row[column]) for column in columns))
        Console(soft_wrap=False).print(table)


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False, default=str))


def progress() -> Progress:
    """A progress bar on standard error, so that results can be piped."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=working())


def working() -> Console:
    """Where it is said what goes on: beside the results, not among them."""
    return Console(stderr=True)


def _cell(value: Any) -> str:
    # names come from other systems: what is in them is no markup and steers no terminal
    if value is None or value == "":
        return _NONE
    if isinstance(value, list | tuple):
        return escape(printable(", ".join(map(str, value))))
    return escape(printable(str(value)))
