"""What is known of a stored series without reading it: months, hashes, daily volumes, file hashes.

A note beside the table, `data/state/series/<symbol>.<timeframe>.json`, that names the very files it speaks of.  When the table's log names others (a
process was killed between commit and note, someone compacted the files, the note was deleted) it is made again from the values.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from pse.domain.bars import BarFlag
from pse.domain.errors import DamagedTable
from pse.store import hashes
from pse.store.datafiles import Hashes
from pse.store.files import read_json, write_atomic
from pse.store.layout import Home, safe_name, symbol_name
from pse.store.rows import Rows, month_name, month_spans

_SHAPE = 1


@dataclass(frozen=True)
class Month:
    """One UTC month of a series.

    Only where bars name their contracts: `days`, contract -> trading day -> what it traded inside the session (null: it has bars outside it only);
    `firsts`, contract -> its first ts_open; `back`, contract -> trading days on which it is flagged BACK_MONTH; `rolls`, trading days with a roll mark.
    """

    base: str
    hash: str
    rows: int
    first: int
    last: int
    synthetic: bool
    days: dict[str, dict[str, float | None]]
    firsts: dict[str, int]
    back: dict[str, list[int]]
    rolls: list[int]


@dataclass(frozen=True)
class SeriesIndex:
    """All months of one series, in order, and the files that hold them."""

    symbol: str
    timeframe: str
    months: dict[str, Month] = field(default_factory=dict)
    files: Hashes = field(default_factory=dict)

    @property
    def rows(self) -> int:
        return sum(month.rows for month in self.months.values())

    @property
    def hash(self) -> str:
        return hashes.series_hash({name: month.hash for name, month in self.months.items()})

    @property
    def first(self) -> int:
        return min(month.first for month in self.months.values())

    @property
    def last(self) -> int:
        return max(month.last for month in self.months.values())

    @property
    def synthetic(self) -> bool:
        return any(month.synthetic for month in self.months.values())

    def days(self) -> dict[int, dict[str, float]]:
        """Trading day -> contract -> what it traded, over all months."""
        found: dict[int, dict[str, float]] = {}
        for month in self.months.values():
            for contract, days in month.days.items():
                for day, traded in days.items():
                    if traded is not None:
                        one = found.setdefault(int(day), {})
                        one[contract] = one.get(contract, 0.0) + traded
        return found

    def first_years(self) -> dict[str, int]:
        """Year of each contract's first bar."""
        first: dict[str, int] = {}
        for month in self.months.values():
            for contract, ts in month.firsts.items():
                first[contract] = min(first.get(contract, ts), ts)
        return {name: int(np.datetime64(ts, "ns").astype("datetime64[Y]").astype(int)) + 1970 for name, ts in first.items()}


def describe(rows: Rows, known: Mapping[str, str] | None = None) -> dict[str, Month]:
    """The months of sorted rows.  `known` gives base hashes that need not be computed again."""
    found = {}
    for number, span in month_spans(rows["ts_open"]):
        name, piece = month_name(number), rows.take(span)
        base = (known or {}).get(name) or hashes.base_hash(piece)
        ts = piece["ts_open"]
        synthetic = bool((piece["flags"] & np.int16(BarFlag.SYNTHETIC)).any())
        found[name] = Month(base, hashes.month_hash(base, piece), len(piece), int(ts[0]), int(ts[-1]), synthetic, *_of_contracts(piece))
    return found


def _of_contracts(rows: Rows) -> tuple[dict[str, dict[str, float | None]], dict[str, int], dict[str, list[int]], list[int]]:
    """`days, firsts, back, rolls` of a month; a bar with unknown volume counts 1."""
    if rows.contracts in ((), ("",)):
        return {}, {}, {}, []
    inside = (rows["flags"] & np.int16(BarFlag.OUTSIDE_SESSION)) == 0
    behind = (rows["flags"] & np.int16(BarFlag.BACK_MONTH)) != 0
    volume = np.where(np.isnan(rows["volume"]), 1.0, rows["volume"]) * inside
    days: dict[str, dict[str, float | None]] = {}
    firsts: dict[str, int] = {}
    back: dict[str, list[int]] = {}
    for code, name in enumerate(rows.contracts):
        mine = np.flatnonzero(rows["contract"] == code)
        if not mine.size:
            continue
        firsts[name] = int(rows["ts_open"][mine[0]])
        dates, start = np.unique(rows["session_date"][mine], return_index=True)
        traded, any_inside = np.add.reduceat(volume[mine], start), np.logical_or.reduceat(inside[mine], start)
        days[name] = {str(day): float(sold) if there else None for day, sold, there in zip(dates, traded, any_inside, strict=True)}
        if behind[mine].any():
            back[name] = np.unique(rows["session_date"][mine][behind[mine]]).tolist()
    return days, firsts, back, np.unique(rows["session_date"][rows["roll"]]).tolist()


# --- the note ----------------------------------------------------------------------------------------------------------------------------------


def note_path(home: Home, symbol: str, timeframe: str) -> Path:
    return home.state / "series" / f"{symbol_name(symbol)}.{safe_name(timeframe, 'timeframe')}.json"


def read_note(home: Home, symbol: str, timeframe: str, files: Iterable[str]) -> SeriesIndex | None:
    """The note when it speaks of exactly these files, else None."""
    path = note_path(home, symbol, timeframe)
    if not path.exists():
        return None
    try:
        note = read_json(path)
    except DamagedTable:
        return None
    if note.get("shape") != _SHAPE or set(note["files"]) != set(files):
        return None
    return SeriesIndex(symbol, timeframe, {name: Month(**month) for name, month in note["months"].items()}, note["files"])


def write_note(home: Home, index: SeriesIndex) -> None:
    """Write the note; the table itself says whether it still fits."""
    months = {name: asdict(month) for name, month in sorted(index.months.items())}
    note = json.dumps({"shape": _SHAPE, "months": months, "files": index.files}, sort_keys=True, separators=(",", ":"))
    write_atomic(note_path(home, index.symbol, index.timeframe), note.encode())
