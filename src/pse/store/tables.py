"""The bars table: how checked bars are merged into it.

One writer at a time by a file lock, and besides every commit goes through the handle that was read: what another program commits in between is
noticed, read again, and the merge is made once more.  An ingest is one commit or none.  History is never deleted.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from pse.domain.bars import BarFlag, timeframe_ns
from pse.domain.errors import Busy, OutsideError, RequestError
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, Sessions
from pse.store import index as notes
from pse.store.change import Change
from pse.store.files import read_json, write_json
from pse.store.hashes import base_hash
from pse.store.index import SeriesIndex
from pse.store.layout import Home, symbol_name
from pse.store.reading import need_bars, open_bars, read_bars, series_index, series_names
from pse.store.rows import Rows, concat, in_order, month_name, month_spans

__all__ = ["IngestResult", "locate", "merge_bars", "need_bars", "open_bars", "place_in_sessions", "read_bars", "series_index", "series_names", "writing"]

LOCK_SECONDS = 120.0
_TRIES = 8


@dataclass(frozen=True)
class IngestResult:
    """What a merge did.  `status` is created, updated or unchanged; `rows` are those of the series now; `outside` counts merged rows outside sessions.

    `met`: rows that were stored before between the first and the last row that came in, `revised`: those of them that have other values now.
    """

    status: str
    rows: int
    new_rows: int
    corrected: int
    outside: int
    version: int
    index: SeriesIndex
    met: int = 0
    revised: int = 0


@contextlib.contextmanager
def writing(home: Home, seconds: float | None = None) -> Iterator[None]:
    """Hold the one writer's lock of the bars table; raises `Busy` when another process keeps it for longer (LOCK_SECONDS)."""
    import filelock

    seconds = LOCK_SECONDS if seconds is None else seconds
    home.state.mkdir(parents=True, exist_ok=True)
    try:
        with filelock.FileLock(home.state / "bars.lock", timeout=seconds):
            yield
    except filelock.Timeout as error:
        raise Busy(f"another process has been writing to {home.bars} for {seconds:g} s; wait until it is done and run the command again") from error


def merge_bars(home: Home, rows: Rows, instrument: Instrument, timeframe: str, sessions: Sessions,
               front_map: list[tuple[int, str]] | None = None) -> IngestResult:
    """Put checked rows (see `quarantine.check`) into the table: new ones are added, changed ones corrected, the rest is left alone.

    One commit, or none when every value is there already.  The roll rule is applied to all stored days together with the new ones.
    Raises `Busy`, `DiskFull`, `DamagedTable`; whatever is raised, the last committed version stays as it was.
    """
    symbol = symbol_name(instrument.symbol)
    incoming = place_in_sessions(rows, timeframe, sessions)
    outside = int(np.count_nonzero(incoming["flags"] & np.int16(BarFlag.OUTSIDE_SESSION)))
    with writing(home):
        for _ in range(_TRIES):
            if (done := _merge_once(home, incoming, symbol, timeframe, front_map)) is not None:
                status, change, (met, revised) = done
                return IngestResult(status, change.index.rows, change.new_rows, change.corrected, outside, change.version, change.index, met, revised)
    raise OutsideError(f"the bars table {home.bars} was changed by another program {_TRIES} times while {symbol} was merged; nothing of {symbol} was stored. "
                       f"Stop the other writer and run the command again")


def _merge_once(home: Home, incoming: Rows, symbol: str, timeframe: str, given_map: list[tuple[int, str]] | None) -> tuple[str, Change, tuple[int, int]] | None:
    """One attempt; None when another program committed in between."""
    table = open_bars(home)
    index = series_index(home, table, symbol, timeframe) if table is not None else SeriesIndex(symbol, timeframe)
    _refuse_mixed(index, incoming)
    spans = month_spans(incoming["ts_open"])
    bases = {month_name(number): base_hash(incoming.take(span)) for number, span in spans}
    fresh = [incoming.take(span) for number, span in spans if _is_news(index, month_name(number), bases)]
    change = Change(home, table, index)
    if fresh:
        change.take_in(incoming if len(fresh) == len(spans) else concat(fresh), bases)
    change.apply_roll(_front_map(home, symbol, given_map))
    if not change.found_any():
        if index.months and not notes.note_path(home, symbol, timeframe).exists():
            notes.write_note(home, index)
        return "unchanged", change, (len(incoming), 0)
    if not change.commit():
        return None
    news = [month_name(number) for number, _ in spans if _is_news(index, month_name(number), bases)]
    met, revised = change.revised(news, int(incoming["ts_open"][0]), int(incoming["ts_open"][-1]))
    return ("updated" if index.months else "created"), change, (met + len(incoming) - sum(map(len, fresh)), revised)


def _is_news(index: SeriesIndex, month: str, bases: dict[str, str]) -> bool:
    return month not in index.months or index.months[month].base != bases[month]


def _refuse_mixed(index: SeriesIndex, incoming: Rows) -> None:
    """Bars with contract names and bars without cannot be one series: the roll rule would take them for two contracts."""
    stored = {contract for month in index.months.values() for contract in month.firsts}
    if not index.months or not len(incoming):
        return
    if bool(stored) == (incoming.contracts != ("",)):
        return
    was, comes = ("names its contracts", "has none") if stored else ("has no contract names", "names contracts")
    raise RequestError(f"the stored series {index.symbol} {index.timeframe} {was}, the new one {comes}; together they would be taken for different contracts. "
                       f"Keep them apart: another --home, or another symbol in configs/instruments.yaml")


def _front_map(home: Home, symbol: str, given: list[tuple[int, str]] | None) -> list[tuple[int, str]] | None:
    """The provider's map of a symbol: the one given now, which is kept, or the one that an earlier ingest gave."""
    path = home.state / "fronts" / f"{symbol}.json"
    kept = [(int(day), str(name)) for day, name in read_json(path)] if path.exists() else None
    if given is None or given == kept:
        return kept
    write_json(path, [[int(day), name] for day, name in given])
    return given


# --- sessions ------------------------------------------------------------------------------------------------------------------------------------


def place_in_sessions(rows: Rows, timeframe: str, sessions: Sessions) -> Rows:
    """Add `ts_close`, `session_date`, the OUTSIDE_SESSION flag and an empty `roll`.

    A bar closes at ts_open + timeframe, cut at its session's end.  Bars outside every session belong to the next session's day.  A daily bar at 00:00 UTC is
    that date's: it moves to the open of the session with that date, and closes with it.
    """
    length = timeframe_ns(timeframe)
    if length % DAY_NS == 0:
        rows = in_order(rows.with_columns(ts_open=_daily_opens(rows["ts_open"], sessions)))
    ts = rows["ts_open"]
    at, inside = locate(ts, sessions)
    ends = sessions.close_ns[at]
    close = np.where(inside, ends if timeframe == "1d" else np.minimum(ts + length, ends), ts + length)
    flags = np.where(inside, rows["flags"], rows["flags"] | np.int16(BarFlag.OUTSIDE_SESSION)).astype(np.int16)
    return rows.with_columns(ts_close=close, session_date=sessions.session_date[at], flags=flags, roll=np.zeros(ts.size, bool))


def _daily_opens(ts: np.ndarray, sessions: Sessions) -> np.ndarray:
    days = ts.astype("datetime64[ns]").astype("datetime64[D]")
    months = days.astype("datetime64[M]")
    number = (months.astype(np.int64) // 12 + 1970) * 10_000 + (months.astype(np.int64) % 12 + 1) * 100 + (days - months).astype(np.int64) + 1
    at = np.minimum(np.searchsorted(sessions.session_date, number), sessions.session_date.size - 1)
    return np.where((ts % DAY_NS == 0) & (sessions.session_date[at] == number), sessions.open_ns[at], ts)


def locate(ts: np.ndarray, sessions: Sessions) -> tuple[np.ndarray, np.ndarray]:
    """Session of each moment of a sorted column (the next one where it is outside all, the last one behind all), and whether it is inside.

    One search a session and not one a bar.
    """
    starts = np.searchsorted(ts, sessions.open_ns)
    ends = np.searchsorted(ts, sessions.close_ns)
    bounds = np.r_[0, ends[:-1], ts.size]                    # from the end of one session to the end of the next
    at = np.repeat(np.arange(ends.size), np.diff(bounds))
    inside = np.ones(ts.size, bool)
    for gap_start, gap_end in zip(bounds[:-1], starts, strict=True):
        inside[gap_start:gap_end] = False
    inside[ends[-1]:] = False
    return at, inside
