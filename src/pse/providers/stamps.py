"""From rows with a moment each to bars: how long a bar is, which end of it the moment names, and what cannot be taken.

Which end is told, in this order: the user's `--stamp`; the name of the time column; moments that end in :59 or :59.999; the edges of the sessions
(a moment equal to a session's close can only be a close, one equal to its open only an open, and only one of the two may be seen).  Otherwise
the request is refused: a bar that is one minute late or early is look-ahead or stale in every later step.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from pse.domain.actions import ADJUSTED, Adjusted
from pse.domain.bars import timeframe_ns
from pse.domain.errors import BadInput, RequestError
from pse.domain.ports import BAR_COLUMNS, QUOTE_COLUMNS, Fetched, FetchRequest
from pse.domain.sessions import DAY_NS, MINUTE_NS

_SECOND = 1_000_000_000
_GRID_UP_TO = 30 * MINUTE_NS                       # every zone's midnight lies on this grid, so shorter bars must too


@dataclass(frozen=True, eq=False)
class Rows:
    """What was read from one file or several.

    `good`: `ts` int64 ns (moment, or midnight of a date), numbers float64, `contract` str, `source` str, `row` int64.
    `rejected`: `source, row, reason, text`.  `dates`: the moments are plain dates.  `time_name`: the column they came from.
    `adjusted`: what the source has taken out of the prices of a share.
    """

    good: pl.DataFrame
    rejected: pl.DataFrame
    dates: bool
    time_name: str
    where: str
    notes: tuple[str, ...] = ()
    adjusted: Adjusted = "none"


def no_rejects() -> pl.DataFrame:
    """An empty frame of rejected rows."""
    return pl.DataFrame(schema={"source": pl.String, "row": pl.Int64, "reason": pl.String, "text": pl.String})


def together(parts: list[Rows], timeframe: str | None) -> Rows:
    """Rows of several files of one series; `BadInput` when they are not of one kind.

    With a `timeframe` the files whose bars are of another length are left out, and named in the notes.
    """
    parts, left_out = _of_one_length(parts, timeframe)
    first = parts[0]
    odd = next((part for part in parts if part.dates != first.dates), None)
    if odd is not None:
        raise BadInput(f"{first.where} and {odd.where} are not of one kind: one holds dates and the other times of day; name one file with --path")
    return Rows(
        pl.concat([part.good for part in parts], how="diagonal"),
        pl.concat([part.rejected for part in parts]),
        first.dates,
        first.time_name,
        first.where if len(parts) == 1 else f"{first.where} and {len(parts) - 1} more",
        tuple(dict.fromkeys(note for part in parts for note in part.notes)) + left_out,
        max((part.adjusted for part in parts), key=ADJUSTED.index),
    )


def _of_one_length(parts: list[Rows], timeframe: str | None) -> tuple[list[Rows], tuple[str, ...]]:
    steps = [_usual_step(part.good["ts"].to_numpy(), DAY_NS if part.dates else _SECOND) for part in parts]
    if len({step for step in steps if step}) < 2:
        return parts, ()
    asked = None if timeframe is None else timeframe_ns(timeframe)
    kept = [part for part, step in zip(parts, steps, strict=True) if step in (0, asked)]
    if not kept:
        seen = ", ".join(f"{part.where} {_name(step)}" for part, step in list(zip(parts, steps, strict=True))[:4])
        raise BadInput(f"the files hold bars of different lengths ({seen}); name one file with --path, or one length with --timeframe")
    return kept, tuple(f"{part.where}: left out, its bars are not {timeframe}" for part in parts if part not in kept)


def to_fetched(rows: Rows, request: FetchRequest, named: str | None) -> Fetched:
    """Bars of the request from the rows read.  `named` is what the time column's name says of the stamp."""
    notes = list(rows.notes)
    doubts: list[str] = []
    ts = rows.good["ts"].to_numpy()
    if rows.dates:
        timeframe, ts_open = _daily(ts, request, rows.where), ts
    else:
        timeframe = _timeframe(ts, request, rows.where)
        stamp, reason = stamp_of(ts, timeframe, request, named, rows.where)
        if request.options.stamp is not None:
            doubts = doubts_of(ts, stamp, request.extra.get("sessions"), rows.where)
        ts_open = to_opens(ts, timeframe, stamp)
        notes.append(f"{rows.where}: times are bar {stamp}s ({reason})")
    good, rejected = _on_grid(rows, ts_open, timeframe)
    return Fetched(frame=window(good, request), timeframe=timeframe, rejected=rejected, notes=notes, doubts=doubts,
                   adjusted=rows.adjusted if request.instrument.kind == "stock" else "none")


def window(frame: pl.DataFrame, request: FetchRequest) -> pl.DataFrame:
    """The bars with start <= ts_open < end, in the columns of the port."""
    if request.start_ns is not None:
        frame = frame.filter(pl.col("ts_open") >= request.start_ns)
    if request.end_ns is not None:
        frame = frame.filter(pl.col("ts_open") < request.end_ns)
    for name, kind in (("volume", pl.Float64), ("contract", pl.String)):
        if name not in frame.columns:
            frame = frame.with_columns(pl.lit(None, dtype=kind).alias(name))
    return frame.select(*BAR_COLUMNS, *(name for name in QUOTE_COLUMNS if name in frame.columns))


def _daily(ts: np.ndarray, request: FetchRequest, where: str) -> str:
    step = _usual_step(ts, DAY_NS)
    if step > 4 * DAY_NS:
        raise BadInput(f"{where}: dates lie {step // DAY_NS} days apart; daily bars are taken, longer ones are not")
    if request.timeframe not in (None, "1d"):
        raise RequestError(f"{where}: rows carry dates only, so bars are 1d, not --timeframe {request.timeframe}")
    return "1d"


def _usual_step(ts: np.ndarray, least_ns: int) -> int:
    """The smallest step that at least 1 in 20 neighbours in time have, else the commonest, ns (a few closer rows do not make finer bars); 0 below two
    moments."""
    steps = np.diff(ts)
    if (steps < 0).any():
        steps = np.diff(np.sort(ts, kind="stable"))
    steps = steps[steps >= least_ns]
    if not steps.size:
        return 0
    whole = np.minimum(steps // least_ns, 1 << 20)
    counts = np.bincount(whole)
    frequent = np.flatnonzero(counts >= max(0.05 * steps.size, 1))
    return int(frequent[0] if frequent.size else counts.argmax()) * least_ns


def _timeframe(ts: np.ndarray, request: FetchRequest, where: str) -> str:
    step = _usual_step(ts, _SECOND)
    asked = None if request.timeframe is None else timeframe_ns(request.timeframe)
    if step == 0:
        if request.timeframe is None:
            raise RequestError(f"{where}: one moment does not tell how long its bar is; write --timeframe, for example 1m")
        return request.timeframe
    if asked is not None and asked != step and not (asked < step and step % asked == 0):
        raise RequestError(f"{where}: bars are {_name(step)} apart, not --timeframe {request.timeframe}; leave it out, longer bars are derived")
    return request.timeframe if request.timeframe is not None else _name(step)


def _name(step: int) -> str:
    for unit, size in (("d", DAY_NS), ("h", 60 * MINUTE_NS), ("m", MINUTE_NS), ("s", _SECOND)):
        if step % size == 0:
            return f"{step // size}{unit}"
    return f"{step // _SECOND}s"


def stamp_of(ts: np.ndarray, timeframe: str, request: FetchRequest, named: str | None, where: str) -> tuple[str, str]:
    """`open` or `close`, and how that is known; `RequestError` when it cannot be told."""
    said = request.options.stamp
    ends_late = ts.size > 0 and timeframe_ns(timeframe) >= MINUTE_NS and bool((ts % MINUTE_NS >= 59 * _SECOND).mean() > 0.99)
    if ends_late and said == "open":
        raise RequestError(f"{where}: times end in :59, the last second of a bar, so they cannot be opens; leave --stamp out or write --stamp close")
    if said is not None:
        return said, "--stamp"
    if ends_late:
        return "close", "they end in the last second of a minute"
    if named is not None:
        return named, "by the name of the time column"
    at_open, at_close = _edges(ts, request.extra.get("sessions"))
    if at_open and not at_close:
        return "open", f"{at_open} fall on a session's open and none on a close"
    if at_close and not at_open:
        return "close", f"{at_close} fall on a session's close and none on an open"
    raise RequestError(
        f"{where}: it cannot be told whether a time is the open or the close of its {timeframe} bar"
        + (f" ({at_open} fall on session opens, {at_close} on closes)" if at_open or at_close else "")
        + "; the one who made the file knows: write --stamp open or --stamp close"
    )


def doubts_of(ts: np.ndarray, stamp: str, sessions: Any, where: str) -> list[str]:
    """A warning when the edges of the sessions say the other end of the bar than the user did, else nothing."""
    at_open, at_close = _edges(ts, sessions)
    other, count = ("close", at_close) if stamp == "open" else ("open", at_open)
    if not count or (at_open and at_close):
        return []
    return [f"{where}: --stamp {stamp} was asked for, but {count} row{'s' * (count > 1)} fall{'s' * (count == 1)} on a session's {other} and none on "
            f"{'an' if stamp == 'open' else 'a'} {stamp}, as times of bar {other}s do; if the times are {other}s, every bar is stored one bar "
            f"{'late' if stamp == 'open' else 'early'}: check the maker's page and ingest again with --stamp {other}, in another --home"]


def _edges(ts: np.ndarray, sessions: Any) -> tuple[int, int]:
    """How many session opens and closes occur among the moments; edges that are both at once decide nothing."""
    if sessions is None or not ts.size:
        return 0, 0
    if callable(sessions):
        sessions = sessions(int(ts.min()), int(ts.max()) + 1)
    opens = np.setdiff1d(sessions.open_ns, sessions.close_ns)
    closes = np.setdiff1d(sessions.close_ns, sessions.open_ns)
    return int(np.isin(opens, ts).sum()), int(np.isin(closes, ts).sum())


def to_opens(ts: np.ndarray, timeframe: str, stamp: str) -> np.ndarray:
    """Bar opens from moments; a close of hh:mm:59.999 (or :59) is hh:mm+1."""
    if stamp == "open":
        return ts
    length = timeframe_ns(timeframe)
    if length >= MINUTE_NS:
        late = ts % MINUTE_NS
        ts = np.where(late >= 59 * _SECOND, ts - late + MINUTE_NS, ts)
    return ts - length


def _on_grid(rows: Rows, ts_open: np.ndarray, timeframe: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Good rows with `ts_open`; those that open between two bars go to the rejected."""
    good = rows.good.with_columns(pl.Series("ts_open", ts_open)).drop("ts")
    length = timeframe_ns(timeframe)
    off = ts_open % length != 0 if length <= _GRID_UP_TO else np.zeros(ts_open.size, dtype=bool)
    if not off.any():
        return good, rows.rejected
    text = pl.from_epoch("ts_open", time_unit="ns").cast(pl.String).alias("text")
    stray = good.filter(pl.Series(off)).select("source", "row", pl.lit(f"the time is not on the {timeframe} grid").alias("reason"), text)
    return good.filter(pl.Series(~off)), pl.concat([rows.rejected, stray])
