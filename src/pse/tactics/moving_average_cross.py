"""The cross of two moving averages: long after the fast one rose above the slow one, short (where asked for) after it fell below.

A cross closes the position of the other side, and a new one opens at the close after: nothing is reversed in one instant.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field, model_validator

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.setups import Setups, Told
from pse.kernels.codes import FAM_RULE
from pse.kernels.contract import ALONE, ENTER, EXIT, MARKET, NO_BREAKEVEN, NO_PARTIAL, NO_STALE, OVERNIGHT, SETUP_DTYPE
from pse.kernels.crosses import find_crosses
from pse.kernels.rolling import to_window_sums
from pse.tactics.scan import FeatureView
from pse.tactics.swing import protective_stop
from pse.tactics.timing import end_of_next_session


class MovingAverageCross(Frozen):
    """Long while the fast mean of closes is above the slow one."""

    name: ClassVar[str] = "moving_average_cross"
    label: ClassVar[str] = "SMA cross"
    version: ClassVar[str] = "1"

    fast_bars: int = Field(20, ge=2, le=500, description="decision bars in the fast mean of closes")
    slow_bars: int = Field(50, ge=3, le=2000, description="decision bars in the slow mean of closes; more than in the fast one")
    stop_atr: float = Field(2.0, ge=0.25, le=20, description="stop distance from the close of the decision, in ATR of the decision bars")
    allow_short: bool = Field(False, description="whether a cross downwards opens a short position")

    @model_validator(mode="after")
    def _fast_is_shorter(self) -> Self:
        if self.fast_bars >= self.slow_bars:
            raise ValueError(f"fast_bars {self.fast_bars} is not below slow_bars {self.slow_bars}; choose a shorter fast mean")
        return self

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads the decision bars alone."""
        return ()

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """An EXIT of the other side at each cross, and an ENTER there and at the next close, for whoever had to leave first."""
        crossed, side = self._crosses(features.known.price("close"))
        atr, bars = features.columns["atr"], features.decision
        crossed, side = crossed[~np.isnan(atr[crossed])], side[~np.isnan(atr[crossed])]
        again = crossed + 1 < len(bars)
        enters = (side > 0) | self.allow_short
        bar = np.concatenate([crossed, crossed[enters], crossed[enters & again] + 1])
        way = np.concatenate([-side, side[enters], side[enters & again]])
        kind = np.repeat((EXIT, ENTER, ENTER), (crossed.size, int(enters.sum()), int((enters & again).sum())))
        event = np.concatenate([crossed, crossed[enters], crossed[enters & again]])
        order = np.lexsort((kind == ENTER, bar))
        bar, way, kind, event = bar[order], way[order], kind[order], event[order]
        rows = np.zeros(bar.size, SETUP_DTYPE)
        ts, entry = bars.ts_close[bar], bars.close[bar]
        values = {"ts": ts, "kind": kind, "direction": way, "order_type": MARKET, "entry": entry,
                  "stop": protective_stop(entry, atr[bar], way, self.stop_atr, instrument.tick),
                  "target": np.nan, "target2": np.nan, "size_multiple": 1.0, "quality": 0.5, "confidence": 0.5, "rank_base": np.nan, "group": ALONE,
                  "event_bar": bars.ts_close[event], "valid_until": end_of_next_session(bars.sessions, ts), "invalid_price": np.nan, "family": FAM_RULE,
                  "plan_flags": NO_BREAKEVEN | NO_PARTIAL | NO_STALE | OVERNIGHT, "evidence": np.arange(bar.size)}
        for name, column in values.items():
            rows[name] = column
        return Setups(rows, Told(rows.size, lambda: self._facts(features, bar, event)))

    def _crosses(self, close: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Bars at which the means change sides, int64, and the side from then on, +1 or -1.  A tie keeps the side."""
        fast, slow = close.copy(), close.copy()
        to_window_sums(fast, self.fast_bars)
        to_window_sums(slow, self.slow_bars)
        bars, sides = np.empty(close.size, np.int64), np.empty(close.size, np.int64)
        found = find_crosses(fast, slow, float(self.slow_bars), float(self.fast_bars), bars, sides)      # sums, not means: a tie on the grid is a tie
        return bars[:found], sides[:found]

    def _facts(self, features: FeatureView, bar: np.ndarray, event: np.ndarray) -> list[dict[str, Any]]:
        bars, atr = features.decision, features.columns["atr"]
        stem = f"cross:{bars.symbol}:{bars.timeframe}"
        return [{"objects": [f"{stem}:{opened}"], "atr": measured, "bars_since_cross": age}
                for opened, measured, age in zip(bars.ts_open[event].tolist(), atr[bar].tolist(), (bar - event).tolist(), strict=True)]
