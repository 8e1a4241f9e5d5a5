"""What daily swing strategies share: a signal a close becomes rows of setups, and the state of the market says whose turn it is.

A strategy answers BUY, SELL or HOLD at every close.  BUY opens a long and, as long as it holds, asks again at every close; the first SELL of a run closes
it, and SELL opens a short only where that is allowed; nothing is reversed in one instant.  The stop is fixed at the decision, there is no target.  What a
strategy answers stands in its own module; who is flat, waits after a stop-out or is busy is the engine's business.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from pse.domain.base import Frozen
from pse.domain.instruments import Instrument
from pse.domain.setups import Facts, OneByOne, Setups, Told, joined
from pse.features.feature import Known
from pse.kernels.codes import (
    FAM_SWING_REVERSION,
    FAM_SWING_TREND,
    MARKET_STATES,
    MCS_RANGE,
    MCS_TRANSITION,
    MCS_TREND_DOWN,
    MCS_TREND_UP,
    MCS_VOLATILE,
    VOL_BUCKETS,
    VOL_Q4,
)
from pse.kernels.contract import (
    ALONE,
    ENTER,
    EXIT,
    MARKET,
    NO_BREAKEVEN,
    NO_PARTIAL,
    NO_STALE,
    ONE_CHOICE,
    OVERNIGHT,
    REFUSED,
    SETUP_DTYPE,
    TRAIL_RANGE,
    WAITS_AFTER_STOP,
)
from pse.kernels.rows import EPS
from pse.kernels.targets import NOT_CHOSEN
from pse.tactics.own_record import Track, track
from pse.tactics.scan import FeatureView, OwnRecord
from pse.tactics.timing import decided_at, end_of_next_session

BUY, HOLD, SELL = 1, 0, -1
SIGNALS = {BUY: "BUY", HOLD: "HOLD", SELL: "SELL"}
REASONS = ("RULE", "NO_RULE", "INSUFFICIENT_BARS", "WARMUP", "NO_BENCHMARK", "SMALL_UNIVERSE", "ZERO_ATR", "ZERO_WIDTH")
RULE, NO_RULE, INSUFFICIENT_BARS, WARMUP, NO_BENCHMARK, SMALL_UNIVERSE, ZERO_ATR, ZERO_WIDTH = range(len(REASONS))

STRATEGIES = ("trend_following", "momentum_rotation", "mean_reversion", "breakout", "volatility_breakout", "relative_strength", "sector_rotation",
              "dual_momentum", "moving_average_envelope", "bollinger_bands")
IN_TREND = ("trend_following", "dual_momentum", "momentum_rotation", "sector_rotation", "relative_strength")
TURNS: dict[int, tuple[str, ...]] = {int(MCS_TREND_UP): IN_TREND, int(MCS_TREND_DOWN): IN_TREND, int(MCS_RANGE): ("bollinger_bands", "mean_reversion"),
                                     int(MCS_TRANSITION): ("moving_average_envelope", "breakout")}
IN_HIGH_VOLATILITY = ("volatility_breakout", "breakout")         # behind those of the state, in the highest quarter that is not VOLATILE
FIRST_PRECEDENCE = 100                                           # behind every tactic of a decision bar's own structure
PLAN = NO_BREAKEVEN | NO_PARTIAL | NO_STALE | TRAIL_RANGE | OVERNIGHT | WAITS_AFTER_STOP


@dataclass(frozen=True, eq=False)
class Rule:
    """What a strategy's rule says at each bar: buy, sell bool[n], never both; `strength` float64[n], 1 at full strength, read where one of them holds.

    `needs`: where one of these is NaN the rule is not ready.  `silent`: (reason, bool[n]) where it has nothing to say, whatever else holds.
    """

    buy: np.ndarray
    sell: np.ndarray
    strength: np.ndarray
    needs: tuple[np.ndarray, ...]
    indicators: Mapping[str, np.ndarray]
    silent: tuple[tuple[int, np.ndarray], ...] = ()


@dataclass(frozen=True, eq=False)
class Signals:
    """A signal a bar: BUY 1, SELL -1, HOLD 0, int64[n]; confidence 0.5 to 1, 0 of HOLD, float64[n]; `reason` int64[n] a code of REASONS; indicators."""

    signal: np.ndarray
    confidence: np.ndarray
    reason: np.ndarray
    indicators: Mapping[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Decisions:
    """The closes of one timeframe as decisions: which are told, when, at which price as traded, and until when an order lives; arrays of one length."""

    told: np.ndarray
    ts: np.ndarray
    close: np.ndarray
    valid_until: np.ndarray


class Swing(Frozen):
    """A strategy that answers at every daily close; one class a strategy gives `rule`."""

    name: ClassVar[str]
    label: ClassVar[str]
    version: ClassVar[str] = "1"
    buys: ClassVar[str]
    sells: ClassVar[str]

    timeframe: Literal["1d"] = Field("1d", description="bars whose closes are answered")
    allow_short: bool = Field(False, description="whether SELL opens a short position, besides closing a long one")
    by_regime: bool = Field(True, description="whether the state of the market chooses among the strategies; no: each stands for itself, ranked by confidence")
    stop_atr: float = Field(1.5, ge=0.1, le=20, description="distance of the stop from the close of the decision, in ATR(14) of the answered bars")
    least_bars: int = Field(1, ge=1, le=5000, description="bars of history below which it is silent, even where the formula needs fewer")

    @property
    def reverts(self) -> bool:
        """Whether it bets on a return to the mean; else on a trend."""
        return False

    @abstractmethod
    def needed_bars(self) -> int:
        """Bars that the formula needs until it speaks."""

    def min_bars(self) -> int:
        """Bars of `timeframe` from which on it speaks."""
        return max(self.needed_bars(), self.least_bars)

    def symbols(self) -> tuple[str, ...]:
        """It reads the traded symbol alone."""
        return ()

    def timeframes(self, of: str) -> tuple[str, ...]:
        """The timeframe whose closes it answers."""
        return () if of == self.timeframe else (self.timeframe,)

    @abstractmethod
    def rule(self, known: Known) -> Rule | None:
        """What the rule says at each bar; None where another symbol that it reads is not at hand."""

    def signals(self, known: Known) -> Signals | None:
        """The answer at every bar, forward adjusted prices throughout; None where another symbol that it reads is not at hand."""
        rule = self.rule(known)
        if rule is None:
            return None
        reason = np.where(rule.buy | rule.sell, RULE, NO_RULE)
        for need in rule.needs:
            reason[np.isnan(need)] = WARMUP
        for code, where in rule.silent:
            reason[where] = code
        reason[:self.min_bars() - 1] = INSUFFICIENT_BARS
        speaks = reason == RULE
        signal = np.where(speaks, rule.buy.astype(np.int64) - rule.sell, HOLD)
        return Signals(signal, np.where(speaks, confidence(rule.strength), 0.0), reason, rule.indicators)

    def scan(self, features: FeatureView, instrument: Instrument) -> Setups:
        """At BUY a setup, where SELL begins the exit of a long one; mirrored for shorts.  What the market's state does not choose is a refused find."""
        return self._found(features, instrument, None)

    def scan_with_record(self, features: FeatureView, instrument: Instrument, record: OwnRecord) -> Setups:
        """The same setups, the confidence of each scaled by what the strategy's signals earned before, by its features and by the market."""
        return self._found(features, instrument, record)

    def _found(self, features: FeatureView, instrument: Instrument, record: OwnRecord | None) -> Setups:
        there = features.known.at(self.timeframe)
        said = self.signals(there)
        if said is None:
            return joined([])
        bar, enters = self._moments(features, there, said)
        rows = self._rows(features, instrument, there, said, bar, enters)
        if record is not None and enters.any():
            asked = np.flatnonzero(enters)
            found = self._track(features, there, instrument, said, record).scaled(said.confidence[bar[asked]], bar[asked])
            rows["confidence"][asked], rows["unearned"][asked] = found[:, -1], found[:, 0] == 0.0
        return Setups(rows, Told(rows.size, lambda: self._facts(features, instrument, record)))

    def _track(self, features: FeatureView, there: Known, instrument: Instrument, said: Signals, record: OwnRecord) -> Track:
        _, bucket = regime(features, there)
        return track(there, instrument, said.signal, said.indicators, self.stop_atr, self.allow_short, record, bucket, spikes(features, there))

    def _moments(self, features: FeatureView, there: Known, said: Signals) -> tuple[np.ndarray, np.ndarray]:
        """(bar int64[rows], whether it is an entry bool[rows]): at each close the exit of the other side first.  Without a range there is no entry.

        The exit stands at the first close of a run that is told: whatever it could close began on a close of the other signal, which lies before it.
        """
        closes = np.flatnonzero(decisions(features, there).told & (said.signal != HOLD))
        run = first_of_run(said.signal)[closes]
        begins = np.ones(run.size, bool)
        begins[1:] = run[1:] != run[:-1]
        told, begins = np.repeat(closes, 2), np.repeat(begins, 2)
        enters = np.arange(told.size) % 2 == 1
        asked = self.allow_short | (enters == (said.signal[told] > 0))
        kept = asked & np.where(enters, there.atr[told] > 0.0, begins)
        return told[kept], enters[kept]

    def _rows(self, features: FeatureView, instrument: Instrument, there: Known, said: Signals, bar: np.ndarray, enters: np.ndarray) -> np.ndarray:
        found, signal = decisions(features, there), said.signal[bar]
        sure, place = said.confidence[bar], self._places(features, there)[bar]
        close = found.close[bar]
        stop = protective_stop(close, there.atr[bar], signal, self.stop_atr, instrument.tick)
        chosen = place >= 0
        rows = np.repeat(self._template(), bar.size)
        rows["ts"], rows["valid_until"] = found.ts[bar], found.valid_until[bar]
        rows["event_bar"] = there.bars.ts_close[first_of_run(said.signal)[bar]]
        rows["kind"] = np.where(enters, np.where(chosen, ENTER, REFUSED), EXIT)
        rows["refusal"] = np.where(enters & ~chosen, NOT_CHOSEN, 0)
        rows["direction"] = np.where(enters, signal, -signal)
        rows["entry"], rows["stop"] = close, np.where(enters, stop, np.nan)
        rows["quality"], rows["confidence"] = sure, sure
        rows["precedence"] = FIRST_PRECEDENCE + np.where(chosen, place, len(STRATEGIES))
        rows["evidence"] = np.arange(rows.size)
        return rows

    def _template(self) -> np.ndarray:
        """What is the same of every row, SETUP_DTYPE[1]."""
        row = np.zeros(1, SETUP_DTYPE)
        row["order_type"], row["size_multiple"], row["plan_flags"] = MARKET, 1.0, PLAN
        row["group"] = ONE_CHOICE if self.by_regime else ALONE
        row["family"] = FAM_SWING_REVERSION if self.reverts else FAM_SWING_TREND
        for name in ("stop", "target", "target2", "rank_base", "invalid_price"):
            row[name] = np.nan
        return row

    def _places(self, features: FeatureView, there: Known) -> np.ndarray:
        """Place of the strategy among those whose turn it is at each bar, -1 where it is not its turn, int64[n]; one for all where nothing is chosen."""
        if not self.by_regime:
            return np.full(len(there), STRATEGIES.index(self.name))
        mcs, bucket = regime(features, there)
        return PLACES[STRATEGIES.index(self.name), mcs, (bucket == VOL_Q4).astype(np.int64)]

    def _facts(self, features: FeatureView, instrument: Instrument, record: OwnRecord | None) -> Sequence[Facts]:
        """The evidence of each row as it is asked for; everything is found again, so that a run that tells nothing keeps nothing for it."""
        there = features.known.at(self.timeframe)
        said = self.signals(there)
        assert said is not None
        bar, enters = self._moments(features, there, said)
        found = None if record is None else self._track(features, there, instrument, said, record)
        mcs, bucket = regime(features, there)
        bars, atr, words = there.bars, there.atr, {BUY: self.buys, SELL: self.sells}
        signal, sure = said.signal[bar].astype(np.int8), said.confidence[bar]
        measured = {name: values[bar] for name, values in said.indicators.items()}

        def one(i: int) -> Facts:
            t, way = int(bar[i]), int(signal[i])
            scaling = {} if found is None or not enters[i] else found.facts(float(sure[i]), t)
            return {"objects": [f"bar:{bars.symbol}:{bars.timeframe}:{bars.ts_open[t]}"], "strategy": self.name, "signal": SIGNALS[way],
                    "confidence": float(sure[i]), "reason": words[way], "bar_date": iso(int(bars.session_date[t])),
                    "indicators": {name: float(values[i]) for name, values in measured.items()}, "atr": float(atr[t]), "mcs": MARKET_STATES[mcs[t]],
                    "vol_bucket": VOL_BUCKETS[bucket[t]], **scaling}

        return OneByOne(bar.size, one)


# --- decisions ---------------------------------------------------------------------------------------------------------------------------------------


def decisions(features: FeatureView, there: Known) -> Decisions:
    """Each close of `there` as a decision, once for all strategies.  Of two that fall on one decision bar the later one is told.

    Prices stand on the scale of the contract that the decision bar trades.
    """
    def made() -> Decisions:
        row, known = decided_at(features, there.bars.ts_close)
        told = known.copy()
        told[:-1] &= ~known[1:] | (row[1:] != row[:-1])
        decision = features.decision
        ts = decision.ts_close[row] if len(decision) else there.bars.ts_close
        shift = decision.offset[row] - there.bars.offset if len(decision) else 0.0
        return Decisions(told, ts, there.bars.close + shift, end_of_next_session(decision.sessions, ts))

    return features.known.once(("closes", there.timeframe), made)  # type: ignore[no-any-return]


def regime(features: FeatureView, there: Known) -> tuple[np.ndarray, np.ndarray]:
    """(market state, quarter of volatility) of the bars that are answered, codes int64[n], under the desk's own parameters."""
    if there is features.known:
        return features.columns["mcs"], features.columns["vol_bucket"]
    spec = features.spec
    return there.of(spec.market_state)["mcs"], there.of(spec.volatility)["vol_bucket"]


def spikes(features: FeatureView, there: Known) -> np.ndarray:
    """Whether volatility has jumped at each of the bars that are answered, int64[n], under the desk's own parameters."""
    return features.columns["vol_spike"] if there is features.known else there.of(features.spec.volatility)["vol_spike"]


def _places() -> np.ndarray:
    """Place of each strategy in each market state, outside and inside the highest quarter of volatility; -1: not its turn."""
    found = np.full((len(STRATEGIES), len(MARKET_STATES), 2), -1)
    for state in range(len(MARKET_STATES)):
        for high in (0, 1):
            behind = IN_HIGH_VOLATILITY if high and state != MCS_VOLATILE else ()
            for place, name in enumerate(dict.fromkeys((*TURNS.get(state, ()), *behind))):
                found[STRATEGIES.index(name), state, high] = place
    return found


PLACES = _places()


def first_of_run(signal: np.ndarray) -> np.ndarray:
    """Index of the first bar of the unbroken run of equal signals that each bar stands in, int64[n]."""
    at = np.arange(signal.size)
    at[1:][signal[1:] == signal[:-1]] = 0
    return np.maximum.accumulate(at)


def protective_stop(close: np.ndarray, atr: np.ndarray, side: np.ndarray, distance_atr: float, tick: float) -> np.ndarray:
    """The grid price at least `distance_atr` ranges away on the losing side: below for side 1, above for -1; as `targets.round_stop` has it."""
    steps = (close - side * distance_atr * atr) / tick
    return np.where(side > 0, np.floor(steps + EPS), np.ceil(steps - EPS)) * tick


# --- arithmetic --------------------------------------------------------------------------------------------------------------------------------------


def confidence(strength: np.ndarray) -> np.ndarray:
    """0.5 where the rule just holds to 1.0 at full strength."""
    return 0.5 + 0.5 * np.clip(strength, 0.0, 1.0)  # type: ignore[no-any-return]


def above(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """a > b by more than what rounding makes; false with NaN."""
    return a > b + EPS


def at_least(a: np.ndarray, b: np.ndarray | float) -> np.ndarray:
    """a >= b, the boundary taken in; false with NaN."""
    return a >= b - EPS


def over(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a / b; NaN where b is 0 or less."""
    return np.divide(a, b, out=np.full(a.size, np.nan), where=b > 0.0)


def change_over(known: Known, bars: int) -> np.ndarray:
    """Close over the close so many bars ago, less 1, float64[n]: the older price on the scale of the contract that the newer one was traded in."""
    def made() -> np.ndarray:
        close, now = known.price("close"), known.bars.close
        out = np.full(now.size, np.nan)
        if bars < now.size:
            out[bars:] = over(now[bars:], close[:-bars] + known.bars.offset[bars:]) - 1.0
        return out

    return known.once(("change over", bars), made)  # type: ignore[no-any-return]


def on_dates(known: Known, there: Known, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(values of the other symbol's bar of the same trading day float64[n], whether there is one that had closed by each close bool[n])."""
    def made() -> tuple[np.ndarray, np.ndarray]:
        dates, own = there.bars.session_date, known.bars.session_date
        row = np.maximum(np.searchsorted(dates, own, side="right") - 1, 0)
        if not dates.size:
            return row, np.zeros(own.size, bool)
        return row, (dates[row] == own) & (there.bars.ts_close[row] <= known.bars.ts_close)

    row, there_is = known.once(("rows of", there.instrument.symbol), made)
    out = np.full(len(known), np.nan)
    out[there_is] = values[row[there_is]]
    return out, there_is


def iso(date: int) -> str:
    """2021-03-04 of 20210304."""
    return f"{date // 10_000:04d}-{date // 100 % 100:02d}-{date % 100:02d}"
