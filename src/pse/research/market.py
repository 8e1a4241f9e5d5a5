"""The market under a run: buy-and-hold of the traded symbols, and how many regimes the window has seen."""

from __future__ import annotations

import math

import numpy as np
import polars as pl

from pse.domain.bars import Bars
from pse.research import returns as series


def daily_closes(bars: Bars) -> pl.DataFrame:
    """Last forward-adjusted close of each session: columns symbol, session_date, close."""
    last = np.flatnonzero(np.append(np.diff(bars.session) != 0, True)) if len(bars) else np.empty(0, np.int64)
    return pl.DataFrame(
        {
            "symbol": [bars.symbol] * last.size,
            "session_date": bars.session_date[last].astype(np.int32),
            "close": bars.adjusted("close")[last],
        },
        schema={"symbol": pl.String, "session_date": pl.Int32, "close": pl.Float64},
    )


def turns(closes: np.ndarray, size: float = 0.20) -> int:
    """Market phases in a series of closes: a phase ends when the close has turned `size` from its extreme; at least 1.

    A window without such a turn has seen one regime only, by the usual 20 % rule of bull and bear markets.
    """
    phases, direction, high, low = 1, 0, -math.inf, math.inf
    for close in closes:
        high, low = max(high, close), min(low, close)
        if direction >= 0 and close <= high * (1.0 - size):
            phases += direction > 0
            direction, low = -1, close
        elif direction <= 0 and close >= low * (1.0 + size):
            phases += direction < 0
            direction, high = 1, close
    return int(phases)


def hold_return(closes: list[np.ndarray]) -> float | None:
    """Return of buying each series at its first close and holding to its last, equal weights."""
    return float(np.mean([c[-1] / c[0] - 1.0 for c in closes])) if closes else None


def hold_sharpe(closes: list[np.ndarray], periods: float) -> float | None:
    """Mean of the annualised Sharpe ratios of the series; None where no close moves."""
    ratios = [series.sharpe(np.diff(c) / c[:-1], periods) for c in closes]
    known = [ratio for ratio in ratios if ratio is not None]
    return float(np.mean(known)) if known else None
