"""The check of incoming bars, and where refused rows of any file are kept.

A defect of a row sends that row to quarantine with its reason; more of them than `max_bad` refuses the whole file.  The check itself is pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from pse.domain.actions import adjusted_flag
from pse.domain.bars import BarFlag
from pse.domain.errors import BadInput
from pse.domain.instruments import Instrument
from pse.domain.ports import QUOTE_COLUMNS, Fetched
from pse.store.files import write_atomic
from pse.store.layout import Home, symbol_name
from pse.store.rows import FLOATS, PRICES, Rows, canonical

if TYPE_CHECKING:
    import polars as pl

ON_TICK = 1e-3                                  # of a tick: what float64 text may be off
KINDS_ON_TICK = ("future", "crypto")            # shares print at fractions of a cent, indices and currencies are averages or quotes of any precision
REASONS = {1: "a price is not finite", 2: "open, high, low and close are out of order", 3: "volume is negative or not finite",
           4: "a price is off the tick grid", 5: "duplicate rows disagree"}
FAR_RANGES, FAR_SHARE = 20.0, 0.10               # a bad print: farther from the closes around it than both of these
_CHUNK = 1 << 16


@dataclass(frozen=True)
class Outlier:
    """A price that stands alone, where it was read, and the closes before and after it."""

    source: str
    row: int
    ts_open: int
    side: str
    price: float
    before: float
    after: float


@dataclass(frozen=True, eq=False)
class Checked:
    """Good rows (unsorted days joined, sorted by time and contract; no derived columns but `flags`), and what was found on the way.

    `bad`: `source, row, reason, text` and the values of every refused row.  `unsorted`: rows that stood before an earlier one of their file.
    `outliers`: kept rows that look like bad prints, `first_outlier` the first of them.
    """

    rows: Rows
    bad: pl.DataFrame
    duplicates: int
    unsorted: int
    total: int
    outliers: int = 0
    first_outlier: Outlier | None = None


def check(fetched: Fetched, instrument: Instrument) -> Checked:
    """Split what a provider found into good rows and rows for the quarantine; nothing is written."""
    import polars as pl

    frame = fetched.frame
    rows = _as_rows(frame, instrument, fetched)
    reason = _row_defects(rows, frame, instrument)
    good = np.flatnonzero(reason == 0) if reason.any() else None
    kept = rows if good is None else rows.take(good)
    order, unsorted = _order(kept, frame, good)
    kept = kept if order is None else kept.take(order)
    keep, disagree = _duplicates(kept)
    if disagree is not None:
        place = np.arange(len(rows)) if good is None else good
        reason[(place if order is None else place[order])[disagree]] = 5
    duplicates = 0
    if keep is not None:
        duplicates = len(kept) - int(keep.sum()) - int(disagree.sum() if disagree is not None else 0)
        kept = kept.take(keep)
    bad = [_bad_rows(frame, reason)] + ([_parsed_not(fetched.rejected)] if fetched.rejected is not None and len(fetched.rejected) else [])
    total = len(frame) + (len(fetched.rejected) if fetched.rejected is not None else 0)
    far = outliers(kept)
    first = _first_outlier(kept, far, frame) if far.size else None
    return Checked(kept, pl.concat(bad, how="diagonal"), duplicates, unsorted, total, far.size, first)


def _as_rows(frame: pl.DataFrame, instrument: Instrument, fetched: Fetched) -> Rows:
    import polars as pl

    assert frame.schema["ts_open"] == pl.Int64 and not frame["ts_open"].null_count(), "a provider gives every row its moment"
    columns = {"ts_open": frame["ts_open"].to_numpy()}
    for name in FLOATS:
        if name in frame.columns and (name not in QUOTE_COLUMNS or frame[name].null_count() < len(frame)):
            columns[name] = frame[name].cast(float).to_numpy()
    contracts, columns["contract"] = _contracts(frame, instrument)
    known = (int(BarFlag.SYNTHETIC) if fetched.synthetic else 0) | (int(BarFlag.CLOSE_ONLY) if fetched.close_only else 0) | adjusted_flag(fetched.adjusted)
    columns["flags"] = np.where(columns["volume"] == 0.0, known | int(BarFlag.ZERO_VOLUME), known).astype(np.int16)
    return Rows(contracts, columns)


def _contracts(frame: pl.DataFrame, instrument: Instrument) -> tuple[tuple[str, ...], np.ndarray]:
    """Sorted contract names and the code of each row; only futures have contracts."""
    if instrument.kind != "future" or "contract" not in frame.columns or frame["contract"].null_count() == len(frame):
        return ("",), np.zeros(len(frame), np.int32)
    runs = frame["contract"].fill_null("").rle().struct.unnest()
    names = tuple(sorted(set(runs["value"].to_list())))
    place = {name: i for i, name in enumerate(names)}
    codes = np.array([place[name] for name in runs["value"].to_list()], dtype=np.int32)
    return names, np.repeat(codes, runs["len"].to_numpy())


def _row_defects(rows: Rows, frame: pl.DataFrame, instrument: Instrument) -> np.ndarray:
    """Reason code of each row, 0 for none; in pieces that stay in the processor's cache."""
    reason = np.zeros(len(rows), np.int8)
    per_tick = 1.0 / instrument.tick if instrument.kind in KINDS_ON_TICK else 0.0
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, len(rows), _CHUNK):
            piece = slice(start, start + _CHUNK)
            reason[piece] = _piece_defects(rows.take(piece), per_tick)
    unknown = np.isnan(rows["volume"])
    if unknown.any():                               # null is "the source has none"; a NaN that was written down is a defect
        written = unknown & ~frame["volume"].is_null().to_numpy()
        reason[written & (reason == 0)] = 3
    return reason


def _piece_defects(rows: Rows, per_tick: float) -> np.ndarray:
    opened, high, low, close, volume = (rows[name] for name in (*PRICES, "volume"))
    found = np.zeros(opened.size, np.int8)
    if per_tick:
        off = np.zeros(opened.size, bool)
        for price in (opened, high, low, close):
            ticks = price * per_tick
            off |= np.abs(ticks - np.rint(ticks)) > ON_TICK
        found[off] = 4
    found[(volume < 0) | np.isinf(volume)] = 3
    found[(high < opened) | (high < close) | (low > opened) | (low > close) | (high < low)] = 2
    found[~np.isfinite(opened + high + low + close)] = 1
    return found


def _order(rows: Rows, frame: pl.DataFrame, good: np.ndarray | None) -> tuple[np.ndarray | None, int]:
    """Indices that sort the rows by time and contract (None: sorted), and how many stood behind a later row of their own file and contract."""
    ts, code = rows["ts_open"], rows["contract"]
    step = np.diff(ts)
    if not step.size or (step > 0).all():
        return None, 0
    turned = np.diff(code)
    if ((step > 0) | ((step == 0) & (turned >= 0))).all():
        return None, 0
    back = np.flatnonzero((step < 0) & (turned == 0))
    source = frame["source"].rle_id().to_numpy() if good is None else frame["source"].rle_id().to_numpy()[good]
    unsorted = int((source[back] == source[back + 1]).sum())
    return np.lexsort((code, ts)), unsorted


def _duplicates(rows: Rows) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Masks of the rows to keep and of the rows that disagree; None where there is nothing to say."""
    ts, code = rows["ts_open"], rows["contract"]
    again = (ts[1:] == ts[:-1]) & (code[1:] == code[:-1])
    if not again.any():
        return None, None
    same = again.copy()
    for name in FLOATS:
        if name in rows.columns:
            column = rows[name]
            same &= (column[1:] == column[:-1]) | (np.isnan(column[1:]) & np.isnan(column[:-1]))
    keep = np.r_[True, ~again]
    if (same == again).all():
        return keep, None
    group = np.cumsum(keep) - 1
    disagrees = np.zeros(int(group[-1]) + 1, bool)
    disagrees[group[1:][again & ~same]] = True
    return keep & ~disagrees[group], disagrees[group]


def outliers(rows: Rows) -> np.ndarray:
    """Rows whose high or low lies farther than max(20 median true ranges, 10 %) from the closes on both sides, int64, rising.

    True ranges are shares of their close, as a price may grow a hundredfold within one file.  Sides are the bars before and after in the same contract;
    at an end the bar's own close stands for the one that is not there.  `rows` is sorted.
    """
    several = len(rows.contracts) > 1
    order = np.lexsort((rows["ts_open"], rows["contract"])) if several else None
    high, low, close = (rows[name] if order is None else rows[name][order] for name in ("high", "low", "close"))
    before, after = _neighbours(close, None if order is None else rows["contract"][order])
    found = np.concatenate([start + _far_apart(*(one[start:start + _CHUNK] for one in (high, low, before, after))) for start in range(0, close.size, _CHUNK)] or
                           [np.empty(0, np.int64)])
    if not found.size:
        return found
    true_range = np.maximum(high, before) - np.minimum(low, before)
    usual = float(np.median(np.divide(true_range, np.abs(close), out=np.full(close.size, np.inf), where=close != 0)))
    above, under = high[found] - np.maximum(before, after)[found], np.minimum(before, after)[found] - low[found]
    found = found[np.maximum(above, under) > FAR_RANGES * usual * np.minimum(np.abs(before), np.abs(after))[found]]
    return found if order is None else np.sort(order[found])


def _neighbours(close: np.ndarray, contract: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """The closes before and after each bar of its contract, its own at an end."""
    before, after = np.r_[close[:1], close[:-1]], np.r_[close[1:], close[-1:]]
    if contract is not None:
        turns = np.flatnonzero(np.diff(contract)) + 1
        before[turns], after[turns - 1] = close[turns], close[turns - 1]
    return before, after


def _far_apart(high: np.ndarray, low: np.ndarray, before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Bars of a piece that reach FAR_SHARE beyond the closes on both sides; the rest needs no second look."""
    apart = np.maximum(high - np.maximum(before, after), np.minimum(before, after) - low)
    return np.flatnonzero(apart > FAR_SHARE * np.minimum(np.abs(before), np.abs(after)))


def _first_outlier(rows: Rows, far: np.ndarray, frame: pl.DataFrame) -> Outlier:
    """The first of some outliers as it stands in its file."""
    import polars as pl

    at = int(far[0])
    same = np.flatnonzero(rows["contract"] == rows["contract"][at])
    place = int(np.searchsorted(same, at))
    before, own, after = (float(rows["close"][same[min(max(i, 0), same.size - 1)]]) for i in (place - 1, place, place + 1))
    high, low = float(rows["high"][at]), float(rows["low"][at])
    side, price = ("high", high) if high - max(before, after) >= min(before, after) - low else ("low", low)
    ts = int(rows["ts_open"][at])
    hit = frame.filter(pl.col("ts_open") == ts, pl.col("high") == high, pl.col("low") == low, pl.col("close") == own).row(0, named=True)
    return Outlier(hit["source"], hit["row"], ts, side, price, before, after)


def _bad_rows(frame: pl.DataFrame, reason: np.ndarray) -> pl.DataFrame:
    import polars as pl

    bad = np.flatnonzero(reason)
    kept = [name for name in ("source", "row", "ts_open", *FLOATS, "contract") if name in frame.columns]
    said = pl.Series("reason", [REASONS[int(code)] for code in reason[bad]], dtype=pl.String)
    return frame.select(kept)[bad].with_columns(said, text=pl.lit(None, dtype=pl.String))


def _parsed_not(rejected: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    return rejected.select(pl.col("source").cast(pl.String), pl.col("row").cast(pl.Int64), pl.col("reason").cast(pl.String), pl.col("text").cast(pl.String))


def refuse_too_many(checked: Checked, max_bad_percent: float, symbol: str) -> None:
    """Raise `BadInput` when more than `max_bad_percent` of the rows are bad; the message shows the first of them."""
    count = len(checked.bad)
    if not count or count <= checked.total * max_bad_percent / 100:
        return
    first = checked.bad.row(0, named=True)
    raise BadInput(f"{count} of {checked.total} rows for {symbol} are bad ({100 * count / checked.total:.2f} %), --max-bad allows {max_bad_percent:g} %; the "
                   f"first is row {first['row']} of {first['source']}: {first['reason']}. Nothing was stored: correct the file, its --columns or the "
                   f"instrument's tick in configs/instruments.yaml, or raise --max-bad")


def write_bad(home: Home, symbol: str, bad: pl.DataFrame) -> Path | None:
    """Keep the refused rows below `data/quarantine/<symbol>/`, one JSON line each; the same rows make the same file.  None when there are none."""
    return _kept(home.quarantine / symbol_name(symbol), bad.write_ndjson().encode()) if len(bad) else None


def write_rejected(home: Home, table: str, rejected: Sequence[tuple[int, str, str]]) -> Path | None:
    """As `write_bad`, of (row, reason, text) of a file that speaks of several symbols, below `data/quarantine/<table>/`."""
    lines = (json.dumps({"row": row, "reason": reason, "text": text}, ensure_ascii=False, sort_keys=True) for row, reason, text in rejected)
    return _kept(home.quarantine / table, "".join(f"{line}\n" for line in lines).encode()) if rejected else None


def _kept(folder: Path, content: bytes) -> Path:
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.jsonl"
    if not path.exists():
        write_atomic(path, content)
    return path


def clean(rows: Rows) -> Rows:
    """The float columns with one bit pattern for NaN and for zero."""
    return rows.with_columns(**{name: canonical(rows[name]) for name in FLOATS if name in rows.columns})
