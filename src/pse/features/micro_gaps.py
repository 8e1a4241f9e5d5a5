"""Fair value gaps of one-minute bars, on the rows of the decision bars."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.features import Columns
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Column, Feature, Known, Objects
from pse.kernels.contract import NEVER

MICRO_GAP_DTYPE = np.dtype([
    ("dir", "i8"), ("formed_at", "i8"), ("mid_bar", "i8"), ("mid_ts", "i8"), ("top", "f8"), ("bottom", "f8"), ("width_atr", "f8"), ("valid", "?"),
    ("inverse", "?"), ("touched_at", "i8"), ("mid_filled_at", "i8"), ("filled_at", "i8"), ("inverted_at", "i8"), ("stale_at", "i8"),
])
MOMENTS = ("touched_at", "mid_filled_at", "filled_at", "inverted_at", "stale_at")


class MicroGaps(Feature):
    """Fair value gaps of one-minute bars: what became of them by the close of each decision bar.

    A minute belongs to the first decision bar that closes with or after it; what happens later in the day is not known to that bar.  Where the stored bars
    are coarser than a minute, or a decision bar is no longer than one, there is nothing finer to read: counts are NaN and no gap is told.
    """

    room, title = "gaps and levels", "fair value gaps of minutes"
    columns = {
        "micro_gap_dir": Column("direction of the last valid gap of minutes that formed within this bar", "direction", sparse=True),
        "micro_gap_top": Column("its upper edge", "price", sparse=True),
        "micro_gap_bottom": Column("its lower edge", "price", sparse=True),
        "micro_gaps_long": Column("valid gaps up standing at the close, not filled, inverted or stale; NaN without minutes", "count", sparse=True, holds="on"),
        "micro_gaps_short": Column("valid gaps down standing at the close; NaN without minutes", "count", sparse=True, holds="on"),
    }
    formula = "fair_value_gaps of the 1m bars: width at least 0.10 ATR(14) of the minutes and one tick, stale after 15 minutes"
    source = "the usual price-action vocabulary (Smart Money Concepts), told at the close of the decision bar"

    timeframe: str = Field("1m", pattern=r"^[1-9][0-9]{0,2}(s|m|h|d)$", description="the finer bars")
    gaps: FairValueGaps = FairValueGaps(min_ticks=1.0, max_age=15)

    def timeframes(self, of: str) -> tuple[str, ...]:
        return (self.timeframe,) if timeframe_ns(self.timeframe) < timeframe_ns(of) else ()

    def is_told(self, known: Known) -> bool:
        """Whether there are finer bars to read."""
        return timeframe_ns(known.market.bars.timeframe) <= timeframe_ns(self.timeframe) < timeframe_ns(known.timeframe)

    def objects(self, known: Known) -> Objects:
        """`micro_gaps`: rows of MICRO_GAP_DTYPE by the decision bar that makes them known; `mid_ts` is the open of the middle minute in ns UTC."""
        if not self.is_told(known):
            return {"micro_gaps": np.empty(0, MICRO_GAP_DTYPE)}
        fine = known.at(self.timeframe)
        gaps, n = fine.objects(self.gaps)["gaps"], len(known)
        row = np.searchsorted(known.bars.ts_close, fine.bars.ts_close)                # of each minute; n where no decision bar has closed yet
        gaps = gaps[row[gaps["formed_at"]] < n]
        out = np.empty(gaps.size, MICRO_GAP_DTYPE)
        for name in ("dir", "top", "bottom", "width_atr", "valid", "inverse"):
            out[name] = gaps[name]
        out["formed_at"], out["mid_bar"], out["mid_ts"] = row[gaps["formed_at"]], row[gaps["mid_bar"]], fine.bars.ts_open[gaps["mid_bar"]]
        for name in MOMENTS:
            come = gaps[name] < NEVER
            out[name] = NEVER
            moments = row[gaps[name][come]]
            out[name][come] = np.where(moments < n, moments, NEVER)
        return {"micro_gaps": out}

    def compute(self, known: Known) -> Columns:
        n, offset, rows = len(known), known.bars.offset, known.objects(self)["micro_gaps"]
        rows = rows[rows["valid"] & ~rows["inverse"]]
        at = rows["formed_at"]
        direction, top, bottom = np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, np.nan)
        direction[at], top[at], bottom[at] = rows["dir"], rows["top"] + offset[at], rows["bottom"] + offset[at]
        up, down = (self._standing(rows[rows["dir"] == d], n) if self.is_told(known) else np.full(n, np.nan) for d in (1, -1))
        return {"micro_gap_dir": direction, "micro_gap_top": top, "micro_gap_bottom": bottom, "micro_gaps_long": up, "micro_gaps_short": down}

    @staticmethod
    def _standing(rows: np.ndarray, n: int) -> np.ndarray:
        """How many gaps stand at the close of each bar, float64[n]."""
        ends = np.minimum(np.minimum(rows["filled_at"], rows["inverted_at"]), rows["stale_at"])
        begun, ended = np.bincount(rows["formed_at"], minlength=n), np.bincount(ends[ends < NEVER], minlength=n)
        return np.cumsum(begun - ended).astype(np.float64)
