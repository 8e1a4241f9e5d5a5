"""`pse init`: write the built-in configs and prompts into home, to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pse.commands.wiring import Answer, Context
from pse.store.builtin import write_builtin

if TYPE_CHECKING:
    from rich.console import Console


def run(context: Context, *, force: bool = False) -> Answer:
    """Write what is not there yet; with `force` also what is.  A file of the user's is never touched otherwise."""
    done = write_builtin(context.home.root, force=force)

    def show(console: Console) -> None:
        for name in done.written:
            console.print(f"wrote     {name}", markup=False)
        for name in done.kept:
            console.print(f"kept      {name}   (it differs from the built-in one; --force overwrites it)", markup=False)
        if done.unchanged:
            console.print(f"unchanged {len(done.unchanged)} file{'s' if len(done.unchanged) > 1 else ''}", markup=False)
        console.print(f"Home is {context.home.root}. Next: pse demo, or pse ingest --help for your own bars.", markup=False)

    data = {"written": done.written, "kept": done.kept, "unchanged": done.unchanged, "home": str(context.home.root)}
    return Answer(data=data, show=show)
