"""Fair value gaps: three bars that leave prices untraded, and what becomes of them."""

from __future__ import annotations

from typing import Self

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.kernels.gaps import fair_value_gaps


class FairValueGaps(Feature):
    """The fair value gap that forms on each bar: prices that three bars in a row left untraded."""

    columns = {
        "gap_dir": Column("direction of the gap that becomes known on this bar", "direction", sparse=True),
        "gap_valid": Column("whether its width lies between the bounds", "flag", sparse=True),
        "gap_top": Column("upper edge", "price", sparse=True),
        "gap_bottom": Column("lower edge", "price", sparse=True),
    }
    formula = "up: L[t] > H[t-2] and C[t-1] > O[t-1], zone H[t-2]..L[t]; down mirrored; valid while the width lies between the bounds"
    source = "the usual price-action vocabulary (Smart Money Concepts), told at the third bar"

    min_atr: float = Field(0.10, ge=0, le=10, description="smallest width of a valid gap, in ATR")
    max_atr: float = Field(2.0, gt=0, le=100, description="largest width of a valid gap, in ATR")
    min_ticks: float = Field(2, ge=0, le=1000, description="smallest width of a valid gap, in ticks")
    max_age: int = Field(20, ge=1, le=5000, description="bars after which a gap is stale")
    one_session: bool = Field(False, description="whether the three bars must lie in one session; taken from the instrument (shares)")
    tick: float = Field(0.25, gt=0, description="price step, taken from the instrument")

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick, "one_session": not instrument.across_sessions})

    def lag_bars(self) -> int:
        return 1

    def objects(self, known: Known) -> Objects:
        """`gaps`: rows of GAP_DTYPE with their life cycle."""
        return {"gaps": fair_value_gaps(*known.prices(), known.atr_before, known.bars.session, self.tick, self.min_ticks, self.min_atr, self.max_atr,
                                        self.max_age, self.one_session)}

    def compute(self, known: Known) -> Columns:
        gaps, n = known.objects(self)["gaps"], len(known)
        born = gaps[~gaps["inverse"]]
        direction, valid = np.zeros(n, np.int64), np.zeros(n, np.int64)
        top, bottom = np.full(n, np.nan), np.full(n, np.nan)
        at = born["formed_at"]
        direction[at], valid[at] = born["dir"], born["valid"]
        top[at], bottom[at] = born["top"] + known.bars.offset[at], born["bottom"] + known.bars.offset[at]
        return {"gap_dir": direction, "gap_valid": valid, "gap_top": top, "gap_bottom": bottom}
