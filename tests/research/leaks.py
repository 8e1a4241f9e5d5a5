"""Planted leaks: features, tactics, briefings and joins that know what comes later, each in a way that real code has been caught in.

`FEATURES` by name; `TACTICS` wrap a tactic that is clean; `BRIEFINGS` wrap what is shown to a judge; `others` are the series beside the audited symbol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from types import SimpleNamespace

import numpy as np

from pse.domain.bars import Bars
from pse.domain.setups import Setups
from pse.engine.briefing import briefings
from pse.features.feature import Column, Feature, Known
from pse.features.resampled import resample
from pse.kernels.contract import REFUSED
from pse.tactics.mss_fvg_retest import MssFvgRetest
from tests.features.made import MINUTE, minutes

DAY = 1440 * MINUTE


class Signal:
    """scipy.signal, imported when the first leak needs it: that takes longer than most tests."""

    def __getattr__(self, name: str):
        from scipy import signal

        return getattr(signal, name)


signal = Signal()
FEATURES: dict[str, Feature] = {}


def planted(function: Callable[[Known], np.ndarray]) -> Callable[[Known], np.ndarray]:
    """A feature of one column, which the function computes."""
    name = function.__name__
    body = {"__module__": __name__, "__doc__": function.__doc__, "columns": {name: Column(str(function.__doc__), "ratio")}, "formula": "", "source": "",
            "compute": lambda self, known: {name: function(known)}}
    FEATURES[name] = type(name, (Feature,), body)()
    return function


def later(x: np.ndarray, bars: int = 1) -> np.ndarray:
    """x of `bars` rows later, NaN at the end."""
    out = np.full(x.size, np.nan)
    if x.size > bars:
        out[:-bars] = x[bars:]
    return out


def windows(x: np.ndarray, before: int, after: int) -> np.ndarray:
    """float64[n, before + 1 + after]: the rows around each row, NaN beyond the ends."""
    padded = np.concatenate([np.full(before, np.nan), x, np.full(after, np.nan)])
    return np.lib.stride_tricks.sliding_window_view(padded, before + 1 + after)


def by_session(known: Known, what: Callable[[np.ndarray], float], x: np.ndarray) -> np.ndarray:
    """One number of each session on all of its rows."""
    out = np.full(x.size, np.nan)
    edges = np.concatenate([[0], np.flatnonzero(np.diff(known.bars.session)) + 1, [x.size]])
    for lo, hi in zip(edges[:-1], edges[1:], strict=True):
        out[lo:hi] = what(x[lo:hi]) if hi > lo else np.nan
    return out


def states(rows: np.ndarray, at: np.ndarray, n: int, values: np.ndarray | float = 1.0) -> np.ndarray:
    out = np.zeros(n)
    out[at[(at >= 0) & (at < n)]] = values if np.isscalar(values) else np.asarray(values)[(at >= 0) & (at < n)]
    return out


# --- the next bar ----------------------------------------------------------------------------------------------------------------------------------


@planted
def shift_back(known):
    """the next close"""
    return later(known.price("close"))


@planted
def next_open_gap(known):
    """the next open over this close"""
    return later(known.price("open")) - known.price("close")


@planted
def rolled_around(known):
    """np.roll: the first row holds the last one"""
    return np.roll(known.price("close"), 1)


@planted
def central_difference(known):
    """slope from both neighbours"""
    close = known.price("close")
    return np.gradient(close) if close.size > 1 else np.zeros(close.size)


@planted
def rolling_max_off_by_one(known):
    """highest high of eight bars, one row early"""
    return later(np.nanmax(windows(known.price("high"), 7, 0), axis=1))


@planted
def expanding_then_shifted(known):
    """mean so far, one row early"""
    close = known.price("close")
    return later(np.cumsum(close) / np.arange(1, close.size + 1))


@planted
def one_bar_in_a_hundred(known):
    """a return so far; on one bar in a hundred the next one"""
    change = np.diff(known.price("close"), prepend=np.nan)
    rare = known.bars.ts_open // (5 * MINUTE) % 101 == 17
    return np.where(rare, later(change), change)


@planted
def only_after_a_large_bar(known):
    """range; after a bar of two ranges the next close's side"""
    span, close = known.price("high") - known.price("low"), known.price("close")
    return np.where(span > 2 * known.atr_before, np.sign(later(close) - close), span)


# --- windows and filters that look both ways ---------------------------------------------------------------------------------------------------------


@planted
def centred_mean(known):
    """mean of two bars before and two after"""
    return windows(known.price("close"), 2, 2).mean(axis=1)


@planted
def savgol(known):
    """Savitzky-Golay smoothing"""
    close = known.price("close")
    return signal.savgol_filter(close, 11, 2) if close.size >= 11 else close.copy()


@planted
def filtfilt(known):
    """Butterworth filter, forward and backward"""
    b, a = signal.butter(2, 0.1)
    close = known.price("close")
    return signal.filtfilt(b, a, close) if close.size > 9 else close.copy()


@planted
def fft_low_pass(known):
    """low frequencies of the whole sample"""
    spectrum = np.fft.rfft(known.price("close"))
    spectrum[20:] = 0
    return np.fft.irfft(spectrum, len(known)) if len(known) > 1 else known.price("close").copy()


@planted
def hilbert_phase(known):
    """phase of the analytic signal"""
    return np.angle(signal.hilbert(known.price("close"))) if len(known) else np.zeros(0)


@planted
def kalman_smoother(known):
    """a local level, smoothed backward"""
    level = signal.lfilter([0.2], [1, -0.8], known.price("close"))
    return signal.lfilter([0.2], [1, -0.8], level[::-1])[::-1]


@planted
def two_sided_ewm(known):
    """averages from both ends"""
    close = known.price("close")
    return (signal.lfilter([0.1], [1, -0.9], close) + signal.lfilter([0.1], [1, -0.9], close[::-1])[::-1]) / 2


@planted
def back_filled(known):
    """gaps take the next value"""
    close = known.price("close").copy()
    holes = np.arange(close.size) % 7 == 3
    at = np.minimum(np.where(holes, np.arange(close.size) + 1, np.arange(close.size)), max(close.size - 1, 0))
    return close[at]


@planted
def interpolated(known):
    """gaps on the line between their neighbours"""
    close, at = known.price("close"), np.arange(len(known))
    kept = at % 7 != 3
    return np.interp(at, at[kept], close[kept]) if kept.any() else close.copy()


# --- one statistic of the whole sample ---------------------------------------------------------------------------------------------------------------


@planted
def global_z(known):
    """standardised by all bars"""
    close = known.price("close")
    return (close - close.mean()) / close.std() if close.size else close


@planted
def min_max(known):
    """scaled between the extremes of all bars"""
    close = known.price("close")
    return (close - close.min(initial=np.inf)) / max(np.ptp(close) if close.size else 1.0, 1e-9)


@planted
def over_full_deviation(known):
    """change over the deviation of all changes"""
    change = np.diff(known.price("close"), prepend=np.nan)
    return change / np.nanstd(change)


@planted
def above_full_quantile(known):
    """whether volume is in the upper fifth of all bars"""
    return (known.bars.volume > np.nanquantile(known.bars.volume, 0.8)).astype(np.int64) if len(known) else np.zeros(0, np.int64)


@planted
def clipped_by_full_quantile(known):
    """change, clipped at the quantiles of all changes"""
    change = np.diff(known.price("close"), prepend=0.0)
    return np.clip(change, *np.quantile(change, (0.01, 0.99))) if change.size else change


@planted
def binned(known):
    """decile among all bars"""
    volume = known.bars.volume
    return np.searchsorted(np.nanquantile(volume, np.linspace(0.1, 0.9, 9)), volume).astype(np.int64) if volume.size else np.zeros(0, np.int64)


@planted
def ranked(known):
    """rank among all closes"""
    close = known.price("close")
    return np.searchsorted(np.sort(close), close) / max(close.size, 1)


@planted
def fitted_scaler(known):
    """robust scaler fitted to all bars"""
    span = known.price("high") - known.price("low")
    low, middle, high = np.quantile(span, (0.25, 0.5, 0.75)) if span.size else (0, 0, 1)
    return (span - middle) / max(high - low, 1e-9)


@planted
def principal_component(known):
    """first component of change, range and volume over all bars"""
    close, span = known.price("close"), known.price("high") - known.price("low")
    parts = np.nan_to_num(np.column_stack([np.diff(close, prepend=close[:1]), span, np.log1p(np.nan_to_num(known.bars.volume))]))
    if len(parts) < 3:
        return np.zeros(len(parts))
    centred = parts - parts.mean(axis=0)
    axis = np.linalg.svd(centred, full_matrices=False)[2][0]
    return centred @ (axis * np.sign(axis[np.abs(axis).argmax()]))


@planted
def two_regimes(known):
    """the nearer of two means fitted to all ranges, as a hidden state's decoding does"""
    span = known.price("high") - known.price("low")
    low, high = (span.min(), span.max()) if span.size else (0.0, 1.0)
    for _ in range(8):
        upper = np.abs(span - high) < np.abs(span - low)
        low, high = (span[~upper].mean() if (~upper).any() else low), (span[upper].mean() if upper.any() else high)
    return (span - low) / max(high - low, 1e-9)


@planted
def detrended(known):
    """distance from the line through all closes"""
    close, at = known.price("close"), np.arange(len(known))
    return close - np.polyval(np.polyfit(at, close, 1), at) if close.size > 1 else close.copy()


@planted
def seasonal_mean(known):
    """volume over the mean of its time of day, over all days"""
    slot = known.bars.ts_open // (5 * MINUTE) % 288
    volume = np.nan_to_num(known.bars.volume)
    mean = np.bincount(slot, volume, 288) / np.maximum(np.bincount(slot, minlength=288), 1)
    return volume / np.maximum(mean[slot], 1e-9)


@planted
def over_last_close(known):
    """close over the last close there is"""
    close = known.bars.close
    return close / close[-1] if close.size else close.copy()


@planted
def at_the_top_of_all(known):
    """whether this is the highest close of the sample"""
    close = known.price("close")
    return (close >= close.max(initial=-np.inf)).astype(np.int64)


@planted
def worst_drawdown(known):
    """deepest fall of the sample, on every row"""
    close = known.price("close")
    return np.full(close.size, (close / np.maximum.accumulate(close) - 1).min(initial=0.0))


# --- the day, the hour, the contract -------------------------------------------------------------------------------------------------------------------


@planted
def high_of_the_day(known):
    """the session's high, from its first bar on"""
    return by_session(known, np.max, known.price("high"))


@planted
def median_of_the_day(known):
    """the session's median close"""
    return by_session(known, np.median, known.price("close"))


@planted
def vwap_of_the_day(known):
    """the session's whole volume-weighted price"""
    volume = np.nan_to_num(known.bars.volume)
    paid, traded = by_session(known, np.sum, known.price("close") * volume), by_session(known, np.sum, volume)
    return paid / np.maximum(traded, 1.0)


@planted
def share_of_the_days_volume(known):
    """volume as a part of the session's total"""
    volume = np.nan_to_num(known.bars.volume)
    return volume / np.maximum(by_session(known, np.sum, volume), 1.0)


@planted
def volume_profile_of_the_day(known):
    """the session's most traded price"""
    rows = np.arange(len(known), dtype=float)
    volume, price = np.nan_to_num(known.bars.volume), np.round(known.price("close"))

    def busiest(at: np.ndarray) -> float:
        levels, which = np.unique(price[at.astype(int)], return_inverse=True)
        return float(levels[np.bincount(which, volume[at.astype(int)]).argmax()])

    return by_session(known, busiest, rows)


@planted
def bars_left(known):
    """bars until the session's last one that is stored"""
    rows = np.arange(len(known), dtype=float)
    return by_session(known, np.max, rows) - rows


@planted
def left_labelled_hour(known):
    """the hour's close at the hour's begin"""
    hour = known.bars.ts_open // (60 * MINUTE)
    last = np.searchsorted(hour, hour, side="right") - 1
    return known.price("close")[last]


@planted
def forming_hour(known):
    """the high of the hour that is still forming, as a resampler gives it"""
    made = resample(known.market.bars, "1h", int(known.bars.sessions.close_ns[-1])).bars
    at = np.searchsorted(made.ts_open, known.bars.ts_open, side="right") - 1
    return made.adjusted("high")[at] if len(made) else np.zeros(0)


@planted
def daily_bar_before_its_close(known):
    """the day's close, joined by its date"""
    made = resample(known.market.bars, "1d", int(known.bars.sessions.close_ns[-1])).bars
    at = np.searchsorted(made.session, known.bars.session)
    return made.adjusted("close")[at] if len(made) else np.zeros(0)


@planted
def back_adjusted(known):
    """close on the scale of the last contract"""
    offset = known.bars.offset
    return known.bars.close - offset + (offset[-1] if offset.size else 0.0)


@planted
def back_adjusted_return(known):
    """change over a back-adjusted close: a percentage of a level that later rolls move"""
    offset = known.bars.offset
    close = known.bars.close - offset + (offset[-1] if offset.size else 0.0)
    return np.diff(close, prepend=np.nan) / close


# --- events told too early ---------------------------------------------------------------------------------------------------------------------------


@planted
def unconfirmed_swing(known):
    """a swing high, on the bar of the swing"""
    pivots = known.objects(SWINGS)["pivots_internal"]
    return states(pivots, pivots["idx"], len(known))


@planted
def zero_lag_pivot(known):
    """a high above both neighbours, told at once"""
    return (windows(known.price("high"), 1, 1).argmax(axis=1) == 1).astype(np.int64)


@planted
def label_of_the_next_swing(known):
    """kind of the swing to come"""
    pivots = known.objects(SWINGS)["pivots_internal"]
    at = np.searchsorted(pivots["idx"], np.arange(len(known)), side="right")
    return np.concatenate([pivots["kind"], [0]])[at]


@planted
def gap_on_its_middle_bar(known):
    """a fair value gap, on its second bar"""
    gaps = known.objects(GAPS)["gaps"]
    return states(gaps, gaps["mid_bar"], len(known), gaps["dir"])


@planted
def sweep_at_the_pierce(known):
    """a sweep, on the bar that pierces"""
    sweeps = known.objects(LIQUIDITY)["sweeps"]
    return states(sweeps, sweeps["pierced_at"], len(known), sweeps["result"])


@planted
def revised_score(known):
    """the score of a break as it is revised one bar later"""
    breaks = known.objects(QUALITY)["breaks"]
    return states(breaks, breaks["t"], len(known), breaks["mqs_next"])


@planted
def age_at_death(known):
    """how long the gap of this bar will live"""
    gaps = known.objects(GAPS)["gaps"]
    return states(gaps, gaps["formed_at"], len(known), np.minimum(gaps["filled_at"], 10**6).astype(float))


@planted
def triple_barrier(known):
    """which of two barriers is touched first in twelve bars"""
    close, reach = known.price("close"), np.nan_to_num(known.atr, nan=1.0) * 2
    ahead = windows(close, 0, 12) - close[:, None]
    up = np.where(ahead > reach[:, None], np.arange(13), 99).min(axis=1)
    down = np.where(ahead < -reach[:, None], np.arange(13), 99).min(axis=1)
    return np.sign(down - up).astype(np.int64)


# --- not the same twice, or not for every length -----------------------------------------------------------------------------------------------------


@planted
def nothing_on_the_last_row(known):
    """close, NaN on the last row there is"""
    out = known.price("close").copy()
    out[-1:] = np.nan
    return out


@planted
def noise_by_length(known):
    """noise seeded by the number of bars"""
    return np.random.default_rng(len(known)).normal(size=len(known))


@planted
def narrow_when_long(known):
    """single precision once there are many bars"""
    close = known.price("close") / 3
    return close.astype(np.float32).astype(np.float64) if len(known) > 2000 else close


@planted
def type_by_length(known):
    """integers as long as no NaN is needed"""
    change = np.diff(known.price("close"), prepend=0.0)
    return change.astype(np.int64) if len(known) % 2 else change


@planted
def summed_from_the_end(known):
    """mean of ten bars, from sums that begin at the end"""
    close = known.price("close") / 3
    total = np.concatenate([np.cumsum(close[::-1])[::-1], np.zeros(1)])
    return (total[:-1] - total[np.minimum(np.arange(close.size) + 10, close.size)]) / 10


COUNTER = SimpleNamespace(calls=0)


@planted
def not_the_same_twice(known):
    """counts how often it was asked"""
    COUNTER.calls += 1
    return known.price("close") + COUNTER.calls


# --- other series --------------------------------------------------------------------------------------------------------------------------------------


def joined_by_open(known: Known, symbol: str, timeframe: str) -> np.ndarray:
    """The other's close from its open on."""
    there = known.other(symbol, timeframe)
    out = np.full(len(known), np.nan)
    if there is not None and len(there):
        at = np.searchsorted(there.bars.ts_open, known.bars.ts_close, side="right") - 1
        out[at >= 0] = there.bars.close[at[at >= 0]]
    return out


@planted
def other_symbol_by_open(known):
    """the other's hour, joined by its open"""
    return joined_by_open(known, "VX", "1h")


@planted
def earnings_at_the_event(known):
    """figures of a quarter at the quarter's end, published days later"""
    return joined_by_open(known, "EPS", "1d")


@planted
def news_at_the_event(known):
    """a headline's score at the time it is about"""
    return joined_by_open(known, "NEWS", "1d")


@planted
def revised_macro(known):
    """the revised figure where the first print was known"""
    first, revised = known.other("CPI", "1d"), known.other("CPI_REVISED", "1d")
    out = np.full(len(known), np.nan)
    if first is None or revised is None:
        return out
    at = np.searchsorted(first.bars.ts_close, known.bars.ts_close, side="right") - 1
    for i in np.unique(at[at >= 0]).tolist():
        out[at == i] = revised.bars.close[i] if i < len(revised) else first.bars.close[i]
    return out


@planted
def survivors(known):
    """mean of the symbols that still trade on the last bar"""
    out, count = np.zeros(len(known)), 0
    for name in ("VX", "GONE", "STAYS"):
        there = known.other(name, "1h")
        if there is not None and len(there) and there.bars.ts_close[-1] > known.bars.ts_close[-1] - DAY:
            out, count = out + np.nan_to_num(known.joined(there.bars.close, there)), count + 1
    return out / max(count, 1)


@planted
def sessions_left(known):
    """how many sessions the calendar at hand still holds"""
    return (known.bars.sessions.open_ns.size - known.bars.session).astype(np.float64)


@planted
def contracts_to_come(known):
    """how many later contracts there will be"""
    return (len(known.bars.contracts) - known.bars.contract).astype(np.float64)


def others(bars: Bars) -> dict[str, Bars]:
    """Series beside the audited bars: hours of three symbols, one of which ends half way, and figures about a day that are published days later."""
    made = {name: replace(resample(minutes(seed, 12, roll_every=0), "1h").bars, symbol=name) for seed, name in enumerate(("VX", "GONE", "STAYS"), 50)}
    made["GONE"] = made["GONE"].between(0, int(bars.ts_open[len(bars) // 2]))
    daily = resample(bars, "1d", int(bars.ts_close[-1]) + DAY).bars
    for name, late in (("EPS", 3), ("NEWS", 1), ("CPI", 2), ("CPI_REVISED", 5)):
        made[name] = replace(daily, symbol=name, ts_close=daily.ts_open + late * DAY, close=daily.close + (late == 5))
    return made


# --- tactics -------------------------------------------------------------------------------------------------------------------------------------------


def _changed(found: Setups, keep: np.ndarray | None = None, **fields: np.ndarray) -> Setups:
    """The same with other fields of those that may be traded, and without those among them that are not to be kept."""
    rows = found.rows.copy()
    trades = rows["kind"] != REFUSED
    for name, values in fields.items():
        rows[name] = np.where(trades, values, rows[name])
    changed = Setups(rows, found.evidence)
    return changed if keep is None else changed.taken(keep | ~trades)


def _rows_of(found: Setups, features) -> np.ndarray:
    return np.searchsorted(features.decision.ts_close, found.rows["ts"])


def _ahead(features, at: np.ndarray, name: str, bars: int, what: Callable[[np.ndarray], float]) -> np.ndarray:
    column = getattr(features.decision, name)
    return np.array([what(column[row:row + bars + 1]) for row in at.tolist()])


def stopped_ones_forgotten(found, features):
    at, rows = _rows_of(found, features), found.rows
    low, high = _ahead(features, at, "low", 20, np.min), _ahead(features, at, "high", 20, np.max)
    return _changed(found, np.where(rows["direction"] > 0, low > rows["stop"], high < rows["stop"]).astype(bool))


def entry_at_the_next_low(found, features):
    return _changed(found, entry=_ahead(features, _rows_of(found, features), "low", 1, lambda part: part[-1]))


def target_at_a_later_high(found, features):
    return _changed(found, target=_ahead(features, _rows_of(found, features), "high", 20, np.max))


def stop_below_a_later_low(found, features):
    return _changed(found, stop=_ahead(features, _rows_of(found, features), "low", 10, np.min))


def told_a_bar_early(found, features):
    at = _rows_of(found, features)
    return _changed(found, ts=features.decision.ts_close[np.maximum(at - 1, 0)])


def refusals_filtered_by_outcome(found, features):
    close, at = features.decision.close, _rows_of(found, features)
    return found.taken((found.rows["kind"] != REFUSED) | (close[np.minimum(at + 5, close.size - 1)] > found.rows["entry"]))


def evidence_with_the_outcome(found, features):
    best = _ahead(features, _rows_of(found, features), "high", 10, np.max)
    return Setups(found.rows, tuple({**one, "mfe": float(value)} for one, value in zip(found.evidence, best, strict=True)))


def quality_as_a_rank(found, _features):
    quality = found.rows["quality"]
    return _changed(found, quality=np.searchsorted(np.sort(quality), quality) / max(quality.size, 1))


def best_of_the_day(found, features):
    session, quality = features.decision.session[_rows_of(found, features)], found.rows["quality"]
    return _changed(found, np.array([quality[i] >= quality[session == session[i]].max() for i in range(quality.size)], bool))


def silent_before_the_next(found, _features):
    ts = found.rows["ts"]
    return _changed(found, np.append(np.diff(ts) > 60 * MINUTE, True)[:ts.size])


def sized_by_all_volatility(found, features):
    return _changed(found, size_multiple=np.full(len(found), 1.0 / max(np.nanstd(np.diff(features.decision.close)), 1e-9)))


TACTICS = {one.__name__: one for one in (
    stopped_ones_forgotten, entry_at_the_next_low, target_at_a_later_high, stop_below_a_later_low, told_a_bar_early, refusals_filtered_by_outcome,
    evidence_with_the_outcome, quality_as_a_rank, best_of_the_day, silent_before_the_next, sized_by_all_volatility)}


class Leaking:
    """A clean tactic whose scan goes through a leak."""

    label, version = "leak", "1"

    def __init__(self, name: str) -> None:
        self.name, self._leak, self._clean = name, TACTICS[name], MssFvgRetest()

    def symbols(self):
        return ()

    def timeframes(self, of):
        return ()

    def scan(self, features, instrument):
        return self._leak(self._clean.scan(features, instrument), features)


# --- briefings -----------------------------------------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=1)
def told(prepared):
    return briefings(prepared)



def shows_the_days_close(prepared):
    decision = prepared.features[0].decision
    last = by_session(SimpleNamespace(bars=decision), lambda part: part[-1], decision.close)
    return [(ts, f"{text} closes at {last[np.searchsorted(decision.ts_close, ts)]}") for ts, text in told(prepared)]


def shows_the_next_account(prepared):
    texts = told(prepared)
    return [(ts, text + (texts[i + 1][1][:40] if i + 1 < len(texts) else "")) for i, (ts, text) in enumerate(texts)]


def shows_how_often_it_will_be_asked(prepared):
    texts = told(prepared)
    return [(ts, f"{text} {i + 1} of {len(texts)}") for i, (ts, text) in enumerate(texts)]


def shows_the_last_price(prepared):
    return [(ts, f"{text} now {prepared.tape.close[-1]}") for ts, text in told(prepared)]


def shows_the_setups_still_to_come(prepared):
    ts_of = prepared.world.setups["ts"]
    return [(ts, f"{text} {int((ts_of > ts).sum())} to come") for ts, text in told(prepared)]


def asks_only_where_it_paid(prepared):
    decision = prepared.features[0].decision
    at = {int(ts): i for i, ts in enumerate(decision.ts_close)}
    return [(ts, text) for ts, text in told(prepared) if decision.close[min(at[ts] + 6, len(decision) - 1)] > decision.close[at[ts]]]


BRIEFINGS = {one.__name__: one for one in (shows_the_days_close, shows_the_next_account, shows_how_often_it_will_be_asked, shows_the_last_price,
                                           shows_the_setups_still_to_come, asks_only_where_it_paid)}


def _features():
    from pse.features.break_quality import BreakQuality
    from pse.features.fair_value_gaps import FairValueGaps
    from pse.features.liquidity import Liquidity
    from pse.features.market_structure import MarketStructure

    return MarketStructure(), FairValueGaps(), Liquidity(), BreakQuality()


SWINGS, GAPS, LIQUIDITY, QUALITY = _features()
