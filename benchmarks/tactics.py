"""Scanning all tactics of the futures desk over the features of the whole stored series, every one of them with what it asks for first.

The features are built anew for each round and are not in the time: their columns, and the tables of breaks, gaps, blocks, pools, sweeps and levels.  Impulse
legs, breaks of levels, minutes' gaps and whatever else a tactic alone reads are.  Evidence is not made, as in a sweep of parameters.
"""

from __future__ import annotations

import gc
import os
from pathlib import Path

from benchmarks.made import SYMBOL, context
from benchmarks.measure import YARDSTICK, Figure, cpu, median

ROUNDS = 3
WHOLE = 4_900_000                          # minutes from which on the bar for the whole series holds
MOST_R = 8.0
TABLES = ("breaks", "gaps", "blocks", "pools", "sweeps", "levels")


def futures_tactics():
    """The tactics that share the ranking of one gap, in its order, as far as they are registered."""
    from pse.registry import TACTICS, resolve
    from pse.tactics.rules import PRECEDENCE

    return {name: resolve("tactic", name)() for name in PRECEDENCE if name in TACTICS}


def measure(folder: Path) -> list[Figure]:
    """To the day that PSE_BENCH_UNTIL names, the last stored one by default; after a scan of some days that compiles."""
    from pse.clock import moment_ns
    from pse.commands.running import gather
    from pse.features.build import build

    here, until = context(folder / "home"), os.environ.get("PSE_BENCH_UNTIL")
    inputs = gather(here, here.settings, (SYMBOL,), None, moment_ns(until) if until else None)
    bars, instrument, spec, tactics = inputs.bars[0], inputs.plan.instruments[0], inputs.plan.spec, futures_tactics()

    def scan(over) -> tuple[dict[str, float], dict[str, int]]:
        features = build(over, instrument, spec)
        read = [features.columns["mcs"], *(getattr(features, name) for name in TABLES)]
        assert read
        gc.collect()
        found: dict[str, int] = {}
        times = {name: cpu(lambda name=name, one=one: found.update({name: len(one.scan(features, instrument))}))  # type: ignore[misc]
                 for name, one in tactics.items()}
        return times, found

    scan(bars[:20_000])
    rounds = [scan(bars) for _ in range(ROUNDS)]
    together = median([sum(times.values()) for times, _ in rounds])
    whole = Figure(f"scanning all tactics over the features of {len(bars) / 1e6:.2f}M minutes", together, "s", ROUNDS, YARDSTICK, None,
                   {"ratio": MOST_R} if len(bars) >= WHOLE else {})
    return [whole, *(Figure(f"  of it {name}", median([times[name] for times, _ in rounds]), "s", ROUNDS, note=f"{rounds[0][1][name]:,} rows")
                     for name in tactics)]
