"""Words of a search: the window that a configuration is tried on, what it came to there, and one piece of work for one process."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
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
        """One return a session, flat ones included: profit over the equity at its start, float64[sessions]."""
        before = np.concatenate(([self.capital], self.equity[:-1]))
        return self.equity / before - 1.0


@dataclass(frozen=True)
class Place:
    """Where a process finds what a search runs on: everything that `gather` needs, by name.  Small, so that it travels to any machine that sees the store.

    settings: the whole tree of settings.  snapshot: id of the bars; news, actions: versions of these tables, None where none is read.
    """

    home: str
    settings: Mapping[str, Any]
    symbols: tuple[str, ...]
    start_ns: int
    end_ns: int
    snapshot: str
    news: int | None = None
    actions: int | None = None

    @property
    def key(self) -> str:
        """The same for the same data and settings, wherever the home is."""
        known = {"settings": dict(self.settings), "symbols": list(self.symbols), "window": [self.start_ns, self.end_ns], "snapshot": self.snapshot,
                 "news": self.news, "actions": self.actions}
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
