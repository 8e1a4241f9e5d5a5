"""Entries at random with the same exits: what a span's entries would have come to had their moments been drawn from a hat.

As many entries of each symbol and direction, by the same tactics, with stops and targets as many ATR away, sizes and ways of running the position as those
that were made; at decisions of the span drawn at random, by market orders at the next open.  Signals of the tactics that end or tighten a position stay
where they are.  All gates speak but those that judge a tactic by its own trades: the expected value and the growth-optimal bound.

This is a yardstick for judging what has been, not a rule that could be traded: distances and their number are taken from the whole span.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.instruments import Instrument
from pse.domain.sessions import MINUTE_NS
from pse.domain.trials import Span
from pse.engine.shares import on_grid
from pse.kernels.contract import ALONE, AMEND, C_ATR, C_CLOSE, C_READY, CANCEL, ENTER, EXIT, GTD, MARKET, NEVER

ROUNDS = 12                                # an entry that a gate refused is drawn anew, at most so often


@dataclass(frozen=True, eq=False)
class Entered:
    """The entries of a span: SETUP_DTYPE[n] as found, their sides, and where stop and targets stood, in ATR from the entry, NaN for none."""

    setups: np.ndarray
    direction: np.ndarray
    stop: np.ndarray
    target: np.ndarray
    target2: np.ndarray


def generator(seed: int, draw: int, span: Span) -> np.random.Generator:
    """What one draw over one span is drawn by; another draw, seed or span has another."""
    minute = span.start_ns // MINUTE_NS
    words = (minute,) if minute >= 0 else (-minute, 1)                      # a word of a key cannot be negative, a minute before 1970 is
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=(draw, *words))))


def entered(setups: np.ndarray, trades: np.ndarray, ts: np.ndarray, symbol: np.ndarray, context: np.ndarray) -> Entered:
    """What was entered: SETUP_DTYPE rows of a span, its TRADE_DTYPE rows, and its decisions.  An entry whose decision knew no ATR is left out."""
    rows = setups[trades["setup"]]
    atr = context[_row_of(rows, ts, symbol), C_ATR] if rows.size else np.zeros(0)
    known = np.isfinite(atr) & (atr > 0.0)
    rows, side, atr = rows[known], trades["direction"][known], atr[known]
    distances = (np.abs(rows[name] - rows["entry"]) / atr for name in ("stop", "target", "target2"))
    return Entered(rows, side, *distances)


def _row_of(setups: np.ndarray, ts: np.ndarray, symbol: np.ndarray) -> np.ndarray:
    """The decision of each setup, int64; decisions by time and, at one time, symbol."""
    symbols = 1 + int(symbol.max(initial=0))
    instants = np.unique(ts)
    place = np.searchsorted(instants, ts) * symbols + symbol
    return np.searchsorted(place, np.searchsorted(instants, setups["ts"]) * symbols + setups["symbol"])


class Draw:
    """One draw: a decision for each entry, and another one for those that the gates refused there."""

    def __init__(self, found: Entered, ts: np.ndarray, symbol: np.ndarray, context: np.ndarray, instruments: tuple[Instrument, ...],
                 rng: np.random.Generator) -> None:
        self._found, self._ts, self._context, self._instruments = found, ts, context, instruments
        ready = (context[:, C_READY] == 1.0) & (context[:, C_ATR] > 0.0) & np.isfinite(context[:, C_CLOSE])
        self._hats = [rng.permutation(np.flatnonzero(ready & (symbol == number))) for number in range(len(instruments))]
        self._taken = [0] * len(instruments)
        self._at = np.full(found.setups.size, -1)
        self.again(np.zeros(found.setups.size, bool))

    def again(self, traded: np.ndarray) -> bool:
        """Another decision for each entry that was not traded; False where none is left for any."""
        moved = False
        for number, hat in enumerate(self._hats):
            wanted = np.flatnonzero(~traded & (self._found.setups["symbol"] == number))
            fresh = hat[self._taken[number]:self._taken[number] + wanted.size]
            self._at[wanted[:fresh.size]] = fresh
            self._taken[number] += fresh.size
            moved = moved or fresh.size > 0
        return moved

    def setups(self, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The entries at their decisions among the signals of the tactics that end, cancel or tighten (of `own`, the span's SETUP_DTYPE rows), in order;
        and of each row which entry it is, int64, -1 for a signal."""
        whose = np.flatnonzero(self._at >= 0)
        signals = own[np.isin(own["kind"], (EXIT, CANCEL, AMEND))]
        rows = np.concatenate([signals, self._placed(whose)])
        whose = np.concatenate([np.full(signals.size, -1), whose])
        order = np.lexsort((rows["event_bar"], rows["precedence"], rows["symbol"], rows["ts"]))
        return np.take(rows, order), whose[order]

    def _placed(self, whose: np.ndarray) -> np.ndarray:
        """SETUP_DTYPE rows of some entries at the decisions that they were given."""
        found, at = self._found, self._at[whose]
        rows, side = np.take(found.setups, whose), found.direction[whose].astype(np.float64)
        close, atr = self._context[at, C_CLOSE], self._context[at, C_ATR]
        tick = np.array([one.tick for one in self._instruments])[rows["symbol"]]
        lives = rows["valid_until"] - rows["ts"]
        rows["valid_until"] = np.where(rows["valid_until"] >= NEVER, NEVER, self._ts[at] + np.maximum(lives, 0))
        rows["ts"] = rows["event_bar"] = self._ts[at]
        rows["direction"], rows["entry"] = found.direction[whose], close
        rows["stop"] = on_grid(close - side * found.stop[whose] * atr, -side, tick)
        for name, distance in (("target", found.target), ("target2", found.target2)):
            rows[name] = on_grid(close + side * distance[whose] * atr, -side, tick)
        rows["kind"], rows["order_type"], rows["time_in_force"], rows["group"] = ENTER, MARKET, GTD, ALONE
        rows["invalid_price"], rows["invalid_flags"], rows["limit_price"], rows["unearned"] = np.nan, 0, np.nan, False
        return rows


def unjudged(policy: np.ndarray) -> np.ndarray:
    """POLICY_DTYPE[1] under which no tactic is judged by its own trades."""
    out = policy.copy()
    out["ev_min"], out["kelly_share"] = -np.inf, 0.0
    return out
