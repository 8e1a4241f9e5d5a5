"""The state of a market at a bar: whether it is liquid enough, and which condition it is in."""

from typing import NamedTuple

import numpy as np
from numba import njit

from pse.kernels.codes import (
    LIQUIDITY_ILLIQUID,
    LIQUIDITY_OK,
    LIQUIDITY_UNKNOWN,
    MCS_CLOSED,
    MCS_ILLIQUID,
    MCS_RANGE,
    MCS_TRANSITION,
    MCS_TREND_DOWN,
    MCS_TREND_UP,
    MCS_UNKNOWN,
    MCS_VOLATILE,
    TCC_MEDIUM,
    TCC_UNKNOWN,
    VOL_Q4,
)
from pse.kernels.compiled import shared
from pse.kernels.rows import gt
from pse.kernels.wilder import is_valid_bar


@njit(cache=True)
def zero_volume_share(volume, window):
    """Share of bars without volume among the last `window`, float64[n]; NaN before there are so many, and with a NaN among them."""
    share, zeros, unknown = np.full(volume.size, np.nan), 0, 0
    for t in range(volume.size):
        zeros += volume[t] == 0.0
        unknown += volume[t] != volume[t]
        if t >= window:
            zeros -= volume[t - window] == 0.0
            unknown -= volume[t - window] != volume[t - window]
        if t >= window - 1 and unknown == 0:
            share[t] = zeros / window
    return share


@njit(cache=True)
def present_share(high, low, close, place, group, halt_first, halt_end, window):
    """Valid bars over the bars that the last `window` places of the group should hold, float64[n]; NaN at an invalid bar.

    place int64[n] rising from 0 or later inside a group: where in it the bar stands.  group int64[n], never falling: places of an earlier group are not
    looked at.  halt_first, halt_end int64[groups]: at the places [halt_first, halt_end) no bar is expected.
    """
    share, first, present = np.full(close.size, np.nan), 0, 0
    for t in range(close.size):
        valid = is_valid_bar(high[t], low[t], close[t])
        present += valid
        here, begin = group[t], max(place[t] - window + 1, 0)
        while group[first] != here or place[first] < begin:
            present -= is_valid_bar(high[first], low[first], close[first])
            first += 1
        halted = max(min(place[t] + 1, halt_end[here]) - max(begin, halt_first[here]), 0)
        if valid:
            share[t] = present / (place[t] - begin + 1 - halted)
    return share


class LiquidityRules(NamedTuple):
    """Limits of the tests, all float64."""

    rvol_min: float
    spread_rank_max: float
    zero_share_max: float
    coverage_min: float
    depth_rank_min: float


@shared
def failed_tests(rvol, spread_rank, zero_share, coverage, depth_rank, rules):
    """Bits of the tests that a bar fails, in the order of codes.ILLIQUID_TESTS; a NaN input is a test that is not made."""
    return (1 * gt(rules.rvol_min, rvol) + 2 * gt(spread_rank, rules.spread_rank_max) + 4 * gt(zero_share, rules.zero_share_max)
            + 8 * gt(rules.coverage_min, coverage) + 16 * gt(rules.depth_rank_min, depth_rank))


@njit(cache=True)
def liquidity_states(rvol, spread_rank, zero_share, coverage, depth_rank, rules):
    """(state int64[n], bits of the failed tests int64[n]); UNKNOWN and no bits where the coverage is NaN, the one input that is never missing.

    All inputs float64[n]: volume over that of the same time of day, ranks and shares 0..1.
    """
    states, failed = np.full(rvol.size, LIQUIDITY_UNKNOWN), np.zeros(rvol.size, np.int64)
    for t in range(rvol.size):
        if coverage[t] != coverage[t]:
            continue
        failed[t] = failed_tests(rvol[t], spread_rank[t], zero_share[t], coverage[t], depth_rank[t], rules)
        states[t] = LIQUIDITY_ILLIQUID if failed[t] else LIQUIDITY_OK
    return states, failed


@shared
def market_condition(ready, open_, liquid, bucket, spike, tcc, tcc_dir, er, adx, er_range, adx_range):
    """State of a market at one bar; the first that holds, in the order of these lines.

    ready: the inputs are past their warm-up; open_: entries are still worth making before the session ends; er_range, adx_range: below both it ranges.
    """
    if not ready:
        return MCS_UNKNOWN
    if not open_:
        return MCS_CLOSED
    if not liquid:
        return MCS_ILLIQUID
    if bucket == VOL_Q4 and spike and tcc < TCC_MEDIUM:
        return MCS_VOLATILE
    if tcc >= TCC_MEDIUM:
        return MCS_TREND_UP if tcc_dir > 0 else MCS_TREND_DOWN
    if gt(er_range, er) and gt(adx_range, adx):
        return MCS_RANGE
    return MCS_TRANSITION


@njit(cache=True)
def market_conditions(tcc, tcc_dir, er, adx, liquidity, bucket, spike, left_ns, need_ns, er_range, adx_range):
    """`market_condition` of every bar, int64[n].

    tcc, tcc_dir, liquidity, bucket, spike int64[n] codes, directions and flags; er, adx float64[n]; left_ns float64[n] time to the session's end, of
    which `need_ns` must be left.
    """
    states = np.empty(tcc.size, np.int64)
    for t in range(tcc.size):
        ready = tcc[t] != TCC_UNKNOWN and liquidity[t] != LIQUIDITY_UNKNOWN and np.isfinite(er[t] + adx[t])
        states[t] = market_condition(ready, left_ns[t] >= need_ns, liquidity[t] == LIQUIDITY_OK, bucket[t], spike[t], tcc[t], tcc_dir[t], er[t], adx[t],
                                     er_range, adx_range)
    return states
