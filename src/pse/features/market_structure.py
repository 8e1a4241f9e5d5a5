"""Swings, their labels, and the breaks of structure that they make."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known, Objects
from pse.kernels.codes import SWING_LABELS
from pse.kernels.structure import structure
from pse.kernels.swings import alternating_view, label_swings, last_swing_prices, mark_superseded, swings


def keeps_to_sessions(one_session: bool, known: Known) -> bool:
    """Whether a window must lie in one session on these bars: never where a bar is a whole session."""
    return one_session and timeframe_ns(known.timeframe) < DAY_NS


class MarketStructure(Feature):
    """Swing points, and the breaks of structure (BOS), changes of character (CHoCH) and shifts (MSS) that closes beyond them make."""

    room, title = "structure", "swings, BOS, CHoCH and MSS"
    columns = {
        "trend": Column("direction of the last break of structure, 0 before the first", "direction"),
        "break_dir": Column("direction of a break on this bar", "direction", sparse=True),
        "mss_dir": Column("direction of a market structure shift on this bar: a break against the trend with displacement", "direction", sparse=True),
        "swing_high": Column("last confirmed internal swing high", "price", sparse=True, holds="on"),
        "swing_low": Column("last confirmed internal swing low", "price", sparse=True, holds="on"),
    }
    formula = ("swing high at i: H[i] > H of the `internal` bars before and >= H of those after, known at i + internal; break: C beyond the last unbroken "
               "swing; CHoCH: break against the trend; MSS: CHoCH with a displacement bar in the window and a young swing")
    source = "the usual price-action vocabulary (Smart Money Concepts), read at confirmation; nothing is drawn back"

    internal: int = Field(3, ge=1, le=100, description="bars on each side of an internal swing")
    major: int = Field(10, ge=1, le=500, description="bars on each side of a major swing")
    equal_atr: float = Field(0.10, ge=0, le=5, description="two swings within this share of the range are equal")
    break_on_wick: bool = Field(False, description="whether high and low break a swing instead of the close")
    disp_range_atr: float = Field(1.2, gt=0, le=20, description="range of a displacement bar, in ATR")
    disp_body: float = Field(0.60, gt=0, le=1, description="body of a displacement bar, share of its range")
    disp_close: float = Field(0.70, gt=0, le=1, description="close of a displacement bar, share of its range from the far end")
    disp_window: int = Field(3, ge=1, le=100, description="bars up to the break in which a displacement bar must stand")
    swing_lookback: int = Field(20, ge=1, le=5000, description="largest age in bars of the broken swing of a shift")
    one_session: bool = Field(False, description="whether a swing's window within the day must lie in one session; taken from the instrument (shares)")

    def of(self, instrument: Instrument) -> Self:
        return self.model_copy(update={"one_session": not instrument.across_sessions})

    def lag_bars(self) -> int:
        return self.internal

    def _find(self, known: Known) -> tuple[Objects, np.ndarray]:
        """The objects, and the trend after each bar; found once."""
        o, h, lo, c = known.prices()
        one_session = keeps_to_sessions(self.one_session, known)
        internal = swings(o, h, lo, c, known.bars.session, self.internal, self.internal, one_session)
        major = swings(o, h, lo, c, known.bars.session, self.major, self.major, one_session)
        for pivots in (internal, major):
            label_swings(pivots, known.atr_before, self.equal_atr)
            mark_superseded(pivots)
        trend, breaks = structure(o, h, lo, c, known.atr_before, internal, self.break_on_wick, self.disp_range_atr, self.disp_body, self.disp_close,
                                  self.disp_window, self.swing_lookback)
        return {"pivots_internal": internal, "pivots_major": major, "breaks": breaks}, trend

    def _found(self, known: Known) -> tuple[Objects, np.ndarray]:
        bound = self.of(known.instrument)
        return known.once(("structure", bound), lambda: bound._find(known))  # type: ignore[no-any-return]

    def objects(self, known: Known) -> Objects:
        """`pivots_internal`, `pivots_major` (PIVOT_DTYPE) and `breaks` (BREAK_DTYPE, scores not written)."""
        return self._found(known)[0]

    def trend(self, known: Known) -> np.ndarray:
        """Direction of the last break after each bar, int64[n]."""
        return self._found(known)[1]

    def compute(self, known: Known) -> Columns:
        found, n = known.objects(self), len(known)
        breaks, offset = found["breaks"], known.bars.offset
        broke, shifted = np.zeros(n, np.int64), np.zeros(n, np.int64)
        broke[breaks["t"]] = breaks["dir"]
        shifts = breaks[breaks["mss"]]
        shifted[shifts["t"]] = shifts["dir"]
        swing_high, swing_low = last_swing_prices(found["pivots_internal"], n)
        return {"trend": self.trend(known), "break_dir": broke, "mss_dir": shifted, "swing_high": swing_high + offset, "swing_low": swing_low + offset}


class SwingLabels(Feature):
    """How each swing compares with the one before of its kind (HH, LH, HL, LL, equal), and the alternating view of the swings as it stands on each bar."""

    room, title = "structure", "HH, LH, HL, LL of swings"
    columns = {
        "swing_high_label": Column("label of the swing high that is confirmed on this bar", "state", SWING_LABELS, sparse=True),
        "swing_low_label": Column("label of the swing low that is confirmed on this bar", "state", SWING_LABELS, sparse=True),
        "leg_high": Column("last swing high of the alternating view: the highest confirmed of those in a row", "price", sparse=True, holds="on"),
        "leg_low": Column("last swing low of the alternating view", "price", sparse=True, holds="on"),
        "leg_dir": Column("1 when the last swing of that view is a high, -1 when it is a low, 0 before the first", "direction"),
    }
    formula = ("change from the previous swing of the kind, by the range known at the confirming bar: within equal_atr EQH/EQL, above HH/HL, below LH/LL; of "
               "swings of one kind in a row the more extreme counts, the first on ties, from the bar that confirms it")
    source = "the usual price-action vocabulary (Smart Money Concepts), read at confirmation; nothing is drawn back"

    of_swings: Literal["internal", "major"] = Field("internal", description="which swings are labelled")
    structure: MarketStructure = MarketStructure()

    def lag_bars(self) -> int:
        return self.structure.internal if self.of_swings == "internal" else self.structure.major

    def compute(self, known: Known) -> Columns:
        pivots, n, offset = known.objects(self.structure)[f"pivots_{self.of_swings}"], len(known), known.bars.offset
        is_high = pivots["kind"] > 0
        highs, lows = np.zeros(n, np.int64), np.zeros(n, np.int64)
        highs[pivots["confirmed_at"][is_high]] = 1 + pivots["label"][is_high]
        lows[pivots["confirmed_at"][~is_high]] = 5 + pivots["label"][~is_high]
        top, bottom, kind = alternating_view(pivots, n)
        return {"swing_high_label": highs, "swing_low_label": lows, "leg_high": top + offset, "leg_low": bottom + offset, "leg_dir": kind}
