"""Range of the bars: true range and Wilder's average, and the range known before each bar."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.kernels.wilder import previous, true_range, wilder_atr


class Atr(Frozen):
    """Average true range, in points."""

    period: int = Field(14, ge=1, le=500, description="bars of Wilder's average")
    gap_in_tr: bool = Field(True, description="whether the jump from the previous close counts; no for ranges that keep to one session")

    def compute(self, bars: Bars) -> Columns:
        high, low, close = bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close")
        atr = wilder_atr(high, low, close, self.period, self.gap_in_tr)
        return {"tr": true_range(high, low, close, self.gap_in_tr), "atr": atr, "atr_before": previous(atr)}


def range_before(bars: Bars) -> np.ndarray:
    """ATR(14) of the bar before, float64[n]: the unit in which events at a bar are measured."""
    return previous(wilder_atr(bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), 14, True))
