"""Whether the rounds of a season keep to it: its dates, its terms, and its leaves, which headcounts alone assign.

The record that a season began with decides, and headcounts may change after it. Rows do not tell that record, as the
round that was opened first may not be sealed yet, so a leaf is only said to be in the wrong calendar if it is by the
headcounts of every round of the season. Until the long round is sealed the season may have begun with it under a record
that no row tells, so that is undecided.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from stream_processors.audit.calendar import Fielded, fielded
from stream_processors.audit.evidence import Evidence, Number, RoundRow, SeasonRow
from stream_processors.audit.identities import grouped
from stream_processors.audit.report import Finding

CHECK: Final = "seasons"
CALENDARS: Final = ("short", "long")


def findings(evidence: Evidence) -> Iterator[Finding]:
    """Rounds that do not keep to the season they name."""
    in_season = [one for one in fielded(evidence) if one.sealed.season is not None or one.sealed.calendar != "short"]
    for one in in_season:
        yield from _terms(one.sealed)
    seasons = grouped(in_season, lambda one: (one.sealed.facility, one.sealed.season and one.sealed.season.id))
    for rounds in seasons.values():
        yield from _of_a_season(sorted(rounds, key=lambda one: _opened(one.sealed, evidence)))


def _opened(sealed: RoundRow, evidence: Evidence) -> tuple[int, str, str, str]:
    """By the order of opening; by dates where nothing tells it."""
    place = evidence.opened.get((sealed.facility, sealed.round), 0)
    # a long round is as long as its season, so that nothing of the season begins before it
    return place, sealed.first.isoformat(), sealed.calendar, sealed.round


def _terms(sealed: RoundRow) -> Iterator[Finding]:
    season = sealed.season
    if season is None:
        yield _unsafe(sealed, "is of the long calendar and names no season")
        return
    if sealed.calendar not in CALENDARS:
        yield _unsafe(sealed, "is of no calendar that there is")
    if not season.first <= sealed.first <= sealed.last <= season.last:
        yield _unsafe(sealed, "has dates outside its season")
    elif sealed.calendar == "long" and (sealed.first, sealed.last) != (season.first, season.last):
        yield _unsafe(sealed, "is a long round and not as long as its season")
    if sealed.sensitive:
        yield _unsafe(sealed, "asks a sensitive form in a season")


def _of_a_season(rounds: list[Fielded]) -> Iterator[Finding]:
    begun = rounds[0]
    for one in rounds:
        if one.sealed.season != begun.sealed.season:
            yield _unsafe(one.sealed, f"has other terms than {begun.sealed.round} of the same season")
    yield from _by_headcount(rounds)
    for calendar in CALENDARS:
        yield from _same_leaves([one for one in rounds if one.sealed.calendar == calendar])
    for leaf in sorted(_leaves(rounds, "short") & _leaves(rounds, "long")):
        yield _unsafe(begun.sealed, f"is of a season that asks {leaf} in both calendars")


def _by_headcount(rounds: list[Fielded]) -> Iterator[Finding]:
    is_whole = any(one.sealed.calendar == "long" for one in rounds)
    for one in rounds:
        for leaf in sorted(one.leaves):
            shown = [_heads(other, leaf) for other in rounds if leaf in other.nodes]
            if one.sealed.season and not any(_fits(heads, one.sealed, one.sealed.season) for heads in shown):
                heads = f"{shown[0][0]} to {shown[0][1]}" if len(set(shown[0])) > 1 else f"{shown[0][0]}"
                what = f"asks {leaf}, which has {heads} people, in the {one.sealed.calendar} calendar"
                what += f"; the season's threshold is {one.sealed.season.long_below}"
                yield _unsafe(one.sealed, what) if is_whole else replace(_unsafe(one.sealed, what), verdict="undecided")


def _heads(one: Fielded, leaf: str) -> tuple[Number, Number]:
    """The fewest and most people a leaf can have by a round's rows."""
    shown = one.nodes[leaf].headcount
    # one that is hidden is anything below K
    return (0, one.sealed.policy.smallest - 1) if shown is None else (shown, shown)


def _fits(heads: tuple[Number, Number], sealed: RoundRow, season: SeasonRow) -> bool:
    least, most = heads
    return most >= season.long_below if sealed.calendar == "short" else least < season.long_below


def _same_leaves(rounds: list[Fielded]) -> Iterator[Finding]:
    for one in rounds[1:]:
        # a leaf that is no more is left out; nothing takes its place
        expected = rounds[0].leaves & one.tree_leaves
        if one.leaves != expected:
            odd = sorted(one.leaves ^ expected)[0]
            yield _unsafe(one.sealed, f"asks other leaves than {rounds[0].sealed.round} of its calendar: {odd}")


def _leaves(rounds: Iterable[Fielded], calendar: str) -> frozenset[str]:
    return frozenset[str]().union(*(one.leaves for one in rounds if one.sealed.calendar == calendar))


def _unsafe(sealed: RoundRow, what: str) -> Finding:
    return Finding(CHECK, "unsafe", f"{sealed.round} of {sealed.form} {what} ({sealed.at})")
