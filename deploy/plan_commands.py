"""`wardpulse plan`: what a programme would publish, before anything is fielded."""

from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from math import inf
from pathlib import Path
from random import Random
from typing import Annotated, Any, Final, Literal

import typer
from rich.console import Console
from rich.table import Table

from deploy.output import AsJson, print_json, printable, progress
from deploy.resources import catalogue
from deploy.rounds import policy as checked_policy
from producers.simulation.habits import Responders as Kind
from producers.simulation.habits import check_response, inclination, response_of
from producers.sources.organisation_file import load_organisation
from schemas.errors import InputRefused
from schemas.organisation import Organisation, organisation
from stream_processors.planning.calendars import RELIABLE, proposed_threshold
from stream_processors.planning.candidates import Assumptions, Candidate, Outlook, Planner, Responders, candidates
from stream_processors.planning.levels import leaf_levels
from stream_processors.planning.shares import published_departments
from stream_processors.steps.seasons import assigned

KINDS: Final[tuple[Kind, ...]] = ("independent", "habitual")
MEANING: Final = {
    "independent": "everybody is as likely to answer each time",
    "habitual": "some nearly always answer, others hardly ever",
}
BASE_DAYS: Final = 14
FORM: Final = "sib5"
SENSITIVE_FORM: Final = "phq_2"
_HELP = """What a programme would publish, from headcounts and an expected response, before anything is fielded.

ORGANISATION is the YAML file that `wardpulse organisation announce` takes. For the usual policy and for candidates that
differ in one thing it says which units would have figures of their own, which are pooled or withheld, how sure figures
would be, and when a change would show; with one calendar, and with two: small units in one long round a season.
Counts are drawn and split by the rule that seals real rounds. Responders come in two kinds, the ends between which real
staff lie. docs/programme.md explains the choices.

Examples:

wardpulse plan organisation.yaml

wardpulse plan organisation.yaml --response 0.3 --k 5 --k 10 --round-days 14 --round-days 28

wardpulse plan organisation.yaml --grid --json
"""
_CAPTION = (
    "own, pooled, withheld: shares of the {leaf}s in a round; withheld holds those where nobody answered. "
    "heard: share of the answers that are in figures of the {leaf} itself. "
    "season: share with figures of their own at least once in {season} days. "
    "95 %: width of the interval of a share at risk of {at_risk:.0%}, in points; SD: half of that of a mean, in "
    "standard deviations; both are medians of what is shown. "
    "half SD: median weeks until a change by half a standard deviation shows; never: share that does not show it in "
    "two years."
)


def register(app: typer.Typer) -> None:
    """Add the command to the front door."""
    app.command("plan", help=_HELP)(_plan)


def _plan(
    organisation_file: Annotated[
        Path, typer.Argument(metavar="ORGANISATION", help="The organisation, YAML.", exists=True, dir_okay=False)
    ],
    response: Annotated[float, typer.Option(help=f"Share who answer a round of {BASE_DAYS} days.")] = 0.40,
    responders: Annotated[
        Literal["independent", "habitual", "both"], typer.Option(help="Who answers: see docs/programme.md.")
    ] = "both",
    k: Annotated[list[int] | None, typer.Option(help="A candidate for k; may be repeated.")] = None,
    round_days: Annotated[list[int] | None, typer.Option(help="A candidate for the length of a round.")] = None,
    season_days: Annotated[int, typer.Option(help="Length of a season.", min=14, max=366)] = 84,
    coalition: Annotated[int | None, typer.Option(help="As in the policy.")] = None,
    outside: Annotated[int | None, typer.Option(help="As in the policy.")] = None,
    at_risk: Annotated[float, typer.Option(help="Expected share at risk.", min=0, max=1)] = 0.40,
    opt_in: Annotated[float, typer.Option(help="Expected share who open a sensitive form.")] = 0.25,
    reliable: Annotated[
        float, typer.Option(help="How often a unit of the short calendar should have figures.", min=0.01, max=0.99)
    ] = RELIABLE,
    grid: Annotated[bool, typer.Option("--grid", help="Every combination of the candidates.")] = False,
    draws: Annotated[int, typer.Option(help="Rounds drawn per candidate.", min=1, max=100_000)] = 100,
    seed: Annotated[int, typer.Option(help="The same seed gives the same table.")] = 1,
    as_json: AsJson = False,
) -> None:
    place = organisation(load_organisation(organisation_file))
    _check(place, response, opt_in, season_days, round_days or [])
    policy = checked_policy(coalition=coalition, outside=outside)
    ks = [checked_policy(k=size, coalition=coalition).k for size in k or (5, 10, 15)]
    assumptions = Assumptions(policy, catalogue()[FORM], season_days, at_risk, reliable, draws)
    # what is asked for first is what the others are compared with
    usual = Candidate(k[0] if k else policy.k, place.levels[-1], round_days[0] if round_days else BASE_DAYS, 1)
    wanted = candidates(ks, leaf_levels(place), round_days or (7, 14, 28), usual, grid)
    trial = Random(seed)  # noqa: S311 - a plan must be repeatable
    kinds = [_responders(kind, response) for kind in KINDS if responders in (kind, "both")]
    planner = Planner(place, assumptions, trial, sorted({size + policy.coalition for size in [*ks, policy.k]}))
    found = _worked_out(planner, wanted, kinds)
    departments = published_departments(
        planner.random, place, opt_in, policy, catalogue()[SENSITIVE_FORM], assumptions.draws
    )
    proposal = _proposal(place, assumptions, usual, kinds[0])
    if as_json:
        given = {"response": response, "season_days": season_days, "at_risk": at_risk, "opt_in": opt_in, "seed": seed}
        rows = [_row(one) for one in found]
        print_json({"given": given, "candidates": rows, "proposal": proposal, "sensitive_departments": departments})
        return
    _print(found, assumptions, usual, place)
    _print_proposal(place, proposal, assumptions)
    typer.echo(
        f"A sensitive form that {opt_in:.0%} open would be published for {departments:.0%} of the places at department "
        f"level; it needs {policy.sensitive_size} people there."
    )


def _check(place: Organisation, response: float, opt_in: float, season_days: int, lengths: Sequence[int]) -> None:
    for share in (response, opt_in):
        check_response(share)
    if not place.leaves():
        raise InputRefused(f"{place.facility} has no {place.levels[-1]}: there is nobody to ask")
    if wrong := next((days for days in lengths if not 1 <= days <= season_days), None):
        raise InputRefused(f"a round of {wrong} days does not fit into a season of {season_days}")


def _responders(kind: Kind, response: float) -> Responders:
    def habit(random: Random, days: float) -> float:
        missed: float = (1.0 - inclination(random, kind, response)) ** (days / BASE_DAYS)
        return 1.0 - missed

    return Responders(kind, lambda days: response_of(kind, response, days / BASE_DAYS), habit)


def _worked_out(planner: Planner, wanted: Sequence[Candidate], kinds: Sequence[Responders]) -> list[Outlook]:
    found = []
    with progress() as bar:
        task = bar.add_task("Planning", total=len(wanted) * len(kinds))
        for kind in kinds:
            for candidate in wanted:
                found.append(planner.outlook(candidate, kind))
                bar.advance(task)
    return found


def _proposal(place: Organisation, assumptions: Assumptions, usual: Candidate, kind: Responders) -> dict[str, Any]:
    """Which leaves to ask in short rounds and which once a season, at the usual policy and length."""
    size = assumptions.policy.model_copy(update={"k": usual.k}).cohort_size
    below = proposed_threshold(kind.chance(usual.round_days), size, assumptions.reliable)
    calendars = assigned(place, below)
    return {
        "k": usual.k,
        "round_days": usual.round_days,
        "long_below": below,
        **{name: list(leaves) for name, leaves in calendars.items()},
        "never_alone": [leaf for leaf in calendars["long"] if place.headcounts[leaf] < size],
    }


def _row(one: Outlook) -> dict[str, Any]:
    return {
        **one.candidate._asdict(),
        "responders": one.responders,
        **{name: round(share, 4) for name, share in asdict(one.shares).items()},
        "once_a_season": round(one.once, 4),
        "long_below": one.long_below,
        "at_risk_width": None if one.width is None else round(one.width, 4),
        "mean_half_width_sd": None if one.half_width is None else round(one.half_width, 4),
        "days_to_half_sd": None if one.days == inf else round(one.days),
        "half_sd_unseen": round(one.unseen, 4),
    }


def _print(found: Sequence[Outlook], assumptions: Assumptions, usual: Candidate, place: Organisation) -> None:
    console = Console(soft_wrap=False)
    leaf = printable(place.levels[-1])
    for kind in dict.fromkeys(one.responders for one in found):
        rows = [one for one in found if one.responders == kind]
        table = Table(title=f"{kind} responders: {MEANING[kind]}", box=None, padding=(0, 1, 0, 0), title_justify="left")
        for name in ("k", "answering at", "days", "calendars"):
            table.add_column(name, no_wrap=True)
        for name in ("own", "pooled", "withheld", "heard", "season", "95 %", "SD", "half SD", "never"):
            table.add_column(name, justify="right", no_wrap=True)
        for one in rows:
            table.add_row(*_cells(one), style="bold" if one.candidate._replace(calendars=1) == usual else None)
        table.caption = _CAPTION.format(leaf=leaf, season=assumptions.season_days, at_risk=assumptions.at_risk)
        table.caption_justify = "left"
        console.print(table)
        console.print()


def _cells(one: Outlook) -> list[str]:
    candidate, shares = one.candidate, one.shares
    calendars = "one" if one.long_below is None else f"two, under {one.long_below}"
    percent = "{:.0%}".format
    weeks = "never" if one.days == inf else f"{one.days / 7:.0f} wk"
    return [
        str(candidate.k),
        printable(candidate.level),
        str(candidate.round_days),
        calendars,
        *map(percent, (shares.published, shares.pooled, shares.withheld, shares.heard, one.once)),
        "-" if one.width is None else f"{100 * one.width:.0f}",
        "-" if one.half_width is None else f"{one.half_width:.2f}",
        weeks,
        percent(one.unseen),
    ]


def _print_proposal(place: Organisation, proposal: dict[str, Any], assumptions: Assumptions) -> None:
    leaf, long, short = place.levels[-1], proposal["long"], proposal["short"]
    heads = {name: sum(place.headcounts[one] for one in proposal[name]) for name in ("short", "long")}
    share = heads["short"] / max(1, sum(heads.values()))
    say = partial(typer.echo)
    often, season = f"{assumptions.reliable:.0%} of rounds or more", assumptions.season_days
    say(
        printable(
            f"Proposed: {len(short)} {leaf}s with {share:.0%} of the staff in short rounds of {proposal['round_days']} "
            f"days, as they would have figures of their own in {often}; the {len(long)} of fewer than "
            f"{proposal['long_below']} people in one long round of {season} days: {', '.join(long) or 'none'}."
        )
    )
    if proposal["never_alone"]:
        size = assumptions.policy.model_copy(update={"k": proposal["k"]}).cohort_size
        say(printable(f"Under {size} people, and so never alone: {', '.join(proposal['never_alone'])}."))
    if long and short:
        terms = f"--season S1 --long-below {proposal['long_below']} --season-first FIRST --season-last LAST"
        say("The season's rounds are opened with:")
        say(f"  wardpulse rounds open S1-long --form {FORM} --calendar long {terms}")
        say(f"  wardpulse rounds open S1-01 --form {FORM} --calendar short {terms} --first FIRST --last DAY")
