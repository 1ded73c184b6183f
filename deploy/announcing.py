"""What an organisation that is to be announced would do to rounds that are open: refused, or said and asked."""

from collections.abc import Iterator, Sequence
from fractions import Fraction

from deploy.control import refusal
from schemas.errors import InputRefused, Reason
from schemas.organisation import Organisation
from schemas.organisation_changes import Change, reordered
from schemas.organisation_drops import drops
from stream_processors.steps.ledger import KnownRound, Ledger


def open_rounds(known: Ledger, facility: str) -> list[KnownRound]:
    """The rounds of a facility that are open."""
    return [one for one in known.rounds if one.state == "open" and one.terms.facility == facility]


def check_levels(before: Organisation | None, after: Organisation, still_open: Sequence[KnownRound]) -> None:
    """InputRefused, with the open rounds named, if levels would change their order under them."""
    if before is not None and still_open and reordered(before, after):
        names = ", ".join(one.terms.round for one in still_open)
        detail = f"open are {names}"
        raise refusal(f"the organisation of {after.facility}", Reason.LEVELS_REORDERED, detail)


def check_drops(before: Organisation | None, after: Organisation, largest: Fraction, force: bool) -> list[str]:
    """What goes down by more than that share: InputRefused with it, or with force what to say of it."""
    found = list(drops(before, after, largest))
    if found and not force:
        raise InputRefused(
            f"the organisation of {after.facility}: {'; '.join(found)}. That is more than a share of "
            f"{float(largest):.4g}: see whether the file is whole; if it is meant, announce it with --force"
        )
    return found


def losses(after: Organisation, still_open: Sequence[KnownRound]) -> Iterator[str]:
    """What is lost where a unit is taken out of the record while a long round asks it."""
    for one in still_open:
        season, gone = one.terms.season, sorted(set(one.terms.leaves) - set(after.leaves()))
        if season is not None and season.calendar == "long" and gone:
            yield (
                f"{', '.join(gone)}: asked in {one.terms.round} until {season.last}, and their people may answer in "
                f"any other unit now: short rounds of {', '.join(one.terms.forms)} are refused until the season is "
                "over. Leave them in the record until then"
            )


def questions(found: Sequence[Change], lost: Sequence[str]) -> Iterator[str]:
    """What to ask before it is announced."""
    kinds = {change.kind for change in found if change.suspicious}
    if "headcount" in kinds:
        yield "Is it the same units that are meant? Announce it"
    if "levels_reordered" in kinds:
        yield "Do you mean the new order of levels? Announce it"
    if lost:
        yield "Do without those short rounds? Announce it"
