"""`pse demo`: a year of made-up ES minutes through the whole path, in a folder of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pse.commands import backtest
from pse.commands.ingest import Ingested, ingest
from pse.commands.running import shown_path
from pse.commands.wiring import Answer, Context
from pse.domain.ports import CsvOptions, FetchRequest

if TYPE_CHECKING:
    from rich.console import Console

SYMBOL, START, END = "ES", "2023-01-01", "2024-01-01"
FOLDER = "pse-demo"                              # below home, so that made-up bars never mix with anybody's own


def run(context: Context, seed: int | None = None) -> Answer:
    """Makes a year of minutes, stores them, trades them and writes the report."""
    from pse.clock import moment_ns, stopwatch_ns
    from pse.store.layout import Home

    started = stopwatch_ns()
    own = replace(context.asking(seed=seed), home=Home(context.home.root / FOLDER))
    start_ns, end_ns = moment_ns(START), moment_ns(END)
    context.note(f"1/2  ingest: a year of {SYMBOL} minutes from a random generator (seed {own.settings.seed}, no market), checked and stored in {FOLDER}/")
    done = _ingest(own, start_ns, end_ns)
    context.note(f"     {done.result.rows:,} bars, {done.result.status}, snapshot {done.snapshot}")
    context.note("2/2  backtest: features, setups, gates, decisions, orders, fills; then figures and the report")
    answer = backtest.run(own, symbol=SYMBOL, start_ns=start_ns, end_ns=end_ns, report=own.home.reports / "demo.html")
    context.note(f"     done in {(stopwatch_ns() - started) / 1e9:.0f} s\n")
    return replace(answer, data={**answer.data, "home": str(own.home.root)}, show=lambda console: _show(console, answer, answer.data))


def _ingest(own: Context, start_ns: int, end_ns: int) -> Ingested:
    request = FetchRequest(SYMBOL, own.settings.instrument(SYMBOL), None, start_ns, end_ns, None, CsvOptions(), own.settings.seed, {})
    return ingest(own, "synthetic", request)


def _show(console: Console, answer: Answer, data: Mapping[str, Any]) -> None:
    from rich.text import Text

    assert answer.show is not None
    answer.show(console)
    console.print(Text(f"\nOpen {shown_path(Path(data['report']))} in a browser. Next, minutes of your own: pse ingest --help"), soft_wrap=True)
