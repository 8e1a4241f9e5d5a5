"""All features of one instrument, from its finest bars: one pure function of (bars, instrument, spec)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from pydantic import Field, model_validator

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.levels import Levels
from pse.features.liquidity import Liquidity
from pse.features.market_structure import MarketStructure
from pse.features.order_blocks import OrderBlocks
from pse.features.resampled import as_of, resample
from pse.kernels.quality import score_breaks
from pse.kernels.rolling import relative_volume
from pse.kernels.structure import structure
from pse.kernels.swings import swings
from pse.kernels.wilder import previous, wilder_atr


class FeatureSpec(Frozen):
    """What is computed; tick, kind and session rules of the groups are taken from the instrument."""

    decision_timeframe: str = Field("5m", description="bars on whose close a decision falls")
    context_timeframe: str = Field("1h", description="bars of the trend that a break is held against")
    atr_period: int = Field(14, ge=1, le=500, description="bars of Wilder's average true range")
    rvol_period: int = Field(20, ge=1, le=1000, description="bars in the mean of relative volume")
    structure: MarketStructure = MarketStructure()
    gaps: FairValueGaps = FairValueGaps()
    blocks: OrderBlocks = OrderBlocks()
    liquidity: Liquidity = Liquidity()
    levels: Levels = Levels()

    @model_validator(mode="after")
    def _context_is_coarser(self) -> FeatureSpec:
        decision, context = timeframe_ns(self.decision_timeframe), timeframe_ns(self.context_timeframe)
        if context % decision:
            raise ValueError(f"context_timeframe {self.context_timeframe} is not a multiple of decision_timeframe {self.decision_timeframe}")
        return self

    def of(self, instrument: Instrument) -> FeatureSpec:
        """The same spec with tick, kind and session rules of the instrument."""
        one_session = not instrument.across_sessions
        return self.model_copy(update={
            "structure": self.structure.model_copy(update={"one_session": one_session}),
            "gaps": self.gaps.model_copy(update={"tick": instrument.tick, "one_session": one_session}),
            "liquidity": self.liquidity.model_copy(update={"tick": instrument.tick, "kind": instrument.kind}),
            "levels": self.levels.model_copy(update={"tick": instrument.tick}),
        })


@dataclass(frozen=True, eq=False)
class Features:
    """Everything known about one instrument at each decision bar.

    `bars` are the finest bars, `decision` the bars decisions fall on, `context` the coarser ones of the trend, `daily` the completed trading days.
    `columns` are aligned with `decision`: atr, atr_before, rvol, trend, break_dir, mss_dir, swing_high, swing_low, htf_trend, n_src, coverage.
    Objects are row arrays of the kernels' contract on forward-adjusted prices; bar indices count decision bars.  `levels` of a bar are those as of
    the bar before.  `daily_returns` float64[days] are close over previous close - 1 (NaN first), known from `daily_known_at` int64[days].
    """

    spec: FeatureSpec
    bars: Bars
    decision: Bars
    context: Bars
    daily: Bars
    columns: Columns
    pivots_internal: np.ndarray
    pivots_major: np.ndarray
    breaks: np.ndarray
    gaps: np.ndarray
    blocks: np.ndarray
    pools: np.ndarray
    sweeps: np.ndarray
    levels: np.ndarray
    daily_returns: np.ndarray
    daily_known_at: np.ndarray


def build(bars: Bars, instrument: Instrument, spec: FeatureSpec | None = None, until_ns: int | None = None) -> Features:
    """Features of `bars` at every decision bar that has ended by `until_ns` (default: the close of the last bar).

    Pure and prefix-stable: built from the first k bars, every column is the beginning of the whole build's, and every object known by then is the same row
    but for the fields of its later life, which hold NEVER or stand unchanged until they happen.
    """
    spec = (spec or FeatureSpec()).of(instrument)
    made = resample(bars, spec.decision_timeframe, until_ns)
    decision = made.bars
    now = int(bars.ts_close[-1]) if until_ns is None and len(bars) else until_ns
    context, daily = resample(decision, spec.context_timeframe, now).bars, resample(decision, "1d", now).bars
    high, low, close = decision.adjusted("high"), decision.adjusted("low"), decision.adjusted("close")
    atr = wilder_atr(high, low, close, spec.atr_period, True)
    before, rvol = previous(atr), relative_volume(decision.volume, spec.rvol_period)
    found = spec.structure.find(decision, before)
    gaps = spec.gaps.find(decision, before)
    pools, sweeps = spec.liquidity.find(decision, before, rvol, found)
    htf_trend = as_of(context_trend(context, spec), context.ts_close, decision.ts_close)
    score_breaks(found.breaks, decision.adjusted("open"), high, low, close, before, rvol, htf_trend, gaps, sweeps, spec.structure.disp_window)
    columns = {"atr": atr, "atr_before": before, "rvol": rvol, **spec.structure.columns(decision, found), "htf_trend": htf_trend,
               "n_src": made.n_src, "coverage": made.coverage}
    return Features(
        spec=spec, bars=bars, decision=decision, context=context, daily=daily, columns=columns, pivots_internal=found.internal,
        pivots_major=found.major, breaks=found.breaks, gaps=gaps, blocks=spec.blocks.find(decision, found.breaks), pools=pools, sweeps=sweeps,
        levels=spec.levels.find(found.major, atr), daily_returns=returns(daily), daily_known_at=daily.ts_close)


def context_trend(context: Bars, spec: FeatureSpec) -> np.ndarray:
    """Structure trend of the coarser bars after each of them, float64[n]."""
    o, h, lo, c = (context.adjusted(name) for name in ("open", "high", "low", "close"))
    rules = spec.structure
    before = previous(wilder_atr(h, lo, c, spec.atr_period, True))
    pivots = swings(o, h, lo, c, context.session, rules.internal, rules.internal, rules.one_session)
    trend, _ = structure(o, h, lo, c, before, pivots, rules.break_on_wick, rules.disp_range_atr, rules.disp_body, rules.disp_close, rules.disp_window,
                         rules.swing_lookback)
    return trend.astype(np.float64)


def returns(daily: Bars) -> np.ndarray:
    """Close over the previous close - 1, the older price moved by the roll between them; NaN first, float64[days]."""
    out = np.full(len(daily), np.nan)
    older = daily.close[:-1] + np.diff(daily.offset)
    np.divide(daily.close[1:], older, out=out[1:], where=older != 0)
    out[1:] -= 1.0
    return out
