"""Commands about limits and what they did."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument, Option

from pse.cli.frame import LOOK, group, module, moment, mount
from pse.commands import options as opt
from pse.domain.errors import RequestError

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

risk = group("risk", LOOK, "Why a setup was approved or refused, what was open, and the limits.")


@mount(risk, "explain")
def risk_explain(
    context: Context,
    run_id: opt.RunId,
    setup: Annotated[str | None, Argument(help="Setup id (or a plan's), or its beginning; without it the choices.", metavar="SETUP_ID",
                                          show_default=False)] = None,
    last: Annotated[bool, Option("--last", help="The last of those that fit.")] = False,
    symbol: Annotated[str | None, Option(help="Only setups of this symbol.", metavar="SYMBOL")] = None,
    at: Annotated[str | None, Option(help="Those of the last decision at or before this moment.", metavar="TIME")] = None,
    tactic: Annotated[str | None, Option(help="Only setups of this tactic.", metavar="NAME")] = None,
    refused: Annotated[bool, Option("--refused", help="Only setups that a gate refused.")] = False,
    gate: Annotated[str | None, Option(help="Only setups that this gate refused.", metavar="NAME")] = None,
) -> Answer:
    """Every gate of a setup: measured, allowed, and what would have had to be different; how its size came about, and what became of it."""
    at_ns, run_id = moment(at, "--at"), module("asked").stored_run(context, run_id, setup)
    return module("risk").run_explain(context, run_id, setup, last, symbol, at_ns, tactic, refused, gate)


@mount(risk, "portfolio")
def risk_portfolio(
    context: Context,
    run_id: opt.RunId,
    at: Annotated[str | None, Option(help="Moment of the run; just before its end without it.", metavar="TIME")] = None,
) -> Answer:
    """What was open at a moment of a run: positions, orders, risk, exposure, value at risk, and what the limits left room for."""
    at_ns, run_id = moment(at, "--at"), module("asked").stored_run(context, run_id)
    return module("risk").run_portfolio(context, run_id, at_ns)


@mount(risk, "policy")
def risk_policy(
    context: Context,
    desk: Annotated[str | None, Argument(help="A desk of configs/desks; the one that runs without --desk.", metavar="DESK", show_default=False)] = None,
    profile: Annotated[str | None, Option(help="A profile of risk_policies.yaml instead of a desk's.", metavar="NAME")] = None,
    config: opt.Config = None,
    sets: opt.Sets = None,
) -> Answer:
    """The limits of a profile: value, bounds, meaning, where each was written, which gate reads it."""
    if desk is not None and profile is not None:
        raise RequestError(f"found the desk {desk} and --profile {profile}; expected one of them: a desk has one profile; leave "
                           f"one out")
    return module("risk").run_policy(context.asking(config=config, overrides=tuple(sets or ())), desk, profile)


@mount(risk, "gates")
def risk_gates(context: Context) -> Answer:
    """The gates in the order in which they speak, with every reason and its mend."""
    return module("risk").run_gates(context)
