"""Where the close stands between the last major swings, and in the last impulse leg."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.impulse import Impulse
from pse.features.market_structure import MarketStructure
from pse.kernels.codes import RANGE_ZONES
from pse.kernels.dealing_range import dealing_range
from pse.kernels.impulse import last_legs
from pse.kernels.rows import EPS
from pse.kernels.swings import last_swing_prices


class PremiumDiscount(Feature):
    """Premium or discount: the close in the range of the last major swing high and low, and the optimal trade entry (OTE) band of the last impulse."""

    room, title = "structure", "premium, discount and OTE"
    columns = {
        "range_pos": Column("close in the range, 0 its low and 1 its high, beyond both outside of it", "fraction", sparse=True, holds="while"),
        "range_zone": Column("zone of that position", "state", RANGE_ZONES, sparse=True, holds="while"),
        "range_high": Column("high of the range: the last confirmed major swing high", "price", sparse=True, holds="on"),
        "range_low": Column("low of the range: the last confirmed major swing low", "price", sparse=True, holds="on"),
        "ote_dir": Column("direction of the last impulse leg, 0 without one or once a bar traded beyond its start", "direction", sparse=True, holds="while"),
        "ote_top": Column("upper edge of the band of its retracements", "price", sparse=True, holds="while"),
        "ote_bottom": Column("lower edge of that band", "price", sparse=True, holds="while"),
        "ote_inside": Column("whether the close lies in the band, its edges included", "flag", sparse=True, holds="while"),
    }
    formula = "(C - low) / (high - low); premium > 0.55, discount < 0.45, else equilibrium; OTE: 0.62 to 0.79 of the last impulse given back"
    source = "the usual price-action vocabulary (Smart Money Concepts); the range is that of swings confirmed by now"

    premium_above: float = Field(0.55, ge=0, le=1, description="position above which the close is at a premium")
    discount_below: float = Field(0.45, ge=0, le=1, description="position below which it is at a discount")
    ote_from: float = Field(0.62, ge=0, le=1, description="near edge of the band, share of the leg given back")
    ote_to: float = Field(0.79, ge=0, le=1, description="far edge of the band")
    structure: MarketStructure = MarketStructure()
    impulse: Impulse = Impulse()

    def lag_bars(self) -> int:
        return self.structure.major

    def compute(self, known: Known) -> Columns:
        n, offset, close = len(known), known.bars.offset, known.price("close")
        top, bottom = last_swing_prices(known.objects(self.structure)["pivots_major"], n)
        position, zone = dealing_range(close, bottom, top, self.discount_below, self.premium_above)
        made: Columns = {"range_pos": position, "range_zone": zone, "range_high": top + offset, "range_low": bottom + offset}
        return {**made, **self._band(known, close, offset)}

    def _band(self, known: Known, close: np.ndarray, offset: np.ndarray) -> Columns:
        longs, shorts = self.impulse.legs(known)
        row = last_legs(longs, shorts, known.price("high"), known.price("low"))
        n, here = close.size, row >= 0
        leg = np.concatenate([longs, shorts])[row[here]]
        near, far = (leg["end"] - leg["dir"] * share * leg["length"] for share in (self.ote_from, self.ote_to))
        lower, upper = np.minimum(near, far), np.maximum(near, far)
        direction, inside, top, bottom = np.zeros(n, np.int64), np.zeros(n, np.int64), np.full(n, np.nan), np.full(n, np.nan)
        direction[here], top[here], bottom[here] = leg["dir"], upper + offset[here], lower + offset[here]
        inside[here] = (close[here] >= lower - EPS) & (close[here] <= upper + EPS)
        return {"ote_dir": direction, "ote_top": top, "ote_bottom": bottom, "ote_inside": inside}
