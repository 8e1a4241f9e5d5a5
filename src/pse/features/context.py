"""The context of a decision: one row of numbers a decision bar, in the columns of the kernels' contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pse.domain.bars import Bars, timeframe_ns
from pse.domain.headlines import NO_HEADLINES, Headlines
from pse.domain.instruments import Instrument
from pse.domain.sessions import DAY_NS, MINUTE_NS, Sessions
from pse.features.build import Features
from pse.features.market_state import session_left_ns
from pse.kernels import contract as k
from pse.kernels.codes import TCC_UNKNOWN
from pse.kernels.quality import data_scores, open_time
from pse.kernels.regimes import median_before
from pse.kernels.resample import asof_rows
from pse.kernels.state import BAR_FIRST, BAR_OUTSIDE

QUALITY_INTERVALS = 20            # decision intervals that the data-quality score looks back on
JUMP_ATR = 10.0                   # a change of close beyond this many ranges inside a session is a jump nobody explained
STRETCH = 4096                    # rows that are written at a time
STATES = {k.C_TCC_CLASS: "tcc", k.C_TCC_DIR: "tcc_dir", k.C_TCC_SCORE_LONG: "tcc_score_long", k.C_TCC_SCORE_SHORT: "tcc_score_short", k.C_MCS: "mcs",
          k.C_VOL_BUCKET: "vol_bucket", k.C_LIQUIDITY: "liquidity", k.C_RSI_STATE: "rsi_state", k.C_MACD_STATE: "macd_state", k.C_VOL_SPIKE: "vol_spike"}


@dataclass(frozen=True, eq=False)
class Wanted:
    """Which decisions get a row, and what is asked there.

    `at`: decision bars, int64 rising; None: all of them.  `states`: trends, volatility and structure; without them their columns are 0, and NaN of what
    is no code.  `score`: the data's quality; without it 1.
    """

    at: np.ndarray | None = None
    states: bool = True
    score: bool = True


EVERYTHING = Wanted()


def context_rows(features: Features, instrument: Instrument, blackouts: Sequence[tuple[int, int]] = (), spread_ticks: np.ndarray | None = None,
                 rate: np.ndarray | None = None, headlines: Headlines = NO_HEADLINES, flag_age_ns: int = 0,
                 wanted: Wanted = EVERYTHING) -> tuple[np.ndarray, np.ndarray]:
    """(decision times int64[rows], float64[rows, len(CONTEXT_COLUMNS)]), one row a decision bar that is wanted.

    `blackouts`: (start_ns, end_ns) with start <= T < end inside.  `spread_ticks`: float64 a base bar, NaN where unknown; without it the column is NaN.
    States are their codes, 0 unknown; scores of an unknown conviction are NaN.  DAILY_ROW counts the rows of `features.daily_returns` known at T,
    DAILY_CLOSE is the last of their closes on the price scale of the bar's contract.  `rate`: money of the account for one of the instrument's currency
    at each decision bar, float64, NaN where it is unknown, and nothing is ready there; without it 1.  A red-flag headline counts for `flag_age_ns` from
    the moment it was known.
    """
    bars, decision, columns = features.bars, features.decision, features.columns
    at = np.arange(len(decision)) if wanted.at is None else wanted.at
    pick = (lambda column: column) if wanted.at is None else (lambda column: column[at])
    ts, n = pick(decision.ts_close), at.size
    last = asof_rows(bars.ts_close, ts)
    age, (day, day_close, day_atr) = _age(features, at, ts, last), _daily(features, at, ts)
    ready, (news_age, news_flag) = pick(_ready(features, wanted.states)), headlines.at(ts, flag_age_ns)
    if rate is not None:
        ready = ready & np.isfinite(pick(rate))
    empty, zero = np.full(n, np.nan), np.zeros(n)
    if wanted.states:
        told = {k.C_MSS_DIR: "mss_dir", k.C_SWING_HIGH: "swing_high", k.C_SWING_LOW: "swing_low", **STATES}
        states = {column: pick(columns[name]) for column, name in told.items()}
    else:
        states = {column: empty if column in (k.C_SWING_HIGH, k.C_SWING_LOW) else zero for column in (k.C_MSS_DIR, k.C_SWING_HIGH, k.C_SWING_LOW, *STATES)}
    return ts, _as_rows(n, {
        k.C_CLOSE: pick(decision.close), k.C_ATR: pick(columns["atr"]), k.C_READY: ready,
        k.C_DATA_SCORE: pick(_scores(features)) if wanted.score else zero + 1.0, k.C_LAST_BAR_AGE_NS: age,
        k.C_SESSION_LEFT_NS: pick(session_left_ns(decision, instrument)), k.C_BLACKOUT: inside(ts, blackouts),
        k.C_RATE: zero + 1.0 if rate is None else pick(rate), k.C_DAILY_ATR: day_atr, k.C_NEWS_AGE_NS: news_age, k.C_NEWS_FLAG: news_flag,
        k.C_VOL_RATIO: pick(_usual_over_now(features)) if wanted.states else empty,
        k.C_HOURS: next_hours(ts, decision.session[at], decision.sessions),
        k.C_SPREAD_TICKS: empty if spread_ticks is None else spread_ticks[last], k.C_DAILY_ROW: day, k.C_DAILY_CLOSE: day_close, **states})


def _as_rows(n: int, columns: Mapping[int, np.ndarray]) -> np.ndarray:
    """The columns as rows, float64[n, len(columns)]; written some thousand rows at a time, which then lie in the processor's cache."""
    out = np.empty((n, len(k.CONTEXT_COLUMNS)))
    assert len(columns) == out.shape[1]
    for lo in range(0, n, STRETCH):
        for column, values in columns.items():
            out[lo:lo + STRETCH, column] = values[lo:lo + STRETCH]
    return out


def _ready(features: Features, states: bool) -> np.ndarray:
    """Past the warm-up of range, and with `states` of relative volume and conviction, the session's VWAP known where volume is (not of days), bool[n]."""
    columns, volume = features.columns, features.decision.volume
    if not states:
        return np.isfinite(columns["atr"]) & np.isfinite(columns["atr_before"])
    ready = np.isfinite(columns["atr"]) & np.isfinite(columns["atr_before"]) & (columns["tcc"] != TCC_UNKNOWN)
    ready[:features.spec.volume.period] = False
    return ready & (np.isfinite(columns["vwap"]) | np.isnan(volume)) if "vwap" in columns else ready


def hours(bars: Bars) -> np.ndarray:
    """Whether each bar opens in the first minute of its session or of regular hours (BAR_FIRST) and outside regular hours (BAR_OUTSIDE), int16[n].

    A market that never closes has neither.
    """
    calendar, n = bars.sessions, len(bars)
    if not n:
        return np.zeros(0, np.int16)
    days = slice(int(bars.session[0]), int(bars.session[-1]) + 1)
    opens, rth_opens, rth_closes = calendar.open_ns[days], calendar.rth_open_ns[days], calendar.rth_close_ns[days]
    outside, closes = (rth_opens > opens) | (rth_closes < calendar.close_ns[days]), calendar.close_ns[days] - opens < DAY_NS
    flags = np.zeros(n, np.int16)
    if outside.any():
        flags[~_between(bars.ts_open, rth_opens, rth_closes)] = BAR_OUTSIDE
    starts = np.unique(np.concatenate([opens[closes], rth_opens[closes]]))
    flags[_between(bars.ts_open, starts, starts + MINUTE_NS)] |= BAR_FIRST
    return flags


def next_hours(ts: np.ndarray, session: np.ndarray, calendar: Sessions) -> np.ndarray:
    """The same of the bar that opens at each moment of its session, or with the next session where this one is over, float64[n]."""
    opens, rth_opens = calendar.open_ns[session], calendar.rth_open_ns[session]
    over = ts >= calendar.close_ns[session]
    outside = np.where(over, rth_opens > opens, (ts < rth_opens) | (ts >= calendar.rth_close_ns[session]))
    first = (over | (ts == opens) | (ts == rth_opens)) & (calendar.close_ns[session] - opens < DAY_NS)
    return (outside * BAR_OUTSIDE + first * BAR_FIRST).astype(np.float64)


def _between(ts: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Whether each moment, in order, lies in one of the intervals [start, end) that do not overlap, bool[n]."""
    steps = np.zeros(ts.size + 1, np.int8)
    np.add.at(steps, np.searchsorted(ts, starts), 1)
    np.subtract.at(steps, np.searchsorted(ts, ends), 1)
    return np.cumsum(steps[:-1], dtype=np.int8) > 0


def inside(ts: np.ndarray, intervals: Sequence[tuple[int, int]]) -> np.ndarray:
    """Whether each moment, in order, lies in one of the intervals [start, end), bool[n]."""
    out = np.zeros(ts.size, bool)
    edges = np.searchsorted(ts, np.array(intervals, np.int64).reshape(-1, 2))
    for lo, hi in edges[edges[:, 0] < edges[:, 1]]:
        out[lo:hi] = True
    return out


def _usual_over_now(features: Features) -> np.ndarray:
    """Median of ATR over the close in the window before each decision bar over the bar's own, float64[n]; NaN while too few are known.

    The window and the fewest values in it are those by which the desk ranks volatility.
    """
    reach = features.columns["atr"] / features.decision.close
    usual = median_before(reach, *features.spec.volatility.ranked(features.known))
    return np.divide(usual, reach, out=np.full(reach.size, np.nan), where=reach > 0.0)


def _age(features: Features, at: np.ndarray, ts: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Open time since the close of the last base bar at each of the decision bars `at`, float64[n] ns."""
    calendar, session = features.decision.sessions, features.decision.session[at]
    closed = features.bars.ts_close[last]
    halt = np.minimum(ts, calendar.break_close_ns[session]) - np.maximum(closed, calendar.break_open_ns[session])
    return (ts - closed - np.maximum(halt, 0)).astype(np.float64)


def _scores(features: Features) -> np.ndarray:
    """Data-quality score of each decision bar."""
    bars, calendar = features.decision, features.decision.sessions
    age = _age(features, np.arange(len(bars)), bars.ts_close, asof_rows(features.bars.ts_close, bars.ts_close))
    open_ns = calendar.close_ns - calendar.open_ns - (calendar.break_close_ns - calendar.break_open_ns)
    before = np.cumsum(open_ns) - open_ns
    elapsed = open_time(bars.ts_close, bars.session, calendar.open_ns, calendar.break_open_ns, calendar.break_close_ns, before)
    return data_scores(bars.adjusted("open"), bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), bars.volume, bars.session,
                       features.columns["atr_before"], features.columns["n_src"], elapsed, age, QUALITY_INTERVALS,
                       timeframe_ns(bars.timeframe), timeframe_ns(features.bars.timeframe), JUMP_ATR)


def _daily(features: Features, at: np.ndarray, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Completed trading days known at each moment: how many, the last one's close on the scale of the bar's contract, and its ATR; NaN before the first."""
    row = asof_rows(features.daily_known_at, ts)
    close, atr = np.full(ts.size, np.nan), np.full(ts.size, np.nan)
    some = row >= 0
    close[some] = features.daily.adjusted("close")[row[some]] + features.decision.offset[at[some]]
    atr[some] = features.known.at("1d").atr[row[some]]
    return row + 1, close, atr
