"""Trend conviction: how much of the evidence for a trend agrees, from six components, with vetoes and hysteresis."""

from typing import NamedTuple

import numpy as np
from numba import njit

from pse.kernels.codes import TCC_HIGH, TCC_LOW, TCC_MEDIUM, TCC_NONE, TCC_UNKNOWN
from pse.kernels.compiled import shared
from pse.kernels.rows import ge, gt


class Evidence(NamedTuple):
    """What conviction is read from, arrays of one length, oldest first."""

    adx: np.ndarray              # float64, 0..100
    plus_di: np.ndarray
    minus_di: np.ndarray
    er: np.ndarray               # efficiency ratio 0..1
    change: np.ndarray           # points that the close moved over the bars of the efficiency ratio
    ema_fast: np.ndarray         # points
    ema_slow: np.ndarray
    slope: np.ndarray            # move of the fast average, in ATR
    trend: np.ndarray            # int64 direction of the structure
    vwap_side: np.ndarray        # close less session VWAP, points
    vwap_slope: np.ndarray       # move of the VWAP, in ATR
    htf: np.ndarray              # fast less slow average of the last complete coarser bar, points
    spike: np.ndarray            # int64 flag


class Rules(NamedTuple):
    """Thresholds and weights of the components, all float64."""

    adx_strong: float
    adx_some: float
    adx_veto: float              # below it conviction is Low at most
    er_strong: float
    er_some: float
    slope_min: float
    w_adx: float
    w_er: float
    w_ema: float
    w_struct: float
    w_vwap: float                # 0 where there is no session VWAP, and likewise without a coarser timeframe
    w_htf: float
    high: float
    medium: float
    low: float
    hysteresis: float


@shared
def graded(direction, strength, strong, some):
    """1 for strong, 0.5 for some and 0 for no strength of a sign that agrees (direction > 0); NaN is none."""
    if not gt(direction, 0.0):
        return 0.0
    return 1.0 if ge(strength, strong) else 0.5 if ge(strength, some) else 0.0


@shared
def components(seen, t, d, rules):
    """The six components of bar t for direction d, each 0, 0.5 or 1: adx, er, ema, struct, vwap, htf.  What is NaN counts nothing."""
    adx = graded(d * (seen.plus_di[t] - seen.minus_di[t]), seen.adx[t], rules.adx_strong, rules.adx_some)
    er = graded(d * seen.change[t], seen.er[t], rules.er_strong, rules.er_some)
    ema = 0.5 * gt(d * (seen.ema_fast[t] - seen.ema_slow[t]), 0.0) + 0.5 * ge(d * seen.slope[t], rules.slope_min)
    struct = 1.0 if seen.trend[t] == d else 0.0
    vwap = 0.0
    if gt(d * seen.vwap_side[t], 0.0):
        vwap = 1.0 if gt(d * seen.vwap_slope[t], 0.0) else 0.5
    htf = 1.0 if gt(d * seen.htf[t], 0.0) else 0.0
    return adx, er, ema, struct, vwap, htf


@shared
def score(parts, rules):
    """Weighted mean of the components, 0..1."""
    adx, er, ema, struct, vwap, htf = parts
    whole = rules.w_adx + rules.w_er + rules.w_ema + rules.w_struct + rules.w_vwap + rules.w_htf
    return (rules.w_adx * adx + rules.w_er * er + rules.w_ema * ema + rules.w_struct * struct + rules.w_vwap * vwap + rules.w_htf * htf) / whole


@shared
def class_of(value, rules):
    """Class of a score, before vetoes."""
    if ge(value, rules.high):
        return TCC_HIGH
    if ge(value, rules.medium):
        return TCC_MEDIUM
    return TCC_LOW if ge(value, rules.low) else TCC_NONE


@shared
def least_score(tcc, rules):
    """Score from which a class is given."""
    return rules.high if tcc == TCC_HIGH else rules.medium if tcc == TCC_MEDIUM else rules.low


@shared
def next_class(held, held_dir, long, short, adx, spike, rules):
    """(class, direction) after a bar with these two scores, told the ones held before it.

    A held class stays, its direction unchanged, down to its threshold less the hysteresis; below that it is the class of the score.  What counts as
    held is the class as it was given, vetoes included.
    """
    d = np.int64(1) if gt(long, short) else np.int64(-1) if gt(short, long) else np.int64(0)
    if d == 0:
        return TCC_NONE, d
    best = long if d > 0 else short
    tcc = class_of(best, rules)
    if d == held_dir and held > tcc and ge(best, least_score(held, rules) - rules.hysteresis):
        tcc = held
    if not ge(adx, rules.adx_veto):
        tcc = min(tcc, TCC_LOW)
    if spike:
        tcc = min(tcc, TCC_MEDIUM)
    return tcc, d if tcc != TCC_NONE else np.int64(0)


@njit(cache=True)
def convictions(seen, rules):
    """(class int64[n], direction int64[n], score long float64[n], score short float64[n]) of every bar.

    A bar whose ADX, efficiency ratio or averages are NaN is UNKNOWN with direction 0 and NaN scores, and leaves the class that is held as it was.
    """
    n = seen.adx.size
    tcc, direction = np.full(n, TCC_UNKNOWN), np.zeros(n, np.int64)
    long, short = np.full(n, np.nan), np.full(n, np.nan)
    held, held_dir = TCC_NONE, np.int64(0)
    for t in range(n):
        if not np.isfinite(seen.adx[t] + seen.er[t] + seen.ema_fast[t] + seen.ema_slow[t]):
            continue
        long[t], short[t] = score(components(seen, t, 1, rules), rules), score(components(seen, t, -1, rules), rules)
        held, held_dir = next_class(held, held_dir, long[t], short[t], seen.adx[t], seen.spike[t], rules)
        tcc[t], direction[t] = held, held_dir
    return tcc, direction, long, short
