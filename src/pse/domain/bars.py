"""Closed bars of one instrument and timeframe, as columns."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from enum import IntFlag
from typing import Any

import numpy as np

from pse.domain.errors import BadBars, RequestError
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions

PRICES = ("open", "high", "low", "close")
OPTIONAL = ("spread", "factor")


class BarFlag(IntFlag):
    """Facts about a stored bar; int16 in the table."""

    OUTSIDE_SESSION = 1
    ZERO_VOLUME = 2
    CLOSE_ONLY = 4
    REPAIRED = 8
    BACK_MONTH = 16
    SYNTHETIC = 32
    SPLIT_ADJUSTED = 64                          # its provider has divided prices by later splits
    FULLY_ADJUSTED = 128                         # and by later dividends


def timeframe_ns(timeframe: str) -> int:
    """Length of a bar in ns: `1m`, `5m`, `1h`, `4h`, `1d`, also `1s`."""
    found = re.fullmatch(r"([1-9][0-9]{0,2})(s|m|h|d)", timeframe)
    if not found:
        raise RequestError(f"timeframe {timeframe!r} is not a number and one of s, m, h, d; write for example 1m, 5m, 1h or 1d")
    unit = {"s": MINUTE_NS // 60, "m": MINUTE_NS, "h": 60 * MINUTE_NS, "d": DAY_NS}[found[2]]
    return int(found[1]) * unit


@dataclass(frozen=True, eq=False)
class Bars:
    """Bars in time order, one contract at a time, inside sessions only; arrays of one length n.

    `ts_open, ts_close` int64 ns UTC, strictly rising; prices float64 points as traded (raw contract prices); `volume` float64, NaN where unknown.
    `session` int64 index into `sessions`.  `roll` bool: first bar of a new contract.  `offset` float64: sum of roll differences so far, so
    `price - offset` is forward adjusted and the past never moves (0 without rolls).  `contract` int32 index into `contracts`.
    `flags` int16, see `BarFlag`.  `sessions` is the frozen calendar.  `spread` float64 points, ask less bid at the close, NaN where no quote is known;
    None without any quotes.  `factor` float64: what splits and dividends so far have multiplied these prices by, `price / factor` is as traded; None: they
    are as traded.
    """

    symbol: str
    timeframe: str
    ts_open: np.ndarray
    ts_close: np.ndarray
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    session: np.ndarray
    roll: np.ndarray
    offset: np.ndarray
    contract: np.ndarray
    flags: np.ndarray
    contracts: tuple[str, ...]
    sessions: Sessions
    spread: np.ndarray | None = None
    factor: np.ndarray | None = None

    def __post_init__(self) -> None:
        n = self.ts_open.size
        for name in (*self.columns(), *(name for name in OPTIONAL if getattr(self, name) is not None)):
            if getattr(self, name).shape != (n,):
                raise BadBars(f"{self.symbol} {self.timeframe}: column {name} has shape {getattr(self, name).shape}, ts_open has ({n},)")
        if n > 1 and not (np.diff(self.ts_open) > 0).all():
            at = int(np.argmin(np.diff(self.ts_open) > 0)) + 1
            raise BadBars(f"{self.symbol} {self.timeframe}: ts_open does not rise at row {at}; bars must be sorted and unique")

    @staticmethod
    def columns() -> tuple[str, ...]:
        """Names of the array columns that are always there."""
        return tuple(f.name for f in fields(Bars) if f.name not in ("symbol", "timeframe", "contracts", "sessions", *OPTIONAL))

    def __len__(self) -> int:
        return int(self.ts_open.size)

    def __getitem__(self, rows: slice) -> Bars:
        """The bars of a slice, as views."""
        known: dict[str, Any] = {name: None if getattr(self, name) is None else getattr(self, name)[rows] for name in OPTIONAL}
        return replace(self, **known, **{name: getattr(self, name)[rows] for name in self.columns()})

    def between(self, start_ns: int, end_ns: int) -> Bars:
        """Bars with start_ns <= ts_open < end_ns."""
        lo, hi = np.searchsorted(self.ts_open, (start_ns, end_ns))
        return self[int(lo):int(hi)]

    def adjusted(self, name: str) -> np.ndarray:
        """A price column on the forward-adjusted scale, float64[n]."""
        column = getattr(self, name)
        return column - self.offset if self.offset.size and self.offset.any() else column

    @property
    def session_date(self) -> np.ndarray:
        """Trading day of each bar, int32 yyyymmdd."""
        return self.sessions.session_date[self.session]
