"""Commands about language models and what they are asked."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import LOOK, RUN, app, group, module, moment, mount
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

Asked = Annotated[str, Option("--agents", help="How models are asked: tape (what was kept answers, alone), record (that first, else asked), live (always).",
                              metavar="tape|record|live")]
Model = Annotated[str, Argument(help="Name in models.yaml, as `pse models list` shows it.", metavar="NAME", show_default=False)]

models = group("models", LOOK, "Language models: what there is, and what they are good for.")


@mount(models, "list")
def models_list(context: Context, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """Models of models.yaml: provider, key, price, and the chains that ask them."""
    return module("models").run_list(context.asking(config=config, overrides=tuple(sets or ())))


@mount(app, "validate-llm", LOOK)
def validate_llm(
    context: Context,
    sample: Annotated[Path | None, Option(help="JSON objects, one a line or one list: kind with a reply, a briefing, or both; the built-in ones without it.",
                                          metavar="FILE")] = None,
    model: Annotated[str | None, Option(help="Ask this model about the briefings, instead of checking the replies beside them.", metavar="NAME")] = None,
    agents: Asked = "record",
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Hold replies against the contracts of the roles; ask a model about sample set-ups."""
    return module("validate_llm").run(context.asking(config=config, overrides=tuple(sets or ())), sample, model, agents)


@mount(models, "certify")
def models_certify(context: Context, name: Model, agents: Asked = "record", config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """Grade a model: contract, garbage, edits that grow, injected orders, oversold-only buys; exit 1 where it misses a mark."""
    return module("certify").run_certify(context.asking(config=config, overrides=tuple(sets or ())), name, agents)


@mount(models, "compare")
def models_compare(
    context: Context,
    first: Model,
    second: Annotated[str, Argument(help="The other one.", metavar="OTHER", show_default=False)],
    agents: Asked = "record",
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Two models on the same questions: marks, agreement, differences, cost and time."""
    return module("certify").run_compare(context.asking(config=config, overrides=tuple(sets or ())), first, second, agents)


@mount(models, "stability")
def models_stability(
    context: Context,
    name: Model,
    n: Annotated[int, Option("--n", help="Times that each question is asked.", metavar="N")] = 20,
    questions: Annotated[int, Option(help="Questions, of those of the certificate.", metavar="N")] = 10,
    agents: Asked = "record",
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """Ask the same again and again: flips, agreement and kappa, with intervals."""
    return module("certify").run_stability(context.asking(config=config, overrides=tuple(sets or ())), name, n, questions, agents)


@mount(app, "decide", RUN)
def decide(
    context: Context,
    symbol: opt.OptionalSymbol = None,
    at: Annotated[str | None, Option(help="Moment to decide at; without it the last one that has a candidate.", metavar="TIME")] = None,
    start: Annotated[str | None, Option(help="First moment that the account lives through; the first stored bar without it.", metavar="TIME")] = None,
    desk: opt.Desk = None,
    agents: opt.Agents = "rules",
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """One decision at a moment: the briefing, what each pass says, the gates, and the order that would go out."""
    at_ns, start_ns = moment(at, "--at"), moment(start, "--start")
    asked = context.asking(config=config, overrides=tuple(sets or ()), desk=desk)
    return module("decide").run(asked, module("asked").one_symbol(asked, symbol), at_ns, start_ns, agents)
