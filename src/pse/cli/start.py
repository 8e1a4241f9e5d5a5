"""The first commands of a newcomer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from typer import Option

from pse.cli.frame import START, app, module, mount
from pse.commands import options as opt

if TYPE_CHECKING:
    from pse.commands.wiring import Answer, Context


@mount(app, "init", START)
def init(context: Context, force: Annotated[bool, Option("--force", help="Overwrite files that are there.")] = False) -> Answer:
    """Write the built-in configs here, to be edited."""
    return module("init").run(context, force=force)


@mount(app, "demo", START)
def demo(context: Context, seed: opt.Seed = None) -> Answer:
    """The whole path on made-up ES minutes in one go: ingest, backtest, report."""
    return module("demo").run(context, seed=seed)
