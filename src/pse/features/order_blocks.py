"""Order blocks: the last opposing bar before a break of structure."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars
from pse.domain.base import Frozen
from pse.features import Columns
from pse.features.market_structure import MarketStructure
from pse.features.volatility import range_before
from pse.kernels.blocks import order_blocks


class OrderBlocks(Frozen):
    """One block a break, with the bar that invalidates it."""

    max_back: int = Field(15, ge=1, le=500, description="bars before the break in which the block is looked for")

    def find(self, bars: Bars, breaks: np.ndarray) -> np.ndarray:
        """Rows of BLOCK_DTYPE on forward-adjusted prices, one a break."""
        return order_blocks(bars.adjusted("open"), bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), breaks, self.max_back)

    def compute(self, bars: Bars) -> Columns:
        """The block that becomes known on each bar: direction (0 none) and edges as traded (NaN)."""
        blocks = self.find(bars, MarketStructure().find(bars, range_before(bars)).breaks)
        direction, top, bottom = np.zeros(len(bars), np.int64), np.full(len(bars), np.nan), np.full(len(bars), np.nan)
        at = blocks["known_at"]
        direction[at], top[at], bottom[at] = blocks["dir"], blocks["top"] + bars.offset[at], blocks["bottom"] + bars.offset[at]
        return {"block_dir": direction, "block_top": top, "block_bottom": bottom}
