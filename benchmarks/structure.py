"""Swings, gaps, breaks, order blocks and liquidity beside smartmoneyconcepts, and the legs, points and level breaks that it has no counterpart of.

The peer runs each function once or a few times: its gaps alone take ten seconds.  Its functions answer other questions than ours where docs/parity-structure.md
says so; gaps and swings are equal.  `peak MiB` of a line is that of the whole group; beside each figure stands the memory of both answers.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.made import walk
from benchmarks.measure import Figure, cpu, interleaved, median

BARS, LENGTH, ROUNDS = 500_000, 50, 7
SWINGS, GAPS = "swings, 50 bars a side", "fair value gaps with their life"
BREAKS, BLOCKS = "breaks of structure", "order blocks with their life"
PEERS = {SWINGS: "swing_highs_lows", GAPS: "fvg", "the same, without an end of age": "fvg", BREAKS: "bos_choch", BLOCKS: "ob",
         "equal levels, pools and sweeps": "liquidity"}
FASTER = {SWINGS: 3.0, GAPS: 1000.0, BREAKS: 500.0, BLOCKS: 500.0}


def measure(folder: Path) -> list[Figure]:
    """Ratios of CPU time in one run, over one walk."""
    ours, peers = our_works(walk(BARS)), peer_works(walk(BARS))
    rows = {name: work() for name, work in ours.items()}
    times = {name: median(found) for name, found in zip(ours, interleaved(ROUNDS, *ours.values()), strict=True)}
    first, second = interleaved(ROUNDS, ours[SWINGS], peers["swing_highs_lows"])
    found: dict[str, Any] = {}
    once = {name: cpu(lambda name=name, work=work: found.update({name: work()})) for name, work in peers.items()}  # type: ignore[misc]
    times[SWINGS], once["swing_highs_lows"] = median(first), median(second)
    figures = []
    for name, value in times.items():
        peer = PEERS.get(name, "")
        told, mib = f"{len(rows[name])} rows, {rows[name].nbytes / 2**20:.1f} MiB", found[peer].memory_usage().sum() / 2**20 if peer else 0.0
        if peer:
            told = f"{once[peer] / value:,.1f} times as fast, {told} against {mib:.1f} MiB"
        figures.append(Figure(name, value * 1e3, "ms", ROUNDS, f"smartmoneyconcepts {peer}" if peer else "", once[peer] * 1e3 if peer else None,
                              {"ratio": 1 / FASTER[name]} if name in FASTER else {}, told))
    return figures


def our_works(made: dict[str, np.ndarray]) -> dict[str, Callable[[], Any]]:
    """The kernels by name over a walk; each gives its rows."""
    from pse.kernels import impulse, level_breaks, levels, liquidity, points
    from pse.kernels.blocks import order_blocks
    from pse.kernels.gaps import fair_value_gaps
    from pse.kernels.structure import structure
    from pse.kernels.swings import label_swings, mark_superseded, swings
    from pse.kernels.wilder import previous, wilder_atr

    prices = o, h, lo, c = tuple(made[name] for name in ("open", "high", "low", "close"))
    session = np.arange(BARS, dtype=np.int64) // 1380
    atr = wilder_atr(h, lo, c, 14, True)
    a, tick, nothing = previous(atr), 0.25, np.full(BARS, np.nan)
    tolerance = liquidity.tick_or_range(a, tick, 2.0, 0.1)
    pivots, majors = swings(*prices, session, 3, 3, False), swings(*prices, session, 10, 10, False)
    label_swings(pivots, a, 0.1)
    _, breaks = structure(*prices, a, pivots, False, 1.2, 0.6, 0.7, 3, 20)
    gaps = fair_value_gaps(*prices, a, session, tick, 2.0, 0.1, 2.0, 20, False)
    blocks = order_blocks(*prices, breaks, 15, 20)
    clusters = levels.level_clusters(majors, atr, 500, 0.25, tick)
    rules = np.zeros(1, impulse.LEG_RULES_DTYPE)
    for name, value in zip(impulse.LEG_RULES_DTYPE.names or (), (20, 2, 3.0, 0.4, 1.2, 0.6, 0.7, 2, 10, 0.25, 0.618, 0.6, 1.5, 2), strict=True):
        rules[name] = value

    def pools() -> Any:
        equals = [liquidity.equal_levels(h, lo, pivots, tolerance, 3, side) for side in (1, -1)]
        parts = [*(liquidity.swing_and_equal_candidates(pivots[:0], rows, liquidity.EQH) for rows in equals),
                 liquidity.swing_and_equal_candidates(pivots, equals[0][:0], liquidity.SWING_H)]
        candidates = np.concatenate(parts)
        candidates = candidates[np.argsort(candidates["t"], kind="stable")]
        return liquidity.pools_and_sweeps(h, lo, c, a, nothing, session, candidates, tolerance, tick, 2, 1.5, 2)[0]

    def labels() -> Any:
        label_swings(pivots, a, 0.1)
        mark_superseded(pivots)
        return pivots

    return {
        SWINGS: lambda: swings(*prices, session, LENGTH - 1, LENGTH, False),
        GAPS: lambda: fair_value_gaps(*prices, a, session, tick, 2.0, 0.1, 2.0, 20, False),
        "the same, without an end of age": lambda: fair_value_gaps(*prices, a, session, tick, 2.0, 0.1, 2.0, 10**9, False),
        BREAKS: lambda: structure(*prices, a, pivots, False, 1.2, 0.6, 0.7, 3, 20)[1],
        BLOCKS: lambda: order_blocks(*prices, breaks, 15, 20),
        "equal levels, pools and sweeps": pools,
        "swings, 3 bars a side": lambda: swings(*prices, session, 3, 3, False),
        "labels and the alternating view": labels,
        "impulse legs up, and their pullbacks": lambda: impulse.legs_of(*prices, atr, a, session, gaps, 1, rules[0], False)[0],
        "points of interest": lambda: points.points_of_interest(gaps, blocks, BARS, 20, 0.25, False),
        "breaks of clusters": lambda: level_breaks.level_breaks(c, a, clusters["price"], clusters["priority"], clusters["known_at"], clusters["ended_at"], 0.1),
    }


def peer_works(made: dict[str, np.ndarray]) -> dict[str, Callable[[], Any]]:
    """The peer's functions by name, over the same walk."""
    os.environ["SMC_CREDIT"] = "0"
    import pandas as pd
    from smartmoneyconcepts import smc

    bars = pd.DataFrame({name: made[name] for name in ("open", "high", "low", "close", "volume")})
    marks = smc.swing_highs_lows(bars, LENGTH)
    return {"swing_highs_lows": lambda: smc.swing_highs_lows(bars, LENGTH), "fvg": lambda: smc.fvg(bars), "bos_choch": lambda: smc.bos_choch(bars, marks),
            "ob": lambda: smc.ob(bars, marks), "liquidity": lambda: smc.liquidity(bars, marks)}
