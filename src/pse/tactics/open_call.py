"""Open call: at every close that is ready the question which way to trade, if any, with a stop and a target a few ranges away.

It has no opinion of its own: a row is of either direction, told as its long side; whoever judges says which.  Rules answer HOLD.
"""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from pse.domain.bars import timeframe_ns
from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS
from pse.domain.setups import Setups, Told
from pse.kernels.codes import FAM_OPEN_CALL, MARKET_STATES, TCC_CLASSES, TCC_UNKNOWN, VOL_BUCKETS
from pse.kernels.contract import ALONE, ENTER, MARKET, SETUP_DTYPE
from pse.kernels.rows import EPS
from pse.tactics.scan import FeatureView
from pse.tactics.swing import protective_stop
from pse.tactics.timing import end_of_next_session, next_open

PRECEDENCE = 200                   # behind every tactic that has an opinion


class OpenCall(Frozen):
    """The open question at every close."""

    name: ClassVar[str] = "open_call"
    label: ClassVar[str] = "Open call"
    version: ClassVar[str] = "1"

    stop_atr: float = Field(1.5, ge=0.1, le=20, description="distance of the stop from the close of the decision, in ATR(14) of the decision bars")
    reward_r: float = Field(2.0, ge=0.1, le=20, description="distance of the target from that close, in multiples of the stop's")
    confidence_before: float = Field(0.5, ge=0, le=1, description="confidence until a judge has said one")

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """It reads the decision bars alone."""
        return ()

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """One row a ready close; a million decision bars are 217 MB of them."""
        bar, bars, tick = self._ready(features), features.decision, instrument.tick
        close, ts = bars.close[bar], bars.ts_close[bar]
        stop = protective_stop(close, features.columns["atr"][bar], np.ones(1), self.stop_atr, tick)
        rows = np.zeros(bar.size, SETUP_DTYPE)
        values: dict[str, Any] = {
            "ts": ts, "kind": ENTER, "order_type": MARKET, "entry": close, "stop": stop,
            "target": np.floor((close + self.reward_r * (close - stop)) / tick + EPS) * tick, "target2": np.nan, "size_multiple": 1.0,
            "quality": self.confidence_before, "confidence": self.confidence_before, "rank_base": np.nan, "precedence": PRECEDENCE, "event_bar": ts,
            "group": ALONE, "valid_until": self._valid_until(features, ts), "invalid_price": np.nan, "directional_gate": True,
            "evidence": np.arange(bar.size), "family": FAM_OPEN_CALL}
        for name, column in values.items():
            rows[name] = column
        return Setups(rows, Told(rows.size, lambda: self._facts(features)))

    @staticmethod
    def _ready(features: FeatureView) -> np.ndarray:
        """Decision bars with a range and a known conviction of the trend, int64."""
        return np.flatnonzero((features.columns["atr"] > 0.0) & (features.columns["tcc"] != TCC_UNKNOWN))

    @staticmethod
    def _valid_until(features: FeatureView, ts: np.ndarray) -> np.ndarray:
        """One base bar of an open market from each decision on; of base bars of a day the next one."""
        base, sessions = timeframe_ns(features.known.market.bars.timeframe), features.decision.sessions
        return end_of_next_session(sessions, ts) if base >= DAY_NS else next_open(sessions, ts) + base + 1

    def _facts(self, features: FeatureView) -> list[dict[str, Any]]:
        bar, bars, columns = self._ready(features), features.decision, features.columns
        stem = f"bar:{bars.symbol}:{bars.timeframe}"
        told = (bars.ts_open, columns["atr"], columns["tcc"], columns["tcc_dir"], columns["mcs"], columns["vol_bucket"])
        return [{"objects": [f"{stem}:{opened}"], "atr": atr, "tcc": TCC_CLASSES[tcc], "tcc_dir": way, "mcs": MARKET_STATES[state],
                 "vol_bucket": VOL_BUCKETS[quarter]} for opened, atr, tcc, way, state, quarter in zip(*(one[bar].tolist() for one in told), strict=True)]
