"""Scores from 0 to 1: of a structure break, and of the data behind a decision."""

import numpy as np
from numba import njit

from pse.kernels.compiled import shared
from pse.kernels.contract import SWEPT
from pse.kernels.rows import NONE, ZERO

SWEEP_WINDOW = np.int64(12)                                 # bars before a break in which a sweep still counts


@shared
def clip(x):
    """x held between 0 and 1; NaN stays NaN."""
    return min(max(x, 0.0), 1.0) if x == x else np.nan


@shared
def mqs_components(body_atr, close_beyond_atr, has_fvg, sweep_priority, rvol, prominence_atr, htf_align):
    """The seven parts of the structure score, each 0..1: displacement, close, gap, sweep, volume, level, higher timeframe.

    body_atr, close_beyond_atr, prominence_atr in units of the range known before; rvol NaN counts 0.5; htf_align +1, 0, -1.
    """
    volume = clip(rvol - 1.0) if rvol == rvol else 0.5
    return (clip((body_atr - 0.5) / 1.5), clip(close_beyond_atr / 0.5), 1.0 if has_fvg else 0.0, clip(sweep_priority), volume,
            clip(prominence_atr / 2.0), 0.5 + 0.5 * htf_align)


@shared
def mqs_score(disp, close, fvg, sweep, volume, level, htf):
    """Weighted sum of the parts, 0..1."""
    return 0.30 * disp + 0.15 * close + 0.15 * fvg + 0.15 * sweep + 0.10 * volume + 0.10 * level + 0.05 * htf


@shared
def best_sweep(sweeps, past, t, direction, window):
    """Row of the best sweep of a direction among the first `past` rows and of the `window` bars up to t, first on ties, -1 if none."""
    best, i = NONE, past - 1
    while i >= 0 and sweeps[i].confirmed_at >= t - window:
        if sweeps[i].result == SWEPT and sweeps[i].dir == direction and (best < 0 or sweeps[i].priority >= sweeps[best].priority):
            best = i
        i -= 1
    return best


@shared
def gap_near(gaps, past, t, direction):
    """(seen by t, seen by t + 1): whether a valid gap of the direction has its middle bar in [t-2, t]; `past` counts the gaps formed by t."""
    known, later = False, False
    i = past - 1
    while i >= 0 and gaps[i].formed_at >= t - 1:
        if gaps[i].valid and not gaps[i].inverse and gaps[i].dir == direction:
            known = True
        i -= 1
    i = past
    while i < gaps.size and gaps[i].formed_at <= t + 1:
        if gaps[i].valid and not gaps[i].inverse and gaps[i].dir == direction:
            later = True
        i += 1
    return known, known or later


@njit(cache=True)
def score_breaks(breaks, open_, high, low, close, atr_before, rvol, htf_trend, gaps, sweeps, window):
    """Writes score, parts and best sweep into the rows of `breaks`, in place.

    Columns float64[n] (htf_trend +1, 0, -1; NaN unknown), breaks, gaps and sweeps in order of the bar that made them known.  `mqs` is what is known at the
    break, `mqs_next` from the next bar on: only the gap part can change, and until that bar exists both are equal.
    """
    past_gaps, past_sweeps = ZERO, ZERO
    for i in range(breaks.size):
        row = breaks[i]
        t, d, scale = row.t, row.dir, atr_before[row.t]
        if not scale > 0.0:
            scale = np.nan
        while past_gaps < gaps.size and gaps[past_gaps].formed_at <= t:
            past_gaps += 1
        while past_sweeps < sweeps.size and sweeps[past_sweeps].confirmed_at <= t:
            past_sweeps += 1
        body = 0.0
        for u in range(max(t - window + 1, 0), t + 1):
            body = max(body, d * (close[u] - open_[u]))
        extreme = row.level
        for u in range(row.pivot_idx, t + 1):
            extreme = min(extreme, low[u]) if d > 0 else max(extreme, high[u])
        known, later = gap_near(gaps, past_gaps, t, d)
        row.sweep = best_sweep(sweeps, past_sweeps, t, d, SWEEP_WINDOW)
        priority = sweeps[row.sweep].priority if row.sweep >= 0 else 0.0
        align = d * htf_trend[t] if htf_trend[t] == htf_trend[t] else 0.0
        parts = mqs_components(body / scale, d * (close[t] - row.level) / scale, known, priority, rvol[t], d * (row.level - extreme) / scale, align)
        row.q_disp, row.q_close, row.q_fvg, row.q_sweep, row.q_vol, row.q_level, row.q_htf = parts
        row.q_fvg_next = 1.0 if later else 0.0
        row.mqs = mqs_score(row.q_disp, row.q_close, row.q_fvg, row.q_sweep, row.q_vol, row.q_level, row.q_htf)
        row.mqs_next = mqs_score(row.q_disp, row.q_close, row.q_fvg_next, row.q_sweep, row.q_vol, row.q_level, row.q_htf)


# --- the data behind a decision ---------------------------------------------------------------------------------------------------------------
@shared
def data_score(completeness, freshness, validity, continuity):
    """Data quality, 0..1, from its four shares."""
    return min(0.4 * completeness + 0.2 * freshness + 0.3 * validity + 0.1 * continuity, 1.0)


@shared
def freshness(age_ns, length_ns):
    """1 up to an age of two bar lengths, falling in a straight line to 0 at four."""
    return clip(2.0 - 0.5 * age_ns / length_ns)


@njit(cache=True)
def open_time(ts, session, session_open, break_open, break_close, before):
    """Time that markets were open from the first session to each moment, halts left out, int64[n] ns; `before`: that time at each session's open."""
    out = np.empty(ts.size, np.int64)
    for t in range(ts.size):
        s = session[t]
        halt = min(ts[t], break_close[s]) - max(session_open[s], break_open[s])
        out[t] = before[s] + ts[t] - session_open[s] - max(halt, 0)
    return out


@shared
def is_sound(open_, high, low, close, volume):
    """Whether a bar passes the checks of its prices and volume (unknown volume passes)."""
    inside = low <= open_ and low <= close and open_ <= high and close <= high
    return inside and np.isfinite(high - low) and not volume < 0.0


@njit(cache=True)
def data_scores(open_, high, low, close, volume, session, atr_before, n_src, elapsed, age_ns, intervals, length_ns, source_ns, jump_atr):
    """Data-quality score at each decision bar, float64[n], over the last `intervals` bar lengths of open time.

    Prices float64[n] forward adjusted, elapsed int64[n] open time at the bar's close (see `open_time`), n_src source bars held, age_ns float64[n] since
    the last source bar.  Completeness: source bars present over expected; validity: share of sound bars; continuity: 1 - share of bars whose close
    lies more than jump_atr ranges from the last one of the same session.
    """
    n, window = close.size, intervals * length_ns
    scores = np.empty(n)
    first, present, sound, jumps = 0, 0, 0, 0
    for t in range(n):
        present += n_src[t]
        sound += is_sound(open_[t], high[t], low[t], close[t], volume[t])
        jumps += t > 0 and session[t] == session[t - 1] and abs(close[t] - close[t - 1]) > jump_atr * atr_before[t]
        while elapsed[first] <= elapsed[t] - window:
            present -= n_src[first]
            sound -= is_sound(open_[first], high[first], low[first], close[first], volume[first])
            jumps -= first > 0 and session[first] == session[first - 1] and abs(close[first] - close[first - 1]) > jump_atr * atr_before[first]
            first += 1
        expected = min(window, elapsed[t] - elapsed[0] + length_ns) / source_ns
        bars = t - first + 1
        scores[t] = data_score(clip(present / expected), freshness(age_ns[t], length_ns), sound / bars, 1.0 - jumps / bars)
    return scores
