"""What a strategy's signals earned so far on its symbol, and the factors by which that record, its features and the market scale its confidence.

The record is that of the bare rule on the answered bars (`pse.kernels.validation`), with the fees of the instrument; orders, limits and positions of a desk
have no part in it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite

import numpy as np

from pse.domain.instruments import Instrument
from pse.domain.setups import Facts
from pse.features.factors import FEWEST_ROWS, ROWS_A_REGRESSOR
from pse.features.feature import Known
from pse.features.volatility import bars_per_year
from pse.kernels.codes import VOL_BUCKETS, VOL_Q4
from pse.kernels.regression import rolling_inflation
from pse.kernels.validation import INFLATED, bare_record, scaled, trailing_figures
from pse.tactics.scan import OwnRecord

RETURNS = 252                      # bars whose returns are judged
ROWS = 60                          # rows on which features are held against each other
FACTORS = ("expectancy", "vif", "vol", "sharpe", "drawdown")


@dataclass(frozen=True, eq=False)
class Track:
    """Figures of a record by bar, arrays of one length: trades closed and their sum in R; of the last returns the Sharpe ratio, the largest fall from a peak
    and the bars in a position; variance inflation of each feature and the largest; whether volatility has jumped, or is in its highest quarter."""

    trades: np.ndarray
    total_r: np.ndarray
    sharpe: np.ndarray
    fall: np.ndarray
    days: np.ndarray
    inflation: Mapping[str, np.ndarray]
    largest: np.ndarray
    spikes: np.ndarray
    turbulent: np.ndarray

    def scaled(self, confidence: np.ndarray, at: np.ndarray) -> np.ndarray:
        """The five factors of each row and the confidence times all of them, float64[rows, 6]; `at` int64: its bar."""
        return scaled(confidence, at, self.trades, self.total_r, self.largest, self.spikes, self.turbulent, self.sharpe, self.fall, self.days)

    def facts(self, confidence: float, t: int) -> Facts:
        """What scales a confidence at bar t, and the figures behind each factor."""
        *factors, out = self.scaled(np.array([confidence]), np.array([t])).tolist()[0]
        count = int(self.trades[t])
        worst = {name: _ratio(float(values[t])) for name, values in self.inflation.items() if values[t] >= INFLATED - 1e-9}
        return {"confidence": out, "confidence_in": confidence, "factors": dict(zip(FACTORS, factors, strict=True)), "record": {
            "trades": count, "expectancy_r": float(self.total_r[t]) / count if count else None, "vif_max": _ratio(float(self.largest[t])), "vif_over": worst,
            "volatility": "SPIKE" if self.spikes[t] else VOL_BUCKETS[VOL_Q4] if self.turbulent[t] else "NORMAL", "sharpe": float(self.sharpe[t]),
            "max_drawdown": float(self.fall[t]), "days_held": int(self.days[t])}}


def track(there: Known, instrument: Instrument, signal: np.ndarray, indicators: Mapping[str, np.ndarray], stop_atr: float, shorts: bool, record: OwnRecord,
          bucket: np.ndarray, spikes: np.ndarray) -> Track:
    """The record of signals at the closes of `there`.  `indicators`: the features they are made of; bucket, spikes: state of volatility, int64[n]."""
    bars, fees = there.bars, instrument.fees
    returns, held, trades, total = bare_record(
        bars.open, bars.high, bars.low, bars.close, bars.offset,
        np.ones(len(bars)) if bars.factor is None else bars.factor, there.atr, signal.astype(np.int64), shorts and record.allow_short, float(stop_atr),
        float(instrument.tick), fees.per_unit / instrument.point_value, fees.basis_points / 10_000, record.wait_closes)
    sharpe, fall, days = trailing_figures(returns, held, RETURNS, bars_per_year(instrument, there.timeframe))
    factors = inflation(indicators, len(there))
    largest = np.fmax.reduce([*factors.values(), np.full(len(there), np.nan)])
    return Track(trades, total, sharpe, fall, days, factors, largest, spikes, bucket == VOL_Q4)


def inflation(indicators: Mapping[str, np.ndarray], n: int) -> Mapping[str, np.ndarray]:
    """Variance inflation of each indicator among all of them over the last rows, float64[n]; none of a single one, which nothing else can repeat."""
    if len(indicators) < 2:
        return {}
    factors = rolling_inflation(np.stack([np.asarray(values, np.float64) for values in indicators.values()]), ROWS,
                                max(FEWEST_ROWS, ROWS_A_REGRESSOR * len(indicators)))
    return dict(zip(indicators, factors, strict=True))


def _ratio(value: float) -> float | str | None:
    """A ratio as it is told: none is unknown, and infinity is a word."""
    return value if isfinite(value) else None if value != value else "inf"
