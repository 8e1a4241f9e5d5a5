"""The moments of bars and joins: nothing may be used before it was there, and nothing older than what was."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pse.clock import iso
from pse.domain.bars import Bars


@dataclass(frozen=True, eq=False)
class Join:
    """Bars of another timeframe or symbol on the rows of these: `at` int64[rows] is the joined row of the other, -1 for none; moments int64 ns."""

    name: str
    row_close: np.ndarray
    other_close: np.ndarray
    at: np.ndarray


@dataclass(frozen=True)
class Wrong:
    """What is wrong with the moments of `name`, first on row `row` at `ts`."""

    name: str
    row: int
    ts: int
    found: str
    allowed: str


def wrong_bars(name: str, bars: Bars, until_ns: int, traded: bool = True) -> Iterator[Wrong]:
    """Bars that close before they open, after the next one opened, outside their session, or after what is known.

    `traded` False: what is no market of ours (a published series) may be known long after the time it is about.
    """
    open_, close = bars.ts_open, bars.ts_close
    ends = bars.sessions.close_ns[bars.session]
    late = np.zeros(len(bars), bool)
    late[:-1] = traded & (close[:-1] > open_[1:])
    for bad, found, allowed in ((close <= open_, "closes at its open or before", "a close after the open"), (late, "closes after the next bar opened",
                                "a close at the next open at the latest"), (traded & (close > ends), "closes after its session", "a close inside the session"),
                                (close > until_ns, "closes after all that is known", f"a close by {iso(until_ns)}")):
        if bad.any():
            row = int(np.argmax(bad))
            yield Wrong(name, row, int(close[row]), f"bar {found} ({int(bad.sum())} such bars)", allowed)


def wrong_buckets(name: str, made: Bars, source: Bars) -> Iterator[Wrong]:
    """Coarser bars that are given out before the last finer bar in them has closed."""
    last = np.searchsorted(source.ts_open, made.ts_close) - 1                      # the last source bar that opened before the bucket's close
    bad = source.ts_close[np.maximum(last, 0)] > made.ts_close
    if bad.any():
        row = int(np.argmax(bad))
        yield Wrong(name, row, int(made.ts_close[row]), f"bar ends before a bar in it has closed ({int(bad.sum())} such bars)", "the close of its last bar")


def wrong_join(join: Join) -> Iterator[Wrong]:
    """Rows that see a bar which had not closed, or not the latest one that had."""
    due = np.searchsorted(join.other_close, join.row_close, side="right") - 1
    for bad, found in ((join.at > due, "sees a bar that had not closed"), (join.at < due, "sees an older bar than the latest that had closed")):
        if bad.any():
            row = int(np.argmax(bad))
            allowed = iso(int(join.other_close[due[row]])) if due[row] >= 0 else "none"
            seen = iso(int(join.other_close[join.at[row]])) if join.at[row] >= 0 else "none"
            yield Wrong(join.name, row, int(join.row_close[row]), f"{found}: the one closed at {seen} ({int(bad.sum())} rows)", f"the one closed at {allowed}")
