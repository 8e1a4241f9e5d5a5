"""`pse demo`: a year of made-up ES minutes through the whole path."""

from __future__ import annotations

from pse.commands import backtest
from pse.commands.ingest import ingest
from pse.commands.wiring import Answer, Context
from pse.domain.ports import CsvOptions, FetchRequest

SYMBOL, START, END = "ES", "2023-01-01", "2024-01-01"


def run(context: Context, seed: int | None = None) -> Answer:
    """Makes a year of minutes, stores them, trades them and writes the report."""
    from pse.clock import moment_ns
    from pse.store.layout import Home

    own = context.asking(seed=seed)
    own = _in_folder(own, Home(context.home.root / "pse-demo"))
    start_ns, end_ns = moment_ns(START), moment_ns(END)
    context.note(f"1/3 making a year of synthetic {SYMBOL} minutes (a random generator, no market) and storing them ...")
    done = ingest(own, "synthetic", FetchRequest(SYMBOL, own.settings.instrument(SYMBOL), None, start_ns, end_ns, None, CsvOptions(), own.settings.seed, {}))
    context.note(f"    {done.result.rows:,} bars, {done.result.status}, snapshot {done.snapshot}")
    context.note("2/3 features, setups, gates, orders and fills ...")
    report = own.home.reports / "demo.html"
    context.note("3/3 figures, journal and report ...")
    return backtest.run(own, symbol=SYMBOL, start_ns=start_ns, end_ns=end_ns, report=report)


def _in_folder(context: Context, home: object) -> Context:
    from dataclasses import replace

    return replace(context, home=home)  # type: ignore[arg-type]
