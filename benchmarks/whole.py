"""`pse backtest` over 15 years of stored minutes: reading, features, setups, engine, journal, tables and figures."""

from __future__ import annotations

import time
from pathlib import Path

from benchmarks.made import SYMBOL, context
from benchmarks.measure import YARDSTICK, Figure, cpu, median

ROUNDS = 3
MOST_R, MOST_MIB = 30.0, 2560.0                          # five tactics; one of them alone was held to half of it


def measure(folder: Path) -> list[Figure]:
    """Whole runs in one process, after a run over five months that imports and compiles; the first run also touches its memory for the first time."""
    from pse.clock import moment_ns
    from pse.commands import backtest

    def run(first: str | None = None, last: str | None = None):
        return backtest.run(context(folder / "home"), SYMBOL, moment_ns(first) if first else None, moment_ns(last) if last else None)

    run("2015-01-01", "2015-06-01")
    walls, times = [], []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        times.append(cpu(run))
        walls.append(time.perf_counter() - started)
    answer = run()
    found = f"{answer.data['trades']} trades, {answer.data['records']} journal lines, {median(walls):.1f} s on the wall"
    return [Figure("pse backtest, 5.05M front minutes of 5.8M stored", median(times), "s", ROUNDS, YARDSTICK, None, {"ratio": MOST_R, "mib": MOST_MIB}, found),
            Figure("  the first of a process", times[0], "s", 1, YARDSTICK)]
