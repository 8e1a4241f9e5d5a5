"""Support and resistance: clusters of major swings."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.features.market_structure import MarketStructure
from pse.features.volatility import range_before
from pse.kernels.levels import level_clusters
from pse.kernels.wilder import wilder_atr


class Levels(Frozen):
    """Clusters of the major swings of the recent bars; the previous day's and the overnight extremes are among the liquidity pools."""

    lookback: int = Field(500, ge=10, le=20000, description="bars whose major swings are clustered")
    cluster_atr: float = Field(0.25, gt=0, le=10, description="distance from the cluster's mean that still joins, in ATR")
    tick: float = Field(0.25, gt=0, description="price step of the instrument")

    def find(self, majors: np.ndarray, atr: np.ndarray) -> np.ndarray:
        """Rows of LEVEL_DTYPE on forward-adjusted prices, in order of known_at."""
        return level_clusters(majors, atr, self.lookback, self.cluster_atr, self.tick)

    def compute(self, bars: Bars) -> Columns:
        """How many levels begin at each bar, and the lowest and highest of them as traded (NaN)."""
        majors = MarketStructure().find(bars, range_before(bars)).major
        rows = self.find(majors, wilder_atr(bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), 14, True))
        lowest, highest = np.full(len(bars), np.inf), np.full(len(bars), -np.inf)
        np.minimum.at(lowest, rows["known_at"], rows["price"])
        np.maximum.at(highest, rows["known_at"], rows["price"])
        begun = np.bincount(rows["known_at"], minlength=len(bars))
        none = begun == 0
        return {"levels_begun": begun, "level_lowest": np.where(none, np.nan, lowest + bars.offset),
                "level_highest": np.where(none, np.nan, highest + bars.offset)}
