"""Support and resistance: clusters of major swings."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import MarketStructure
from pse.kernels.levels import level_clusters


class Levels(Feature):
    """Support and resistance: clusters of the major swings of the recent bars; yesterday's and overnight extremes are among the liquidity pools."""

    columns = {
        "levels_begun": Column("how many levels begin at this bar", "count", sparse=True),
        "level_lowest": Column("the lowest of them", "price", sparse=True),
        "level_highest": Column("the highest of them", "price", sparse=True),
    }
    formula = "major swings sorted by price, a cluster grows while the next lies within the distance of its mean; level: the mean on the tick grid"
    source = "common practice; recomputed at each confirmed swing"

    lookback: int = Field(500, ge=10, le=20000, description="bars whose major swings are clustered")
    cluster_atr: float = Field(0.25, gt=0, le=10, description="distance from the cluster's mean that still joins, in ATR")
    tick: float = Field(0.25, gt=0, description="price step, taken from the instrument")
    structure: MarketStructure = MarketStructure()

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick})

    def lag_bars(self) -> int:
        return self.structure.major

    def objects(self, known: Known) -> Objects:
        """`levels`: rows of LEVEL_DTYPE."""
        return {"levels": level_clusters(known.objects(self.structure)["pivots_major"], known.atr, self.lookback, self.cluster_atr, self.tick)}

    def compute(self, known: Known) -> Columns:
        rows, n, offset = known.objects(self)["levels"], len(known), known.bars.offset
        lowest, highest = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(lowest, rows["known_at"], rows["price"])
        np.maximum.at(highest, rows["known_at"], rows["price"])
        begun = np.bincount(rows["known_at"], minlength=n)
        none = begun == 0
        return {"levels_begun": begun, "level_lowest": np.where(none, np.nan, lowest + offset), "level_highest": np.where(none, np.nan, highest + offset)}
