"""All that tactics and the engine read of one instrument, from its finest bars: one pure function of (bars, instrument, spec)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
from pydantic import Field, model_validator

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.features import Columns
from pse.features.break_quality import BreakQuality
from pse.features.fair_value_gaps import FairValueGaps
from pse.features.feature import Known, Market
from pse.features.levels import Levels
from pse.features.liquidity import Liquidity
from pse.features.market_state import LiquidityFilter, MarketState
from pse.features.market_structure import MarketStructure
from pse.features.momentum import Macd, Rsi
from pse.features.order_blocks import OrderBlocks
from pse.features.regime import VolatilityRegime, is_daily
from pse.features.trend_conviction import TrendConviction
from pse.features.volume import RelativeVolume
from pse.features.vwap import SessionVwap


class FeatureSpec(Frozen):
    """What is computed; tick, kind and session rules of the groups are taken from the instrument."""

    decision_timeframe: str = Field("5m", description="bars on whose close a decision falls")
    context_timeframe: str = Field("1h", description="bars of the trend that a break is held against")
    volume: RelativeVolume = RelativeVolume()
    structure: MarketStructure = MarketStructure()
    gaps: FairValueGaps = FairValueGaps()
    blocks: OrderBlocks = OrderBlocks()
    liquidity: Liquidity = Liquidity()
    levels: Levels = Levels()
    rsi: Rsi = Rsi()
    macd: Macd = Macd()
    vwap: SessionVwap = SessionVwap()
    volatility: VolatilityRegime = VolatilityRegime()
    conviction: TrendConviction = TrendConviction()
    liquidity_filter: LiquidityFilter = LiquidityFilter()
    market_state: MarketState = MarketState()

    @model_validator(mode="after")
    def _context_is_coarser(self) -> FeatureSpec:
        decision, context = timeframe_ns(self.decision_timeframe), timeframe_ns(self.context_timeframe)
        if context % decision:
            raise ValueError(f"context_timeframe {self.context_timeframe} is not a multiple of decision_timeframe {self.decision_timeframe}")
        return self

    def together(self) -> FeatureSpec:
        """The same spec with every group reading the one structure, volume, volatility and so on that stand here."""
        shared = {"structure": self.structure}
        conviction = self.conviction.model_copy(update={**shared, "volatility": self.volatility, "vwap": self.vwap,
                                                        "context_timeframe": self.context_timeframe})
        return self.model_copy(update={
            "blocks": self.blocks.model_copy(update=shared), "levels": self.levels.model_copy(update=shared), "macd": self.macd.model_copy(update=shared),
            "liquidity": self.liquidity.model_copy(update={**shared, "volume": self.volume}), "conviction": conviction,
            "market_state": self.market_state.model_copy(update={"conviction": conviction, "volatility": self.volatility,
                                                                 "liquidity_filter": self.liquidity_filter})})

    @property
    def quality(self) -> BreakQuality:
        """The score of a break under this spec."""
        return BreakQuality(context_timeframe=self.context_timeframe, structure=self.structure, gaps=self.gaps, liquidity=self.liquidity,
                            volume=self.volume)


class _Columns(Mapping[str, np.ndarray]):
    """Columns of the decision bars: ranges and counts at once, all others together when the first of them is read."""

    def __init__(self, known: Known, spec: FeatureSpec) -> None:
        self._known, self._spec = known, spec
        self._bare = {"atr": known.atr, "atr_before": known.atr_before, "n_src": known.n_src, "coverage": known.coverage}

    @cached_property
    def _all(self) -> Columns:
        known, spec = self._known, self._spec
        found = {**self._bare, **known.of(spec.volume), **known.of(spec.structure), **states(known, spec)}
        known.forget_columns()                     # those that nobody reads make room for the objects: of fifteen years a tenth of a gigabyte
        return found

    def __getitem__(self, name: str) -> np.ndarray:
        return self._bare[name] if name in self._bare else self._all[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._all)

    def __len__(self) -> int:
        return len(self._all)


class Features:
    """Everything known about one instrument at each decision bar; a table is made when it is first asked for.

    `bars` are the finest bars, `decision` the bars decisions fall on, `daily` the completed trading days.
    `columns` are aligned with `decision`: atr, atr_before, rvol, trend, break_dir, mss_dir, swing_high, swing_low, n_src, coverage, and those of `states`.
    Objects are row arrays of the kernels' contract on forward-adjusted prices; bar indices count decision bars.  `levels` of a bar are those as of
    the bar before.  `daily_returns` float64[days] are close over previous close - 1 (NaN first), known from `daily_known_at` int64[days].
    `known` answers for any other registered feature, timeframe and symbol.
    """

    def __init__(self, market: Market, spec: FeatureSpec) -> None:
        self.spec = spec.together()
        self.known = market.at(spec.decision_timeframe)
        self.bars, self.decision, self.daily = market.bars, self.known.bars, self.known.at("1d").bars
        self.columns: Mapping[str, np.ndarray] = _Columns(self.known, self.spec)

    @cached_property
    def pivots_internal(self) -> np.ndarray:
        return self.known.objects(self.spec.structure)["pivots_internal"]

    @cached_property
    def pivots_major(self) -> np.ndarray:
        return self.known.objects(self.spec.structure)["pivots_major"]

    @cached_property
    def breaks(self) -> np.ndarray:
        return self.known.objects(self.spec.quality)["breaks"]

    @cached_property
    def gaps(self) -> np.ndarray:
        return self.known.objects(self.spec.gaps)["gaps"]

    @cached_property
    def blocks(self) -> np.ndarray:
        return self.known.objects(self.spec.blocks)["blocks"]

    @cached_property
    def pools(self) -> np.ndarray:
        return self.known.objects(self.spec.liquidity)["pools"]

    @cached_property
    def sweeps(self) -> np.ndarray:
        return self.known.objects(self.spec.liquidity)["sweeps"]

    @cached_property
    def levels(self) -> np.ndarray:
        return self.known.objects(self.spec.levels)["levels"]

    @property
    def daily_known_at(self) -> np.ndarray:
        return self.daily.ts_close

    @cached_property
    def daily_returns(self) -> np.ndarray:
        return returns(self.daily)


def build(bars: Bars, instrument: Instrument, spec: FeatureSpec | None = None, until_ns: int | None = None) -> Features:
    """Features of `bars` alone at every decision bar that has ended by `until_ns` (default: the close of the last bar).

    Pure and prefix-stable: built from the first k bars, every column is the beginning of the whole build's, and every object known by then is the same row
    but for the fields of its later life, which hold NEVER or stand unchanged until they happen.
    """
    return Features(Market(bars, instrument, until_ns), spec or FeatureSpec())


def states(known: Known, spec: FeatureSpec) -> Columns:
    """What gates and judges read of a bar: rsi, rsi_state, macd_state, er, adx, vwap (not of days), volatility, conviction, liquidity and market state."""
    found = {**known.of(spec.rsi), "macd_state": known.of(spec.macd)["macd_state"], "er": spec.conviction.efficiency(known),
             "adx": spec.conviction.strength(known)["adx"], **known.of(spec.volatility), **known.of(spec.conviction), **known.of(spec.liquidity_filter),
             **known.of(spec.market_state)}
    return found if is_daily(known) else {**found, "vwap": known.of(spec.vwap)["vwap"]}


def returns(daily: Bars) -> np.ndarray:
    """Close over the previous close - 1, the older price moved by the roll between them; NaN first, float64[days]."""
    out = np.full(len(daily), np.nan)
    older = daily.close[:-1] + np.diff(daily.offset)
    np.divide(daily.close[1:], older, out=out[1:], where=older != 0)
    out[1:] -= 1.0
    return out
