"""What a programme will be able to see, before anybody is asked."""

from functools import partial
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.console import Console

from deploy.library import in_use
from deploy.output import AsJson, print_json, progress
from deploy.plan import plan_json, plan_table, sentences
from deploy.rounds import policy
from producers.simulation.habits import MEAN_RESPONSE, Responders, check_response
from producers.simulation.randomness import stream
from producers.sources.organisation_file import load_organisation
from schemas.policy import Policy
from stream_processors.planning.candidates import Assumptions
from stream_processors.planning.plan import Line, Question, count_lines, lines, proposal, sensitive

_HELP = """Find out what a programme will be able to see, before anybody is asked.

For each choice of k, levels, round length and calendars: how many units have figures of their own, how many are pooled
or withheld, how exact the figures are, and when a change shows. Answers are drawn at random many times and each draw is
split by the rule that seals real rounds. It then proposes one or two calendars. No broker is needed, nothing is sent.
docs/programme.md explains the choices.

Examples:

wardpulse plan organisation.yaml

wardpulse plan organisation.yaml --response 0.3 --k 5 --k 10 --round-days 14

wardpulse plan organisation.yaml --responders habitual --json
"""
KS: Final = [5, 10]
ROUND_DAYS: Final = [7, 14, 28]
FORM: Final = "sib5"
"""Whose rule of sealing is used; it is that of every form that is not sensitive."""


def register(app: typer.Typer) -> None:
    """Add the command to the front door."""
    app.command("plan", help=_HELP)(_plan)


def _plan(
    organisation: Annotated[Path, typer.Argument(help="The organisation, YAML.", exists=True, dir_okay=False)],
    response: Annotated[float, typer.Option(help="Share who answer a round of two weeks.")] = MEAN_RESPONSE,
    responders: Annotated[
        Literal["independent", "habitual", "both"],
        typer.Option(help="Whether everybody answers alike, or each person by habit."),
    ] = "both",
    k: Annotated[list[int] | None, typer.Option(help="A k to look at, more than once; 5 and 10 if left out.")] = None,
    round_days: Annotated[
        list[int] | None,
        typer.Option(help="A length of round, more than once; 7, 14 and 28 if left out.", min=1, max=366),
    ] = None,
    season_days: Annotated[int, typer.Option(help="Length of a season, and of its long round.", min=1, max=366)] = 84,
    coalition: Annotated[int, typer.Option(help="Members who may pool what they know.")] = Policy().coalition,
    outside: Annotated[
        int, typer.Option(help="Members of a pooled group outside its largest unit.")
    ] = Policy().outside,
    reliable: Annotated[
        float, typer.Option(help="Chance of own figures that puts a unit into the short calendar.", min=0.01, max=0.999)
    ] = 0.8,
    at_risk: Annotated[float, typer.Option(help="At-risk share whose interval is told.", min=0, max=1)] = 0.4,
    opt_in: Annotated[float, typer.Option(help="Share who answer a sensitive form.", min=0.01, max=0.99)] = 0.25,
    seed: Annotated[int, typer.Option(help="The same seed gives the same plan.", min=0)] = 7,
    draws: Annotated[int, typer.Option(help="Seasons drawn per choice.", min=1, max=10_000)] = 20,
    as_json: AsJson = False,
) -> None:
    check_response(response)
    kinds: tuple[Responders, ...] = ("independent", "habitual") if responders == "both" else (responders,)
    question = Question(
        record=load_organisation(organisation),
        policies=tuple(policy(k=one, coalition=coalition, outside=outside) for one in dict.fromkeys(k or KS)),
        round_days=tuple(dict.fromkeys(round_days or ROUND_DAYS)),
        responders=kinds,
        assumed=Assumptions(response, season_days, reliable, at_risk, opt_in),
        draws=draws,
    )
    _show(question, seed, as_json)


def _show(question: Question, seed: int, as_json: bool) -> None:
    streams = partial(stream, seed)
    with progress() as bar:
        task = bar.add_task("Drawing answers", total=count_lines(question))
        found: list[Line] = []
        for line in lines(question, in_use()[FORM], streams):
            found.append(line)
            bar.advance(task)
        chosen, published = proposal(question, found), sensitive(question, in_use(), streams)
        bar.update(task, completed=count_lines(question))
    if as_json:
        print_json(plan_json(question, found, chosen, published))
        return
    console = Console()
    for responders in question.responders:
        console.print(plan_table(question, found, chosen, responders))
    for sentence in sentences(question, chosen, published):
        typer.echo(sentence)
