"""The mood of markets at large, from the completed days of other symbols."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, Self

import numpy as np
from pydantic import Field

from pse.domain.instruments import SYMBOL_PATTERN, Instrument
from pse.domain.sessions import DAY_NS
from pse.features import Columns
from pse.features.feature import Column, Feature, Known
from pse.features.trend import Sma
from pse.kernels.codes import MOOD_NEUTRAL, MOOD_RISK_OFF, MOOD_RISK_ON, MOOD_UNKNOWN, RISK_MOODS
from pse.kernels.regimes import percentile_rank
from pse.kernels.resample import asof_rows
from pse.kernels.rows import EPS

MEAN_DAYS, RANKED_DAYS, FEWEST_DAYS = 200, 252, 60
LOW_RANK, HIGH_RANK = 0.50, 0.75
Vote = tuple[Known, np.ndarray]


class MacroContext(Feature):
    """Mood of markets at large: votes of shares, fear and the dollar, or of dominance and ether for crypto.  It is told, and gates nothing.

    Each series votes +1 or -1 by its last completed daily bar.  One that is not at hand, too young or older than `max_age_days` votes 0 and is named among
    the missing.
    """

    room, title = "regime", "mood of markets at large"
    columns = {
        "risk_mood": Column("RISK_ON from a sum of +2 on, RISK_OFF from -2 down, else NEUTRAL; UNKNOWN where every series is missing", "state", RISK_MOODS),
        "risk_score": Column("sum of the votes; NaN where every series is missing", "score"),
        "risk_missing": Column("missing series added up, in the order of the symbols: 1, 2, 4", "count"),
    }
    formula = ("shares: +1 close > SMA200, else -1; fear: +1 rank in 252 days < .50, -1 from .75 on; dollar: +1 change over 20 days <= 0, else -1.  Crypto: +1 "
               "dominance fell over 20 days, else -1; +1 ether against bitcoin rose, else -1")
    source = "common practice; daily bars are seen from their close on"

    variant: Literal["auto", "shares", "crypto"] = Field("auto", description="which series vote; auto: crypto for crypto, else shares")
    shares: str = Field("SPY", pattern=SYMBOL_PATTERN, description="symbol of shares at large")
    fear: str = Field("VIX", pattern=SYMBOL_PATTERN, description="symbol of their expected volatility")
    dollar: str = Field("DXY", pattern=SYMBOL_PATTERN, description="symbol of the dollar against other currencies")
    dominance: str = Field("BTC.D", pattern=SYMBOL_PATTERN, description="symbol of bitcoin's share of all crypto")
    ether: str = Field("ETHBTC", pattern=SYMBOL_PATTERN, description="symbol of ether in bitcoin")
    change_days: int = Field(20, ge=1, le=500, description="days over which a change is taken")
    max_age_days: float = Field(7.0, gt=0, le=400, description="days since its close after which a daily bar no longer votes")

    def of(self, instrument: Instrument) -> Self:
        if self.variant != "auto":
            return self
        return self.model_copy(update={"variant": "crypto" if instrument.kind == "crypto" else "shares"})

    def symbols(self) -> tuple[str, ...]:
        """Those that vote; before an instrument is known, all that may."""
        shares, crypto = (self.shares, self.fear, self.dollar), (self.dominance, self.ether)
        return {"shares": shares, "crypto": crypto, "auto": (*shares, *crypto)}[self.variant]

    def timeframes(self, of: str) -> tuple[str, ...]:
        return ("1d",)

    def compute(self, known: Known) -> Columns:
        if self.variant == "auto":
            return self.of(known.instrument).compute(known)
        score, missing = np.zeros(len(known)), np.zeros(len(known), np.int64)
        for bit, vote in enumerate(self._votes(known)):
            heard = self._on_rows(vote, known)
            score += np.nan_to_num(heard)
            missing |= np.isnan(heard).astype(np.int64) << bit
        mood = np.full(len(known), MOOD_NEUTRAL)
        mood[score >= 2.0] = MOOD_RISK_ON
        mood[score <= -2.0] = MOOD_RISK_OFF
        silent = missing == (1 << len(self.symbols())) - 1
        mood[silent], score[silent] = MOOD_UNKNOWN, np.nan
        return {"risk_mood": mood, "risk_score": score, "risk_missing": missing}

    def _votes(self, known: Known) -> Iterator[Vote | None]:
        """What each series votes on each of its days, NaN while it is too young; None where it is not at hand."""
        rules = (self._falls, self._rises) if self.variant == "crypto" else (self._above_its_mean, self._is_calm, self._not_rises)
        for symbol, rule in zip(self.symbols(), rules, strict=True):
            there = known.other(symbol, "1d")
            yield None if there is None else (there, rule(there))

    def _on_rows(self, vote: Vote | None, known: Known) -> np.ndarray:
        """The vote on the bars that ask; NaN where it is missing."""
        heard = np.full(len(known), np.nan)
        if vote is None:
            return heard
        there, votes = vote
        now, then = known.bars.ts_close, there.bars.ts_close
        rows = asof_rows(then, now)
        fresh = rows >= 0
        fresh[fresh] = now[fresh] - then[rows[fresh]] <= self.max_age_days * DAY_NS
        heard[fresh] = votes[rows[fresh]]
        return heard

    def _above_its_mean(self, there: Known) -> np.ndarray:
        mean = there.of(Sma(period=MEAN_DAYS))["sma"]
        return _sided(there.bars.close - mean > EPS, mean)

    def _is_calm(self, there: Known) -> np.ndarray:
        rank = percentile_rank(there.price("close"), RANKED_DAYS, FEWEST_DAYS)
        votes = np.where(rank < LOW_RANK - EPS, 1.0, np.where(rank >= HIGH_RANK - EPS, -1.0, 0.0))
        votes[np.isnan(rank)] = np.nan
        return votes

    def _not_rises(self, there: Known) -> np.ndarray:
        change = self._change(there)
        return _sided(change <= EPS, change)

    def _falls(self, there: Known) -> np.ndarray:
        change = self._change(there)
        return _sided(change < -EPS, change)

    def _rises(self, there: Known) -> np.ndarray:
        change = self._change(there)
        return _sided(change > EPS, change)

    def _change(self, there: Known) -> np.ndarray:
        """Points that the close moved over the last days, float64[n]."""
        close, change = there.price("close"), np.full(len(there), np.nan)
        change[self.change_days:] = close[self.change_days:] - close[:-self.change_days]
        return change


def _sided(holds: np.ndarray, measured: np.ndarray) -> np.ndarray:
    """+1 where it holds, -1 where not, NaN where it was not measured."""
    return np.where(np.isnan(measured), np.nan, np.where(holds, 1.0, -1.0))
