"""Support and resistance: clusters of major swings, and the extremes of the day before and of the night."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.liquidity import extremes_of_sessions
from pse.features.market_structure import MarketStructure
from pse.kernels.contract import LEVEL_DTYPE, NEVER
from pse.kernels.levels import level_clusters
from pse.kernels.liquidity import ONH, PDH

OPENING_MINUTES = 30                               # the opening range is no level; the extremes are found once with those of the pools


class Levels(Feature):
    """Support and resistance: clusters of the major swings of the recent bars, and the extremes of the day before and of the night.

    Events: `levels`, each with its price, touches, priority and the bars from which and to which it stands.  Priority of a cluster: 0.60 for two swings, 0.05
    more for each further one, at most 0.75; of a single extreme that of its pool (describe liquidity).
    """

    room, title = "gaps and levels", "support and resistance"
    columns = {
        "levels_begun": Column("how many levels begin at this bar", "count", sparse=True),
        "level_lowest": Column("the lowest of them", "price", sparse=True),
        "level_highest": Column("the highest of them", "price", sparse=True),
    }
    formula = ("major swings sorted by price, a cluster grows while the next lies within the distance of its mean; level: the mean on the tick grid; extremes "
               "of the calendar's day before (none where its bars are missing) and of the night stand until the trading day ends")
    source = "common practice; recomputed at each confirmed swing"

    lookback: int = Field(500, ge=10, le=20000, description="bars whose major swings are clustered")
    cluster_atr: float = Field(0.25, gt=0, le=10, description="distance from the cluster's mean that still joins, in ATR")
    kind: Literal["future", "stock", "crypto", "fx", "index"] = Field("future", description="whether there is a night, taken from the instrument")
    tick: float = Field(0.25, gt=0, description="price step, taken from the instrument")
    structure: MarketStructure = MarketStructure()

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick, "kind": instrument.kind})

    def lag_bars(self) -> int:
        return self.structure.major

    def objects(self, known: Known) -> Objects:
        """`levels`: rows of LEVEL_DTYPE in order of known_at; those of one touch are extremes of the day before or of the night."""
        clusters = level_clusters(known.objects(self.structure)["pivots_major"], known.atr, self.lookback, self.cluster_atr, self.tick)
        rows = np.concatenate([clusters, self.single(known)])
        return {"levels": rows[np.argsort(rows["known_at"], kind="stable")]}

    def single(self, known: Known) -> np.ndarray:
        """Extremes of the day before and of the night as levels of one touch; each ends with the trading day in which it became known."""
        found = extremes_of_sessions(known, self.kind, OPENING_MINUTES)
        found = found[np.isin(found["kind"], (PDH, PDH + 1, ONH, ONH + 1))]
        found = found[np.argsort(found["t"], kind="stable")]
        session = known.bars.session
        past = np.searchsorted(session, session[found["t"]], side="right")
        rows = np.empty(found.size, LEVEL_DTYPE)
        rows["price"], rows["touches"], rows["priority"], rows["known_at"] = found["level"], 1, found["priority"], found["t"]
        rows["ended_at"] = np.where(past < session.size, past, NEVER)
        return rows

    def compute(self, known: Known) -> Columns:
        rows, n, offset = known.objects(self)["levels"], len(known), known.bars.offset
        lowest, highest = np.full(n, np.inf), np.full(n, -np.inf)
        np.minimum.at(lowest, rows["known_at"], rows["price"])
        np.maximum.at(highest, rows["known_at"], rows["price"])
        begun = np.bincount(rows["known_at"], minlength=n)
        none = begun == 0
        return {"levels_begun": begun, "level_lowest": np.where(none, np.nan, lowest + offset), "level_highest": np.where(none, np.nan, highest + offset)}
