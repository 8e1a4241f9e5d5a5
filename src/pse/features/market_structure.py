"""Swings, their labels, and the breaks of structure that they make."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.features.volatility import range_before
from pse.kernels.structure import structure
from pse.kernels.swings import label_swings, last_swing_prices, swings


@dataclass(frozen=True, eq=False)
class Structure:
    """Swings (PIVOT_DTYPE), breaks (BREAK_DTYPE, scores not yet written) and the trend after each bar (int64[n])."""

    internal: np.ndarray
    major: np.ndarray
    breaks: np.ndarray
    trend: np.ndarray


class MarketStructure(Frozen):
    """Swing points and the BOS, CHoCH and MSS that closes beyond them make."""

    internal: int = Field(3, ge=1, le=100, description="bars on each side of an internal swing")
    major: int = Field(10, ge=1, le=500, description="bars on each side of a major swing")
    equal_atr: float = Field(0.10, ge=0, le=5, description="two swings within this share of the range are equal")
    break_on_wick: bool = Field(False, description="whether high and low break a swing instead of the close")
    disp_range_atr: float = Field(1.2, gt=0, le=20, description="range of a displacement bar, in ATR")
    disp_body: float = Field(0.60, gt=0, le=1, description="body of a displacement bar, share of its range")
    disp_close: float = Field(0.70, gt=0, le=1, description="close of a displacement bar, share of its range from the far end")
    disp_window: int = Field(3, ge=1, le=100, description="bars up to the break in which a displacement bar must stand")
    swing_lookback: int = Field(20, ge=1, le=5000, description="largest age in bars of the broken swing of a shift")
    one_session: bool = Field(False, description="whether a swing's window must lie in one session (shares)")

    def find(self, bars: Bars, atr_before: np.ndarray) -> Structure:
        """All swings and breaks of the bars, on forward-adjusted prices."""
        o, h, lo, c = (bars.adjusted(name) for name in ("open", "high", "low", "close"))
        internal = swings(o, h, lo, c, bars.session, self.internal, self.internal, self.one_session)
        major = swings(o, h, lo, c, bars.session, self.major, self.major, self.one_session)
        label_swings(internal, atr_before, self.equal_atr)
        label_swings(major, atr_before, self.equal_atr)
        trend, breaks = structure(o, h, lo, c, atr_before, internal, self.break_on_wick, self.disp_range_atr, self.disp_body, self.disp_close,
                                  self.disp_window, self.swing_lookback)
        return Structure(internal, major, breaks, trend)

    def columns(self, bars: Bars, found: Structure) -> Columns:
        """Trend, direction of a break and of a shift on the bar, and the last internal swing prices as traded."""
        broke, shifted = np.zeros(len(bars), np.int64), np.zeros(len(bars), np.int64)
        broke[found.breaks["t"]] = found.breaks["dir"]
        shifts = found.breaks[found.breaks["mss"]]
        shifted[shifts["t"]] = shifts["dir"]
        swing_high, swing_low = last_swing_prices(found.internal, len(bars))
        return {"trend": found.trend, "break_dir": broke, "mss_dir": shifted, "swing_high": swing_high + bars.offset, "swing_low": swing_low + bars.offset}

    def compute(self, bars: Bars) -> Columns:
        return self.columns(bars, self.find(bars, range_before(bars)))
