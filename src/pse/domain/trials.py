"""Words of a search: the window that a configuration is tried on, what it came to there, and one piece of work for one process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from pse.domain.records import canonical

Value = bool | int | float | str | None            # None where a setting is left to its default rule
Params = Mapping[str, Value]                     # dotted key of a setting, as `search.parameters` writes it, to its value

TRIAL_TRADE = np.dtype([
    ("entry_ts", "i8"), ("exit_ts", "i8"),       # ns UTC of the first entry fill and the last exit fill
    ("day", "i4"),                               # trading day of the exit, yyyymmdd
    ("symbol", "i4"), ("tactic", "i4"),          # places in the desk's lists
    ("direction", "i4"), ("reason", "i4"),       # +1 or -1; code of kernels.codes.REASONS
    ("ambiguous", "i4"),                         # 1: one bar touched both stop and target
    ("net", "f8"),                               # money of the account, after costs
    ("r", "f8"),                                 # net over the risk at the first stop
])


@dataclass(frozen=True, order=True)
class Span:
    """A window that is traded by itself: it starts flat and ends flat.  ns UTC; bars with start <= ts_open and ts_close <= end, decisions before the end."""

    start_ns: int
    end_ns: int


@dataclass(frozen=True, eq=False)
class Measured:
    """What one configuration came to in one span.

    dates: int32[sessions] yyyymmdd, rising.  equity: float64[sessions], money at each session's end.  trades: TRIAL_TRADE[n] in order of exit.
    """

    span: Span
    capital: float
    dates: np.ndarray
    equity: np.ndarray
    trades: np.ndarray

    @property
    def returns(self) -> np.ndarray:
        """One return a session, flat ones included, as `session_returns`."""
        return session_returns(self.capital, self.equity)

    @property
    def growth(self) -> float:
        """What one unit of money came to; 0 where everything was lost on the way."""
        if (self.equity <= 0.0).any():
            return 0.0
        return float(self.equity[-1] / self.capital) if self.equity.size else 1.0


def session_returns(capital: float, equity: np.ndarray) -> np.ndarray:
    """Profit of each session over the equity at its start, float64[sessions].

    The first session that ends at or below 0 lost all there was, -1, and every later one is 0: nothing compounds out of a loss of everything.
    """
    lost = equity <= 0.0
    alive = int(lost.argmax()) if lost.any() else equity.size
    returns = np.zeros(equity.size)
    returns[:alive] = equity[:alive] / np.concatenate(([capital], equity[:alive]))[:alive] - 1.0
    returns[alive:alive + 1] = -1.0
    return returns


@dataclass(frozen=True)
class Place:
    """Where a process finds what a search runs on: everything that `gather` needs, by name.  Small, so that it travels to any machine that sees the store.

    settings: the whole tree of settings.  snapshot: id of the bars; news, actions: versions of these tables, None where none is read.  outside: hash of the
    source of each tactic that does not come with the package, by its name.
    """

    home: str
    settings: Mapping[str, Any]
    symbols: tuple[str, ...]
    start_ns: int
    end_ns: int
    snapshot: str
    news: int | None = None
    actions: int | None = None
    outside: Mapping[str, str] = field(default_factory=dict)

    @property
    def key(self) -> str:
        """The same for the same data and settings, wherever the home is."""
        known = {"settings": dict(self.settings), "symbols": list(self.symbols), "window": [self.start_ns, self.end_ns], "snapshot": self.snapshot,
                 "news": self.news, "actions": self.actions, "outside": dict(self.outside)}
        return hashlib.sha256(canonical(known).encode()).hexdigest()


@dataclass(frozen=True)
class Task:
    """One configuration over some spans.

    fills: name of another fill policy than the desk's.  random_entries: number of a draw of random entries with the same exits in place of the tactics'
    own, None for the tactics' own; `seed` is read for these alone.
    """

    place: Place
    params: Params
    spans: tuple[Span, ...]
    fills: str | None = None
    random_entries: int | None = None
    seed: int = 0


def params_id(params: Params) -> str:
    """16 hex digits that name a configuration, whatever the order of its keys."""
    return hashlib.sha256(canonical(dict(params)).encode()).hexdigest()[:16]
