"""Fair value gaps: three bars that leave prices untraded, and what becomes of them."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.features.volatility import range_before
from pse.kernels.gaps import fair_value_gaps


class FairValueGaps(Frozen):
    """Gaps of the bars with their life cycle."""

    min_atr: float = Field(0.10, ge=0, le=10, description="smallest width of a valid gap, in ATR")
    max_atr: float = Field(2.0, gt=0, le=100, description="largest width of a valid gap, in ATR")
    min_ticks: float = Field(2, ge=0, le=1000, description="smallest width of a valid gap, in ticks")
    max_age: int = Field(20, ge=1, le=5000, description="bars after which a gap is stale")
    one_session: bool = Field(False, description="whether the three bars must lie in one session (shares)")
    tick: float = Field(0.25, gt=0, description="price step of the instrument")

    def find(self, bars: Bars, atr_before: np.ndarray) -> np.ndarray:
        """Rows of GAP_DTYPE on forward-adjusted prices, in order of formed_at."""
        return fair_value_gaps(bars.adjusted("open"), bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), atr_before, bars.session,
                               self.tick, self.min_ticks, self.min_atr, self.max_atr, self.max_age, self.one_session)

    def compute(self, bars: Bars) -> Columns:
        """The gap that forms on each bar: its direction (0 none), edges as traded (NaN) and whether it is valid."""
        gaps = self.find(bars, range_before(bars))
        born = gaps[~gaps["inverse"]]
        direction, valid = np.zeros(len(bars), np.int64), np.zeros(len(bars), np.int64)
        top, bottom = np.full(len(bars), np.nan), np.full(len(bars), np.nan)
        at = born["formed_at"]
        direction[at], valid[at] = born["dir"], born["valid"]
        top[at], bottom[at] = born["top"] + bars.offset[at], born["bottom"] + bars.offset[at]
        return {"gap_dir": direction, "gap_valid": valid, "gap_top": top, "gap_bottom": bottom}
