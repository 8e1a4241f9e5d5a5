"""A chart before it is drawn: the candles of a window with their structure, features and trades, as they were known at its last bar.

One view, two drawings (`chart_page`, `chart_picture`).  Prices are moved to the scale of the last contract shown, so that a roll makes no jump.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from pse.domain.bars import BarFlag, Bars, timeframe_ns
from pse.domain.errors import UnknownName
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS
from pse.features.build import FeatureSpec
from pse.features.feature import Known
from pse.reports.chart_columns import Line, Ribbon, chosen, feature_lines, regimes, vwap_lines
from pse.reports.chart_objects import MONTHS, Shape, Window, left_out, shapes_of

LAYERS = {
    "sessions": "overnight hours shaded, trading days parted", "structure": "breaks of structure: BOS, CHoCH, MSS", "swings": "swing points",
    "gaps": "fair value gaps", "pools": "liquidity pools", "sweeps": "sweeps of pools", "blocks": "order blocks", "levels": "support and resistance",
    "zones": "supply and demand zones",
    "vwap": "VWAP of the session", "bands": "its bands of one and two deviations", "volume": "volume", "regime": "states of the market",
    "trades": "trades of a run",
}
_HOLES_TOLD = 4                                  # the newest ones, in words
ASKED_FOR = ("zones",)                           # in the chart only where the layer is named: what it rests on is computed for nothing else
QUIET = ("blocks", "levels", "bands")            # in the page, and not drawn until asked for


@dataclass(frozen=True)
class TradeMark:
    """A trade of a run on the chart's bars and scale; `exit` is None while it is open at the last bar."""

    entry: int
    exit: int | None
    entry_price: float
    exit_price: float
    stop: float
    target: float
    way: int
    title: str
    result: str
    won: bool


@dataclass(frozen=True, eq=False)
class ChartView:
    """What is drawn.  Rows of `bars`, of lines and of ribbons are those of the window; bars in shapes and trades count from its first bar.
  `earlier`: the bars before it, where objects may begin.

    `base`: added to forward-adjusted prices gives the scale of the chart.  `layers`: those in the chart; `on`: those drawn at first sight.
    `stored`: the series that the bars were made from, as it is named.
    """

    instrument: Instrument
    bars: Bars
    earlier: Bars
    prices: dict[str, np.ndarray]
    base: float
    wall: np.ndarray
    at_ns: int | None
    layers: tuple[str, ...]
    on: tuple[str, ...]
    shapes: list[Shape]
    lines: list[Line]
    ribbons: list[Ribbon]
    trades: list[TradeMark]
    run_id: str
    notes: tuple[str, ...]
    stored: str = ""

    @property
    def symbol(self) -> str:
        return self.bars.symbol

    @property
    def tz(self) -> str:
        return self.bars.sessions.tz

    @property
    def synthetic(self) -> bool:
        return bool((self.bars.flags & np.int16(BarFlag.SYNTHETIC)).any())

    @property
    def daily(self) -> bool:
        return timeframe_ns(self.bars.timeframe) >= DAY_NS


def layer_names(asked: Iterable[str] | None, has_run: bool) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Layers of the chart and those drawn at first sight; `UnknownName` with the nearest."""
    if asked is None:
        every = tuple(name for name in LAYERS if (has_run or name != "trades") and name not in ASKED_FOR)
        return every, tuple(name for name in every if name not in QUIET)
    names = tuple(dict.fromkeys(asked))
    for name in names:
        if name not in LAYERS:
            raise UnknownName("layer", name, LAYERS)
    kept = tuple(name for name in LAYERS if name in names)
    return kept, kept


def chart_view(known: Known, first: int, spec: FeatureSpec, layers: tuple[str, ...], on: tuple[str, ...], features: Iterable[str] = (),
               trades: pl.DataFrame | None = None, run_id: str = "", at_ns: int | None = None, stored: str = "", splits: np.ndarray | None = None) -> ChartView:
    """The view of the bars from `first` to the last of `known`, which ends where nothing later may be seen.

    trades: rows of a run's table on this symbol's prices, whichever of them fall into the window.  `splits`: their product so far at each bar of `known`;
    trades are told in the shares that they ended in.
    """
    past, bars = len(known), known.bars[first:]
    shapes = [_moved(shape, first) for shape in shapes_of(Window(known, first, past), spec, layers)]
    lines, ribbons, skipped = feature_lines(known, chosen(features, spec))
    if timeframe_ns(known.timeframe) < DAY_NS:                       # of one bar there is no average
        lines = vwap_lines(known, spec, layers) + lines
    ribbons = (regimes(known, spec) if "regime" in layers else []) + ribbons
    base = float(bars.offset[-1])
    notes = [*left_out(shapes), *skipped]
    if bars.roll[1:].any():
        notes.append(f"the raw price before the roll: candles before it are moved to the scale of {bars.contracts[bars.contract[-1]]}")
    if bars.factor is not None and (bars.factor != 1.0).any():
        notes.append("the raw price before splits and dividends: candles before them are moved to the scale of the last bar")
    prices = {name: known.price(name)[first:] + base for name in ("open", "high", "low", "close")}
    return ChartView(
        instrument=known.instrument, bars=bars, earlier=known.bars[:first], prices=prices, base=base, wall=wall_seconds(bars), at_ns=at_ns, layers=layers,
        on=on, shapes=shapes, lines=[_cut_line(line, first, base) for line in lines], ribbons=_distinct(ribbons, first),
        trades=_marks(trades, known.bars, first, base, splits) if trades is not None and "trades" in layers else [], run_id=run_id, notes=tuple(notes),
        stored=stored)


def _moved(shape: Shape, first: int) -> Shape:
    never = shape.last > first + 2**60
    return replace(shape, first=shape.first - first, last=shape.last if never else shape.last - first, event=shape.event - first,
                   known=shape.known - first, later=tuple((word, bar - first) for word, bar in shape.later))


def _cut_line(line: Line, first: int, base: float) -> Line:
    values = line.values[first:] + (base if line.unit == "price" else 0.0)
    return Line(line.name, line.meaning, line.unit, values, line.pane, line.layer, line.dots)


def _distinct(ribbons: list[Ribbon], first: int) -> list[Ribbon]:
    found = {one.name: Ribbon(one.name, one.meaning, one.codes[first:], one.words) for one in ribbons}
    return list(found.values())


def wall_seconds(bars: Bars) -> np.ndarray:
    """Exchange time of each bar's open as seconds since 1970 of its wall clock, int64, rising strictly; from a day on the session's date.

    An hour that a change of clocks repeats is told a second apart.
    """
    if timeframe_ns(bars.timeframe) >= DAY_NS:
        date = bars.session_date.astype(np.int64)
        days = (date // 10000 - 1970).astype("M8[Y]").astype("M8[M]") + (date // 100 % 100 - 1).astype("m8[M]")
        wall = (days.astype("M8[D]").astype(np.int64) + date % 100 - 1) * 86_400
    else:
        seconds, zone = bars.ts_open // 10**9, ZoneInfo(bars.sessions.tz)
        hours, place = np.unique(seconds // 900, return_inverse=True)
        shift = [int(datetime.fromtimestamp(int(hour) * 900, zone).utcoffset().total_seconds()) for hour in hours]  # type: ignore[union-attr]
        wall = seconds + np.array(shift, np.int64)[place]
    steps = np.arange(wall.size)
    return np.maximum.accumulate(wall - steps) + steps


def regular(bars: Bars) -> np.ndarray:
    """Whether each bar opens in the regular hours of its session, bool[n]."""
    calendar, session = bars.sessions, bars.session
    return (bars.ts_open >= calendar.rth_open_ns[session]) & (bars.ts_open < calendar.rth_close_ns[session])


def day_starts(bars: Bars) -> np.ndarray:
    """First bar of each trading day, int64."""
    return np.flatnonzero(np.append(True, np.diff(bars.session) != 0))


def holes(bars: Bars) -> list[tuple[int, int]]:
    """Each bar before which whole trading days of the calendar have no bar, and how many."""
    missing = np.diff(bars.session, prepend=bars.session[:1]) - 1
    return [(int(i), int(missing[i])) for i in np.flatnonzero(missing > 0)]


def holes_words(bars: Bars) -> str:
    """Not stored: 9 sessions before 2 Dec 2013."""
    found = holes(bars)
    told = [f"{_sessions(count)} before {date_words(int(bars.session_date[i]))}" for i, count in found[-_HOLES_TOLD:]]
    more = f", and {len(found) - len(told)} earlier holes" if len(told) < len(found) else ""
    return f"Not stored: {'; '.join(told)}{more}. A hatched band parts the bars there." if found else ""


def _sessions(count: int) -> str:
    return f"{count} session{'s' * (count > 1)}"


def date_words(date: int) -> str:
    """2 Dec 2013, of yyyymmdd."""
    return f"{date % 100} {MONTHS[date // 100 % 100 - 1]} {date // 10000}"


def key_words(view: ChartView) -> str:
    """What the letters and numbers beside the names on the chart mean; empty where there are none."""
    kinds = {one.kind for one in view.shapes if one.layer in view.on}
    told = ["BOS, CHoCH, MSS: break of structure, change of character, market structure shift"] if kinds & {"bos", "choch", "mss"} else []
    told += ["the letter after MSS: grade of the break, A+ best, C least"] if "mss" in kinds else []
    told += ["PD, PW: high and low of the day and week before, with its date when older"] if "pool" in kinds else []
    told += ["a number after a pool or level: its priority, 1.00 highest"] if kinds & {"pool", "level"} else []
    told += ["sw: sweep"] if "sweep" in kinds else []
    return "; ".join(told)


def _marks(trades: pl.DataFrame, bars: Bars, first: int, base: float, splits: np.ndarray | None = None) -> list[TradeMark]:
    """Trades whose entry or exit lies in the window; what happened after its last bar is not told."""
    marks, end_ns, start_ns = [], int(bars.ts_close[-1]), int(bars.ts_open[first])
    scale, shares = (np.ones(len(bars)) if one is None else one for one in (bars.factor, splits))
    for row in trades.sort("ts_entry", "trade_id").iter_rows(named=True):
        if row["ts_entry"] >= end_ns or row["ts_exit"] < start_ns:
            continue
        entry = max(int(np.searchsorted(bars.ts_open, row["ts_entry"], side="right")) - 1, 0)
        leave = max(int(np.searchsorted(bars.ts_open, row["ts_exit"], side="right")) - 1, 0)
        closed, way = row["ts_exit"] < end_ns, 1 if row["direction"] == "LONG" else -1
        move, moved_out = base - float(bars.offset[entry]), base - float(bars.offset[leave])
        times_out = float(scale[leave])
        times = float(scale[entry] * shares[leave] / shares[entry])
        result = f"{row['r_net']:+.2f} R by {row['exit_reason']}" if closed else "open"
        marks.append(TradeMark(
            entry - first, leave - first if closed else None, row["entry_price"] * times + move,
            row["exit_price"] * times_out + moved_out if closed else float("nan"),
            row["stop_initial"] * times + move, float("nan") if row["target"] is None else row["target"] * times + move, way,
            f"{row['direction'].lower()} {row['quantity']:g} {row['contract'] or row['symbol']}, {row['label'] or row['tactic']}"
            f"{' ' + row['grade'] if row['grade'] else ''}", result, bool(closed and row["net_usd"] > 0)))
    return marks
