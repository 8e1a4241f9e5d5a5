"""Commands about desks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Argument

from pse.cli.frame import RUN, group, module, mount
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context

desks = group("desks", RUN, "What runs together: instruments, tactics, limits; what is wrong with it.")
DeskName = Annotated[str, Argument(help="A desk of configs/desks.", metavar="NAME", show_default=False)]
MaybeDesk = Annotated[str | None, Argument(help="A desk of configs/desks; all of them without it.", metavar="NAME", show_default=False)]


@mount(desks, "list")
def desks_list(context: Context) -> Answer:
    """Every desk: what it trades, on which bars, by which tactics and limits, and what of it is stored."""
    return module("desks").run_list(context)


@mount(desks, "show")
def desks_show(context: Context, name: DeskName, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """Everything behind one desk, resolved: instruments, tactics with parameters and bounds, limits, costs."""
    return module("desks").run_show(context.asking(config=config, overrides=tuple(sets or ())), name=name)


@mount(desks, "check")
def desks_check(context: Context, name: MaybeDesk = None, config: opt.Config = None, sets: opt.Sets = None) -> Answer:
    """All that is wrong with a desk's settings and stored bars, with file and line; exit code 1 when something is."""
    return module("desks").run_check(context.asking(config=config, overrides=tuple(sets or ())), name=name)


@mount(desks, "tactics")
def desks_tactics(
    context: Context,
    name: Annotated[str | None, Argument(help="A tactic; all of them without it.", metavar="NAME", show_default=False)] = None,
) -> Answer:
    """The tactics that a desk may name, or one with its parameters, their bounds and meaning."""
    return module("desks").run_tactics(context, name=name)
