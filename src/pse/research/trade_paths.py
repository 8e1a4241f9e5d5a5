"""Other orders in which the same trades could have come, and other trades of the same kind.

`shuffled` deals out the very trades in another order: the total stays, only the way to it differs, so it says what drawdown luck of order alone can bring.
`resampled` draws trades with replacement: the edge itself varies too, so its drawdowns are deeper.  Whoever shows a figure names which one it is.
Amounts are added, not compounded: R, or money at a constant size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

DRAWS = 2_000
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
_CELLS = 1 << 18


def overlapping(entry_ts: np.ndarray, exit_ts: np.ndarray) -> bool:
    """Whether any two trades were open at the same moment; then trades are drawn by session, for what happens to one happens to the other."""
    order = np.argsort(entry_ts, kind="stable")
    return bool((entry_ts[order][1:] < np.maximum.accumulate(exit_ts[order])[:-1]).any())


def drawdown(r: np.ndarray) -> float:
    """Deepest fall of the running sum from its peak, the start at 0 included; >= 0."""
    path = np.concatenate(([0.0], np.cumsum(r)))
    return float((np.maximum.accumulate(path) - path).max())


def shuffled(r: np.ndarray, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Drawdowns of the same trades in random orders; the total is that of the trades in every one."""
    random = np.random.default_rng(seed)
    found = np.empty(draws)
    step = max(1, _CELLS // max(r.size, 1))
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        path = np.cumsum(random.permuted(np.broadcast_to(r, (rows, r.size)), axis=1), axis=1)
        found[start : start + rows] = (np.maximum(np.maximum.accumulate(path, axis=1), 0.0) - path).max(axis=1, initial=0.0)
    total = math.fsum(r.tolist())
    return _told("shuffle", r, r.size, "one trade", draws, found, np.full(draws, total))


def resampled(r: np.ndarray, day: np.ndarray | None = None, draws: int = DRAWS, seed: int = 0) -> dict[str, Any]:
    """Drawdowns and totals of as many trades, or sessions with trades, drawn with replacement.

    day: session of each trade, int[n] rising, to draw whole sessions, as is due where trades overlap (`overlapping`); None draws single trades.
    """
    blocks, unit = (np.arange(r.size), "one trade") if day is None else (np.asarray(day), "all trades of one session")
    totals, lows, highs, falls = _blocks(r, blocks)
    random = np.random.default_rng(seed)
    equity, peak, worst = np.zeros(draws), np.zeros(draws), np.zeros(draws)
    for _ in range(totals.size):
        at = random.integers(0, totals.size, draws)
        worst = np.maximum(worst, np.maximum(peak - (equity + lows[at]), falls[at]))
        peak = np.maximum(peak, equity + highs[at])
        equity += totals[at]
    return _told("resample", r, totals.size, unit, draws, worst, equity)


def _blocks(r: np.ndarray, blocks: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Of each block in order: its total, its lowest and highest running sum from its own start, and its deepest fall from a peak inside."""
    _, start = np.unique(blocks, return_index=True)
    paths = [np.cumsum(part) for part in np.split(r, np.sort(start)[1:])] if r.size else []
    return (np.array([path[-1] for path in paths]), np.array([path.min() for path in paths]), np.array([path.max() for path in paths]),
            np.array([float((np.maximum.accumulate(path) - path).max()) for path in paths]))


def _told(method: str, r: np.ndarray, blocks: int, unit: str, draws: int, falls: np.ndarray, totals: np.ndarray) -> dict[str, Any]:
    if r.size == 0:
        return {"method": method, "draws": 0, "trades": 0, "blocks": 0, "unit": unit, "observed_drawdown": None, "observed_total": None, "drawdown": {},
                "total": {}, "loss": None}
    names = [f"p{round(100 * share):02d}" for share in QUANTILES]
    return {"method": method, "draws": draws, "trades": int(r.size), "blocks": int(blocks), "unit": unit, "observed_drawdown": drawdown(r),
            "observed_total": math.fsum(r.tolist()), "drawdown": dict(zip(names, np.quantile(falls, QUANTILES).tolist(), strict=True)),
            "total": dict(zip(names, np.quantile(totals, QUANTILES).tolist(), strict=True)), "loss": float((totals < 0.0).mean())}
