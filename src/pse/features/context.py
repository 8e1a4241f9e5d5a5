"""The context of a decision: one row of numbers a decision bar, in the columns of the kernels' contract."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from pse.domain.bars import timeframe_ns
from pse.domain.headlines import NO_HEADLINES, Headlines
from pse.domain.instruments import Instrument
from pse.features.build import Features
from pse.features.market_state import session_left_ns
from pse.kernels import contract as k
from pse.kernels.codes import TCC_UNKNOWN
from pse.kernels.quality import data_scores, open_time
from pse.kernels.resample import asof_rows

QUALITY_INTERVALS = 20            # decision intervals that the data-quality score looks back on
JUMP_ATR = 10.0                   # a change of close beyond this many ranges inside a session is a jump nobody explained
STRETCH = 4096                    # rows that are written at a time
STATES = {k.C_TCC_CLASS: "tcc", k.C_TCC_DIR: "tcc_dir", k.C_TCC_SCORE_LONG: "tcc_score_long", k.C_TCC_SCORE_SHORT: "tcc_score_short", k.C_MCS: "mcs",
          k.C_VOL_BUCKET: "vol_bucket", k.C_LIQUIDITY: "liquidity", k.C_RSI_STATE: "rsi_state", k.C_MACD_STATE: "macd_state", k.C_VOL_SPIKE: "vol_spike"}


def context_rows(features: Features, instrument: Instrument, blackouts: Sequence[tuple[int, int]] = (), spread_ticks: np.ndarray | None = None,
                 rate: np.ndarray | None = None, headlines: Headlines = NO_HEADLINES, flag_age_ns: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """(decision times int64[rows], float64[rows, len(CONTEXT_COLUMNS)]), one row a decision bar.

    `blackouts`: (start_ns, end_ns) with start <= T < end inside.  `spread_ticks`: float64 a base bar, NaN where unknown; without it the column is NaN.
    States are their codes, 0 unknown; scores of an unknown conviction are NaN.  DAILY_ROW counts the rows of `features.daily_returns` known at T,
    DAILY_CLOSE is the last of their closes on the price scale of the bar's contract.  `rate`: money of the account for one of the instrument's currency
    at each decision, float64[rows], NaN where it is unknown, and nothing is ready there; without it 1.  A red-flag headline counts for `flag_age_ns` from
    the moment it was known.
    """
    bars, decision, columns = features.bars, features.decision, features.columns
    ts = decision.ts_close
    last = asof_rows(bars.ts_close, ts)
    age, (day, day_close, day_atr) = _age(features, ts, last), _daily(features, ts)
    n, ready, (news_age, news_flag) = len(decision), _ready(features), headlines.at(ts, flag_age_ns)
    if rate is not None:
        ready &= np.isfinite(rate)
    return ts, _as_rows(n, {
        k.C_CLOSE: decision.close, k.C_ATR: columns["atr"], k.C_READY: ready, k.C_DATA_SCORE: _scores(features, age), k.C_LAST_BAR_AGE_NS: age,
        k.C_SESSION_LEFT_NS: session_left_ns(decision, instrument), k.C_BLACKOUT: inside(ts, blackouts),
        k.C_RATE: np.ones(n) if rate is None else rate, k.C_DAILY_ATR: day_atr, k.C_NEWS_AGE_NS: news_age, k.C_NEWS_FLAG: news_flag,
        k.C_SPREAD_TICKS: np.full(n, np.nan) if spread_ticks is None else spread_ticks[last], k.C_MSS_DIR: columns["mss_dir"],
        k.C_SWING_HIGH: columns["swing_high"], k.C_SWING_LOW: columns["swing_low"], k.C_DAILY_ROW: day, k.C_DAILY_CLOSE: day_close,
        **{column: columns[name] for column, name in STATES.items()}})


def _as_rows(n: int, columns: Mapping[int, np.ndarray]) -> np.ndarray:
    """The columns as rows, float64[n, len(columns)]; written some thousand rows at a time, which then lie in the processor's cache."""
    out = np.empty((n, len(k.CONTEXT_COLUMNS)))
    assert len(columns) == out.shape[1]
    for lo in range(0, n, STRETCH):
        for column, values in columns.items():
            out[lo:lo + STRETCH, column] = values[lo:lo + STRETCH]
    return out


def _ready(features: Features) -> np.ndarray:
    """Past the warm-up of range, relative volume and conviction, and the session's VWAP known where volume is (not of days), bool[n]."""
    columns, volume = features.columns, features.decision.volume
    ready = np.isfinite(columns["atr"]) & np.isfinite(columns["atr_before"]) & (columns["tcc"] != TCC_UNKNOWN)
    ready[:features.spec.volume.period] = False
    return ready & (np.isfinite(columns["vwap"]) | np.isnan(volume)) if "vwap" in columns else ready


def inside(ts: np.ndarray, intervals: Sequence[tuple[int, int]]) -> np.ndarray:
    """Whether each moment, in order, lies in one of the intervals [start, end), bool[n]."""
    out = np.zeros(ts.size, bool)
    edges = np.searchsorted(ts, np.array(intervals, np.int64).reshape(-1, 2))
    for lo, hi in edges[edges[:, 0] < edges[:, 1]]:
        out[lo:hi] = True
    return out


def _age(features: Features, ts: np.ndarray, last: np.ndarray) -> np.ndarray:
    """Open time since the close of the last base bar, float64[n] ns."""
    calendar, session = features.decision.sessions, features.decision.session
    closed = features.bars.ts_close[last]
    halt = np.minimum(ts, calendar.break_close_ns[session]) - np.maximum(closed, calendar.break_open_ns[session])
    return (ts - closed - np.maximum(halt, 0)).astype(np.float64)


def _scores(features: Features, age: np.ndarray) -> np.ndarray:
    """Data-quality score of each decision bar."""
    bars, calendar = features.decision, features.decision.sessions
    open_ns = calendar.close_ns - calendar.open_ns - (calendar.break_close_ns - calendar.break_open_ns)
    before = np.cumsum(open_ns) - open_ns
    elapsed = open_time(bars.ts_close, bars.session, calendar.open_ns, calendar.break_open_ns, calendar.break_close_ns, before)
    return data_scores(bars.adjusted("open"), bars.adjusted("high"), bars.adjusted("low"), bars.adjusted("close"), bars.volume, bars.session,
                       features.columns["atr_before"], features.columns["n_src"], elapsed, age, QUALITY_INTERVALS,
                       timeframe_ns(bars.timeframe), timeframe_ns(features.bars.timeframe), JUMP_ATR)


def _daily(features: Features, ts: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Completed trading days known at each moment: how many, the last one's close on the scale of the bar's contract, and its ATR; NaN before the first."""
    row = asof_rows(features.daily_known_at, ts)
    close, atr = np.full(ts.size, np.nan), np.full(ts.size, np.nan)
    some = row >= 0
    close[some] = features.daily.adjusted("close")[row[some]] + features.decision.offset[some]
    atr[some] = features.known.at("1d").atr[row[some]]
    return row + 1, close, atr
