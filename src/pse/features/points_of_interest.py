"""Points of interest: where in a fair value gap a retest counts."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.order_blocks import OrderBlocks
from pse.kernels.codes import POINT_KINDS
from pse.kernels.points import points_of_interest


class PointsOfInterest(Feature):
    """Points of interest: a valid gap's overlap with an order block, or the half of the gap that a pullback reaches first."""

    room, title = "gaps and levels", "where a retest counts"
    columns = {
        "poi_dir": Column("direction of the point that becomes known on this bar, of the newest gap where there are several", "direction", sparse=True),
        "poi_kind": Column("what it is", "state", POINT_KINDS, sparse=True),
        "poi_near": Column("the edge that a pullback reaches first", "price", sparse=True),
        "poi_far": Column("the other edge", "price", sparse=True),
    }
    formula = ("overlap with the newest order block of the direction that stands and covers at least 0.25 of the gap, else the near half; a new point when a "
               "block becomes known or is closed through")
    source = "the usual price-action vocabulary (Smart Money Concepts), read bar by bar"

    min_overlap: float = Field(0.25, ge=0, le=1, description="least share of the gap that the block must cover")
    inverse: bool = Field(False, description="whether inverse gaps have points too")
    gaps: FairValueGaps = FairValueGaps()
    blocks: OrderBlocks = OrderBlocks()

    def lag_bars(self) -> int:
        return 1

    def objects(self, known: Known) -> Objects:
        """`points`: rows of POINT_DTYPE in order of known_at; `gap` and `block` are rows of the tables they were made of."""
        rows = points_of_interest(known.objects(self.gaps)["gaps"], known.objects(self.blocks)["blocks"], len(known), self.blocks.max_age, self.min_overlap,
                                  self.inverse)
        return {"points": rows[np.argsort(rows["known_at"], kind="stable")]}

    def compute(self, known: Known) -> Columns:
        rows, n, offset = known.objects(self)["points"], len(known), known.bars.offset
        direction, kind, near, far = np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, np.nan)
        at = rows["known_at"]
        direction[at], kind[at], near[at], far[at] = rows["dir"], 1 + rows["kind"], rows["near"] + offset[at], rows["far"] + offset[at]
        return {"poi_dir": direction, "poi_kind": kind, "poi_near": near, "poi_far": far}
