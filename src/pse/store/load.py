"""Stored rows to `Bars`: the front series, inside the sessions only, with the offsets of its rolls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.errors import NoBars
from pse.domain.instruments import Instrument
from pse.domain.sessions import Sessions
from pse.store import roll
from pse.store.datafiles import DataFile, data_files, files_by_series
from pse.store.layout import Home, symbol_name
from pse.store.reading import need_bars, read_rows, series_names
from pse.store.tables import locate

if TYPE_CHECKING:
    from deltalake import DeltaTable

_READ = ("ts_open", "open", "high", "low", "close", "volume", "flags", "bid_close", "ask_close")
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


@dataclass(frozen=True, eq=False)
class Stored:
    """One version of the bars table with its files looked up once, for whoever loads many series."""

    home: Home
    table: DeltaTable
    files: Mapping[tuple[str, str], Mapping[str, DataFile]]

    @classmethod
    def at(cls, home: Home, version: int | None = None) -> Stored:
        """Raises `NoBars` when nothing was ingested yet."""
        table = need_bars(home, version)
        return cls(home, table, files_by_series(table))

    def timeframes(self, symbol: str) -> list[str]:
        """Stored timeframes of a symbol, finest first."""
        return sorted((timeframe for name, timeframe in self.files if name == symbol), key=timeframe_ns)

    def load(self, instrument: Instrument, timeframe: str, start_ns: int | None, end_ns: int | None, sessions: Sessions) -> Loaded:
        """As `load_bars`."""
        return _load(self.home, self.table, self.files.get(_series(instrument, timeframe), {}), instrument, timeframe, start_ns, end_ns, sessions)


def _series(instrument: Instrument, timeframe: str) -> tuple[str, str]:
    return symbol_name(instrument.bars_of or instrument.symbol), timeframe


def load_bars(home: Home, instrument: Instrument, timeframe: str, start_ns: int | None, end_ns: int | None, sessions: Sessions,
              version: int | None = None) -> Loaded:
    """Front bars of an instrument with start_ns <= ts_open < end_ns, checked and sorted; `version` pins the table.

    A micro contract (`bars_of`) gets the bars it trades on, under its own symbol.  Which session a bar lies in is told by `sessions`, not by the table.
    Raises `NoBars` when none is stored or none is in range, `DamagedTable` naming a file that cannot be read.
    """
    table = need_bars(home, version)
    return _load(home, table, data_files(table, *_series(instrument, timeframe)), instrument, timeframe, start_ns, end_ns, sessions)


def _load(home: Home, table: DeltaTable, files: Mapping[str, DataFile], instrument: Instrument, timeframe: str, start_ns: int | None, end_ns: int | None,
          sessions: Sessions) -> Loaded:
    symbol, _ = _series(instrument, timeframe)
    asked = (*_READ, "contract") if instrument.kind == "future" else _READ
    rows = read_rows(home, table, symbol, timeframe, asked, start_ns, end_ns, files=files)
    if not len(rows):
        raise NoBars(_nothing(series_names(table), symbol, timeframe, start_ns, end_ns))
    at, inside = locate(rows["ts_open"], sessions)
    back = (rows["flags"] & _BACK) != 0
    dropped = int(np.count_nonzero(~inside & ~back))
    behind = rows.take(np.flatnonzero(inside & back)).with_columns(session=at[inside & back])
    names, columns = rows.contracts, {**rows.columns, "session": at}
    del rows, at                                             # so that a column can go when its kept rows are copied
    columns = _with_spread(_kept(columns, inside & ~back))
    if not columns["ts_open"].size:
        raise NoBars(f"all {dropped} stored bars of {symbol} {timeframe} in range lie outside the sessions of {sessions.calendar}; check the "
                     f"instrument's calendar in configs/instruments.yaml")
    columns |= _rolls(columns, behind.columns)
    estimated = columns.pop("estimated")
    ends = sessions.close_ns[columns["session"]]
    columns["ts_close"] = ends if timeframe == "1d" else np.minimum(columns["ts_open"] + timeframe_ns(timeframe), ends, out=ends)
    contracts, columns["contract"] = _used(names, columns["contract"])
    return Loaded(Bars(instrument.symbol, timeframe, contracts=contracts, sessions=sessions, **columns), dropped, estimated, table.version())


def _with_spread(columns: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Quotes become the spread at the close; without both sides there is none."""
    bid, ask = columns.pop("bid_close", None), columns.pop("ask_close", None)
    return columns if bid is None or ask is None else {**columns, "spread": ask - bid}


def _kept(columns: dict[str, np.ndarray], keep: np.ndarray) -> dict[str, np.ndarray]:
    """The kept rows of each column; a column is let go as soon as its rows are copied."""
    return columns if keep.all() else {name: columns.pop(name)[keep] for name in list(columns)}


def _used(names: tuple[str, ...], codes: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """The contracts that occur, and the codes among them."""
    used = np.flatnonzero(np.bincount(codes, minlength=len(names))) if len(names) > 1 else np.zeros(1, np.int64)
    if used.size == len(names):
        return names, codes
    place = np.zeros(len(names), np.int32)
    place[used] = np.arange(used.size)
    return tuple(names[int(code)] for code in used), place[codes]


def _rolls(front: dict[str, np.ndarray], behind: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """`roll` marks, `offset` (the sum of roll differences so far) and `estimated`, the rows whose difference is an estimate."""
    count, contract = front["ts_open"].size, front["contract"]
    changed = np.flatnonzero(contract[1:] != contract[:-1]) + 1
    marks, offset = np.zeros(count, bool), np.zeros(count)
    diff, estimated = roll.differences(front, behind, changed)
    marks[changed] = True
    for start, total in zip(changed, np.cumsum(diff), strict=True):          # a few dozen rolls at most
        offset[start:] = total
    return {"roll": marks, "offset": offset, "estimated": changed[estimated]}


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
