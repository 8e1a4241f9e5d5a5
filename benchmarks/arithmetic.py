"""Resampling beside the loop that one would write first, and features and setups of 15 years."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numba import njit

from benchmarks.made import SYMBOL, context
from benchmarks.measure import YARDSTICK, Figure, cpu, interleaved, median

ROUNDS = 7
FIVE_MINUTES_NS = 300_000_000_000


@njit
def plain_loop(ts_open, opened, high, low, close, volume, length):
    """Bars of `length` ns by the number of their bucket: no sessions, no contracts, no flags, nothing left out."""
    n = ts_open.size
    starts, opens, highs, lows = np.empty(n, np.int64), np.empty(n), np.empty(n), np.empty(n)
    closes, volumes = np.empty(n), np.empty(n)
    b, bucket = -1, np.int64(-1)
    for t in range(n):
        here = ts_open[t] // length
        if here != bucket:
            bucket = here
            b += 1
            starts[b], opens[b], highs[b], lows[b], volumes[b] = here * length, opened[t], high[t], low[t], 0.0
        highs[b] = max(highs[b], high[t])
        lows[b] = min(lows[b], low[t])
        closes[b] = close[t]
        volumes[b] += volume[t]
    return starts[:b + 1], opens[:b + 1], highs[:b + 1], lows[:b + 1], closes[:b + 1], volumes[:b + 1]


def measure(folder: Path) -> list[Figure]:
    """Over the stored front series."""
    from pse.commands.running import gather
    from pse.engine.desk import Mode
    from pse.engine.prepare import prepare
    from pse.features.resampled import resample
    from pse.kernels.resample import aggregate

    here = context(folder / "home")
    inputs = gather(here, here.settings, (SYMBOL,), None, None)
    bars = inputs.bars[0]
    columns = (bars.ts_open, bars.open, bars.high, bars.low, bars.close, bars.volume)
    calendar = bars.sessions

    def kernel() -> None:
        aggregate(*columns, bars.session, bars.contract, calendar.open_ns, calendar.close_ns, FIVE_MINUTES_NS)

    loop, own, door = interleaved(ROUNDS, lambda: plain_loop(*columns, FIVE_MINUTES_NS), kernel, lambda: resample(bars, "5m"))
    reading = [cpu(lambda: gather(here, here.settings, (SYMBOL,), None, None)) for _ in range(3)]
    making = [cpu(lambda: prepare(inputs.plan, inputs.bars, Mode(end_ns=inputs.end_ns), inputs.start_ns, inputs.end_ns)) for _ in range(4)][1:]
    plain = "the plain numba loop of the naive form"
    return [
        Figure("resample 1m to 5m, the kernel", median(own) * 1e3, "ms", ROUNDS, plain, median(loop) * 1e3, {"ratio": 1.5}, f"{len(bars)} bars"),
        Figure("  with counts, coverage, flags and checks", median(door) * 1e3, "ms", ROUNDS, plain, median(loop) * 1e3),
        Figure("  reading them from the store", median(reading), "s", 3, YARDSTICK),
        Figure("features, setups, context and time line of them", median(making), "s", 3, YARDSTICK),
    ]
