"""`pse --help` beside a Typer app that does nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.measure import Figure, command_cpu, median

BARE = '''
import typer

app = typer.Typer()


@app.command()
def hello(name: str = typer.Option("you", help="Who is greeted.")) -> None:
    """Greets."""
    print(name)


@app.command()
def bye() -> None:
    """Leaves."""


app()
'''
ROUNDS = 15


def measure(folder: Path) -> list[Figure]:
    """CPU time of both commands, in turn."""
    bare = folder / "bare.py"
    bare.write_text(BARE)
    commands = [[sys.executable, "-m", "pse", "--help"], [sys.executable, str(bare), "--help"]]
    for command in commands:
        command_cpu(command)
    own, other = zip(*([command_cpu(command) for command in commands] for _ in range(ROUNDS)), strict=True)
    return [Figure("pse --help", median(list(own)), "s", ROUNDS, "a bare Typer app", median(list(other)), {"ratio": 1.3})]
