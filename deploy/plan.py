"""The plan of a programme as tables, sentences and JSON."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any, Final

from rich.markup import escape
from rich.table import Table

from deploy.output import printable
from producers.simulation.habits import Responders
from schemas.policy import Policy
from stream_processors.planning.candidates import BASE_DAYS, Candidate
from stream_processors.planning.outcome import sensitive_level
from stream_processors.planning.plan import EXAMPLE_OF_SENSITIVE, Line, Proposal, Question

KINDS: Final[dict[Responders, str]] = {
    "independent": "everybody has the same chance to answer, anew in every round",
    "habitual": "some nearly always answer and others hardly ever",
}
CAPTION: Final = (
    "Per round, each place in the calendar it is in: own = places with figures of their own, pool = in the figures "
    "of a place above, none = withheld. heard = answers in figures of the place they were given at. once = places "
    "with own figures at least once a season. risk = points between the ends of the 95 % interval of the at-risk "
    "share, at a published place of median size; mean = half its mean's interval, in standard deviations. "
    "shift = weeks until half a standard deviation is seen, at the median place, - if not within two years; never = "
    "places that do not see it by then. > marks the proposal, = the default policy as it is without it."
)
_COLUMNS: Final = ("calendar", "own", "pool", "none", "heard", "once", "risk", "mean", "shift", "never")


def plan_table(question: Question, lines: Sequence[Line], chosen: Proposal, responders: Responders) -> Table:
    """What every candidate comes to with one kind of responders."""
    share = f"{question.assumed.response:.0%} answer a round of {BASE_DAYS} days"
    title = f"{responders} responders: {share}; {KINDS[responders]}"
    table = Table(title=title, caption=CAPTION, box=None, padding=(0, 1, 0, 0), caption_justify="left")
    table.add_column("", no_wrap=True)
    table.add_column("answer at", overflow="fold")
    for name in ("k", "days", *_COLUMNS):
        table.add_column(name, justify="right", no_wrap=True)
    mine = [line for line in lines if line.responders == responders]
    for before, line in zip([None, *mine], mine, strict=False):
        if before and before.candidate.leaf_level != line.candidate.leaf_level:
            table.add_row()
        mark = _mark(line, chosen)
        table.add_row(mark, *_cells(line), style="bold" if mark == ">" else None)
    return table


def _mark(line: Line, chosen: Proposal) -> str:
    if line in chosen.lines:
        return ">"
    return "=" if line in chosen.instead and not line.candidate.long_below else ""


def _cells(line: Line) -> Iterator[str]:
    candidate, outcome = line.candidate, line.outcome
    yield escape(printable(candidate.leaf_level))
    yield str(candidate.policy.k)
    yield str(candidate.round_days)
    yield f"two <{candidate.long_below}" if candidate.long_below else "one"
    for share in (outcome.published, outcome.pooled, outcome.withheld, outcome.heard, outcome.once):
        yield f"{share:.0%}"
    yield "-" if outcome.risk_width is None else f"{100 * outcome.risk_width:.0f}"
    yield "-" if outcome.mean_half is None else f"{outcome.mean_half:.2f}"
    yield "-" if outcome.days is None else f"{outcome.days / 7:.0f}"
    yield f"{outcome.never:.0%}"


def sentences(question: Question, chosen: Proposal, sensitive: float) -> Iterator[str]:
    """What is proposed, how to begin, and what is not seen by itself; for people."""
    yield _proposed(question, chosen)
    if not any(line.outcome.once for line in chosen.lines):
        yield (
            f"No {printable(chosen.candidate.leaf_level)} would ever have figures of its own: there are too few people "
            f"everywhere for k = {chosen.candidate.policy.k}. Let people answer for larger places, if there are any."
        )
    if chosen.has_two_calendars:
        yield f"In the long calendar: {printable(', '.join(chosen.candidate.long_leaves))}."
    yield "To begin:"
    yield from (f"  {command}" for command in commands(chosen))
    if not any(line.outcome.once for line in chosen.lines):
        yield (
            f"No {printable(chosen.candidate.leaf_level)} has figures of its own: they are too small for this k. "
            "Let people answer for a larger place, or make do with the figures of the places above."
        )
    for line in chosen.lines:
        yield (
            f"Not by themselves, with {line.responders} responders: of 100 places {100 * line.outcome.pooled:.0f} are "
            f"pooled and {100 * line.outcome.withheld:.0f} withheld in a round, and "
            f"{100 * (1 - line.outcome.once):.0f} have no figures of their own in a whole season."
        )
    level = sensitive_level(question.organisations[0])
    yield (
        f"A sensitive form such as {EXAMPLE_OF_SENSITIVE}, answered by {question.assumed.opt_in:.0%} in a round of its "
        f"own: published for {sensitive:.0%} of the places of level {printable(level)}, and for none below it."
    )
    yield "When a shift is seen is told as if rounds were independent of each other. Nobody was asked for any of this."


def _proposed(question: Question, chosen: Proposal) -> str:
    candidate = chosen.candidate
    terms = f"k = {candidate.policy.k}, a round of {candidate.round_days} days for every {candidate.leaf_level}"
    if not chosen.has_two_calendars:
        return f"Proposed: one calendar, {printable(terms)}."
    leaves, long = len(candidate.organisation.leaves()), len(candidate.long_leaves)
    return printable(
        f"Proposed: two calendars, {terms} of {candidate.long_below} people or more ({leaves - long} of {leaves}, "
        f"{1 - chosen.staff_long:.0%} of the staff), and one round of {question.assumed.season_days} days for the "
        f"others ({long}, {chosen.staff_long:.0%} of the staff). From that size on one is published by itself with a "
        f"chance of {question.assumed.reliable:.0%} or more."
    )


def commands(chosen: Proposal) -> list[str]:
    """The command lines that begin the programme; dates, forms and names are the reader's."""
    usual = Policy()
    policy = "".join(
        f" --{name} {value}"
        for name in ("k", "coalition", "outside")
        if (value := getattr(chosen.candidate.policy, name)) != getattr(usual, name)
    )
    short = f"wardpulse rounds open ROUND --form FORM{policy}"
    dates = "--first DATE --last DATE"
    if not chosen.has_two_calendars:
        return [f"{short} {dates}"]
    terms = f"--long-below {chosen.candidate.long_below} --season-first DATE --season-last DATE"
    # the season's first round fixes its terms, and the others keep to them
    long = f"wardpulse rounds open SEASON-long --form FORM{policy} --season SEASON --calendar long {terms}"
    leaves = chosen.candidate.organisation.leaves()
    rest = (
        []
        if set(leaves) == set(chosen.candidate.long_leaves)
        else [f"{short} --season SEASON --calendar short {dates}"]
    )
    return [long, *rest]


def plan_json(question: Question, lines: Sequence[Line], chosen: Proposal, sensitive: float) -> dict[str, Any]:
    """The whole plan, for programs."""
    return {
        "facility": question.record.facility,
        "assumed": asdict(question.assumed) | {"draws": question.draws},
        "lines": [{"responders": line.responders} | _terms(line.candidate) | asdict(line.outcome) for line in lines],
        "proposal": _terms(chosen.candidate)
        | {
            "long_leaves": chosen.candidate.long_leaves,
            "staff_long": chosen.staff_long,
            "commands": commands(chosen),
        },
        "sensitive_departments_published": sensitive,
    }


def _terms(candidate: Candidate) -> dict[str, Any]:
    return {
        **{name: getattr(candidate.policy, name) for name in ("k", "coalition", "outside")},
        "levels": candidate.organisation.levels,
        "round_days": candidate.round_days,
        "long_below": candidate.long_below,
    }
