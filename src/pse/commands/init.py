"""`pse init`: write the built-in configs and prompts into home, to be edited."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pse.commands.wiring import Answer, Context
from pse.store.builtin import builtin_files
from pse.store.files import write_atomic

if TYPE_CHECKING:
    from rich.console import Console


def run(context: Context, *, force: bool = False) -> Answer:
    """Write what is not there yet; with `force` also what is.  A file of the user's is never touched otherwise."""
    written, same, kept = [], [], []
    for name, source in builtin_files().items():
        target, content = context.home.root / name, source.read_bytes()
        if target.exists() and target.read_bytes() == content:
            same.append(name)
        elif target.exists() and not force:
            kept.append(name)
        else:
            write_atomic(target, content)
            written.append(name)

    def show(console: Console) -> None:
        for name in written:
            console.print(f"wrote     {name}", markup=False)
        for name in kept:
            console.print(f"kept      {name}   (it differs from the built-in one; --force overwrites it)", markup=False)
        if same:
            console.print(f"unchanged {len(same)} file{'s' if len(same) > 1 else ''}", markup=False)
        console.print(f"Home is {context.home.root}. Next: pse demo, or pse ingest --help for your own bars.", markup=False)

    return Answer(data={"written": written, "kept": kept, "unchanged": same, "home": str(context.home.root)}, show=show)
