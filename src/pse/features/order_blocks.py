"""Order blocks: the last opposing bar before a break of structure."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import MarketStructure
from pse.kernels.blocks import order_blocks
from pse.kernels.contract import NEVER


class OrderBlocks(Feature):
    """The order block that a break of structure reveals: the last bar against its direction before the move began."""

    room, title = "gaps and levels", "order blocks"
    columns = {
        "block_dir": Column("direction of the block that becomes known on this bar", "direction", sparse=True),
        "block_top": Column("upper edge", "price", sparse=True),
        "block_bottom": Column("lower edge", "price", sparse=True),
        "blocks_mitigated": Column("how many blocks have their middle traded for the first time on this bar", "count", sparse=True),
        "blocks_broken": Column("how many blocks a close of this bar passes through", "count", sparse=True),
    }
    formula = ("last bar with a body against the break, from before the first displacement bar back to the broken swing; zone: extreme to open; "
               "touched, half filled and filled like a gap, until it is stale or a close passes its far edge")
    source = "the usual price-action vocabulary (Smart Money Concepts), told at the break"

    max_back: int = Field(15, ge=1, le=500, description="bars before the break in which the block is looked for")
    max_age: int = Field(20, ge=1, le=5000, description="bars after which a block is stale")
    structure: MarketStructure = MarketStructure()

    def lag_bars(self) -> int:
        return 1

    def objects(self, known: Known) -> Objects:
        """`blocks`: rows of BLOCK_DTYPE, one a break."""
        return {"blocks": order_blocks(*known.prices(), known.objects(self.structure)["breaks"], self.max_back, self.max_age)}

    def compute(self, known: Known) -> Columns:
        blocks, n, offset = known.objects(self)["blocks"], len(known), known.bars.offset
        direction, top, bottom = np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, np.nan)
        at = blocks["known_at"]
        direction[at], top[at], bottom[at] = blocks["dir"], blocks["top"] + offset[at], blocks["bottom"] + offset[at]
        half, through = (np.bincount(moments[moments < NEVER], minlength=n) for moments in (blocks["mid_filled_at"], blocks["invalid_at"]))
        return {"block_dir": direction, "block_top": top, "block_bottom": bottom, "blocks_mitigated": half, "blocks_broken": through}
