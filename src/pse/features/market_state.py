"""Whether a market is liquid enough to be traded, and the condition that it is in."""

from __future__ import annotations

import numpy as np
from pydantic import Field

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS, Sessions
from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.regime import VolatilityRegime, bars_per_session, is_daily
from pse.features.spreads import SpreadEstimates
from pse.features.trend_conviction import TrendConviction
from pse.features.volume import SlotVolume, session_slots
from pse.kernels.codes import LIQUIDITY_STATES, MARKET_STATES
from pse.kernels.conditions import LiquidityRules, liquidity_states, market_conditions, present_share, zero_volume_share
from pse.kernels.contract import NEVER
from pse.kernels.regimes import percentile_rank, window_median
from pse.kernels.resample import asof_rows

NO_END_NS = float(NEVER)          # time left where a session has no end


def has_no_end(sessions: Sessions, instrument: Instrument) -> bool:
    """Whether one trading day runs into the next without a break."""
    return instrument.kind == "crypto" or sessions.calendar == "24/7"


def session_left_ns(bars: Bars, instrument: Instrument) -> np.ndarray:
    """Time from each bar's close to the end of its session, float64[n] ns; NO_END_NS where a session has no end."""
    if has_no_end(bars.sessions, instrument):
        return np.full(len(bars), NO_END_NS)
    return (bars.sessions.close_ns[bars.session] - bars.ts_close).astype(np.float64)


class LiquidityFilter(Feature):
    """Liquid enough to trade: volume for the time of day, the spread's rank, bars without volume, bars that are missing.

    A test whose input is unknown is not made: before their warm-up volume for the time of day, the spread's rank and the share of bars without volume fail
    nothing, and the state speaks without them.  It is UNKNOWN only where the share of present bars is, at a bar without prices.  The depth of the book is
    tested where quotes carry it, which no stored bar does.
    """

    room, title = "regime", "liquid enough to trade"
    columns = {
        "liquidity": Column("whether every test that could be made is passed; UNKNOWN only at a bar without prices", "state", LIQUIDITY_STATES),
        "liquidity_failed": Column("failed tests added up: 1 volume, 2 spread, 4 bars without volume, 8 missing bars, 16 depth", "count"),
        "spread_rank": Column("share of the bars before with a narrower spread, quoted or estimated as the bar's own; ties counted half", "fraction"),
        "zero_volume_share": Column("share of the last bars without volume", "fraction"),
        "present_share": Column("bars that are there over bars that the last places of the session should hold", "fraction"),
    }
    formula = ("fails: volume / usual volume of the slot < .30; rank of the spread > .90; bars without volume > .20 of 20; present < .80 of 20; an unknown one "
               "fails nothing.  Spread: median of the last 20 quotes, ranked among such medians; where a quote is missing or too few medians are known, the "
               "Abdi-Ranaldo estimate over ATR/C, ranked among such estimates (the bare estimate grows with the range and would veto every volatile hour)")
    source = "common practice; Abdi and Ranaldo (2017) for the spread without quotes"

    rvol_min: float = Field(0.30, ge=0, le=10, description="least volume over that of the same time of day")
    spread_rank_max: float = Field(0.90, ge=0, le=1, description="highest rank of the spread")
    zero_share_max: float = Field(0.20, ge=0, le=1, description="largest share of bars without volume")
    coverage_min: float = Field(0.80, ge=0, le=1, description="smallest share of bars that are there")
    depth_rank_min: float = Field(0.10, ge=0, le=1, description="lowest rank of the depth of the book")
    period: int = Field(20, ge=1, le=1000, description="bars that spread, empty and missing bars are looked at over")
    sessions: int = Field(20, ge=1, le=500, description="sessions that the spread is ranked over")
    min_obs: int | None = Field(None, ge=1, le=1_000_000, description="fewest spreads for a rank; none: one trading day (276 5m bars), of days all `sessions`")
    volume: SlotVolume = SlotVolume()

    def warmup_bars(self) -> int:
        return self.warmup_on(1)

    def warmup_on(self, bars_a_session: int) -> int:
        """Of the spread's rank; the state speaks from the first bar on."""
        return max(self.period, 14) + (self.min_obs or (self.sessions if bars_a_session == 1 else bars_a_session))

    def compute(self, known: Known) -> Columns:
        rank = self._spread_rank(known)
        zero, present = zero_volume_share(known.bars.volume, self.period), self._present_share(known)
        rules = LiquidityRules(self.rvol_min, self.spread_rank_max, self.zero_share_max, self.coverage_min, self.depth_rank_min)
        states, failed = liquidity_states(known.of(self.volume)["rvol_tod"], rank, zero, present, np.full(len(known), np.nan), rules)
        return {"liquidity": states, "liquidity_failed": failed, "spread_rank": rank, "zero_volume_share": zero, "present_share": present}

    def _spread_rank(self, known: Known) -> np.ndarray:
        """Rank of the quoted spread where that is known by then, else of the estimate as a share of the range, float64[n]; points and shares never mix."""
        a_day = bars_per_session(known.instrument, known.timeframe)
        window, fewest = self.sessions * a_day, self.min_obs or (self.sessions if is_daily(known) else a_day)
        base, bars, atr = known.market.bars, known.bars, known.atr
        estimate = known.of(SpreadEstimates(period=self.period))["spread_ar"]
        guessed = percentile_rank(np.divide(estimate * bars.close, atr, out=np.full(len(known), np.nan), where=atr > 0), window, fewest)
        if base.spread is None:
            return guessed
        quoted = base.spread[asof_rows(base.ts_close, bars.ts_close)]                                 # of the last finer bar in each
        rank = percentile_rank(window_median(quoted, self.period), window, fewest)
        return np.where(np.isnan(rank), guessed, rank)

    def _present_share(self, known: Known) -> np.ndarray:
        bars, calendar = known.bars, known.bars.sessions
        high, low, close = known.price("high"), known.price("low"), known.price("close")
        if is_daily(known):
            place = bars.session - bars.session[:1].sum()
            nothing = np.zeros(1, np.int64)
            return present_share(high, low, close, place, np.zeros(len(bars), np.int64), nothing, nothing, self.period)
        length = timeframe_ns(known.timeframe)
        first = calendar.open_ns // length
        halt_first, halt_end = -(-calendar.break_open_ns // length) - first, calendar.break_close_ns // length - first
        return present_share(high, low, close, session_slots(bars), bars.session, halt_first, halt_end, self.period)


class MarketState(Feature):
    """Market condition: closed, illiquid, volatile, trending up or down, ranging, or between; the first that holds.

    The rank of volatility, the spread's rank and volume for the time of day may still be unknown: then VOLATILE never holds, and the market counts as liquid
    in these tests.
    """

    room, title = "regime", "condition of the market"
    columns = {"mcs": Column("condition of the market; UNKNOWN before the warm-up of ADX, efficiency ratio and averages, and at a bar without prices", "state",
                             MARKET_STATES)}
    formula = ("UNKNOWN: ADX, ER, averages or share of present bars missing; CLOSED: < 15 min to the session's end (bars of a day never); ILLIQUID; VOLATILE: "
               "highest quarter, a spike, conviction below Medium; TREND: conviction from Medium on; RANGE: ER < .25 and ADX < 20; else TRANSITION")
    source = "own table of common measures"

    closed_before_min: float = Field(15.0, ge=0, le=1440, description="minutes before the session's end from which on it is closed")
    range_er: float = Field(0.25, ge=0, le=1, description="efficiency ratio below which a market may range")
    range_adx: float = Field(20.0, ge=0, le=100, description="ADX below which a market may range")
    conviction: TrendConviction = TrendConviction()
    volatility: VolatilityRegime = VolatilityRegime()
    liquidity_filter: LiquidityFilter = LiquidityFilter()

    def warmup_bars(self) -> int:
        return self.conviction.warmup_bars()

    def timeframes(self, of: str) -> tuple[str, ...]:
        return self.conviction.timeframes(of)

    def compute(self, known: Known) -> Columns:
        tcc, volatility = known.of(self.conviction), known.of(self.volatility)
        left = np.full(len(known), NO_END_NS) if is_daily(known) else session_left_ns(known.bars, known.instrument)
        return {"mcs": market_conditions(
            tcc["tcc"], tcc["tcc_dir"], self.conviction.efficiency(known), self.conviction.strength(known)["adx"], known.of(self.liquidity_filter)["liquidity"],
            volatility["vol_bucket"], volatility["vol_spike"], left, self.closed_before_min * MINUTE_NS, self.range_er, self.range_adx)}
