"""All features and context rows of 5m decisions from the start of the stored series to a day, and of the 60 sessions that paper trading starts from."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import numpy as np

from benchmarks.made import SYMBOL, context
from benchmarks.measure import YARDSTICK, Figure, cpu, median

ROUNDS, ANCHOR_ROUNDS, ANCHOR_SESSIONS = 3, 15, 60
WHOLE = 4_900_000                          # rows from which on the bar for the whole series holds
MOST_R, MOST_MIB, MOST_ANCHOR_MS = 12.0, 2048.0, 40.0


def measure(folder: Path) -> list[Figure]:
    """To the day that PSE_BENCH_UNTIL names; after a run over some days that compiles."""
    from pse.clock import moment_ns
    from pse.commands.running import gather
    from pse.features.build import build
    from pse.features.context import context_rows

    here = context(folder / "home")
    inputs = gather(here, here.settings, (SYMBOL,), None, moment_ns(os.environ["PSE_BENCH_UNTIL"]))
    bars, instrument, spec = inputs.bars[0], inputs.plan.instruments[0], inputs.plan.spec

    def work() -> float:
        gc.collect()                       # what is known of a market refers to it and back: without a look for such rings the rounds add up
        return cpu(lambda: context_rows(build(bars, instrument, spec), instrument))

    def anchor() -> None:
        build(last, instrument, spec)

    last = bars[int(np.searchsorted(bars.session, bars.session[-1] - ANCHOR_SESSIONS)):]
    anchor()
    anchors = [cpu(anchor) for _ in range(ANCHOR_ROUNDS)]
    found = Figure(f"features and context of {len(bars) / 1e6:.2f}M minutes", median([work() for _ in range(ROUNDS)]), "s", ROUNDS, YARDSTICK)
    if len(bars) < WHOLE:
        return [found]
    found = Figure(found.name, found.value, found.unit, found.n, found.against, None, {"ratio": MOST_R, "mib": MOST_MIB})
    return [found, Figure(f"  of the last {ANCHOR_SESSIONS} sessions, as paper makes them at each decision", median(anchors) * 1e3, "ms", ANCHOR_ROUNDS,
                          bar={"most": MOST_ANCHOR_MS}, note=f"{len(last)} minutes")]
