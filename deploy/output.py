"""What commands print: listings as a table or as JSON, findings, and progress beside them."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final

import typer
from rich.cells import cell_len
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
        console = Console(soft_wrap=False)
        console.print(_table(rows, columns, console.width))


def _table(rows: Sequence[Row], columns: Sequence[str], width: int) -> Table:
    names = [column.replace("_", " ") for column in columns]
    cells = [names, *([_cell(row[column]) for column in columns] for row in rows)]
    longest = [max(map(cell_len, " ".join(said).split())) for said in zip(*cells, strict=True)]
    # an id that is broken cannot be copied: words stay whole where there is room for them, and dates always
    gap = 2 if sum(longest) + 2 * len(columns) <= width else 1
    fits = sum(longest) + gap * len(columns) <= width
    table = Table(box=None, padding=(0, gap if fits else 2, 0, 0))
    for at, (name, letters) in enumerate(zip(names, longest, strict=True)):
        least = letters if fits else 10 if "date" in name else None
        # it is the columns of several words that make room
        is_one = fits and all(cell_len(row[at]) <= letters for row in cells)
        table.add_column(name, overflow="fold", min_width=least, no_wrap=is_one)
    for row in cells[1:]:
        table.add_row(*row)
    return table


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
