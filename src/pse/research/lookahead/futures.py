"""Other futures: what comes after a moment turned round, or struck out.  What had closed by then is left to the bit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from pse.domain.bars import PRICES, Bars
from pse.research.lookahead.said import History

SCALE = 2.0


def reversed_after(history: History, moment_ns: int) -> History:
    """Bars that close later keep their times and stand in reverse order, twice as wide, with other volumes and other roll differences."""
    return _changed(history, moment_ns, _reversed)


def poisoned_after(history: History, moment_ns: int) -> History:
    """Prices, volumes and quotes of bars that close later are NaN."""
    return _changed(history, moment_ns, _poisoned)


def _changed(history: History, moment_ns: int, change: Callable[[Bars, int], Bars]) -> History:
    bars = {name: change(one, int(np.searchsorted(one.ts_close, moment_ns, side="right"))) for name, one in history.bars.items()}
    return replace(history, bars=bars)


def _poisoned(bars: Bars, known: int) -> Bars:
    return _with_tail(bars, known, {name: np.full(len(bars) - known, np.nan) for name in (*PRICES, "volume", "spread")})


def _reversed(bars: Bars, known: int) -> Bars:
    if known == len(bars):
        return bars
    adjusted = {name: (getattr(bars, name) - bars.offset)[known:][::-1] for name in PRICES}
    start, at = adjusted["open"][0], float(bars.close[known - 1] - bars.offset[known - 1]) if known else float(adjusted["open"][0])
    turned = {name: at + SCALE * (values - start) for name, values in adjusted.items()}
    if not np.nanmin(turned["low"]) > 0.1 * at:                     # a long fall turned round and doubled ends below nothing
        turned = {name: values * (at / start) for name, values in adjusted.items()}
    base = bars.offset[known - 1] if known else 0.0
    offset = base + SCALE * (bars.offset[known:] - base)
    tail = {name: values + offset for name, values in turned.items()}
    tail |= {"offset": offset, "volume": 3.0 * bars.volume[known:][::-1] + 7.0}
    if bars.spread is not None:
        tail["spread"] = 2.0 * bars.spread[known:][::-1]
    return _with_tail(bars, known, tail)


def _with_tail(bars: Bars, known: int, tail: dict[str, np.ndarray]) -> Bars:
    columns: dict[str, Any] = {name: np.concatenate([getattr(bars, name)[:known], values]) for name, values in tail.items()
                               if getattr(bars, name) is not None}
    return replace(bars, **columns)
