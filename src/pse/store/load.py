"""Stored rows to `Bars`: the front series, inside the sessions only, with the offsets of its rolls."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.errors import NoBars
from pse.domain.instruments import Instrument
from pse.domain.sessions import Sessions
from pse.store import roll
from pse.store.layout import Home, symbol_name
from pse.store.reading import need_bars, read_rows, series_names
from pse.store.rows import Rows
from pse.store.tables import locate

_READ = ("ts_open", "open", "high", "low", "close", "volume", "flags")
_BACK = np.int16(BarFlag.BACK_MONTH)


@dataclass(frozen=True, eq=False)
class Loaded:
    """Bars, and what was left out or estimated on the way.  `roll_estimated` int64: bars whose roll difference had no common minute."""

    bars: Bars
    dropped_outside: int
    roll_estimated: np.ndarray
    version: int

    @property
    def notes(self) -> list[str]:
        """Sentences for the user."""
        said = [f"{self.dropped_outside} stored bars lie outside the sessions and were left out"] if self.dropped_outside else []
        if self.roll_estimated.size:
            said.append(f"{self.roll_estimated.size} of {int(self.bars.roll.sum())} rolls have no minute that both contracts traded; their difference is the "
                        f"new open minus the last close")
        return said


def load_bars(home: Home, instrument: Instrument, timeframe: str, start_ns: int | None, end_ns: int | None, sessions: Sessions,
              version: int | None = None) -> Loaded:
    """Front bars of an instrument with start_ns <= ts_open < end_ns, checked and sorted; `version` pins the table.

    A micro contract (`bars_of`) gets the bars it trades on, under its own symbol.  Which session a bar lies in is told by `sessions`, not by the table.
    Raises `NoBars` when none is stored or none is in range, `DamagedTable` naming a file that cannot be read.
    """
    symbol = symbol_name(instrument.bars_of or instrument.symbol)
    table = need_bars(home, version)
    columns = [*_READ, "contract"] if instrument.kind == "future" else list(_READ)
    rows = read_rows(home, table, symbol, timeframe, columns, start_ns, end_ns)
    if not len(rows):
        raise NoBars(_nothing(series_names(table), symbol, timeframe, start_ns, end_ns))
    at, inside = locate(rows["ts_open"], sessions)
    back = (rows["flags"] & _BACK) != 0
    dropped = int(np.count_nonzero(~inside & ~back))
    if not inside.all():
        rows, at, back = rows.take(inside), at[inside], back[inside]
    front = ~back
    marks, offset, estimated = _rolls(rows, at, front)
    if back.any():
        rows, at, marks, offset = rows.take(front), at[front], marks[front], offset[front]
    if not len(rows):
        raise NoBars(f"all {dropped} stored bars of {symbol} {timeframe} in range lie outside the sessions of {sessions.calendar}; check the instrument's "
                     f"calendar in configs/instruments.yaml")
    bars = _bars(instrument.symbol, timeframe, rows, at, sessions, marks, offset)
    return Loaded(bars, dropped, np.flatnonzero(marks)[estimated], table.version())


def _rolls(rows: Rows, at: np.ndarray, front: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Roll marks and offsets of all rows, and for each roll whether its difference is an estimate."""
    marks, offset = np.zeros(len(rows), bool), np.zeros(len(rows))
    if len(rows.contracts) < 2:
        return marks, offset, np.empty(0, bool)
    places = np.flatnonzero(front)
    changed = places[1:][np.diff(rows["contract"][places]) != 0]
    marks[changed] = True
    diff, estimated = roll.differences(rows["ts_open"], rows["close"], rows["open"], rows["contract"], at, front, changed)
    steps = np.zeros(len(rows))
    steps[changed] = diff
    return marks, np.cumsum(steps), estimated


def _bars(symbol: str, timeframe: str, rows: Rows, at: np.ndarray, sessions: Sessions, marks: np.ndarray, offset: np.ndarray) -> Bars:
    ts, ends = rows["ts_open"], sessions.close_ns[at]
    close = ends if timeframe == "1d" else np.minimum(ts + timeframe_ns(timeframe), ends)
    used, contract = np.unique(rows["contract"], return_inverse=True) if len(rows.contracts) > 1 else (np.zeros(1, np.int64), rows["contract"])
    return Bars(symbol, timeframe, ts, close, rows["open"], rows["high"], rows["low"], rows["close"], rows["volume"], at, marks, offset,
                contract.astype(np.int32), rows["flags"], tuple(rows.contracts[int(i)] for i in used), sessions)


def stored_span(home: Home, symbol: str, timeframe: str, version: int | None = None) -> tuple[int, int] | None:
    """First and last ts_open of a series; None when nothing of it is stored."""
    from pse.store.reading import open_bars, series_index

    table = open_bars(home, version)
    index = series_index(home, table, symbol_name(symbol), timeframe) if table is not None else None
    return (index.first, index.last) if index is not None and index.months else None


def _nothing(names: list[tuple[str, str]], symbol: str, timeframe: str, start_ns: int | None, end_ns: int | None) -> str:
    from pse.clock import iso

    if (symbol, timeframe) in names:
        since, until = ("the beginning" if start_ns is None else iso(start_ns)), ("the end" if end_ns is None else iso(end_ns))
        return (f"no stored {symbol} {timeframe} bar lies in the range from {since} to {until}; `pse snapshots list` shows what is stored: choose another "
                f"--start and --end, or ingest that range")
    stored = ", ".join(f"{one} {frame}" for one, frame in names) or "nothing"
    return f"there are no stored bars of {symbol} {timeframe}; stored: {stored}. Run `pse ingest --symbol {symbol} ...` first"
