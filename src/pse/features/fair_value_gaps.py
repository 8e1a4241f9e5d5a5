"""Fair value gaps: three bars that leave prices untraded, and what becomes of them."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field

from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.features.market_structure import keeps_to_sessions
from pse.kernels.contract import NEVER
from pse.kernels.gaps import fair_value_gaps


class FairValueGaps(Feature):
    """The fair value gap that forms on each bar: prices that three bars in a row left untraded."""

    room, title = "gaps and levels", "fair value gaps"
    columns = {
        "gap_dir": Column("direction of the gap that becomes known on this bar", "direction", sparse=True),
        "gap_valid": Column("whether its width lies between the bounds", "flag", sparse=True),
        "gap_top": Column("upper edge", "price", sparse=True),
        "gap_bottom": Column("lower edge", "price", sparse=True),
        "gaps_mitigated": Column("how many valid gaps are mitigated on this bar, inverse ones left out", "count", sparse=True),
        "ifvg_dir": Column("direction of the inverse gap that a close through an earlier gap starts on this bar", "direction", sparse=True),
        "ifvg_top": Column("upper edge of the inverse gap", "price", sparse=True),
        "ifvg_bottom": Column("lower edge of the inverse gap", "price", sparse=True),
    }
    formula = ("up: L[t] > H[t-2] and C[t-1] > O[t-1], zone H[t-2]..L[t]; down mirrored; valid while the width lies between the bounds; "
               "mitigated at its middle; a close through the far edge ends it and starts the inverse gap")
    source = "the usual price-action vocabulary (Smart Money Concepts), told at the third bar"

    min_atr: float = Field(0.10, ge=0, le=10, description="smallest width of a valid gap, in ATR")
    max_atr: float = Field(2.0, gt=0, le=100, description="largest width of a valid gap, in ATR")
    min_ticks: float = Field(2.0, ge=0, le=1000, description="smallest width of a valid gap, in ticks")
    max_age: int = Field(20, ge=1, le=5000, description="bars after which a gap is stale")
    mitigation: Literal["middle", "touch"] = Field("middle", description="what mitigates a gap: its middle is traded, or its near edge")
    one_session: bool = Field(False, description="whether three bars within the day must lie in one session; taken from the instrument (shares)")
    tick: float = Field(0.25, gt=0, description="price step, taken from the instrument")

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"tick": instrument.tick, "one_session": not instrument.across_sessions})

    def lag_bars(self) -> int:
        return 1

    def objects(self, known: Known) -> Objects:
        """`gaps`: rows of GAP_DTYPE with their life cycle."""
        return {"gaps": fair_value_gaps(*known.prices(), known.atr_before, known.bars.session, self.tick, self.min_ticks, self.min_atr, self.max_atr,
                                        self.max_age, keeps_to_sessions(self.one_session, known))}

    def mitigated_at(self, gaps: np.ndarray) -> np.ndarray:
        """The bar that mitigates each gap, int64, NEVER until then."""
        return gaps["mid_filled_at" if self.mitigation == "middle" else "touched_at"]

    def compute(self, known: Known) -> Columns:
        gaps, n, offset = known.objects(self)["gaps"], len(known), known.bars.offset
        found: Columns = {}
        for name, rows in (("gap", gaps[~gaps["inverse"]]), ("ifvg", gaps[gaps["inverse"]])):
            direction, top, bottom, at = np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, np.nan), rows["formed_at"]
            direction[at], top[at], bottom[at] = rows["dir"], rows["top"] + offset[at], rows["bottom"] + offset[at]
            found |= {f"{name}_dir": direction, f"{name}_top": top, f"{name}_bottom": bottom}
        born = gaps[~gaps["inverse"]]
        valid = np.zeros(n, np.int64)
        valid[born["formed_at"]] = born["valid"]
        ends = self.mitigated_at(born[born["valid"]])
        return {**found, "gap_valid": valid, "gaps_mitigated": np.bincount(ends[ends < NEVER], minlength=n)}
