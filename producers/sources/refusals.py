"""Rows that were refused, for the people who can correct them: line, column, reason and hint; never a cell."""

import csv
import io
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

from deploy.files import replacing
from producers.sources.drafts import Draft, Withdrawal
from producers.sources.mapping import Mapping
from producers.sources.sheet import Refused
from schemas.errors import InputRefused, Reason
from schemas.events import RoundOpened


def as_rows(refused: Sequence[Refused]) -> list[dict[str, Any]]:
    """What is refused, with the file's name where there are several."""
    names = ("file", "line", "column", "reason", "hint")
    chosen = names if any(row.file for row in refused) else names[1:]
    return [{name: getattr(row, name) for name in chosen} for row in refused]


def write_refused(refused: Sequence[Refused], path: Path) -> Path:
    """Write refusals as CSV."""
    text = io.StringIO()
    rows = as_rows(refused)
    writer = csv.DictWriter(text, [*rows[0]] if rows else ["line", "column", "reason", "hint"])
    writer.writeheader()
    writer.writerows(rows)
    with replacing(path) as file:
        file.write(text.getvalue().encode())
    return path


def reasons(refused: Sequence[Refused]) -> str:
    """How many were refused for each reason, in one line."""
    return ", ".join(f"{count} {name}" for name, count in sorted(Counter(row.reason for row in refused).items()))


def check_round(mapping: Mapping, terms: RoundOpened) -> None:
    """InputRefused if no row of this mapping could be admitted to the round."""
    strange = sorted(set(mapping.forms) - set(terms.forms))
    if strange:
        raise InputRefused(
            f"round {terms.round} does not field {', '.join(strange)}: it fields {', '.join(terms.forms)}"
        )
    if mapping.identity != terms.policy.identity:
        raise InputRefused(
            f"the mapping says identity: {mapping.identity}, but round {terms.round} was opened with "
            f"{terms.policy.identity}: correct the mapping, or open rounds with --identity {mapping.identity}"
        )


def split(
    drafts: Sequence[Draft | Withdrawal], mapping: Mapping, first: date, last: date, leaves: Sequence[str] | None = None
) -> tuple[list[Draft | Withdrawal], list[Refused]]:
    """Drafts that a round of these dates and leaves takes, and refusals of the others. It takes every withdrawal."""
    units = frozenset(leaves) if leaves is not None else None
    taken: list[Draft | Withdrawal] = []
    refused = []
    for draft in drafts:
        if isinstance(draft, Withdrawal):
            taken.append(draft)
        elif units is not None and draft.node not in units:
            # not quoted: a cell that looks like an id may be a person's name
            hint = "not a unit of this round: see wardpulse organisation show"
            refused.append(Refused(draft.line, mapping.columns.unit, str(Reason.UNKNOWN_UNIT), hint, draft.file))
        elif not first <= draft.submitted_on <= last:
            hint = f"the round takes answers dated {first} to {last}"
            refused.append(Refused(draft.line, mapping.columns.submitted, str(Reason.OUTSIDE_DATES), hint, draft.file))
        else:
            taken.append(draft)
    return taken, refused
